"""AlpacaEval's annotations: how likely a judge prefers a model's answer to the reference's.

``results/MODEL/ANNOTATOR/annotations.json`` is a list of ``{"instruction", "dataset",
"generator_1", "generator_2", "preference"}``: 1 for the reference, 2 for the model, between them
how likely, and 0 or 1.5 for a draw.
Repository: ``tatsu-lab/alpaca_eval``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    RowError,
    field_in,
    finite_in,
    first_object,
    json_records,
    name_in,
    name_of,
    some_files,
    text_of,
)
from routereval.importers.table_format import Cell, Place, Row, TableFormat
from routereval.records.draft import Draft

_FILE = "annotations.json"
_DRAW = 1.5  # which earlier annotations note as 0
_NAMES = {"alpaca_eval_gpt4": "alpaca_eval_1", "weighted_alpaca_eval_gpt4_turbo": "alpaca_eval_2"}


def _cells(row: Row, place: Place) -> Iterator[Cell]:
    instruction = name_in(row, "instruction")
    preference = finite_in(field_in(row, "preference"), "preference")
    preference = _DRAW if preference == 0 else preference
    if preference < 1 or preference > 2:
        raise RowError(f"preference {preference:g} lies outside [1, 2]")
    annotator = _annotator(place.file)
    benchmark = name_of(_NAMES.get(annotator, annotator), "the annotator's folder")
    model = name_of(place.file.absolute().parent.parent.name, "the model's folder")
    # Named by its text: the files of different models need not list the instructions in one order.
    digest = hashlib.sha1(instruction.encode(), usedforsecurity=False).hexdigest()[:12]
    text, subset = text_of(instruction), text_of(row.get("dataset"))
    yield Cell(benchmark, f"{benchmark}/{digest}", model, preference - 1, text=text, subset=subset)


def _annotator(file: Path) -> str:
    return file.absolute().parent.name


FORMAT = TableFormat(
    title="AlpacaEval",
    kind=_FILE,
    forms=(_FILE, f"*/{_FILE}", f"*/*/{_FILE}", f"results/*/*/{_FILE}"),
    is_ours=lambda file: {"instruction", "preference"} <= set(first_object(file)),
    licence="Apache-2.0",
    rows=json_records,
)
recognise = FORMAT.recognise


def read(path: Path, *, annotator: str | None = None) -> Iterator[Draft]:
    """One draft per annotator; the leaderboards' two are alpaca_eval_1 and alpaca_eval_2.

    The score is the preference less 1: 1 where the model's answer won, 0.5 for a draw. The model's
    name is that of its folder.

    Args:
        path: a file, or the folder of a model, of all results, or of the repository.
        annotator: read only the annotations of this one.

    Raises:
        DataError: if there are no annotations, or one cannot be read.
    """
    files = some_files(path, FORMAT.kind, *FORMAT.forms)
    chosen = [file for file in files if annotator in {None, _annotator(file)}]
    if not chosen:
        known = ", ".join(sorted(set(map(_annotator, files))))
        raise DataError(f"{path}: no annotations by {annotator!r}; there are those by {known}")
    yield from FORMAT.read(path, _cells, files=chosen)


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
