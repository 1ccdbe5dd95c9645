"""Importers by name, and the one that recognises a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, cast

from routereval.errors import DataError, unknown
from routereval.importers import (
    alpaca_eval,
    embedllm,
    gateway_log,
    inspect_log,
    llmrouter,
    llmrouterbench,
    lm_eval,
    mixinstruct,
    neutral,
    openai_evals,
    routellm,
    routerarena,
    routerbench,
    routereval_dataset,
    routereval_raw,
    sprout,
    swe_bench,
    table,
)
from routereval.records.draft import Draft
from routereval.records.records import Records, read_records, write_collection


class Importer(Protocol):
    """A module (or any object) that reads one format."""

    NAME: str
    SUMMARY: str

    def recognise(self, path: Path) -> bool:
        """True if the file or folder is of this format."""

    def read(self, path: Path, **options: Any) -> Iterator[Draft]:  # noqa: ANN401
        """One draft a benchmark."""


# In the order in which a source is recognised: the plain table, which many folders resemble, last.
FORMATS: dict[str, Importer] = {
    module.NAME: cast("Importer", module)
    for module in (
        neutral,
        routereval_raw,
        routereval_dataset,
        lm_eval,
        inspect_log,
        openai_evals,
        gateway_log,
        routerbench,
        routellm,
        routerarena,
        llmrouter,
        llmrouterbench,
        embedllm,
        sprout,
        mixinstruct,
        alpaca_eval,
        swe_bench,
        table,
    )
}


def importer(name: str, path: Path) -> Importer:
    """The importer of that name; for ``auto``, the first that recognises the source.

    Raises:
        SpecError: if no importer has that name.
        DataError: if the source does not exist, or no importer recognises it.
    """
    if name != "auto" and name not in FORMATS:
        raise unknown("format", name, [*FORMATS, "auto"])
    if not path.exists():
        raise DataError(f"{path} does not exist; give a folder of records or of results, or 'demo'")
    if name != "auto":
        return FORMATS[name]
    for found in FORMATS.values():
        if found.recognise(path):
            return found
    empty = path.is_dir() and not any(path.iterdir())
    what = "is an empty folder" if empty else "is of no known format"
    raise DataError(f"{path} {what}; known formats: {', '.join(FORMATS)}, or a folder of records")


def import_records(
    format_name: str,
    source: str | Path,
    dest: str | Path,
    *,
    overwrite: bool = False,
    **options: Any,  # noqa: ANN401
) -> list[Records]:
    """Read foreign results and write them as a collection of records.

    Args:
        format_name: a name of `FORMATS`, or ``auto``.
        source: the file or folder to read.
        dest: the collection's folder, which appears whole or not at all.
        overwrite: replace a folder that exists.
        options: what the importer takes, such as ``rescale``.

    Raises:
        DataError: if the source cannot be read or the folder exists.
    """
    path = Path(source)
    drafts = importer(format_name, path).read(path, **options)
    return [read_records(p) for p in write_collection(drafts, Path(dest), overwrite=overwrite)]
