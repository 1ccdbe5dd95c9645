"""Every Eval Ever: the shared schema's records of single samples, one a line.

``data/<benchmark>/<developer>/<model>/<uuid>_samples.jsonl`` holds ``{evaluation_id, model_id,
evaluation_name, evaluation_result_id, sample_id, input: {raw, reference, choices}, evaluation:
{score, is_correct}, token_usage, performance, error, metadata}``; ``<uuid>.json`` beside it tells
the metric of each ``evaluation_result_id`` and how the model was run. Schemas 0.2.1 and 0.3.0 of
the package ``every-eval-ever``; repository ``evaleval/every_eval_ever``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.axis_fields import axes_in
from routereval.importers.eval_logs import down_to, first_files, names_of
from routereval.importers.importer import Importer
from routereval.importers.metric_choice import choose_metrics
from routereval.importers.rows import (
    BadRows,
    RowError,
    first_object,
    json_file,
    json_objects,
    name_in,
    some_files,
    text_of,
)
from routereval.importers.run_answers import Answer, drafts_of_runs, object_in, part_of
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft

_PATTERNS = down_to(5, "*.jsonl")
_KEYS = {"evaluation_id", "model_id", "evaluation_name", "sample_id", "evaluation"}
_END = "_samples.jsonl"
_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens", "reasoning", "reasoning_effort")
_SUBSETS = ("subset", "subject", "category")
_ONLY = "score"
"""What the metric of records is called that name none."""


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most five folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, metric: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per evaluation; several records of a sample in one file are its trials.

    Args:
        path: a file of samples, or a folder that holds some.
        metric: which metric is the score, in order of preference, where an evaluation has several.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or lines cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "samples of Every Eval Ever", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(f"{path} holds no samples of Every Eval Ever; give its *{_END} files")
    runs = [run for file in files for run in _runs(file)]
    choice = choose_metrics(runs, _metrics, names_of(metric), (_ONLY,), rescale)
    _refuse_lower(runs, choice.metric_of, rescale)
    yield from drafts_of_runs(
        path,
        runs,
        _rows,
        partial(_answers, choice.metric_of),
        unscored="every record should have an evaluation.score",
        rescale=rescale,
        facts=choice.facts,
        warnings=choice.warnings,
    )


def _is_ours(file: Path) -> bool:
    return first_object(file).keys() >= _KEYS


def _runs(file: Path) -> list[Run]:
    """The runs of a file: one per model and evaluation in it."""
    whole = _aggregate(file)
    stamp = part_of(whole, "evaluation_timestamp") or part_of(whole, "retrieved_timestamp")
    first = next(iter(_results(whole)), None)
    args = part_of(first, "generation_config", "generation_args")
    settings = {key: value for key, value in flat(args).items() if key in _SETTINGS}
    found: dict[tuple[str, str], None] = {}
    for _, row in json_objects(file, BadRows(most=1 << 62)):
        model, task = text_of(row.get("model_id")), text_of(row.get("evaluation_name"))
        if model and task:
            found[model, task] = None
    return [
        Run(file, model, task, text_of(stamp) or text_of(file.stem) or "", settings)
        for model, task in found
    ]


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, row in json_objects(run.file, bad):
        with bad.row(run.file, line):
            if (
                name_in(row, "model_id") == run.model
                and name_in(row, "evaluation_name") == run.task
            ):
                yield line, row


@lru_cache(maxsize=64)
def _metric_names(file: Path, _: int) -> Mapping[str, str]:
    return {
        result: text_of(part_of(held, "metric_config", "metric_name"))
        or text_of(part_of(held, "metric_config", "metric_id"))
        or result
        for held in _results(_aggregate(file))
        if (result := text_of(part_of(held, "evaluation_result_id")))
    }


def _metric_of(run: Run, row: Mapping[str, Any]) -> str:
    """The metric of a record: by the aggregate's name for it, else as the record calls it."""
    result = text_of(row.get("evaluation_result_id"))
    if not result:
        return _ONLY
    return _metric_names(run.file, run.file.stat().st_mtime_ns).get(result, result)


def _metrics(run: Run) -> list[str]:
    rows = _rows(run, BadRows(most=1 << 62))
    return list(dict.fromkeys(_metric_of(run, row) for _, row in rows))


