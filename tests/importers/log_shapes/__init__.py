"""Small inputs in the shapes in which projects write their logs, by project."""

from __future__ import annotations

from tests.importers.log_shapes import inspect_log, lm_eval, openai_evals

_PROJECTS = {
    "lm-eval": lm_eval.SHAPES,
    "inspect": inspect_log.SHAPES,
    "openai-evals": openai_evals.SHAPES,
}
SHAPES = {
    f"{project}: {what}": shape
    for project, held in _PROJECTS.items()
    for what, shape in held.items()
}
"""All of them, by what they show."""
