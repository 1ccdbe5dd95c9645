"""Protocols that take all benchmarks of a collection together, in a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from routereval.records import Records, read_records
from routereval.tasks import STREAMS, Split, mix
from routereval.tasks.mix import MIXED, benchmark_names


def controls_of(split: Split) -> tuple[str, ...]:
    """The controls that a protocol has beside those of all.

    >>> controls_of(Split("mixed"))
    ('dataset_best',)
    """
    return ("dataset_best",) if split.protocol in STREAMS else ()


def joined(opened: list[Records], split: Split, folder: Path) -> list[Records]:
    """The records; where the protocol takes them together, one stream of all, kept in the folder.

    Raises:
        DataError: if there is one benchmark only, or no model was asked on all of them.
    """
    if split.protocol not in STREAMS:
        return opened
    return [read_records(mix(opened).save(folder / MIXED))]


def of_benchmarks(splits: Sequence[Split], records: Records) -> list[Split]:
    """The splits; leave-one-out once for each benchmark of the stream, if it names none."""
    if splits[0].protocol != "leave_one_out" or splits[0]["test"]:
        return list(splits)
    return [
        replace(split, params=(("test", name),))
        for name in benchmark_names(records)
        for split in splits
    ]
