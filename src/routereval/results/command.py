"""The command that makes the results of a run again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from routereval.results.results import Results

_REPEATED = {"routers": "-r", "pools": "--pool", "only": "--only", "embedder": "--embedder"}
_LISTED = {
    "sizes": "--sizes",
    "groups": "--groups",
    "seeds": "--seeds",
    "models": "--models",
    "without": "--without",
}
_SINGLE = {
    "protocol": "--protocol",
    "costs": "--costs",
    "prices": "--prices",
    "n_boot": "--n-boot",
}


def run_command(results: Results, out: str = "OUT") -> str:
    """The command that makes results again, of what ``run.json`` keeps of them.

    Args:
        results: of a run.
        out: the folder for what it makes.

    >>> run_command(Results([], {}, info={"sources": ["demo"], "routers": ["ours=knn(k=5)"]}))
    "routereval run demo -r 'ours=knn(k=5)' -o OUT"
    """
    info: Mapping[str, Any] = results.info
    words = ["routereval", "run", *map(str, info.get("sources", ["SOURCE"]))]
    for key, option in _REPEATED.items():
        held = info.get(key, results.routers if key == "routers" else ())
        for one in [held] if isinstance(held, str) else held:
            words += [option, str(one)]
    for key, option in _LISTED.items():
        if info.get(key):
            words += [option, _seeds(info[key]) if key == "seeds" else _listed(info[key])]
    for key, option in _SINGLE.items():
        if info.get(key):
            words += [option, str(info[key])]
    return shlex.join([*words, "-o", out])


def _listed(values: Sequence[object]) -> str:
    return ",".join(map(str, values))


def _seeds(seeds: int | Sequence[int]) -> str:
    """How many seeds; or a list of them, with a comma behind a single one, which is no count."""
    if isinstance(seeds, int):
        return str(seeds)
    return _listed(seeds) if len(seeds) > 1 else f"{seeds[0]},"
