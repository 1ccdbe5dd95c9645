"""The mix of live traffic: how much each subset, or benchmark, counts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from routereval.errors import DataError, unknown
from routereval.number_of import number_of
from routereval.records import Records
from routereval.studies.advise.score_table import Floats, Index
from routereval.tasks.mix import BENCHMARK

_SHOWN = 5  # names of subsets, where there may be many


def read_traffic(path: str | Path) -> dict[str, float]:
    """Read shares of traffic: a name and a number per line, with commas or tabs between.

    Args:
        path: a file such as ``code,30`` and ``chat,70``; a first line without a number is a
            heading. Numbers are relative to each other.

    Raises:
        DataError: if it cannot be read, or a line is no name and number from 0 on.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{file} does not exist; give lines such as code,30") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as shares of traffic ({error})") from None
    delimiter = "\t" if "\t" in text else ","
    found: dict[str, float] = {}
    lines = [line for line in csv.reader(text.splitlines(), delimiter=delimiter) if line]
    for number, line in enumerate(lines):
        share = _number(line[-1]) if len(line) == 2 else None
        if share is None and number == 0 and len(line) == 2:
            continue
        if share is None:
            raise DataError(
                f"{file}: line {number + 1} is {delimiter.join(line)!r}; write a subset and its "
                "share, such as code,30"
            )
        found[line[0].strip()] = share
    if not found or sum(found.values()) <= 0:
        raise DataError(f"{file}: it names no share above 0")
    return found


def prompt_weights(records: Records, prompts: Index, traffic: Mapping[str, float]) -> Floats | None:
    """How much each prompt counts: the share of its subset, or benchmark, over its prompts.

    Args:
        records: one benchmark, or a stream of several.
        prompts: (n,) which prompts of the records.
        traffic: shares by the name of a subset or benchmark; what is not named counts for nothing.

    Returns:
        (n,) weights; None where nothing of these records is named: all alike.
    """
    for column in ("subset", BENCHMARK):
        if column not in records.prompts.columns:
            continue
        names = np.array([str(name) for name in records.prompts[column].fill_null("").to_list()])
        names = names[prompts]
        if any(names_one in traffic for names_one in set(names.tolist())):  # ties: any of them
            kinds, where, counts = np.unique(names, return_inverse=True, return_counts=True)
            share = np.array([traffic.get(str(kind), 0.0) for kind in kinds]) / counts
            return np.asarray(share[where]) if share.sum() > 0 else None
    return None


def check_traffic(collection: Sequence[Records], traffic: Mapping[str, float]) -> list[str]:
    """Say what the traffic leaves out, where it names some subsets of the records and not others.

    Args:
        collection: the benchmarks.
        traffic: shares by the name of a subset or benchmark.

    Raises:
        SpecError: if it names what is no subset and no benchmark.
    """
    subsets = {one.name: _subsets(one) for one in collection}
    known = {name for counts in subsets.values() for name in counts} | set(subsets)
    for name in traffic:
        if name not in known:
            raise unknown("subset or benchmark of the traffic", name, sorted(known))
    notes = []
    for name, counts in subsets.items():
        out = {subset: n for subset, n in counts.items() if subset not in traffic}
        if len(out) < len(counts):
            notes += [f"{name}: the traffic does not name {_listed(out)}"] if out else []
    return notes


def _listed(counts: Mapping[str, int]) -> str:
    shown = list(counts)[:_SHOWN]
    more = f" and {len(counts) - len(shown):,} more subsets" if len(counts) > len(shown) else ""
    n = sum(counts.values())
    verb = "counts" if n == 1 else "count"
    return f"{', '.join(shown)}{more}; {number_of(n, 'prompt')} {verb} for nothing"


def _subsets(records: Records) -> dict[str, int]:
    """How many prompts each named subset has."""
    if "subset" not in records.prompts.columns:
        return {}
    names = [str(name) for name in records.prompts["subset"].fill_null("").to_list() if name]
    return dict(sorted(Counter(names).items()))


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
