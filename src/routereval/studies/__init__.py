"""The main jobs: the benchmark grid, scaling-up, advice, the paper's tables; and their results.

Names are resolved on first use, so that a study loads only what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routereval.studies.advice import Advice, advise
    from routereval.studies.evaluation import Evaluation, evaluate
    from routereval.studies.grid import run
    from routereval.studies.judging import score
    from routereval.studies.reproduce import Reproduction, reproduce_paper
    from routereval.studies.results import Cell, Results, read_results
    from routereval.studies.scaling_study import ScalingResults, scaling
    from routereval.studies.training import train

_HOMES = {
    "advice": ("Advice", "advise"),
    "evaluation": ("Evaluation", "evaluate"),
    "grid": ("run",),
    "judging": ("score",),
    "reproduce": ("Reproduction", "reproduce_paper"),
    "results": ("Cell", "Results", "read_results"),
    "scaling_study": ("ScalingResults", "scaling"),
    "training": ("train",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Advice",
    "Cell",
    "Evaluation",
    "Reproduction",
    "Results",
    "ScalingResults",
    "advise",
    "evaluate",
    "read_results",
    "reproduce_paper",
    "run",
    "scaling",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOME:
        raise AttributeError(f"module 'routereval.studies' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"routereval.studies.{_HOME[name]}"), name)
