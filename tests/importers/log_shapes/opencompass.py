"""OpenCompass: ``tasks/openicl_eval.py``, ``icl_base_evaluator.py``, ``datasets/generic.py``."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape

FOLDER = "outputs/default/20260101_120000"


def file(dataset: str, content: dict[str, Any], model: str = "qwen-hf") -> dict[str, Any]:
    """A file of results."""
    return {f"{FOLDER}/results/{model}/{dataset}.json": content}


def generated(number: int, **more: Any) -> dict[str, Any]:
    """What `format_details` makes of a generated answer."""
    return {
        "prompt": [{"role": "HUMAN", "prompt": f"Q{number}"}],
        "origin_prediction": "It is 4.",
        "predictions": "4",
        "references": "4",
        **more,
    }


def judged(number: int, grade: str) -> dict[str, Any]:
    """A detail of a judging model: its words are the prediction."""
    asked = f"Please as a grading expert, judge whether …\nQ{number}"
    return {
        "origin_prompt": [{"role": "HUMAN", "prompt": asked}],
        "prediction": grade,
        "gold": "4",
    }


SHAPES = {
    "answers that were rated": Shape(
        "opencompass",
        file(
            "ARC_c",
            {
                "accuracy": 50.0,
                "details": {
                    "type": "PPL",
                    **{
                        str(number): {
                            "origin_prediction": {"A": {"PPL": 1.5}, "B": {"PPL": 2.5}},
                            "predictions": "A",
                            "references": reference,
                            "correct": reference == "A",
                        }
                        for number, reference in enumerate("AB")
                    },
                },
            },
        ),
        {"ARC_c": {"qwen-hf": [1, 0]}},
    ),
    "repetitions of a sample are trials": Shape(
        "opencompass",
        file(
            "aime2024",
            {
                "accuracy (2 runs average)": 50.0,
                "G-Pass@2_0.5": 50.0,
                "details": [
                    {
                        "example_abbr": f"_{number}",
                        "G-Pass@2_0.5": 1.0,
                        "pred": ["4", "5"],
                        "answer": ["4", "4"],
                        "correct": [True, False],
                    }
                    for number in range(2)
                ],
            },
        ),
        {"aime2024": {"qwen-hf": [0.5, 0.5]}},
        about={"aime2024": {"trials": 2}},
    ),
    "a judging model's A is right, B wrong, anything else no grade": Shape(
        "opencompass",
        file(
            "simpleqa",
            {
                "accuracy": 33.3,
                "details": {str(n): judged(n, grade) for n, grade in enumerate(("A", "B", "x?"))},
            },
        ),
        {"simpleqa": {"qwen-hf": [1, 0, None]}},
        says=["'A' as right", "'B' as wrong"],
    ),
    "a judging model's grades in a list": Shape(
        "opencompass",
        file(
            "gpqa_diamond",
            {
                "accuracy": 50.0,
                "details": [
                    {
                        "example_abbr": f"_{n}",
                        **{key: [value] for key, value in judged(n, grade).items()},
                    }
                    for n, grade in enumerate(("The answer is correct.\n\nA", "B"))
                ],
            },
        ),
        {"gpqa_diamond": {"qwen-hf": [1, 0]}},
        says=["'A' as right"],
    ),
    "a cascade of rule and judge": Shape(
        "opencompass",
        file(
            "math",
            {
                "accuracy": 100.0,
                "details": [
                    {
                        "rule_evaluation": {"correct": False},
                        "llm_evaluation": {"llm_correct": True},
                        "cascade_correct": True,
                    }
                ],
            },
        ),
        {"math": {"qwen-hf": [1]}},
    ),
    "answers whose evaluator gives no details are not scored": Shape(
        "opencompass",
        file("triviaqa", {"score": 71.5, "details": {"type": "GEN", "0": generated(0)}}),
        refused="no metric was logged",
    ),
    "code that passed": Shape(
        "opencompass",
        file(
            "openai_humaneval",
            {
                "humaneval_pass@1": 50.0,
                "details": {
                    str(n): {"programs": "x", "result": result, "is_correct": result == "passed"}
                    for n, result in enumerate(("passed", "failed"))
                },
            },
        ),
        {"openai_humaneval": {"qwen-hf": [1, 0]}},
    ),
}
