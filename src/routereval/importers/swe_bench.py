"""SWE-bench: which instances each system resolved, in the forms that such results have.

- ``<split>/<system>/results/results.json``: lists of instance ids, ``resolved`` among them;
- ``<split>/<system>/per_instance_details.json``: by instance ``resolved`` and ``cost`` (USD);
- ``<system>/<instance>/report.json``, also below ``logs/``: ``{instance: {"resolved": …}}``;
- ``<system>.<run>.json``, the harness's summary: lists such as ``resolved_ids``;
- ``<system>/eval_results.json`` of SWE-bench Pro: ``{instance: true or false}``.

The first two are the layout of SWE-bench's ``experiments``, the others what its harness writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.eval_logs import down_to, first_files, noting
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    files_in,
    json_file,
    json_objects,
    name_in,
    name_of,
    peek,
    text_lines,
    text_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

SPLITS = ("test", "lite", "verified", "multimodal", "multilingual", "bash-only")
"""Names of a folder of systems that tell the benchmark, which is ``swe-bench-<split>`` then."""

SIZES = {"test": 2294, "lite": 300, "verified": 500, "multilingual": 300, "bash-only": 500}
"""How many instances the published splits have."""

_RESULTS, _DETAILS, _REPORT = "results.json", "per_instance_details.json", "report.json"
_FLAGS = "eval_results.json"
_ABOVE = ("", "*/", "*/*/", "*/*/*/")
_PATTERNS = (
    *(f"{above}results/{_RESULTS}" for above in _ABOVE),
    *(f"{above}{_DETAILS}" for above in _ABOVE),
    *(f"{above}{_FLAGS}" for above in _ABOVE),
    *down_to(6, _REPORT),
    _RESULTS,
    "*.json",
)


def recognise(path: Path) -> bool:
    """True for a result or a folder of them, by the beginning of the first files."""
    return any(_reader(file) is not None for file in first_files(path, *_PATTERNS))


def read(
    path: Path, *, instances: str | Path | None = None, rescale: Rescale = False
) -> Iterator[Draft]:
    """One draft a split: the instances are the prompts, the systems the models.

    ``results.json`` does not list what a system did not resolve: such an instance counts as 0. If
    no file names all instances of a published split, the rest of its `SIZES` are there without a
    name, so that means are over all of them; `instances` names them. Where a result is explicit
    (details, reports, the harness's summary), an instance that it leaves out was not observed.

    Args:
        path: a result, or a folder that holds some.
        instances: a file that lists all instances: ids a line, or JSON Lines or a JSON list with
            ``instance_id`` and, if they are there, ``problem_statement`` and ``repo``.
        rescale: taken as any importer's, and changes nothing: scores are 0 or 1.

    Raises:
        DataError: if there is no result, or one cannot be read, with up to 20 listed.
    """
    bad = BadRows()
    known = None if instances is None else _instances(Path(instances), bad)
    systems = _systems(path, bad)
    bad.check()
    table = LongTable(repeats="trials")
    for benchmark in dict.fromkeys(system.benchmark for system in systems):
        of_it = [system for system in systems if system.benchmark == benchmark]
        _refuse_unknown(of_it, known, bad)
        named = known or _union(of_it)
        _add(table, of_it, named if known else _completed(benchmark, of_it, named, table), bad)
        for warning in (*_runs_of_one(of_it), *_infra_failures(of_it)):
            table.warn(benchmark, warning)
        for fact in _trials(of_it):
            table.note(benchmark, fact)
    bad.check()
    yield from table.drafts(str(path))


@dataclass(frozen=True)
class _Instance:
    """What is known of an instance."""

    text: str | None = None
    repo: str | None = None


@dataclass(frozen=True)
class _Outcomes:
    """What one file tells: by instance 1, 0, or None where it was not tried."""

    resolved: Mapping[str, float | None]
    n_infra: int = 0
    """How many failed for the infrastructure, which are None."""
    costs: Mapping[str, object] = field(default_factory=dict)
    rest: float | None = None
    """The score of the instances that it leaves out."""


@dataclass(frozen=True)
class _System:
    """A system on a split."""

    benchmark: str
    name: str
    file: Path
    outcomes: _Outcomes
    split: str = ""
    """The folder of systems that it lies in."""


def _add(
    table: LongTable, systems: list[_System], known: Mapping[str, _Instance], bad: BadRows
) -> None:
    for system in systems:
        outcomes = system.outcomes
        for name, instance in known.items():
            with noting(bad, system.file, name):
                table.add(
                    system.benchmark,
                    name,
                    system.name,
                    outcomes.resolved.get(name, outcomes.rest),
                    cost=outcomes.costs.get(name),
                    text=instance.text,
                    subset=instance.repo or name.rpartition("-")[0].replace("__", "/") or None,
                    chance=0.0,
                )


def _union(systems: Iterable[_System]) -> dict[str, _Instance]:
    names = {name for system in systems for name in system.outcomes.resolved}
    return {name: _Instance() for name in sorted(names)}


def _completed(
    benchmark: str, systems: list[_System], named: dict[str, _Instance], table: LongTable
) -> dict[str, _Instance]:
    """The instances that files name, and those of the split that none names, without a name."""
    if not any(system.outcomes.rest is not None for system in systems):
        return named
    size = SIZES.get(benchmark.removeprefix("swe-bench-"))
    if size is None or len(named) > size:
        table.warn(
            benchmark,
            f"lists of resolved instances name {len(named)} in all; means are over these, and too "
            "high if the benchmark has more: -O instances=FILE lists all",
        )
        return named
    missing = size - len(named)
    if missing:
        table.warn(
            benchmark,
            f"lists of resolved instances name {len(named)} of {size}; {missing} that no system "
            "resolved are added without a name, so that means are over all; -O instances=FILE "
            "names them",
        )
    return named | {f"unnamed-{n + 1:04d}": _Instance(repo="unnamed") for n in range(missing)}


def _infra_failures(systems: Iterable[_System]) -> Iterator[str]:
    """What failed for the infrastructure, by system."""
    for system in systems:
        if n := system.outcomes.n_infra:
            yield (
                f"{system.name}: {n} instance{'s' * (n > 1)} failed for the infrastructure: not "
                "observed here, failures to SWE-bench"
            )


def _trials(systems: Iterable[_System]) -> Iterator[str]:
    """Which systems were run several times."""
    runs: dict[str, list[str]] = {}
    for system in systems:
        runs.setdefault(system.name, []).append(system.split)
    for name, splits in runs.items():
        if len(splits) > 1:
            yield f"{name}: {len(splits)} runs are trials: {', '.join(splits)}"


def _runs_of_one(systems: Iterable[_System]) -> Iterator[str]:
    """Whether summaries are of several runs of one model."""
    runs: dict[str, list[str]] = {}
    for system in systems:
        model, dot, _ = system.name.rpartition(".")
        if dot:
            runs.setdefault(model, []).append(system.name)
    for model, names in runs.items():
        if len(names) > 1:
            yield (
                f"{', '.join(names)} are taken for {len(names)} models; if they are runs of "
                f"{model}, keep the one that counts"
            )


def _refuse_unknown(
    systems: Iterable[_System], known: Mapping[str, _Instance] | None, bad: BadRows
) -> None:
    for system in systems if known is not None else ():
        for name in system.outcomes.resolved:
            if known is not None and name not in known:
                bad.add(system.file, 0, f"instance {name!r} is not among those of the option")


# Which files tell of which system


def _systems(path: Path, bad: BadRows) -> list[_System]:
    """The systems in order of split and name, each from its most explicit file or files."""
    found: dict[tuple[str, str], dict[_Reader, list[Path]]] = {}
    for file in files_in(path, *_PATTERNS) or ([path] if path.is_file() else []):
        reader = _reader(file)
        if reader is None:
            continue
        readers = found.setdefault(_owner(file.absolute()), {})
        readers.setdefault(reader, []).append(file)
    if not found:
        raise DataError(f"{path} holds no results of SWE-bench; give a results.json, or its folder")
    systems = []
    for (split, name), readers in sorted(found.items()):
        reader = min(readers, key=_READERS.index)
        outcomes = [_outcomes(reader, file, bad) for file in readers[reader]]
        benchmark = f"swe-bench-{split}" if split in SPLITS else "swe-bench"
        systems.append(_System(benchmark, name, readers[reader][0], _joined(outcomes), split))
    return systems


def _owner(file: Path) -> tuple[str, str]:
    """The folder of systems and the system that a file belongs to, by its place."""
    if file.name == _REPORT:
        folder = file.parents[1] if file.parents[1].name != "logs" else file.parents[2]
    elif file.name in {_DETAILS, _FLAGS}:
        folder = file.parent
    elif file.name == _RESULTS:
        folder = file.parents[1] if file.parent.name == "results" else file.parent
    else:
        return _text(file.parent.name), _text(file.stem)
    return _text(folder.parent.name), _text(folder.name) or "system"


def _text(name: str) -> str:
    return text_of(name) or ""


def _outcomes(reader: _Reader, file: Path, bad: BadRows) -> _Outcomes:
    content, outcomes = json_file(file), _Outcomes({})
    with bad.row(file, 0):
        if not isinstance(content, dict):
            raise RowError("is not a JSON object")
        outcomes = reader(content)
    return outcomes


def _joined(outcomes: list[_Outcomes]) -> _Outcomes:
    if len(outcomes) == 1:
        return outcomes[0]
    return _Outcomes(
        {name: score for outcome in outcomes for name, score in outcome.resolved.items()},
        sum(outcome.n_infra for outcome in outcomes),
    )


# What they tell


def _from_details(content: Mapping[str, Any]) -> _Outcomes:
    """``{instance: {"resolved": true, "cost": 0.3}}``."""
    costs = {
        name: outcome.get("cost") for name, outcome in content.items() if isinstance(outcome, dict)
    }
    return _Outcomes(_flags(content), costs=costs)


def _from_report(content: Mapping[str, Any]) -> _Outcomes:
    """``{instance: {"resolved": true}}``, one instance a file."""
    infra = [
        name
        for name, outcome in content.items()
        if isinstance(outcome, dict) and outcome.get("infra_failure") is True
    ]
    return _Outcomes(_flags(content) | dict.fromkeys(infra), len(infra))


def _from_lists(content: Mapping[str, Any]) -> _Outcomes:
    """``{"resolved": [instance], "no_generation": [instance], …}``: what is not resolved is 0."""
    listed = [
        name for key in content if isinstance(content[key], list) for name in _ids(content, key)
    ]
    return _Outcomes(
        dict.fromkeys(listed, 0.0) | dict.fromkeys(_ids(content, "resolved"), 1.0), rest=0.0
    )


def _from_summary(content: Mapping[str, Any]) -> _Outcomes:
    """``{"resolved_ids": [instance], "unresolved_ids": …}``; ``incomplete_ids`` were not tried."""
    scores: dict[str, float | None] = {}
    for key in content:
        if key.endswith("_ids") and key not in ("resolved_ids", "incomplete_ids"):
            scores |= dict.fromkeys(_ids(content, key), 0.0)
    if "incomplete_ids" in content:
        scores |= dict.fromkeys(_ids(content, "incomplete_ids"))
    infra = _ids(content, "infra_failure_ids") if "infra_failure_ids" in content else []
    scores |= dict.fromkeys(infra)
    return _Outcomes(scores | dict.fromkeys(_ids(content, "resolved_ids"), 1.0), len(infra))


def _from_flags(content: Mapping[str, Any]) -> _Outcomes:
    """``{instance: true}``."""
    return _Outcomes(_flags({name: {"resolved": outcome} for name, outcome in content.items()}))


_Reader = Callable[[Mapping[str, Any]], _Outcomes]
_READERS: tuple[_Reader, ...] = (
    _from_details,
    _from_lists,
    _from_summary,
    _from_flags,
    _from_report,
)


def _reader(file: Path) -> _Reader | None:
    """What reads a file, by its name or else its beginning; None if it is no result."""
    if file.name == _DETAILS:
        return _from_details
    if file.suffix != ".json":
        return None
    head = peek(file)
    if '"is_resolved"' in head or '"trial_name"' in head:  # Terminal-Bench, which has attempts
        return None
    signs: dict[_Reader, bool] = {
        _from_flags: file.name == _FLAGS,
        _from_report: file.name == _REPORT and '"resolved"' in head,
        _from_summary: '"resolved_ids"' in head,
        _from_lists: '"no_generation"' in head or (file.name == _RESULTS and '"resolved"' in head),
    }
    return next((reader for reader, sign in signs.items() if sign), None)


def _flags(content: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, outcome in content.items():
        resolved = field_in(outcome, "resolved") if isinstance(outcome, dict) else None
        if not isinstance(resolved, bool):
            raise RowError(f"'resolved' of {name!r} is not true or false")
        found[name_of(name, "an instance")] = float(resolved)
    return found


def _ids(content: Mapping[str, Any], key: str) -> list[str]:
    listed = field_in(content, key)
    if not isinstance(listed, list):
        raise RowError(f"{key!r} is not a list of instances")
    return [name_of(name, f"an instance of {key!r}") for name in listed]


def _instances(file: Path, bad: BadRows) -> dict[str, _Instance]:
    """All instances by id, from a list of ids or from the data set."""
    if not file.is_file():
        raise DataError(f"{file} does not exist; the option instances is a file that lists them")
    found: dict[str, _Instance] = {}
    for line, entry in _entries(file, bad):
        with bad.row(file, line):
            row = entry if isinstance(entry, dict) else {"instance_id": entry}
            texts = text_of(row.get("problem_statement")), text_of(row.get("repo"))
            found[name_in(row, "instance_id")] = _Instance(*texts)
    bad.check()
    if not found:
        raise DataError(f"{file} lists no instance")
    return found


def _entries(file: Path, bad: BadRows) -> Iterable[tuple[int, object]]:
    if file.suffix == ".json":
        content = json_file(file)
        return enumerate(content if isinstance(content, list) else [content], 1)
    if file.suffix == ".jsonl":
        return json_objects(file, bad)
    return ((line, text.strip()) for line, text in text_lines(file, bad) if text.strip())


SAMPLE = {
    "evaluation/verified/20240101_x/results/results.json": {
        "no_generation": ["django__django-10097"],
        "no_logs": [],
        "resolved": ["astropy__astropy-12907"],
    },
    "evaluation/verified/20240202_y/results/results.json": {
        "resolved": ["django__django-11001", "astropy__astropy-12907"]
    },
}

IMPORTER = Importer(
    name="swe-bench",
    summary="SWE-bench results: resolved instances by system",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
