"""DeepEval: test runs as it saves them, ``test_run_<time>.json`` or ``.latest_run_full.json``.

A run is ``{testCases: [{name, input, actualOutput, success, metricsData: [{name, score, success,
threshold, error}], tokenCost, completionTime}], hyperparameters: {model}}``. Fields after the
package ``deepeval`` (``test_run/api.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.importers.eval_logs import first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, json_file, peek, some_files, text_of
from routereval.importers.run_answers import milliseconds, part_of
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import Call, drafts_of_calls, first_text, objects_in
from routereval.records.draft import Draft

_PATTERNS = tuple(f"{folder}*.json" for folder in ("", "*/", "*/*/"))
_WRAPPED = ("testRunData", "test_run_data")
_MODEL = ("model", "model_name", "Model", "llm")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most two folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


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
    calls = [
        _call(file, number, run, case, succeeded=score == "success")
        for file in some_files(path, "test runs of DeepEval", *_PATTERNS)
        if _is_ours(file)
        for run in [_run(json_file(file))]
        for number, case in enumerate(objects_in(part_of(run, "testCases")), 1)
    ]
    yield from drafts_of_calls(
        path,
        calls,
        BadRows(),
        score=score,
        rescale=rescale,
        unscored="evaluate the test cases with metrics",
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    return '"testCases"' in head and any(
        f'"{key}"' in head for key in ("metricsData", "actualOutput")
    )


def _run(whole: object) -> object:
    """The test run, which may stand under a key of its own."""
    return next((part_of(whole, key) for key in _WRAPPED if part_of(whole, key)), whole)


def _call(
    file: Path, number: int, run: object, case: Mapping[str, Any], *, succeeded: bool
) -> Call:
    named = (part_of(run, "hyperparameters", key) for key in _MODEL)
    metrics = objects_in(case.get("metricsData"))
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
        first_text(*named, part_of(run, "identifier")) or text_of(file.stem) or "",
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
                "success": score > 0.5,
                "metricsData": [
                    {"name": "Answer Relevancy", "threshold": 0.5, "success": True, "score": score}
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
