"""promptfoo: what ``promptfoo eval -o results.json`` (or ``.jsonl``) writes.

``results.results`` is a list of ``{provider, prompt, vars, testIdx, promptIdx, success, score,
cost, latencyMs, failureReason, response, gradingResult, …}``; in JSON Lines each stands on a line.
A test that is repeated has another ``testIdx`` but the same variables. ``failureReason`` 2 is an
error.
Repository: ``promptfoo/promptfoo``.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import down_to, first_files, prompt_text
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    RowError,
    json_file,
    json_objects,
    json_of,
    name_of,
    peek,
    some_files,
    text_of,
)
from routereval.importers.run_answers import (
    Answer,
    RowsOfRuns,
    drafts_of_runs,
    object_in,
    part_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

_PATTERNS = down_to(2, "*.json", "*.jsonl")
_TASK = "promptfoo"
_ERROR = 2
_WHERE = re.compile(r"(?i)(api|cost|header|organi[sz]ation|region|project|base_?url|timeout|retry)")
"""Options of a provider that say where it is and what it costs, not how it answers."""
_LONGEST_CHAT = 1 << 20


@dataclass(frozen=True)
class _Result:
    """One result.

    Attributes:
        file: where it stands.
        number: its place there.
        stamp: when the evaluation was made.
        row: as it stands there.
        model: the provider's id.
        label: what the user calls the provider, empty if nothing else.
        template: the prompt's template, of which `test` fills in the variables.
        configs: how the providers of this id and label were configured, in their order.
        test: the variables and assertions, as a text.
    """

    file: Path
    number: int
    stamp: str
    row: Mapping[str, Any]
    model: str
    label: str
    template: str
    configs: Sequence[Mapping[str, str]]
    test: str

    @property
    def provider(self) -> tuple[Path, str, str]:
        return self.file, self.model, self.label


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most two folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, metric: str = "score", rescale: Rescale = False) -> Iterator[Draft]:
    """One draft; tests are the same where their variables and assertions are.

    Args:
        path: such a file, or a folder with some at most two folders down.
        metric: ``score``, ``success`` (whether the test passed), or a name in ``namedScores``.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or results cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "results of promptfoo", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(f"{path} holds no results of promptfoo; run promptfoo eval -o results.json")
    bad = BadRows()
    results = [result for file in files for result in _results(file, bad)]
    bad.check()
    prompt_of = _prompts(results)
    rows = RowsOfRuns()
    for result, settings in zip(results, _settings(results), strict=True):
        run = Run(result.file, result.model, _TASK, result.stamp, settings)
        rows.add(run, result.number, result)
    yield from drafts_of_runs(
        path,
        rows.runs,
        rows.of,
        lambda result, _: [_answer(result, prompt_of, metric)],
        unscored="give its tests assertions, which make the score",
        rescale=rescale,
        facts={_TASK: [f"score: {metric}"]},
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    words = ('"vars"', '"namedScores"', '"gradingResult"')
    return '"provider"' in head and '"success"' in head and any(word in head for word in words)


def _results(file: Path, bad: BadRows) -> Iterator[_Result]:
    stamp, configs = "", {}
    rows: Iterable[tuple[int, Any]]
    if file.suffix == ".jsonl":
        rows = json_objects(file, bad)
    else:
        whole = json_file(file)
        shared = part_of(whole, "data")  # as an evaluation is shared
        whole = shared if part_of(whole, "results") is None and shared is not None else whole
        inner = part_of(whole, "results")
        stamp = text_of(part_of(inner, "timestamp")) or ""
        configs = _configs(part_of(whole, "config", "providers"))
        listed = part_of(inner, "results") if isinstance(inner, dict) else inner
        if not isinstance(listed, list):
            raise DataError(f"{file} holds no list of promptfoo's results")
        rows = enumerate(listed, 1)
    for number, row in rows:
        with bad.row(file, number):
            yield _result(file, number, stamp, object_in(row, "the result"), configs)


def _configs(providers: object) -> dict[tuple[str, str], list[dict[str, str]]]:
    """How each provider was configured, by its id and label, in their order."""
    found: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for entry in providers if isinstance(providers, list) else [providers]:
        if isinstance(entry, str):
            found[entry, ""].append({})
        elif isinstance(entry, dict):
            named = {entry["id"]: entry} if isinstance(entry.get("id"), str) else entry
            for identity, options in named.items():
                label = text_of(part_of(options, "label")) or ""
                settings = flat(part_of(options, "config"))
                held = {k: v for k, v in settings.items() if not _WHERE.match(k)}
                key = text_of(identity) or "", "" if label == identity else label.strip()
                found[key].append(held)
    return dict(found)


def _result(
    file: Path,
    number: int,
    stamp: str,
    row: Mapping[str, Any],
    configs: Mapping[tuple[str, str], Sequence[Mapping[str, str]]],
) -> _Result:
    provider, prompt = row.get("provider"), row.get("prompt")
    identity = provider if isinstance(provider, str) else part_of(provider, "id")
    label = text_of(part_of(provider, "label")) or ""
    model = name_of(identity or label, "the provider's id")
    template = text_of(part_of(prompt, "label")) or text_of(part_of(prompt, "display")) or ""
    test = row.get("testCase") if isinstance(row.get("testCase"), dict) else {}
    given = row.get("vars") or part_of(test, "vars")
    if not given and not template:
        raise RowError("there are neither 'vars' nor a label of the prompt")
    asserted = part_of(test, "assert"), part_of(test, "description")
    about = json.dumps([given, asserted], sort_keys=True, default=str)
    label = "" if label == model else label.strip()
    held = configs.get((model, label), ())
    return _Result(file, number, stamp, row, model, label, template, held, about)


def _settings(results: Sequence[_Result]) -> Iterator[dict[str, str]]:
    """What tells the arms of a provider apart: its label, its configuration, else its column.

    Columns of one provider and template are its configurations in their order.
    """
    columns: dict[tuple[object, ...], set[int]] = defaultdict(set)
    for result in results:
        columns[*result.provider, result.template].add(_column(result))
    for result in results:
        label = {"label": result.label} if result.label else {}
        here = sorted(columns[*result.provider, result.template])
        if len(here) == len(result.configs):
            yield label | dict(result.configs[here.index(_column(result))])
        else:
            yield label | ({"promptIdx": str(_column(result))} if len(here) > 1 else {})


def _column(result: _Result) -> int:
    column = result.row.get("promptIdx")
    return column if type(column) is int else -1


def _prompts(results: Sequence[_Result]) -> dict[tuple[str, str], str]:
    """The id of each prompt by template and test, numbered as they come.

    The template counts where a provider has several; one of its own for each provider is its way
    of putting the same question.
    """
    templates: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for result in results:
        templates[result.provider].add(result.template)
    several = any(len(found) > 1 for found in templates.values())
    numbers: dict[tuple[str, str], int] = {}
    for result in results:
        numbers.setdefault((result.template if several else "", result.test), len(numbers))
    return {
        (result.template, result.test): str(
            numbers[result.template if several else "", result.test]
        )
        for result in results
    }


def _answer(result: _Result, prompt_of: Mapping[tuple[str, str], str], metric: str) -> Answer:
    row, prompt = result.row, result.row.get("prompt")
    known = {"score": row.get("score", row.get("success")), "success": row.get("success")}
    score = known[metric] if metric in known else part_of(row, "namedScores", metric)
    cost = row.get("cost")
    return Answer(
        prompt_of[result.template, result.test],
        score,
        failed=_ended_in_error(row),
        cost=part_of(row, "response", "cost") if cost is None else cost,
        text=_text(prompt if isinstance(prompt, str) else part_of(prompt, "raw")),
        axes=_axes(row),
    )


def _axes(row: Mapping[str, Any]) -> dict[str, object]:
    """Latency and tokens, unless the answer came from promptfoo's own cache."""
    if part_of(row, "response", "cached") is True:
        return {}
    usage = part_of(row, "response", "tokenUsage") or row.get("tokenUsage")
    return {
        "latency_ms": row.get("latencyMs"),
        "tokens_in": part_of(usage, "prompt") or None,
        "tokens_out": part_of(usage, "completion") or None,
        "tokens_reasoning": part_of(usage, "completionDetails", "reasoning"),
    }


def _ended_in_error(row: Mapping[str, Any]) -> bool:
    """Whether the call failed, not an assertion; old files tell it by what is missing."""
    reason = row.get("failureReason")
    if reason is not None:
        return bool(reason == _ERROR)
    return bool(row.get("error")) and not row.get("gradingResult")


def _text(raw: object) -> str | None:
    """The prompt; one that is a list of chat messages as JSON becomes their contents."""
    text = text_of(raw)
    if text is not None and text.lstrip().startswith("[{") and len(text) < _LONGEST_CHAT:
        try:
            return prompt_text(json_of(text)) or text
        except RowError:
            return text
    return text


SAMPLE = {
    "results.json": {
        "evalId": "eval-1",
        "results": {
            "version": 3,
            "timestamp": "2025-05-01T10:00:00.000Z",
            "prompts": [{"raw": "Say {{word}}", "label": "Say {{word}}", "provider": "openai:a"}],
            "results": [
                {
                    "promptIdx": column,
                    "testIdx": test,
                    "testCase": {"vars": {"word": word}, "assert": [{"type": "contains"}]},
                    "provider": {"id": f"openai:{model}", "label": ""},
                    "prompt": {"raw": f"Say {word}", "label": "Say {{word}}"},
                    "vars": {"word": word},
                    "response": {"output": word, "tokenUsage": {"prompt": 9, "completion": 2}},
                    "success": score > 0.5,
                    "score": score,
                    "namedScores": {},
                    "latencyMs": 120,
                    "cost": 0.001,
                    "failureReason": 0,
                }
                for column, (model, scores) in enumerate({"a": (1, 0.25), "b": (0, 1)}.items())
                for test, (word, score) in enumerate(zip(("yes", "no"), scores, strict=True))
            ],
        },
    }
}

IMPORTER = Importer(
    name="promptfoo",
    summary="promptfoo's results.json or results.jsonl: a result per provider and test",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
