"""Calls of models that a tracing service recorded and scored: what its exporters share.

A call has a model, the text it was asked, and scores by name. Prompts are named by their item of a
data set where the export tells it, else by their text.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.eval_logs import (
    SamePrompts,
    listed,
    names_of,
    prompt_text,
    refuse_unscored,
)
from routereval.importers.long_table import LongTable
from routereval.importers.rows import BadRows, RowError, first_object, json_of, text_of
from routereval.importers.scale import Rescale
from routereval.importers.table_files import first_rows, has_end
from routereval.records.draft import Draft

_TEXT_FIELDS = ("messages", "input", "question", "prompt", "query", "text", "content", "inputs")


@dataclass(frozen=True)
class Call:
    """One scored call.

    Attributes:
        file: where it stands.
        line: its line or number there.
        model: the model's name; empty if the export does not tell.
        item: the item of a data set that was asked; empty for a prompt that its text names.
        text: what was asked, or None.
        scores: by name.
        failed: whether it ended in an error, so that it is not observed.
        cost: USD per call, or None.
        axes: numbers beside the score.
        benchmark: what it belongs to; empty for the name of the source.
    """

    file: Path
    line: int
    model: str
    item: str
    text: str | None
    scores: Mapping[str, object]
    failed: bool = False
    cost: object = None
    axes: Mapping[str, object] = field(default_factory=dict)
    benchmark: str = ""


def drafts_of_calls(
    path: Path,
    calls: Sequence[Call],
    bad: BadRows,
    *,
    score: str | None,
    rescale: Rescale,
    unscored: str,
) -> Iterator[Draft]:
    """One draft per benchmark; several calls of a model with one prompt are its trials.

    Args:
        path: what is imported.
        calls: those that were read.
        bad: rows that could not be.
        score: which score counts, in order of preference; needed where there are several.
        rescale: the scale of the scores, or True for the range that is observed.
        unscored: what to do where nothing is scored, for the error.

    Raises:
        DataError: if there is no score, several and none chosen, or rows cannot be read.
    """
    name = _chosen(path, calls, names_of(score))
    table = LongTable(rescale=rescale, repeats="trials")
    asked, left, n_scores, n_failed = SamePrompts(), Counter[str](), 0, 0
    home = text_of(path.stem if path.is_file() else path.absolute().name) or "traces"
    for call in calls:
        with bad.row(call.file, call.line):
            why = _left_out(call, name)
            if why:
                left[why] += 1
                continue
            benchmark = call.benchmark or home
            prompt = call.item or _name_of_text(call.text or "")
            if call.item:
                asked.check(benchmark, prompt, call.text)
            n_scores += table.add(
                benchmark,
                prompt,
                call.model,
                None if call.failed else call.scores[name],
                cost=call.cost,
                text=call.text,
                axes=call.axes,
                column=name,
            )
            n_failed += call.failed
    bad.check()
    refuse_unscored(path, n_scores, list(dict.fromkeys(c.file for c in calls)), unscored)
    table.facts += [f"score: {name}", *(f"left out: {n} calls {why}" for why, n in left.items())]
    if n_failed:
        table.warnings.append(f"{n_failed} calls ended in an error: they are not observed")
    yield from table.drafts(str(path))


def _left_out(call: Call, name: str) -> str:
    """Why a call is left out; empty if it is not."""
    if not call.model:
        return "that name no model"
    if name not in call.scores and not call.failed:
        return f"without {name!r}"
    if not call.item and not call.text:
        return "without the text that was asked"
    return ""


def _chosen(path: Path, calls: Iterable[Call], wanted: Sequence[str]) -> str:
    """The name of the score that counts.

    Raises:
        DataError: if there is none, or several and none is chosen.
    """
    names = dict.fromkeys(name for call in calls for name in call.scores)
    if not names:
        raise DataError(f"{path}: no call of it has a score")
    found = [name for name in wanted if name in names] or ([] if wanted else list(names))
    if not found or (not wanted and len(found) > 1):
        what = f"no score {', '.join(wanted)}" if wanted else "several scores"
        raise DataError(f"{path} has {what}: {listed(names)}; choose one with -O score=NAME")
    return found[0]


def asked_text(value: object) -> str | None:
    """The text that a call was asked, whatever shape an application gave it.

    Chat messages are joined; of an object its one text, or its field of a usual name; anything else
    is written as JSON. None if there is nothing.

    >>> asked_text({"question": "2 + 2?", "lang": "en"})
    '2 + 2?'
    >>> asked_text('[{"role": "user", "content": "Hi"}]')
    'Hi'
    """
    if isinstance(value, str):
        inside = _json_inside(value)
        return text_of(value.strip()) or None if inside is None else asked_text(inside)
    if isinstance(value, list):
        return prompt_text(value) or _as_json(value)
    if isinstance(value, dict):
        named = [value[key] for key in _TEXT_FIELDS if value.get(key)]
        if named:
            return asked_text(named[0])
        texts = [held for held in value.values() if isinstance(held, str) and held.strip()]
        return text_of(texts[0]) if len(texts) == len(value) == 1 else _as_json(value)
    return None if value is None else _as_json(value)


def json_in(value: object) -> object:
    """A cell of CSV that holds an object or list as JSON, as that; anything else as it is."""
    inside = _json_inside(value) if isinstance(value, str) else None
    return value if inside is None else inside


def _json_inside(text: str) -> object:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        found = json_of(text)
    except RowError:
        return None
    return found if isinstance(found, (dict, list)) else None


def _as_json(value: object) -> str | None:
    return text_of(json.dumps(value, sort_keys=True, ensure_ascii=False)) if value else None


def _name_of_text(text: str) -> str:
    """The name of a prompt that nothing but its text tells apart."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8)
    return f"text-{digest.hexdigest()}"


def first_row(file: Path) -> Mapping[str, Any]:
    """The first row of a file, to recognise it by; empty if there is none."""
    if has_end(file, ".jsonl", ".json") and (row := first_object(file)):
        return row
    try:
        return next(iter(first_rows(file, 1)), {})
    except DataError:
        return {}


def first_text(*values: object) -> str:
    """The first of some values that is a text which is not blank; empty if none is."""
    texts = (text_of(value) for value in values)
    return next((text.strip() for text in texts if text and text.strip()), "")


def objects_in(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none if it is no list."""
    return [held for held in value if isinstance(held, dict)] if isinstance(value, list) else []
