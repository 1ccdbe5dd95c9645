"""Open whatever a user points at: the demo, records, a collection, or a format to import."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from routereval.errors import DataError, unknown
from routereval.importers.registry import importer
from routereval.records import Draft, cache_folder
from routereval.records.atomic import is_records
from routereval.records.folder import is_collection, read_collection, read_records, write_collection
from routereval.records.records import Records

DEMO = "demo"
_OPTIONS = re.compile(r"--(?:columns|scale|missing|worth|clip)\b|-O \w+=")
Progress = Callable[[int, int], None]
Source = Records | str | Path
"""What can be opened."""


def open_source(
    source: Source | Sequence[Source], progress: Progress | None = None
) -> list[Records]:
    """All records of a source; what must be imported is imported once, to a cache.

    Args:
        source: records, ``demo``, a folder of records, a collection, or anything an importer
            recognises; or several of these.
        progress: called with (done, total) while the demo is simulated.

    Raises:
        DataError: if there is nothing to open there.
    """
    if isinstance(source, Records):
        return [source]
    if not isinstance(source, str | Path):
        return [records for one in source for records in open_source(one, progress)]
    path = Path(source)
    if str(source) == DEMO and (not path.exists() or _is_run(path)):
        return _demo(progress)
    if is_records(path):
        return [read_records(path)]
    if is_collection(path):
        return read_collection(path)
    if _is_run(path):
        raise DataError(
            f"{source} holds the results of a run, not records; "
            f"routereval show {source} prints them, and compare and report read them"
        )
    return _imported(path)


def open_records(source: Source) -> Records:
    """The records of one benchmark.

    Raises:
        DataError: if the source holds several; `open_source` opens them all.
    """
    found = open_source(source)
    if len(found) == 1:
        return found[0]
    names = ", ".join(records.name for records in found)
    raise DataError(f"{source} holds {len(found)} benchmarks ({names}); use open_source for all")


def select_models(
    source: Source | Sequence[Source], models: Sequence[str] = (), without: Sequence[str] = ()
) -> list[Records]:
    """The records of a source, of some models only; a benchmark that has none of them is left out.

    Args:
        source: as `open_source` takes it.
        models: names of those to keep; all if empty.
        without: names of those to leave out.

    Raises:
        DataError: if no benchmark has a model of that name, or nothing is left.
    """
    opened = open_source(source)
    known = list(dict.fromkeys(name for records in opened for name in records.models))
    for name in (*models, *without):
        if name not in known:
            raise DataError(str(unknown("model", name, known))[:500])
    kept = [
        (records, [m for m in records.models if (not models or m in models) and m not in without])
        for records in opened
    ]
    found = [records.select(models=names) for records, names in kept if names]
    if not found:
        raise DataError("no model is left; give fewer to leave out")
    return found


def is_raw(source: str | Path) -> bool:
    """Whether a source is to be imported: neither the demo, nor records, nor a collection."""
    path = Path(source)
    return path.exists() and not is_records(path) and not is_collection(path)


def _is_run(path: Path) -> bool:
    """Whether a folder holds the results of a run, as after ``run demo -o demo``."""
    return all((path / name).is_file() for name in ("results.jsonl", "run.json"))


def _demo(progress: Progress | None) -> list[Records]:
    from routereval.simulation.demo import simulate_demo

    folder = cache_folder() / "imports" / f"demo-{_code_stamp()}"
    return _read_or_written(folder, lambda: simulate_demo(progress=progress))


def _imported(path: Path) -> list[Records]:
    try:
        found = importer("auto", path)
        folder = cache_folder() / "imports" / f"{path.absolute().name}-{_stamp(path, found.name)}"
        return _read_or_written(folder, lambda: found.drafts(path))
    except DataError as error:
        option = _OPTIONS.search(str(error))
        if option is None:
            raise
        between = "\nThese" if "\n" in str(error) else "; these"
        raise DataError(
            f"{error}{between} are options of import: "
            f"routereval import auto {shlex.quote(str(path))} records/ {option[0]} …"
        ) from None


def _read_or_written(folder: Path, drafts: Callable[[], Iterable[Draft]]) -> list[Records]:
    """What the cache holds; what it lacks is made, or comes from a process that was quicker."""
    if not is_collection(folder):
        try:
            write_collection(drafts(), folder)
        except (DataError, OSError):
            if not is_collection(folder):
                raise
    return read_collection(folder)


def _stamp(path: Path, name: str) -> str:
    """A name for this state of a source: its files' names, sizes and times, and the importer."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = hashlib.sha256(f"{name} {_code_stamp()} {path.absolute()}".encode())
    for file in files:
        if file.is_file():
            stat = file.stat()
            digest.update(f"{file} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _code_stamp() -> str:
    """Changes whenever the code does that makes records, so that no stale import is ever served."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for station in ("records", "importers", "simulation"):
        for file in sorted((here / station).rglob("*")):
            if file.suffix in (".py", ".toml"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
