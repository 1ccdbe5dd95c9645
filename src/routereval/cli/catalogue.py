"""Every name a user can give, with its line, from the registries themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from routereval.registry import Description


class Entry(NamedTuple):
    """What a user can name, with what it is, the parameters that it takes, and who brings it."""

    name: str
    meaning: str
    parameters: str = ""
    package: str = ""


def catalogue(kind: str) -> list[Entry]:
    """Names and meanings of routers, protocols, metrics, formats, embedders or gateway plugins."""
    return _KINDS[kind]()


def _routers() -> list[Entry]:
    from routereval.routers import described

    return [_entry(row, _parameters(row.parameters)) for row in described()]


def _entry(row: Description, parameters: str = "") -> Entry:
    return Entry(row.name, row.summary, parameters, row.package)


def _parameters(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _protocols() -> list[Entry]:
    from routereval.tasks.split import PROTOCOLS

    return [Entry(name, _PROTOCOLS[name], _parameters(dict(o))) for name, o in PROTOCOLS.items()]


_PROTOCOLS = {
    "clean": "Trains on 80 % of the prompts of a benchmark, tests on 10 %.",
    "cv": "Tests on all prompts, each by a router that learned from the other k - 1 folds.",
    "faithful": "The same, pools and labels as the RouterEval reference.",
    "mixed": "All benchmarks of a collection as one stream of prompts.",
    "leave_one_out": "Trains on all benchmarks but one, and tests on that; each in turn.",
    "few_shot": "Trains on n labelled prompts.",
    "unseen_model": "A share of the pool's models is known by its scores on k prompts only.",
    "temporal": "Trains on what was before a date, tests on what came later.",
}


def _metrics() -> list[Entry]:
    from routereval.report.metrics_page import metric_line
    from routereval.scoring import all_metrics
    from routereval.scoring.metrics import not_loaded

    missing = [Entry(name, why) for name, why in not_loaded().items()]
    return [*(Entry(one.name, metric_line(one)) for one in all_metrics()), *missing]


def _formats() -> list[Entry]:
    from routereval.importers import IMPORTERS

    return [Entry("auto", "whichever of these recognises the source")] + [
        _entry(row) for row in IMPORTERS.described()
    ]


def _embedders() -> list[Entry]:
    from routereval.features import EMBEDDERS

    built_in = [
        Entry("auto", "the first that there is of stored, tfidf, columns"),
        Entry("stored", "vectors that came with the records"),
        Entry("columns", "subset, difficulty and other categories of the prompt table"),
    ]
    return built_in + [_entry(row) for row in EMBEDDERS.described()]


def _plugins() -> list[Entry]:
    from routereval.gateway import PLUGINS

    found = PLUGINS.described()
    return [_entry(row, _parameters(row.parameters)) for row in found]


_KINDS: dict[str, Callable[[], list[Entry]]] = {
    "routers": _routers,
    "protocols": _protocols,
    "metrics": _metrics,
    "formats": _formats,
    "embedders": _embedders,
    "plugins": _plugins,
}
