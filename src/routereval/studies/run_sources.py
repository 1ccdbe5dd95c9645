"""The records of a run, each in a folder that worker processes can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from routereval.errors import DataError, unknown
from routereval.records import Records, read_records
from routereval.records.costs import with_costs
from routereval.sources import open_source, select_models
from routereval.studies.progress import Progress


class CostSource(NamedTuple):
    """Where costs come from.

    Attributes:
        kind: as `with_costs` takes it: ``auto``, ``records``, ``prices``, ``params``, ``none``.
        prices: the file of a price list, or None for the one of this package.
    """

    kind: str = "auto"
    prices: str | Path | None = None

    def info(self) -> dict[str, str]:
        """What ``run.json`` keeps of it: what is not as usual."""
        kind = {} if self.kind == "auto" else {"costs": self.kind}
        return kind if self.prices is None else {**kind, "prices": str(self.prices)}


class Selection(NamedTuple):
    """Which of the records are wanted.

    Attributes:
        only: names of benchmarks; all if empty.
        models: names of models; all if empty.
        without: names of models that are not.
    """

    only: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def info(self) -> dict[str, list[str]]:
        """What ``run.json`` keeps of it: what is not empty."""
        return {name: list(names) for name, names in self._asdict().items() if names}


def records_in_folders(
    sources: Sequence[Records | str | Path], scratch: Path, report: Progress
) -> list[Records]:
    """All records of the sources; benchmarks of one name get their source's after it.

    Args:
        sources: records, or anything `open_source` opens.
        scratch: a folder for records that have none.
        report: called while the demo is simulated.

    Raises:
        DataError: if there is nothing to open, or two sources of one name hold one benchmark.
    """
    opened: list[Records] = []
    origins: list[str] = []
    for source in sources:
        found = open_source(source, lambda done, total: report("simulate demo", done, total))
        opened += found
        origin = "" if isinstance(source, Records) else Path(source).absolute().name
        origins += [origin] * len(found)
    names = _distinct_names([records.name for records in opened], origins)
    return [
        _in_folder(records, name, scratch / f"records-{place}")
        for place, (records, name) in enumerate(zip(opened, names, strict=True))
    ]


def selected(opened: Sequence[Records], wanted: Selection, scratch: Path) -> list[Records]:
    """The benchmarks and models of opened records that are wanted, in folders.

    Raises:
        DataError: if no benchmark has a model of a name, or nothing is left.
        SpecError: if there is no benchmark of a name.
    """
    known = [records.name for records in opened]
    for name in wanted.only:
        if name not in known:
            raise unknown("benchmark", name, known)
    kept = [one for one in opened if not wanted.only or one.name in wanted.only]
    if not wanted.models and not wanted.without:
        return kept
    found = select_models(kept, wanted.models, wanted.without)
    return [
        read_records(replace(records, path=None).save(scratch / f"models-{place}"))
        for place, records in enumerate(found)
    ]


def with_costs_of(
    opened: Sequence[Records], costs: CostSource, scratch: Path
) -> tuple[list[Records], list[str]]:
    """The records with the costs asked for, in folders, and notes on how these came about.

    Raises:
        DataError: if there are no such costs.
        SpecError: if there is no such source of costs.
    """
    kind = "prices" if costs.prices and costs.kind == "auto" else costs.kind
    found, notes = [], []
    for place, records in enumerate(opened):
        changed, note = with_costs(records, kind, costs.prices)
        if changed is not records:
            changed = read_records(changed.save(scratch / f"costs-{place}"))
        found.append(changed)
        notes += [f"{records.name}: {note}"] if note else []
    return found, notes


def _distinct_names(names: Sequence[str], origins: Sequence[str]) -> list[str]:
    full = [
        f"{name} ({origin})" if names.count(name) > 1 and origin else name
        for name, origin in zip(names, origins, strict=True)
    ]
    repeated = {name for name, whole in zip(names, full, strict=True) if full.count(whole) > 1}
    if repeated:
        raise DataError(
            f"two sources hold a benchmark named {min(repeated)!r}; give them to two runs"
        )
    return full


def _in_folder(records: Records, name: str, folder: Path) -> Records:
    if name == records.name and records.path is not None:
        return records
    return read_records(replace(records, name=name, path=None).save(folder))
