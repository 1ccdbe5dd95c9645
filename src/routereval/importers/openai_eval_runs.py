"""OpenAI's Evals API: the output items of runs, as listed or downloaded, JSON or JSON Lines.

An item is ``{object: "eval.run.output_item", eval_id, run_id, datasource_item, datasource_item_id,
results: [{name, score, passed}], sample: {model, input, output, usage, error}, status}``; a list of
them may stand in ``data``. Fields after the package ``openai``
(``types/evals/runs/output_item_list_response.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.importers.eval_logs import first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, some_files, text_of
from routereval.importers.run_answers import part_of
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import (
    Call,
    asked_text,
    drafts_of_calls,
    first_row,
    first_text,
    objects_in,
)
from routereval.importers.table_files import rows_of
from routereval.records.draft import Draft

_PATTERNS = tuple(f"{folder}*.{end}" for folder in ("", "*/") for end in ("jsonl", "json"))
_OBJECT = "eval.run.output_item"
_TOKENS = {
    "tokens_in": "prompt_tokens",
    "tokens_out": "completion_tokens",
    "tokens_cached": "cached_tokens",
}

_Item = Mapping[str, Any]


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most one folder down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, score: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per eval; runs of a model on one item are trials.

    Args:
        path: a file of output items, or a folder of them.
        score: which grader's score counts, in order of preference, where there are several.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no result, several and none chosen, or rows cannot be read.
    """
    bad = BadRows()
    calls = [
        _call(file, line, item)
        for file in some_files(path, "output items of OpenAI's Evals API", *_PATTERNS)
        if _is_ours(file)
        for line, row in rows_of(file, bad)
        for item in _items(row)
    ]
    yield from drafts_of_calls(
        path, calls, bad, score=score, rescale=rescale, unscored="list items of runs that ended"
    )


def _is_ours(file: Path) -> bool:
    return any(item.get("object") == _OBJECT for item in _items(first_row(file)))


def _items(row: _Item) -> list[_Item]:
    """A row, or the items of a listed page."""
    return [*objects_in(row.get("data"))] or [row]


def _call(file: Path, line: int, item: _Item) -> Call:
    sample = item.get("sample")
    error = part_of(sample, "error")
    number = item.get("datasource_item_id")
    return Call(
        file,
        line,
        first_text(part_of(sample, "model")),
        str(number) if isinstance(number, int) else first_text(number),
        asked_text(part_of(sample, "input")) or asked_text(item.get("datasource_item")),
        _scores(item),
        failed=bool(first_text(part_of(error, "code"), part_of(error, "message"))),
        axes={
            axis: part_of(sample, "usage", key)
            for axis, key in _TOKENS.items()
            if part_of(sample, "usage", key) is not None
        },
        benchmark=text_of(item.get("eval_id")) or "",
    )


def _scores(item: _Item) -> dict[str, object]:
    """What each grader gave: its score, else whether the item passed."""
    found: dict[str, object] = {}
    for result in objects_in(item.get("results")):
        value = result.get("score")
        value = result.get("passed") if value is None else value
        if value is not None:
            found[_grader(first_text(result.get("name")))] = value
    return found


def _grader(name: str) -> str:
    """The name of a grader without the number that each eval appends to it.

    >>> _grader("match-9d3c47f0-6c1b-4b4f-a0b7-0e0f0a9a3a11"), _grader("match-all")
    ('match', 'match-all')
    """
    parts = name.rsplit("-", 5)
    if [len(part) for part in parts[1:]] == [8, 4, 4, 4, 12]:
        return parts[0]
    return name or "score"


SAMPLE = {
    f"{model}.jsonl": [
        {
            "id": f"outputitem_{model}{number}",
            "object": _OBJECT,
            "created_at": 1750000000,
            "run_id": f"evalrun_{model}",
            "eval_id": "eval_1",
            "status": "pass" if score else "fail",
            "datasource_item_id": number,
            "datasource_item": {"question": f"What is {number}?", "answer": "x"},
            "results": [{"name": "match", "score": score, "passed": score > 0.5}],
            "sample": {
                "model": model,
                "input": [{"role": "user", "content": f"What is {number}?"}],
                "output": [{"role": "assistant", "content": "x"}],
                "usage": {"prompt_tokens": 30, "completion_tokens": 2, "cached_tokens": 0},
                "error": {"code": "", "message": ""},
            },
        }
        for number, score in enumerate(scores)
    ]
    for model, scores in {"a": (1.0, 0.0), "b": (0.5, 1.0)}.items()
}

IMPORTER = Importer(
    name="openai-eval-runs",
    summary="OpenAI's Evals API: output items of runs, JSON or JSON Lines",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
