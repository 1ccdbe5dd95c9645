"""RouteLLM's evaluation responses: a CSV file a benchmark or MMLU subject.

``prompt`` and, an LLM, a column of true and false under its name; ``NAME_response``, where it is
there, is not read. ``mmlu_SUBJECT.csv`` are the subjects of mmlu, ``gsm8k_responses.csv`` is gsm8k.
Repository: ``lm-sys/RouteLLM``, folder ``routellm/evals``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    csv_header,
    csv_rows,
    files_in,
    score_in,
    some_files,
    text_of,
)
from routereval.records.draft import Draft

_RESPONSE = "_response"
_MMLU = "mmlu_"
_INSIDE = ("", "responses/", "gsm8k/", "mmlu/responses/")
_FORMS = tuple(
    f"{above}{inside}*.csv" for above in ("", "evals/", "routellm/evals/") for inside in _INSIDE
)


def recognise(path: Path) -> bool:
    """True for such a CSV file, a folder of them, or the repository's folders above."""
    return any(map(_recognised, files_in(path, *_FORMS)[:1]))


def read(path: Path) -> Iterator[Draft]:
    """One draft a benchmark; a prompt is named by its row.

    Args:
        path: a file, a folder of them, or ``evals``, ``routellm`` or the repository above.

    Raises:
        DataError: if a file lacks a column or a row cannot be read.
    """
    bad, table = BadRows(), LongTable()
    for file in some_files(path, "CSV file of responses", *_FORMS):
        _read_file(file, table, bad)
    bad.check()
    yield from table.drafts(f"RouteLLM, {path.name}", "Apache-2.0")


def _recognised(file: Path) -> bool:
    if csv_header(file)[:1] != ["prompt"]:
        return False
    try:
        _, row = next(csv_rows(file, BadRows(most=2)), (0, {}))
    except DataError:
        return False
    models = _models(list(row))
    return bool(models) and {row[model] for model in models} <= {"True", "False"}


def _models(header: list[str]) -> list[str]:
    names = [name for name in header if name != "prompt"]
    return [name for name in names if name not in _responses(names)]


def _responses(names: list[str]) -> set[str]:
    return {name + _RESPONSE for name in names}


def _read_file(file: Path, table: LongTable, bad: BadRows) -> None:
    benchmark, subset = _benchmark(file)
    whole = f"{benchmark}/{subset}" if subset else benchmark
    for number, (line, row) in enumerate(csv_rows(file, bad)):
        models = _models(list(row))
        if "prompt" not in row or not models:
            raise DataError(f"{file}: RouteLLM's files have a column 'prompt' and one an LLM")
        with bad.row(file, line):
            _add(table, row, models, (benchmark, subset, f"{whole}/{number}"))


def _benchmark(file: Path) -> tuple[str, str | None]:
    """The benchmark that a file is of, and the subset if it is not the whole."""
    name = file.stem.removesuffix("_responses")
    if name.startswith(_MMLU):
        return "mmlu", name.removeprefix(_MMLU)
    return name, None


def _add(
    table: LongTable, row: Mapping[str, str], models: list[str], place: tuple[str, str | None, str]
) -> None:
    benchmark, subset, prompt_id = place
    scores = {model: _score(row, model) for model in models}
    for model, score in scores.items():
        table.add(benchmark, prompt_id, model, score, text=text_of(row["prompt"]), subset=subset)


def _score(row: Mapping[str, str], model: str) -> float:
    try:
        return score_in(row[model])
    except RowError as error:
        raise RowError(f"{model!r}: {error}") from None


SAMPLE = {
    "mmlu_law.csv": 'prompt,org/weak,strong\n"What is\nit?",False,True\nAnd this?,True,True\n',
    "gsm8k_responses.csv": "prompt,weak,strong,weak_response\nHow many?,False,True,6\n",
}

IMPORTER = Importer(
    name="routellm",
    summary="RouteLLM's responses: CSV files of a prompt and a column of true/false an LLM",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