def _answers(metric_of: Mapping[str, str], row: Mapping[str, Any], run: Run) -> Iterator[Answer]:
    if _metric_of(run, row) != metric_of[run.task]:
        return
    held, score = object_in(row.get("input"), "'input'"), part_of(row, "evaluation", "score")
    if score is None:
        raise RowError("there is no score in 'evaluation'")
    text, choices = text_of(held.get("raw")), held.get("choices")
    about = row.get("metadata")
    axes = axes_in(row.get("token_usage"), row.get("performance"))
    time = part_of(row, "performance", "generation_time_ms")
    yield Answer(
        name_in(row, "sample_id"),
        score,
        failed=bool(row.get("error")),
        text=text,
        asked=text_of(row.get("sample_hash")) or text,
        subset=next((s for key in _SUBSETS if (s := text_of(part_of(about, key)))), None),
        chance=1 / len(choices) if isinstance(choices, list) and len(choices) > 1 else None,
        axes=axes if "latency_ms" in axes or time is None else {**axes, "latency_ms": time},
    )


def _refuse_lower(runs: Iterable[Run], metric_of: Mapping[str, str], rescale: Rescale) -> None:
    """Refuse a metric that its aggregate calls the better the lower it is.

    Raises:
        DataError: if one is, and no scale inverts it.
    """
    if isinstance(rescale, Scale) and rescale.low > rescale.high:
        return
    for run in runs:
        for held in _results(_aggregate(run.file)):
            config = part_of(held, "metric_config")
            names = {part_of(config, "metric_name"), part_of(config, "metric_id")}
            mine = metric_of[run.task] in names or part_of(held, "evaluation_name") == run.task
            if mine and part_of(config, "lower_is_better") is True:
                raise DataError(
                    f"{run.task}: {metric_of[run.task]} is the better the lower it is; invert it "
                    "with --scale HIGHEST,0, or choose another with -O metric=NAME"
                )


def _aggregate(file: Path) -> object:
    """The record of the whole evaluation beside a file of samples; None if there is none."""
    beside = file.with_name(file.name.removesuffix(_END).removesuffix(".jsonl") + ".json")
    return json_file(beside) if beside.is_file() else None


def _results(whole: object) -> list[Any]:
    results = part_of(whole, "evaluation_results")
    return results if isinstance(results, list) else []


def _record(model: str, name: str, score: float) -> dict[str, Any]:
    return {
        "schema_version": "0.3.0",
        "evaluation_id": f"toy/{model}/1",
        "model_id": f"org/{model}",
        "evaluation_name": "toy",
        "evaluation_result_id": f"toy/{model}/1#acc",
        "sample_id": name,
        "sample_hash": None,
        "interaction_type": "single_turn",
        "input": {"raw": f"{name}?", "reference": ["x"], "choices": ["x", "y"]},
        "output": {"raw": ["x"]},
        "messages": None,
        "answer_attribution": [],
        "evaluation": {"score": score, "is_correct": score > 0},
        "token_usage": {"input_tokens": 30, "output_tokens": 2, "total_tokens": 32},
        "performance": {"latency_ms": 250.0},
        "error": None,
        "metadata": {"subject": "made"},
    }


SAMPLE = {
    f"data/toy/org/{model}/{name}": content
    for model, scores in {"a": (1.0, 0.0), "b": (0.25, 1.0)}.items()
    for name, content in {
        f"{model}1.json": {
            "schema_version": "0.3.0",
            "evaluation_id": f"toy/{model}/1",
            "evaluation_timestamp": "1750000000",
            "model_info": {"name": model, "id": f"org/{model}"},
            "evaluation_results": [
                {
                    "evaluation_result_id": f"toy/{model}/1#acc",
                    "evaluation_name": "toy",
                    "metric_config": {"metric_name": "accuracy", "lower_is_better": False},
                    "score_details": {"score": sum(scores) / 2},
                }
            ],
        },
        f"{model}1_samples.jsonl": [
            _record(model, name, score) for name, score in zip(("q", "r"), scores, strict=True)
        ],
    }.items()
}

IMPORTER = Importer(
    name="every-eval-ever",
    summary="Every Eval Ever: <uuid>_samples.jsonl of the shared schema, a sample per line",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
