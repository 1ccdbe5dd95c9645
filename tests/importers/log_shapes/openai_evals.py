"""OpenAI Evals: ``evals/record.py`` (``LocalRecorder``), ``evals/base.py`` (``RunSpec``)."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape


def record(model: str, *events: dict[str, Any], **spec: Any) -> list[dict[str, Any]]:
    """A record: its spec, its events and its end."""
    head = {
        "completion_fns": [model],
        "eval_name": "toy.dev.v0",
        "base_eval": "toy",
        "split": "dev",
        "run_config": {"seed": 20220722, "max_samples": None},
        "run_id": "230501-ABC",
        "created_at": "2023-05-01 10:00:00.000001",
        **spec,
    }
    return [{"spec": head}, *events, {"final_report": {"accuracy": 0.5}}]


def event(number: int, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """An event of a sample."""
    return {
        "run_id": "230501-ABC",
        "event_id": number,
        "sample_id": f"toy.dev.{number}",
        "type": kind,
        "data": data,
        "created_by": "",
        "created_at": "2023-05-01 10:00:01.000001+00:00",
    }


def asked(number: int) -> dict[str, Any]:
    """What was asked of a sample."""
    messages = [{"role": "system", "content": "Add."}, {"role": "user", "content": f"{number}+1"}]
    return event(number, "sampling", {"prompt": messages, "sampled": ["2"]})


def match(number: int, right: object) -> dict[str, Any]:
    """Whether a sample matched."""
    return event(number, "match", {"correct": right, "expected": "2", "picked": "2"})


SHAPES = {
    "matches": Shape(
        "openai-evals",
        {
            "a.jsonl": record("gpt-4", asked(0), match(0, True), asked(1), match(1, False)),
            "b.jsonl": record("gpt-3.5-turbo", asked(0), match(0, False), asked(1), match(1, True)),
        },
        {"toy.dev.v0": {"gpt-4": [1, 0], "gpt-3.5-turbo": [0, 1]}},
        about={"toy.dev.v0": {"texts": ["Add.\n\n0+1", "Add.\n\n1+1"]}},
    ),
    "words are told": Shape(
        "openai-evals",
        {"a.jsonl": record("gpt-4", match(0, "true"), match(1, "false"))},
        {"toy.dev.v0": {"gpt-4": [1, 0]}},
        says=["column 'correct': 1 'true' as 1, 1 'false' as 0"],
    ),
    "metrics of graded samples": Shape(
        "openai-evals",
        {
            "a.jsonl": record(
                "gpt-4",
                asked(0),
                event(0, "metrics", {"choice": "B", "score": 0.5}),
                event(1, "metrics", {"choice": "__invalid__", "score": None}),
            )
        },
        {"toy.dev.v0": {"gpt-4": [0.5, None]}},
    ),
    "two runs of a model are trials": Shape(
        "openai-evals",
        {
            "a.jsonl": record("gpt-4", match(0, True)),
            "b.jsonl": record("gpt-4", match(0, False), run_id="2", created_at="2023-06-01"),
        },
        {"toy.dev.v0": {"gpt-4": [0.5]}},
        says=["gpt-4: 2 runs are trials: a.jsonl, b.jsonl"],
        about={"toy.dev.v0": {"trials": 2}},
    ),
    "an error of a sample is not observed": Shape(
        "openai-evals",
        {
            "a.jsonl": record(
                "gpt-4", match(0, True), event(1, "error", {"type": "Timeout", "message": "slow"})
            )
        },
        {"toy.dev.v0": {"gpt-4": [1, None]}},
    ),
}
