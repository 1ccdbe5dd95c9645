"""EmbedLLM's correctness data: long CSV files of ``prompt_id``, ``model_id`` and ``label``.

Further columns: ``model_name``, ``category_id``, ``category`` and ``prompt``.
Hub: dataset ``RZ412/EmbedLLM``, files ``train.csv``, ``val.csv`` and ``test.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    csv_header,
    csv_rows,
    field_in,
    files_in,
    name_in,
    some_files,
    text_of,
)
from routereval.records.draft import Draft

_BENCHMARK = "embedllm"
_KEYS = ("prompt_id", "label")
_MODEL = ("model_name", "model_id")
_CATEGORY = ("category", "category_id")


def recognise(path: Path) -> bool:
    """True for a CSV file with EmbedLLM's columns, or a folder that has one."""
    return any(_is_ours(csv_header(file)) for file in files_in(path, "*.csv")[:20])


def read(path: Path) -> Iterator[Draft]:
    """One draft, whose subsets are the categories.

    Some prompts are listed more than once for an LLM, as they belong to several tasks; as in
    EmbedLLM's own code, one right answer counts.

    Args:
        path: a file or a folder, of which the files with these columns are read.

    Raises:
        DataError: if a column is missing or a row cannot be read.
    """
    bad, table = BadRows(), LongTable(repeats="max")
    for file in _files(path):
        for line, row in csv_rows(file, bad):
            with bad.row(file, line):
                _add(table, row)
    bad.check()
    yield from table.drafts(f"EmbedLLM, {path.name}", "Apache-2.0")


def _files(path: Path) -> list[Path]:
    files = some_files(path, "CSV file", "*.csv")
    ours = [file for file in files if _is_ours(csv_header(file))]
    if not ours:
        columns = ", ".join((*_KEYS, " or ".join(_MODEL), " or ".join(_CATEGORY)))
        raise DataError(f"{files[0]}: EmbedLLM's files have the columns {columns}")
    return ours


def _is_ours(header: list[str]) -> bool:
    return (
        all(key in header for key in _KEYS)
        and any(name in header for name in _MODEL)
        and any(name in header for name in _CATEGORY)
    )


def _add(table: LongTable, row: Mapping[str, str]) -> None:
    model = next((name for name in _MODEL if name in row), _MODEL[0])
    category = next((name for name in _CATEGORY if name in row), _CATEGORY[0])
    table.add(
        _BENCHMARK,
        name_in(row, "prompt_id"),
        name_in(row, model),
        field_in(row, "label"),
        text=text_of(row.get("prompt")),
        subset=name_in(row, category),
    )


SAMPLE = {
    "train.csv": (
        "prompt_id,model_id,category_id,label,prompt,model_name,category\n"
        '0,0,3,1,"Why, then?",org__a,law\n'
        '0,1,3,0,"Why, then?",org__b,law\n'
        '0,1,4,1,"Why, then?",org__b,art\n'
    )
}

IMPORTER = Importer(
    name="embedllm",
    summary="EmbedLLM's CSV files: prompt_id, model_id, category_id, label, prompt",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
