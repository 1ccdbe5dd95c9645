"""DeepEval: test runs as it saves them, ``test_run_<time>.json`` or ``.latest_run_full.json``.

A run is ``{testCases: [{name, input, actualOutput, success, metricsData: [{name, score, success,
threshold, error}], tokenCost, completionTime}], hyperparameters: {model}}``. Fields after the
package ``deepeval`` (``test_run/api.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.eval_logs import names_of
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, axis_in, files_in, json_file, peek, text_of
from routereval.importers.run_answers import file_in, milliseconds, part_of
from routereval.importers.scale import Rescale, Scale
from routereval.importers.scored_calls import Call, drafts_of_calls, first_text, objects_in
from routereval.records.draft import Draft

_PATTERNS = tuple(f"{folder}*.json" for folder in ("", "*/", "*/*/"))
_ROLLING = (".latest_run_full.json", ".latest_test_run.json")
_HIDDEN = ".deepeval"
_FEW = 20
_WRAPPED = ("testRunData", "test_run_data")
_ABOUT = ("hyperparameters", "identifier", "datasetAlias")
_CASE = ("input", "success", "tokenCost", "completionTime")
_METRICS = "metricsData"
_LOWER = ("Bias", "Toxicity", "Hallucination")
"""Metrics that are the better the lower they are."""
_MODEL = ("model", "model_name", "Model", "llm")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most two folders down."""
    return any(map(_is_ours, _files(path)[:_FEW]))


def read(path: Path, *, score: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft; a run whose hyperparameters name no model is itself what was tried.

    Args:
        path: a test run, or a folder of them.
        score: which metric counts, in order of preference, where there are several; ``success``
            for whether all of them passed.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, several and none chosen, or rows cannot be read.
    """
    runs = [(file, _run(json_file(file))) for file in _files(path) if _is_ours(file)]
    if not runs:
        raise DataError(f"{path} holds no test run of DeepEval")
    _refuse_lower(path, [run for _, run in runs], score, rescale)
    calls = [
        _call(file, number, run, case, succeeded=score == "success")
        for file, run in runs
        for number, case in enumerate(objects_in(part_of(run, "testCases")), 1)
    ]
    unnamed = [_name(file) for file, run in runs if not _named(run)]
    warnings = [f"{name}: no model is named in the hyperparameters" for name in unnamed]
    for draft in drafts_of_calls(
        path,
        calls,
        BadRows(),
        score=score,
        rescale=rescale,
        unscored="evaluate the test cases with metrics",
    ):
        yield replace(draft, warnings=[*draft.warnings, *dict.fromkeys(warnings)])


def _files(path: Path) -> list[Path]:
    """The last test runs, which DeepEval keeps in hidden files, and the others of a folder."""
    if path.is_file():
        return [path]
    found: list[Path] = []
    for folder in (path, path / _HIDDEN, *sorted(path.glob(f"*/{_HIDDEN}"))):
        parts = folder.relative_to(path).parts
        last = (file_in(path, *parts, name) for name in _ROLLING)
        found += [file for file in last if file is not None][:1]
    return found + files_in(path, *_PATTERNS)


def _refuse_lower(path: Path, runs: Sequence[object], score: str | None, rescale: Rescale) -> None:
    """Refuse a metric that is the better the lower it is, by its name or its thresholds.

    Raises:
        DataError: if it is the one that counts, and no scale inverts it.
    """
    cases = [case for run in runs for case in objects_in(part_of(run, "testCases"))]
    metrics = [metric for case in cases for metric in _metrics(case)]
    names = list(dict.fromkeys(first_text(metric.get("name")) for metric in metrics))
    wanted = [name for name in names_of(score) if name in names] or names
    votes = Counter[str]()
    for metric in metrics:
        votes[first_text(metric.get("name"))] += _vote(metric)
    lower = {name for name, vote in votes.items() if vote < 0 or name in _LOWER}
    inverted = isinstance(rescale, Scale) and rescale.low > rescale.high
    chosen = wanted[0] if score or len(wanted) == 1 else ""
    if score != "success" and chosen in lower and not inverted:
        raise DataError(
            f"{path}: {chosen} is the better the lower it is; invert it with --scale 1,0, choose "
            "another with -O score=NAME, or take -O score=success"
        )


def _vote(metric: Mapping[str, Any]) -> int:
    """1 if a metric passes above its threshold or fails below it, -1 if it is the other way."""
    score, threshold = axis_in(metric.get("score")), axis_in(metric.get("threshold"))
    if score is None or threshold is None:
        return 0
    above = int(score > threshold) - int(score < threshold)
    return above if metric.get("success") is True else -above


def _named(run: object) -> str:
    """The model that a run names, or what it calls itself; empty if neither."""
    named = (part_of(run, "hyperparameters", key) for key in _MODEL)
    return first_text(*named, part_of(run, "identifier"))


def _name(file: Path) -> str:
    """What a run is called that names neither its model nor itself: its file, or its project."""
    folder = file.absolute().parent
    hidden = file.name.startswith(".")
    named = (folder.parent if folder.name == _HIDDEN else folder).name if hidden else file.stem
    return text_of(named) or "model"


def _is_ours(file: Path) -> bool:
    head = peek(file)
    return '"testCases"' in head and any(
        f'"{key}"' in head for key in ("metricsData", "actualOutput")
    )


def _run(whole: object) -> dict[str, Any]:
    """What is needed of a test run, which may stand under a key of its own."""
    run = next((part_of(whole, key) for key in _WRAPPED if part_of(whole, key)), whole)
    cases = [
        {**{key: case.get(key) for key in _CASE}, _METRICS: [_metric(m) for m in _metrics(case)]}
        for case in objects_in(part_of(run, "testCases"))
    ]
    return {**{key: part_of(run, key) for key in _ABOUT}, "testCases": cases}


def _metrics(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects_in(case.get(_METRICS))


def _metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    """A metric without what the judging model said."""
    return {key: metric.get(key) for key in ("name", "score", "success", "threshold", "error")}


def _call(
    file: Path, number: int, run: object, case: Mapping[str, Any], *, succeeded: bool
) -> Call:
    metrics = _metrics(case)
    scores = {
        first_text(metric.get("name")): metric.get("score")
        for metric in metrics
        if metric.get("score") is not None and not metric.get("error")
    }
    if succeeded:
        scores = {"success": case.get("success")}
    return Call(
        file,
        number,
        _named(run) or _name(file),
        "",
        text_of(case.get("input")),
        scores,
        failed=bool(metrics) and all(metric.get("error") for metric in metrics),
        cost=case.get("tokenCost"),
        axes={"latency_ms": milliseconds(case.get("completionTime"))},
        benchmark=first_text(part_of(run, "datasetAlias")),
    )


SAMPLE = {
    f"results/test_run_2026010{day}_100000.json": {
        "testCases": [
            {
                "name": f"test_case_{number}",
                "input": f"What is {number}?",
                "actualOutput": "x",
                "success": score >= 0.5,
                "metricsData": [
                    {
                        "name": "Answer Relevancy",
                        "threshold": 0.5,
                        "success": score >= 0.5,
                        "score": score,
                    }
                ],
                "tokenCost": 0.001,
                "completionTime": 0.5,
            }
            for number, score in enumerate(scores)
        ],
        "hyperparameters": {"model": model},
        "testPassed": 1,
        "testFailed": 1,
    }
    for day, (model, scores) in enumerate({"a": (1.0, 0.0), "b": (0.5, 1.0)}.items(), 1)
}

IMPORTER = Importer(
    name="deepeval",
    summary="DeepEval: test runs with their test cases and metrics",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
