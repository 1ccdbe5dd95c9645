"""Routers predict a score for each prompt and model; a policy chooses by it."""

from routereval.routers.adapters import as_router
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.checks import CHECKS, check_router
from routereval.routers.entrants import lineup
from routereval.routers.new_models import extend
from routereval.routers.policy import choose, one_hot, weights
from routereval.routers.registry import ROUTERS, described, make_router, register
from routereval.routers.trained import Decision, TrainedRouter, load_router, save_router

__all__ = [
    "CHECKS",
    "ROUTERS",
    "Decision",
    "Router",
    "Scores",
    "TrainedRouter",
    "Training",
    "as_router",
    "check_router",
    "choose",
    "described",
    "extend",
    "lineup",
    "load_router",
    "make_router",
    "mean_scores",
    "one_hot",
    "register",
    "save_router",
    "weights",
]
