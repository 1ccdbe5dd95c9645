"""EmbedLLM's correctness data: long CSV files of ``prompt_id``, ``model_id`` and ``label``.

Further columns: ``model_name``, ``category_id``, ``category`` and ``prompt``.
Hub: dataset ``RZ412/EmbedLLM``, files ``train.csv``, ``val.csv`` and ``test.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.rows import csv_header, some_files
from routereval.importers.table_format import TableFormat, long_cells
from routereval.records.draft import Draft

_KEYS = ("prompt_id", "label")
_MODEL = ("model_name", "model_id")
_CATEGORY = ("category", "category_id")


def _is_ours(file: Path) -> bool:
    header = set(csv_header(file))
    return header >= set(_KEYS) and all(header & set(names) for names in (_MODEL, _CATEGORY))


FORMAT = TableFormat(
    title="EmbedLLM",
    kind="CSV file",
    forms=("*.csv",),
    is_ours=_is_ours,
    licence="Apache-2.0",
    repeats="max",
    n_first=20,
)
_CELLS = long_cells(
    benchmark="embedllm", prompt_id="prompt_id", model=_MODEL, score="label", subset=_CATEGORY
)
recognise = FORMAT.recognise


def read(path: Path) -> Iterator[Draft]:
    """One draft, whose subsets are the categories.

    Some prompts are listed more than once for a model, as they belong to several tasks; as in
    EmbedLLM's own code, one right answer counts.

    Args:
        path: a file or a folder, of which the files with these columns are read.

    Raises:
        DataError: if a column is missing or a row cannot be read.
    """
    files = some_files(path, FORMAT.kind, *FORMAT.forms)
    ours = [file for file in files if _is_ours(file)]
    if not ours:
        columns = ", ".join((*_KEYS, " or ".join(_MODEL), " or ".join(_CATEGORY)))
        raise DataError(f"{files[0]}: EmbedLLM's files have the columns {columns}")
    yield from FORMAT.read(path, _CELLS, files=ours)


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
