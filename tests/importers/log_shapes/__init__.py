"""Small inputs in the shapes in which projects write their logs, by project."""

from __future__ import annotations

from tests.importers.log_shapes import (
    agents,
    code,
    evalscope,
    harbor,
    helm,
    inspect_log,
    leaderboards,
    lighteval,
    lm_eval,
    openai_evals,
    opencompass,
    services,
    unread,
)

_PROJECTS = (
    agents,
    code,
    evalscope,
    harbor,
    helm,
    inspect_log,
    leaderboards,
    lighteval,
    lm_eval,
    openai_evals,
    opencompass,
    services,
    unread,
)
SHAPES = {
    f"{module.__name__.rpartition('.')[2]}: {what}": shape
    for module in _PROJECTS
    for what, shape in module.SHAPES.items()
}
"""All of them, by what they show."""
