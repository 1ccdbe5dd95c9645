"""AlpacaEval's annotations: how likely a judge prefers an LLM's answer to the reference's.

``results/MODEL/ANNOTATOR/annotations.json`` is a list of ``{"instruction", "dataset",
"generator_1", "generator_2", "preference"}``: 1 for the reference, 2 for the LLM, between them how
likely, and 0 or 1.5 for a draw.
Repository: ``tatsu-lab/alpaca_eval``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_records,
    name_in,
    name_of,
    some_files,
    text_of,
)
from routereval.records.draft import Draft

_FILE = "annotations.json"
_FORMS = (_FILE, f"*/{_FILE}", f"*/*/{_FILE}", f"results/*/*/{_FILE}")
_DRAW = 1.5  # which earlier annotations note as 0
_NAMES = {"alpaca_eval_gpt4": "alpaca_eval_1", "weighted_alpaca_eval_gpt4_turbo": "alpaca_eval_2"}


def recognise(path: Path) -> bool:
    """True for such a file, or the folder of an LLM, of all results, or of the repository."""
    first = next(iter(files_in(path, *_FORMS)), None)
    return first is not None and {"instruction", "preference"} <= set(first_object(first))


def read(path: Path, *, annotator: str | None = None) -> Iterator[Draft]:
    """One draft an annotator; the two of the leaderboards are alpaca_eval_1 and alpaca_eval_2.

    The score is the preference less 1: 1 where the LLM's answer won, 0.5 for a draw. The LLM's name
    is that of its folder.

    Args:
        path: a file or a folder, as `recognise` describes it.
        annotator: read only the annotations of this one.

    Raises:
        DataError: if there are no annotations, or one cannot be read.
    """
    files = some_files(path, _FILE, *_FORMS)
    chosen = [file for file in files if annotator in {None, _annotator(file)}]
    if not chosen:
        known = ", ".join(sorted(set(map(_annotator, files))))
        raise DataError(f"{path}: no annotations by {annotator!r}; there are those by {known}")
    bad, table = BadRows(), LongTable()
    for file in chosen:
        for number, row in json_records(file, bad):
            with bad.row(file, number):
                _add(table, row, file)
    bad.check()
    yield from table.drafts(f"AlpacaEval, {path.name}", "Apache-2.0")


def _annotator(file: Path) -> str:
    return file.absolute().parent.name


def _add(table: LongTable, row: Mapping[str, Any], file: Path) -> None:
    instruction = name_in(row, "instruction")
    preference = finite_in(field_in(row, "preference"), "preference")
    preference = _DRAW if preference == 0 else preference
    if preference < 1 or preference > 2:
        raise RowError(f"preference {preference:g} lies outside [1, 2]")
    annotator = _annotator(file)
    benchmark = _NAMES.get(annotator, annotator)
    # Named by its text: the files of different LLMs need not list the instructions in one order.
    digest = hashlib.sha1(instruction.encode(), usedforsecurity=False).hexdigest()[:12]
    table.add(
        name_of(benchmark, "the annotator's folder"),
        f"{benchmark}/{digest}",
        name_of(file.absolute().parent.parent.name, "the LLM's folder"),
        preference - 1,
        text=text_of(instruction),
        subset=text_of(row.get("dataset")),
    )


SAMPLE = {
    f"results/{model}/alpaca_eval_gpt4/annotations.json": [
        {
            "instruction": f"Do {number}",
            "dataset": "koala",
            "generator_1": "reference",
            "generator_2": model,
            "preference": preference,
        }
        for number, preference in enumerate(preferences)
    ]
    for model, preferences in {"a": (1, 2), "b": (1.25, 0)}.items()
}

IMPORTER = Importer(
    name="alpaca_eval",
    summary="AlpacaEval's results/MODEL/ANNOTATOR/annotations.json; score = preference - 1",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
