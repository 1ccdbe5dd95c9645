"""Routers predict a score for each prompt and model; a policy chooses by it."""

from routereval.routers.base import Router, Scores, mean_scores
from routereval.routers.checks import CHECKS, check_router
from routereval.routers.policy import choose, one_hot, weights
from routereval.routers.registry import ROUTERS, described, make_router, register

__all__ = [
    "CHECKS",
    "ROUTERS",
    "Router",
    "Scores",
    "check_router",
    "choose",
    "described",
    "make_router",
    "mean_scores",
    "one_hot",
    "register",
    "weights",
]
