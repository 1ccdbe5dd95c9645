"""The files of Inspect's logs: archives (``.eval``) and JSON, their heads and their samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.archives import Archive, MemberError, opened_archive
from routereval.importers.eval_logs import noting
from routereval.importers.rows import BadRows, RowError, json_file, json_of, peek

LARGEST = 1 << 28
"""The most bytes that one sample, or one JSON log, may have."""
_ARCHIVE = ".eval archive"

Row = dict[str, Any]
"""A sample, or the head of a log."""


def is_log(file: Path) -> bool:
    """Whether a file is a log, by its name or else its beginning."""
    if file.suffix == ".eval":
        return True
    head = peek(file) if file.suffix == ".json" else ""
    return all(f'"{key}"' in head for key in ("version", "status", "eval", "task"))


def head_of(file: Path) -> Mapping[str, Any]:
    """A log without its samples."""
    if file.suffix != ".eval":
        return _json_log(file)
    with opened_archive(file, _ARCHIVE) as archive:
        held = archive.names
        name = next((n for n in ("header.json", "_journal/start.json") if n in held), None)
        if name is None:
            raise DataError(f"{file} is no Inspect log: it holds no header.json")
        try:
            head = _member(archive, name)
        except RowError as error:
            raise DataError(f"{file}: {name} {error}; is it cut short?") from None
    if not isinstance(head, dict):
        raise DataError(f"{file}: {name} is not a JSON object")
    return head


def samples_of(file: Path, bad: BadRows) -> Iterator[tuple[str, Row]]:
    """The samples of a log, each with a name for error messages."""
    if file.suffix != ".eval":
        samples = _json_log(file).get("samples")
        for number, row in enumerate(samples if isinstance(samples, list) else (), 1):
            if isinstance(row, dict):
                yield f"sample {number}", row
            else:
                bad.add(file, 0, f"sample {number} is not a JSON object")
        return
    with opened_archive(file, _ARCHIVE) as archive:
        for name in archive.names:
            if name.startswith("samples/") and name.endswith(".json"):
                with noting(bad, file, ascii(name)[1:-1]):
                    row = _member(archive, name)
                    if not isinstance(row, dict):
                        raise RowError("is not a JSON object")
                    yield name, row


def _json_log(file: Path) -> Row:
    size = file.stat().st_size
    if size > LARGEST:
        raise DataError(
            f"{file} has {size >> 20} MB, more than a JSON log may; make it an archive with: "
            "inspect log convert --to eval"
        )
    log = json_file(file)
    if not isinstance(log, dict):
        raise DataError(f"{file} is no Inspect log: it is not a JSON object")
    return log


def _member(archive: Archive, name: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """What a file of an archive holds.

    Raises:
        RowError: if it is damaged or larger than `LARGEST`.
    """
    try:
        return json_of(archive.read(name, LARGEST))
    except MemberError as error:
        raise RowError(str(error)) from None
