"""EvalScope: ``evaluator/cache.py`` (``ReviewResult``), ``metric/scorer.py`` (``Score``)."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape


def review(
    index: int, value: dict[str, object], group: int | None = None, **score: Any
) -> dict[str, Any]:
    """A review."""
    return {
        "index": index,
        "target": "4",
        "messages": [{"role": "user", "content": f"Q{group if group is not None else index}"}],
        "sample_score": {
            "score": {
                "value": value,
                "extracted_prediction": "4",
                "prediction": "4",
                "explanation": None,
                "metadata": {},
                "main_score_name": None,
                **score,
            },
            "sample_id": index,
            "group_id": index if group is None else group,
            "sample_metadata": {},
        },
    }


def file(dataset: str, *rows: dict[str, Any], model: str = "qwen", time: int = 1) -> dict[str, Any]:
    """A file of reviews."""
    return {f"outputs/2026010{time}_120000/reviews/{model}/{dataset}.jsonl": [*rows]}


def call(index: int, error: str | None = None) -> dict[str, Any]:
    """A prediction."""
    return {
        "index": index,
        "model": "qwen",
        "model_output": {
            "model": "qwen",
            "choices": [],
            "usage": {
                "input_tokens": 30,
                "output_tokens": 5,
                "total_tokens": 35,
                "input_tokens_cache_read": 10,
                "reasoning_tokens": 3,
            },
            "time": 1.5,
            "error": error,
        },
        "messages": [],
        "metadata": {},
    }


def old(index: int, *results: object) -> dict[str, Any]:
    """A review of before 1.0, with a choice for each result."""
    return {
        "choices": [
            {
                "index": n,
                "message": {"content": "4", "role": "assistant"},
                "review": {"gold": "4", "pred": "4", "result": result},
            }
            for n, result in enumerate(results)
        ],
        "model": "qwen",
        "object": "chat.completion",
        "usage": {"completion_tokens": 5, "prompt_tokens": 30, "total_tokens": 35},
        "model_spec": {"model_id": "qwen"},
        "answer_id": f"answer-{index}",
        "subset_name": "main",
        "raw_input": {"question": f"How many {index}?", "answer": "#### 4"},
        "index": index,
        "reviewed": True,
        "review_id": f"review-{index}",
        "reviewer_spec": {"metric": ["AverageAccuracy"]},
        "review_time": 1750000000.5,
    }


SHAPES = {
    "before 1.0 a choice had its review": Shape(
        "evalscope",
        file("gsm8k_main", old(0, 1.0), old(1, 0.0)),
        {"gsm8k": {"qwen": [1, 0]}},
        about={"gsm8k": {"texts": ["How many 0?", "How many 1?"], "tokens_in": [[30], [30]]}},
    ),
    "before 1.0 choices of a sample are trials, results may have names": Shape(
        "evalscope",
        file("gsm8k_main", old(0, {"AverageAccuracy": 1.0}, {"AverageAccuracy": 0.0})),
        {"gsm8k": {"qwen": [0.5]}},
        about={"gsm8k": {"trials": 2}},
    ),
    "each data set has a main value of its own": Shape(
        "evalscope",
        {
            **file("gsm8k_main", review(0, {"acc": 1.0})),
            **file(
                "squad_default",
                review(0, {"acc": 0.0, "f1": 0.5}, main_score_name="f1"),
            ),
        },
        {"gsm8k": {"qwen": [1]}, "squad": {"qwen": [0.5]}},
    ),
    "repeats of a group are trials": Shape(
        "evalscope",
        file("aime24_default", *(review(n, {"acc": float(n % 2)}, group=n // 2) for n in range(4))),
        {"aime24": {"qwen": [0.5, 0.5]}},
        about={"aime24": {"trials": 2, "texts": ["Q0", "Q1"]}},
    ),
    "a judge that was not available is no zero": Shape(
        "evalscope",
        file(
            "simple_qa_default",
            review(0, {"is_correct": 1, "is_incorrect": 0}, status="success"),
            review(
                1,
                {},
                status="judge_unavailable",
                judge_summary={"status": "judge_unavailable", "scored": 0, "total": 1},
            ),
        ),
        {"simple_qa": {"qwen": [1, None]}},
        says=["1 of 2 answers ended in an error"],
    ),
    "calls and their errors stand in the predictions": Shape(
        "evalscope",
        {
            **file("gsm8k_main", review(0, {"acc": True}), review(1, {"acc": False})),
            "outputs/20260101_120000/predictions/qwen/gsm8k_main.jsonl": [
                call(0),
                call(1, "timeout"),
            ],
        },
        {"gsm8k": {"qwen": [1, None]}},
        about={"gsm8k": {"tokens_in": [[30], [None]], "latency_ms": [[1500], [None]]}},
    ),
    "subsets of one data set are one benchmark": Shape(
        "evalscope",
        {
            **file("mmlu_pro_law", review(0, {"acc": 1.0})),
            **file("mmlu_pro_computer science", review(0, {"acc": 0.0})),
        },
        {"mmlu_pro": {"qwen": [0, 1]}},
        about={"mmlu_pro": {"ids": ["computer science/0", "law/0"]}},
    ),
    "an evaluation resumed later is joined": Shape(
        "evalscope",
        {
            **file("gsm8k_main", review(0, {"acc": 1.0})),
            **file("gsm8k_main", review(1, {"acc": 0.0}), time=2),
        },
        {"gsm8k": {"qwen": [0, 1]}},
        about={"gsm8k": {"ids": ["main/1", "main/0"]}},
    ),
    "the first lines of 1.0 had a rendered input": Shape(
        "evalscope",
        file(
            "gsm8k_main",
            {**review(0, {"acc": 1.0}), "messages": None, "input": "**User**: \nWhat is 2 + 2?"},
        ),
        {"gsm8k": {"qwen": [1]}},
        about={"gsm8k": {"texts": ["What is 2 + 2?"]}},
    ),
}
