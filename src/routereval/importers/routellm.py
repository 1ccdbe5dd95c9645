"""RouteLLM's evaluation responses: a CSV file per benchmark or MMLU subject.

``prompt`` and, per model, a column of true and false under its name; ``NAME_response``, where it is
there, is not read. ``mmlu_SUBJECT.csv`` are the subjects of mmlu, ``gsm8k_responses.csv`` is gsm8k.
Repository: ``lm-sys/RouteLLM``, folder ``routellm/evals``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, csv_header, csv_rows, text_of
from routereval.importers.table_format import Cell, Place, Row, TableFormat
from routereval.records.draft import Draft

_RESPONSE = "_response"
_MMLU = "mmlu_"
_INSIDE = ("", "responses/", "gsm8k/", "mmlu/responses/")


def _is_ours(file: Path) -> bool:
    if csv_header(file)[:1] != ["prompt"]:
        return False
    try:
        _, row = next(csv_rows(file, BadRows(most=2)), (0, {}))
    except DataError:
        return False
    models = _models(row)
    return bool(models) and {row[model] for model in models} <= {"True", "False"}


def _models(row: Row) -> list[str]:
    names = [name for name in row if name != "prompt"]
    return [name for name in names if name.removesuffix(_RESPONSE) not in {*names} - {name}]


def _cells(row: Row, place: Place) -> Iterator[Cell]:
    models = _models(row)
    if "prompt" not in row or not models:
        raise DataError(f"{place.file}: RouteLLM's files have a column 'prompt' and one per model")
    benchmark, subset = _benchmark(place.file)
    prompt_id = f"{benchmark}/{subset}/{place.number}" if subset else f"{benchmark}/{place.number}"
    text = text_of(row["prompt"])
    for model in models:
        yield Cell(benchmark, prompt_id, model, row[model], text=text, subset=subset)


def _benchmark(file: Path) -> tuple[str, str | None]:
    """The benchmark that a file is of, and the subset if it is not the whole."""
    name = file.stem.removesuffix("_responses")
    if name.startswith(_MMLU):
        return "mmlu", name.removeprefix(_MMLU)
    return name, None


FORMAT = TableFormat(
    title="RouteLLM",
    kind="CSV file of responses",
    forms=tuple(
        f"{top}{below}*.csv" for top in ("", "evals/", "routellm/evals/") for below in _INSIDE
    ),
    is_ours=_is_ours,
    licence="Apache-2.0",
    wide=True,
)
recognise = FORMAT.recognise


def read(path: Path) -> Iterator[Draft]:
    """One draft per benchmark; a prompt is named by its row.

    Args:
        path: a file, a folder of them, or ``evals``, ``routellm`` or the repository above.

    Raises:
        DataError: if a file lacks a column or a row cannot be read.
    """
    yield from FORMAT.read(path, _cells)


SAMPLE = {
    "mmlu_law.csv": 'prompt,org/weak,strong\n"What is\nit?",False,True\nAnd this?,True,True\n',
    "gsm8k_responses.csv": "prompt,weak,strong,weak_response\nHow many?,False,True,6\n",
}

IMPORTER = Importer(
    name="routellm",
    summary="RouteLLM's responses: CSV files of a prompt and a column of true/false per model",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
