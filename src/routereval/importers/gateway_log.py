"""The gateway's own decision log: JSON Lines, a line per request or a feedback.

A request that got feedback is a cell: its prompt's row, the column of the model that answered. The
same prompt asked of the same model again is another trial. What was never asked is missing, as it
should be: a gateway asks one model per prompt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from routereval.errors import DataError
from routereval.importers.axis_fields import axes_in
from routereval.importers.eval_logs import first_files
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    cost_in,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_of,
    name_in,
    score_in,
    text_lines,
    text_of,
)
from routereval.records.draft import Draft

_PATTERNS = ("*.jsonl",)
_BENCHMARK = "gateway"
_MARKS = (b'"attempts"', b'"feedback"', b'"prompt"')
_FIRST_LINES, _LONGEST_LINE = 20, 1 << 20
_Feedback = dict[tuple[str, str], list[tuple[float, float]]]
"""Times and scores, by request and key."""


class Tokens(NamedTuple):
    """What a call took: of the prompt, the answer, and the parts of them that have own prices."""

    tokens_in: int
    tokens_out: int
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Logged:
    """A request for a virtual model.

    Attributes:
        request_id: its name.
        time: seconds since the epoch.
        prompt: the hash of what was routed.
        text: what was routed; None unless texts were logged.
        router: who decided.
        lam: the trade-off, in score.
        scores: what the router predicted, by model; NaN where it did not.
        allowed: the models that could be chosen.
        choice: the model that was; empty where the conversation stayed where it was.
        propensity: with which probability.
        model: who answered: another one after a fault; empty for nobody.
        cost: USD; NaN where unknown.
        shadows: what other routers would have chosen.
        score: the feedback; NaN without.
        axes: tokens and milliseconds of the call, as far as they were counted, not estimated.
        conversation: what it is a part of, as a hash; empty where the log does not say.
        unfamiliar: whether the prompt was unlike all training prompts.
        share: of the conversations that its router had, where two served side by side.
        explore: the share of choices that were drawn evenly from the allowed models.
        against: the router that served, in a test of others against it.
        tokens: of the call, counted or estimated; None where the log does not say.
        lost: USD for answers that nobody got.
        scorings: all feedback, as times and scores, oldest first.
    """

    request_id: str
    time: float
    prompt: str
    text: str | None
    router: str
    lam: float
    scores: Mapping[str, float]
    allowed: tuple[str, ...]
    choice: str
    propensity: float
    model: str
    cost: float
    shadows: Mapping[str, str] = field(default_factory=dict)
    score: float = math.nan
    axes: Mapping[str, object] = field(default_factory=dict)
    conversation: str = ""
    unfamiliar: bool = False
    share: float = 1.0
    explore: float = 0.0
    against: str = ""
    tokens: Tokens | None = field(default=None, compare=False)
    lost: float = field(default=0.0, compare=False)
    scorings: tuple[tuple[float, float], ...] = field(default=(), compare=False)


def recognise(path: Path) -> bool:
    """True for a log, or a folder of them, by the first line of the first files."""
    return any(map(_is_log, first_files(path, *_PATTERNS)))


def read(path: Path, *, benchmark: str = _BENCHMARK) -> Iterator[Draft]:
    """One draft: the prompts that were routed, the models that answered.

    Args:
        path: a file of the log, or its folder.
        benchmark: what to call it.

    Raises:
        DataError: if there is no feedback, or lines cannot be read, with up to 20 listed.
    """
    table = LongTable(repeats="trials")
    answered = [row for row in read_log(path) if row.model]
    if all(math.isnan(row.score) for row in answered):
        raise DataError(
            f"{path}: no answer got feedback; send it with POST /v1/feedback, then import again"
        )
    for row in answered:
        table.add(
            benchmark,
            row.prompt,
            row.model,
            row.score,
            cost=row.cost,
            text=row.text,
            axes=row.axes,
        )
    yield from table.drafts(str(path))


def read_log(path: Path) -> list[Logged]:
    """The requests that could be routed, in the order of time, each with its feedback.

    Feedback counts if it came with the key of its request; the last one counts. A line that a
    killed process did not finish is passed over.

    Args:
        path: a file of the log, or its folder.

    Raises:
        DataError: if there is no such file, it is no log, or lines cannot be read, with up to 20
            listed.
    """
    files = [path] if path.is_file() else files_in(path, *_PATTERNS)
    if not files:
        raise DataError(f"{path} holds no log of the gateway; give its folder, or a .jsonl of it")
    if not any(map(_begins_as_log, files)):
        raise DataError(
            f"{path} is no log of the gateway: none of its first lines is a request or a feedback; "
            "give the folder that [log] of gateway.toml names, or a .jsonl of it"
        )
    bad = BadRows()
    found: dict[str, tuple[Logged, str]] = {}
    feedback: _Feedback = {}
    for file in files:
        for line, held in _objects(file, bad):
            with bad.row(file, line):
                if "feedback" in held:
                    _add_feedback(held, feedback)
                elif "prompt" in held:
                    row = _logged(held)
                    found[row.request_id] = (row, str(held.get("key", "")))
    bad.check()
    return sorted(_joined(found.values(), feedback), key=lambda row: (row.time, row.request_id))


def _is_log(file: Path) -> bool:
    held = first_object(file)
    return {"id", "asked", "attempts"} <= held.keys() or {"feedback", "score", "key"} == (
        held.keys() - {"time"}
    )


def _begins_as_log(file: Path) -> bool:
    """Whether one of the first lines may be of a log, however damaged, or there are none at all."""
    with file.open("rb") as opened:
        lines = [opened.readline(_LONGEST_LINE) for _ in range(_FIRST_LINES)]
    return not lines[0] or any(mark in line for line in lines for mark in _MARKS)


def _objects(file: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in text_lines(file, bad):
        if not text.endswith("\n"):
            return
        with bad.row(file, line):
            value = json_of(text)
            if not isinstance(value, dict):
                raise RowError("is not a JSON object")
            yield line, value


def _add_feedback(held: Mapping[str, Any], feedback: _Feedback) -> None:
    about = (name_in(held, "feedback"), str(held.get("key", "")))
    feedback.setdefault(about, []).append((_time(held), score_in(field_in(held, "score"))))


def _joined(found: Iterable[tuple[Logged, str]], feedback: _Feedback) -> Iterator[Logged]:
    """Each request with its feedback, of which the last one counts."""
    for row, key in found:
        scorings = sorted(feedback.get((row.request_id, key), ()), key=lambda one: one[0])
        yield replace(row, score=scorings[-1][1], scorings=tuple(scorings)) if scorings else row


def _logged(held: Mapping[str, Any]) -> Logged:
    scores, shadows = held.get("scores", {}), held.get("shadows", {})
    allowed = held.get("allowed", [])
    if not (isinstance(scores, dict) and isinstance(shadows, dict) and isinstance(allowed, list)):
        raise RowError("'scores' and 'shadows' must be objects, and 'allowed' a list")
    chosen = "choice" in held
    propensity = score_in(field_in(held, "propensity"), "propensity") if chosen else 1.0
    lost = cost_in(held.get("lost_usd", 0.0), "lost_usd")
    if not propensity > 0:
        raise RowError("propensity is 0 or missing: what was chosen had a chance")
    return Logged(
        name_in(held, "id"),
        _time(held),
        name_in(held, "prompt"),
        text_of(held.get("text")),
        str(held.get("router", "")),
        cost_in(held.get("lam", 0.0), "lam"),
        {str(name): finite_in(value, "a predicted score") for name, value in scores.items()},
        tuple(str(name) for name in allowed),
        name_in(held, "choice") if chosen else "",
        propensity,
        name_in(held, "model") if held.get("model") else "",
        cost_in(held.get("usd"), "usd") - lost,
        {str(name): str(model) for name, model in shadows.items()},
        axes=_axes(held),
        conversation=str(held.get("conversation", "")),
        unfamiliar=held.get("unfamiliar") is True,
        share=_share(held, "share", 1.0),
        explore=_share(held, "explore", 0.0),
        against=str(held.get("against", "")),
        tokens=_tokens(held),
        lost=lost,
    )


def _share(held: Mapping[str, Any], name: str, missing: float) -> float:
    return score_in(held[name], name) if name in held else missing


def _tokens(held: Mapping[str, Any]) -> Tokens | None:
    counts = held.get("tokens")
    if not isinstance(counts, list) or len(counts) < 2:
        return None
    parts = [held.get(f"tokens_{part}", 0) for part in ("cached", "cache_written", "reasoning")]
    found = [finite_in(count, "a count of tokens") for count in (*counts[:2], *parts)]
    return Tokens(*(0 if math.isnan(count) or count < 0 else int(count) for count in found))


def _axes(held: Mapping[str, Any]) -> dict[str, object]:
    """``tokens`` are [in, out], ``seconds`` are [decided, first byte, all]."""
    tokens, seconds = held.get("tokens"), held.get("seconds")
    found: dict[str, object] = {}
    if isinstance(tokens, list) and not held.get("estimated"):
        found |= zip(("tokens_in", "tokens_out"), tokens, strict=False)
        found |= {name: held.get(name) for name in ("tokens_cached", "tokens_reasoning")}
    if isinstance(seconds, list) and seconds:
        found["latency_s"] = seconds[-1]
    return axes_in(found)


def _time(held: Mapping[str, Any]) -> float:
    when = finite_in(field_in(held, "time"), "time")
    return 0.0 if math.isnan(when) else when


SAMPLE = {
    "1.jsonl": [
        {
            "id": "r1",
            "time": 1700000000.5,
            "key": "alice",
            "asked": "auto",
            "model": "a",
            "attempts": [["a", ""]],
            "usd": 0.01,
            "prompt": "p1",
            "text": "why?",
            "router": "knn",
            "lam": 0.1,
            "scores": {"a": 0.5, "b": None},
            "allowed": ["a", "b"],
            "choice": "a",
            "propensity": 0.9,
        },
        {"feedback": "r1", "time": 1700000100, "key": "alice", "score": 0.75},
    ]
}

IMPORTER = Importer(
    name="gateway-log",
    summary="the gateway's decision log: JSONL of choices, costs and feedback",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
