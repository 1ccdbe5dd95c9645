"""MixInstruct, of LLM-Blender: JSON or JSON Lines, one object a prompt.

``id``, ``instruction``, ``input`` and ``candidates``: a list of ``{"model", "text", "scores":
{metric: number}}``. Hub: dataset ``llm-blender/mix-instruct``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    files_in,
    first_object,
    json_records,
    name_in,
    some_files,
    text_of,
)
from routereval.records.draft import Draft

_BENCHMARK = "mixinstruct"
_FORMS = ("*.json", "*.jsonl")


def recognise(path: Path) -> bool:
    """True for a file of such objects, or a folder that has one."""
    return any(_is_ours(file) for file in files_in(path, *_FORMS)[:10])


def read(path: Path, *, metric: str = "bertscore", rescale: bool = False) -> Iterator[Draft]:
    """One draft; a prompt's subset is what its id says before the last slash.

    Args:
        path: a file or a folder, of which the files with such objects are read.
        metric: the name of the score to take.
        rescale: map the range of scores onto [0, 1], as ``bartscore`` needs, which is below 0.

    Raises:
        DataError: if a row cannot be read or lacks the metric.
    """
    bad, table = BadRows(), LongTable(rescale=rescale)
    files = [path] if path.is_file() else [f for f in files_in(path, *_FORMS) if _is_ours(f)]
    for file in files or some_files(path, "MixInstruct JSON", *_FORMS):
        for line, row in json_records(file, bad):
            with bad.row(file, line):
                _add(table, row, metric)
    bad.check()
    yield from table.drafts(f"MixInstruct, {path.name}", "MIT")


def _is_ours(file: Path) -> bool:
    first = first_object(file)
    candidates = first.get("candidates")
    if not {"id", "instruction"} <= set(first) or not isinstance(candidates, list):
        return False
    return all(isinstance(item, dict) and {"model", "scores"} <= set(item) for item in candidates)


def _add(table: LongTable, row: Mapping[str, Any], metric: str) -> None:
    prompt_id = name_in(row, "id")
    candidates = field_in(row, "candidates")
    if not isinstance(candidates, list) or not all(isinstance(item, dict) for item in candidates):
        raise RowError("'candidates' should be a list of objects")
    parts = [text_of(row.get(key)) for key in ("instruction", "input")]
    text = "\n".join(part for part in parts if part) or None
    for candidate in candidates:
        model = name_in(candidate, "model")
        score = _score(field_in(candidate, "scores"), metric)
        try:
            table.add(
                _BENCHMARK,
                prompt_id,
                model,
                score,
                text=text,
                subset=prompt_id.rpartition("/")[0] or None,
            )
        except RowError as error:
            raise RowError(f"{model!r}: {metric}: {error}") from None


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
    summary="MixInstruct's JSON: candidates with their metrics; metric=bertscore unless told",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
