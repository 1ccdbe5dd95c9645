"""What a column of a plain table can be for, and the names by which it is known."""

from __future__ import annotations

from collections.abc import Mapping

from routereval.errors import SpecError, unknown
from routereval.records.axes import AXES

ROLES: Mapping[str, tuple[str, ...]] = {
    "model": ("model", "model_name", "model_id", "llm", "llm_name"),
    "prompt_id": (
        *("prompt_id", "question_id", "sample_id", "task_id", "instance_id", "item_id"),
        *("example_id", "doc_id", "id"),
    ),
    "score": (
        *("score", "correct", "is_correct", "accuracy", "acc", "passed", "pass", "performance"),
        *("success", "reward", "exact_match", "em"),
    ),
    "cost": ("cost", "cost_usd", "total_cost", "usd", "total_cost_usd", "cost_in_usd"),
    "prompt": ("prompt", "question", "query", "input", "inputs", "instruction", "text"),
    "benchmark": ("benchmark", "dataset", "task", "task_name", "eval_name"),
    "subset": ("subset", "subject", "category"),
    "chance": ("chance",),
    "trial": (
        *("trial", "trial_id", "seed", "attempt", "attempt_id", "run", "run_id", "repeat"),
        *("repetition", "replicate", "epoch", "iteration", "sample_index", "sample_idx"),
    ),
    "judge": (
        *("judge", "judge_model", "judge_name", "grader", "grader_model", "rater", "evaluator"),
        *("annotator", "annotator_id", "labeler"),
    ),
    "effort": ("effort", "reasoning_effort", "thinking_effort"),
    **{axis: known.aliases for axis, known in AXES.items()},
    "latency_s": AXES["latency_ms"].seconds,
}
"""What a column can be for, and the names by which it is known by itself."""

NAMED_LISTS = ("ignore", "models")
"""Roles whose columns are several, joined by a bar."""


def column_names(columns: str | Mapping[str, str] | None) -> dict[str, str]:
    """Column by role, from ``"role=column, role=column"`` or such a mapping.

    Raises:
        SpecError: if a role is unknown, or the text is of another form.

    >>> column_names("model=llm_name, score=correct")
    {'model': 'llm_name', 'score': 'correct'}
    """
    if not isinstance(columns, str):
        pairs = list((columns or {}).items())
    else:
        parts = [part.split("=", 1) for part in columns.split(",") if part.strip()]
        if any(len(part) < 2 for part in parts):
            raise SpecError(
                f"cannot read the columns {columns!r}; write role=column, as in model=llm_name"
            )
        pairs = [(role.strip(), column.strip()) for role, column in parts]
    for role, _ in pairs:
        if role not in ROLES and role not in NAMED_LISTS:
            raise unknown("column role", role, [*ROLES, *NAMED_LISTS])
    return dict(pairs)
