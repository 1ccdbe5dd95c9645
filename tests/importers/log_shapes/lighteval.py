"""lighteval: ``logging/evaluation_tracker.py``, ``tasks/requests.py`` (``Doc``), 0.6 to 0.13."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape

STAMP = "2026-01-01T10-00-00.000001"


def row(number: int, metric: dict[str, float], **doc: Any) -> dict[str, Any]:
    """A detail."""
    return {
        "doc": {
            "query": f"Q{number}",
            "choices": ["A", "B", "C", "D"],
            "gold_index": 1,
            "id": str(number),
            "task_name": "toy|0",
            **doc,
        },
        "metric": metric,
        "model_response": {
            "text": ["x"],
            "input_tokens": [1, 2],
            "output_tokens": [[3, 4, 5]],
            "logprobs": [0.5],
        },
    }


def file(
    task: str, *rows: dict[str, Any], model: str = "org/m", stamp: str = STAMP
) -> dict[str, Any]:
    """A file of details."""
    return {f"evals/details/{model}/{stamp}/details_{task}_{stamp}.parquet": [*rows]}


def results(seed: int | None = None, **parameters: Any) -> dict[str, Any]:
    """A file of results."""
    config = {
        "model_name": "org/m",
        "generation_parameters": {"seed": seed, "temperature": 0.0, **parameters},
    }
    return {"config_general": {"lighteval_sha": "x", "model_config": config}, "results": {}}


LATER = "2026-01-02T10-00-00.000001"
SHAPES = {
    "the text extracted counts": Shape(
        "lighteval",
        file(
            "aime24|0",
            row(0, {"extractive_match": 1.0, "avg@k:k=1": 1.0}),
            row(1, {"extractive_match": 0.0, "avg@k:k=1": 0.0}),
        ),
        {"aime24": {"org/m": [1, 0]}},
        about={"aime24": {"tokens_in": [[2], [2]], "tokens_out": [[3], [3]]}},
    ),
    "pass@k of one sample is a score": Shape(
        "lighteval",
        file("gpqa:diamond|0", row(0, {"gpqa_pass@k:k=1": 1.0}), row(1, {"gpqa_pass@k:k=1": 0.0})),
        {"gpqa": {"org/m": [1, 0]}},
        about={"gpqa": {"subsets": ["diamond", "diamond"], "chance": [0.25, 0.25]}},
    ),
    "suites stood before the task": Shape(
        "lighteval",
        file("leaderboard|mmlu:anatomy|5", row(0, {"acc": 1.0, "acc_norm": 0.0})),
        {"mmlu": {"org/m": [0]}},
    ),
    "shots and settings are arms, a seed is a trial": Shape(
        "lighteval",
        {
            **file("gsm8k|0", row(0, {"em": 1.0})),
            **file("gsm8k|0", row(0, {"em": 0.0}), stamp=LATER),
            f"evals/results/org/m/results_{STAMP}.json": results(seed=1),
            f"evals/results/org/m/results_{LATER}.json": results(seed=2),
        },
        {"gsm8k": {"org/m": [0.5]}},
        about={"gsm8k": {"trials": 2}},
    ),
    "a temperature is a setting": Shape(
        "lighteval",
        {
            **file("gsm8k|0", row(0, {"em": 1.0})),
            **file("gsm8k|0", row(0, {"em": 0.0}), stamp=LATER),
            f"evals/results/org/m/results_{STAMP}.json": results(),
            f"evals/results/org/m/results_{LATER}.json": results(temperature=0.6),
        },
        {"gsm8k": {"org/m [temperature=0.0]": [1], "org/m [temperature=0.6]": [0]}},
    ),
    "several right answers have no chance level": Shape(
        "lighteval",
        file("ifeval|0", row(0, {"prompt_level_strict_acc": 1.0}, gold_index=[0, 1])),
        {"ifeval": {"org/m": [1]}},
        about={"ifeval": {"chance": [None]}},
    ),
    "before 0.10 metrics stood beside the prompt": Shape(
        "lighteval",
        {
            f"details_org__m/{STAMP}/details_harness|arc:challenge|25_{STAMP}.parquet": [
                {
                    "example": "Q0",
                    "full_prompt": "…Q0",
                    "choices": ["a", "b"],
                    "gold_index": 0,
                    "metrics": {"acc": 0.0, "acc_norm": 1.0},
                }
            ]
        },
        {"arc": {"org/m": [1]}},
    ),
}
