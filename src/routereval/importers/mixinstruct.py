"""MixInstruct, of LLM-Blender: JSON or JSON Lines, one object per prompt.

``id``, ``instruction``, ``input`` and ``candidates``: a list of ``{"model", "text", "scores":
{metric: number}}``. Hub: dataset ``llm-blender/mix-instruct``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from routereval.importers.importer import Importer
from routereval.importers.rows import (
    RowError,
    field_in,
    files_in,
    first_object,
    json_records,
    name_in,
    score_in,
    text_of,
)
from routereval.importers.scale import Rescale
from routereval.importers.table_format import Cell, Place, Row, TableFormat, about
from routereval.records.draft import Draft


def _is_ours(file: Path) -> bool:
    first = first_object(file)
    candidates = first.get("candidates")
    if not {"id", "instruction"} <= set(first) or not isinstance(candidates, list):
        return False
    return all(isinstance(item, dict) and {"model", "scores"} <= set(item) for item in candidates)


FORMAT = TableFormat(
    title="MixInstruct",
    kind="MixInstruct JSON",
    forms=("*.json", "*.jsonl"),
    is_ours=_is_ours,
    licence="MIT",
    rows=json_records,
    wide=True,
    n_first=10,
)
recognise = FORMAT.recognise


def read(path: Path, *, metric: str = "bertscore", rescale: Rescale = False) -> Iterator[Draft]:
    """One draft; a prompt's subset is what its id says before the last slash.

    Args:
        path: a file or a folder, of which the files with such objects are read.
        metric: the name of the score to take.
        rescale: the scale of the scores, or True for the range that is observed;
            ``bartscore`` lies below 0, ``bleu`` from 0 to 100.

    Raises:
        DataError: if a row cannot be read or lacks the metric.
    """
    ours = [file for file in files_in(path, *FORMAT.forms) if _is_ours(file)]
    cells = partial(_cells, metric=metric, rescale=rescale)
    yield from FORMAT.read(path, cells, files=ours if path.is_dir() else (), rescale=rescale)


def _cells(row: Row, _: Place, *, metric: str, rescale: Rescale) -> Iterator[Cell]:
    prompt_id, candidates = name_in(row, "id"), field_in(row, "candidates")
    if not isinstance(candidates, list) or not all(isinstance(item, dict) for item in candidates):
        raise RowError("'candidates' should be a list of objects")
    parts = [text_of(row.get(key)) for key in ("instruction", "input")]
    text = "\n".join(part for part in parts if part) or None
    subset = prompt_id.rpartition("/")[0] or None
    for candidate in candidates:
        model = name_in(candidate, "model")
        score = _score(field_in(candidate, "scores"), metric)
        if not rescale:
            with about(model):
                score = _in_range(score, metric)
        yield Cell("mixinstruct", prompt_id, model, score, text=text, subset=subset)


def _in_range(score: object, metric: str) -> float:
    try:
        return score_in(score)
    except RowError as error:
        raise RowError(f"{metric}: {error}") from None


def _score(scores: object, metric: str) -> object:
    if not isinstance(scores, dict):
        raise RowError("'scores' should be an object")
    if metric not in scores:
        known = ", ".join(sorted(map(repr, scores))[:10])
        raise RowError(f"there is no metric {metric!r}; it has {known}")
    return scores[metric]


SAMPLE = {
    "test.jsonl": [
        {
            "id": f"chip/{number}",
            "instruction": "Say it.",
            "input": "Loudly.",
            "candidates": [
                {"model": f"llm-{n}", "text": "it", "scores": {"bertscore": score, "bleu": 12.0}}
                for n, score in enumerate(scores)
            ],
        }
        for number, scores in enumerate(((0.75, 0.5), (0.25, 1.0)))
    ]
}

IMPORTER = Importer(
    name="mixinstruct",
    summary="MixInstruct's JSON: candidates with their metrics; metric=bertscore unless given",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
