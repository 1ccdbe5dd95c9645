"""What a column of a plain table can be for, and the names by which it is known."""

from __future__ import annotations

from collections.abc import Mapping

from routereval.errors import SpecError, unknown
from routereval.records.axes import AXES

ROLES: Mapping[str, tuple[str, ...]] = {
    "model": (
        *("model", "model_name", "model_id", "llm", "llm_name", "model_test", "test_model"),
        *("tested_model", "evaluated_model", "target_model", "model_name_or_path", "model_path"),
        *("generator", "response_model", "response_model_name", "answer_model", "candidate_model"),
    ),
    "prompt_id": (
        *("prompt_id", "question_id", "sample_id", "task_id", "instance_id", "item_id"),
        *("example_id", "doc_id", "problem_id", "query_id", "case_id", "test_case_id"),
        *("test_id", "scenario_id", "qid", "item", "id"),
    ),
    "score": (
        *("score", "correct", "is_correct", "accuracy", "acc", "passed", "pass", "performance"),
        *("success", "reward", "exact_match", "em", "is_passed", "is_right", "if_right"),
        *("is_success", "true_false", "solved", "is_solved", "resolved", "is_resolved"),
        *("total_score", "final_score", "overall_score", "rating"),
    ),
    "cost": ("cost", "cost_usd", "total_cost", "usd", "total_cost_usd", "cost_in_usd"),
    "prompt": (
        *("prompt", "question", "query", "input", "inputs", "instruction", "text"),
        *("question_text", "prompt_text", "query_text", "user_prompt", "problem"),
        *("problem_statement", "original_question", "original_prompt", "full_prompt"),
        *("user_message", "user_query"),
    ),
    "benchmark": ("benchmark", "dataset", "task", "task_name", "eval_name"),
    "subset": ("subset", "subject", "category"),
    "chance": ("chance",),
    "trial": (
        *("trial", "trial_id", "seed", "attempt", "attempt_id", "run", "run_id", "repeat"),
        *("repetition", "replicate", "epoch", "iteration", "sample_index", "sample_idx"),
        *("run_idx", "run_index", "run_number", "trial_idx", "trial_index", "attempt_idx", "rep"),
    ),
    "judge": (
        *("judge", "judge_model", "judge_name", "grader", "grader_model", "rater", "evaluator"),
        *("annotator", "annotator_id", "labeler", "eval_model", "eval_model_name"),
        *("evaluator_model", "grading_model"),
    ),
    "effort": (
        *("effort", "reasoning_effort", "thinking_effort", "reasoning_level", "thinking_level"),
        *("thinking_budget", "reasoning_budget", "arm"),
    ),
    **{axis: known.aliases for axis, known in AXES.items()},
    "latency_s": AXES["latency_ms"].seconds,
}
"""What a column can be for, and the names by which it is known by itself."""

WORDS_ONLY = (
    *("outcome", "verdict", "grade", "judgment", "judgement", "evaluation", "result", "label"),
)
"""Columns that are the score where they hold words such as pass and wrong, and no known one is."""

KEYS = ("session_id", "uid", "pid", "record_id", "key")
"""Columns that name the prompts where neither a known id nor a text does."""

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
