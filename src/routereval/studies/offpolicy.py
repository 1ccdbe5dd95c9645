"""From the gateway's log: what other routers would have done on the same traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.gateway_log import Logged, read_log
from routereval.routers import TrainedRouter
from routereval.scoring.offpolicy import (
    Estimate,
    cross_fitted,
    direct,
    doubly_robust,
    effective_size,
    importance,
    ips,
    snips,
)
from routereval.shown import Shown

LEAST_COVERED = 0.95
"""The share of requests on which the log can tell what a router would have got."""
FEW = 30
"""An effective size below which a normal interval is not to be trusted."""

Floats = NDArray[np.float64]
Choices = list[str | None]

_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Alternative:
    """One router on the logged traffic.

    Attributes:
        name: what it is.
        n: requests that it could serve, with feedback.
        covered: the share of them on which its choice had a chance to be logged.
        size: effective number of requests that tell about it.
        ips: mean score, by inverse propensity scoring.
        snips: by its self-normalised form.
        dr: by the doubly robust form.
        cost: USD per request, doubly robust.
    """

    name: str
    n: int
    covered: float
    size: float
    ips: Estimate
    snips: Estimate
    dr: Estimate
    cost: Estimate


@dataclass(frozen=True, repr=False)
class OffPolicy(Shown):
    """What was logged, and what could have been; as text a table.

    Attributes:
        rows: those that served first, then the others.
        n_requests: requests that a router decided.
        n_scored: those of them with feedback.
        level: confidence of the intervals.
    """

    rows: tuple[Alternative, ...]
    n_requests: int
    n_scored: int
    level: float


def offpolicy(
    log: str | Path | Sequence[Logged],
    routers: Mapping[str, TrainedRouter] | None = None,
    level: float = 0.95,
) -> OffPolicy:
    """Estimate what other routers would have done.

    Those that served come first, by what happened; then the shadows of the log, the routers that
    are given, and each model asked always.

    Args:
        log: the gateway's log, or what `read_log` made of it.
        routers: by name; they need the prompts' texts. A router that learned from this very log
            looks better than it is: keep a later part of the log for this.
        level: confidence of the intervals.

    Raises:
        DataError: if there is no feedback, or a router needs texts that were not logged.
    """
    rows = read_log(Path(log)) if isinstance(log, str | Path) else list(log)
    rows = [row for row in rows if row.choice]
    scored = [row for row in rows if not math.isnan(row.score)]
    if not scored:
        raise DataError(
            f"none of {len(rows)} logged requests has feedback; send it with POST /v1/feedback"
        )
    found = [_served(name, of, level) for name, of in _served_by(scored).items()]
    for name, choices in _choosers(scored, routers or {}).items():
        found.append(_alternative(name, scored, choices(scored), level))
    return OffPolicy(tuple(found), len(rows), len(scored), level)


def _served_by(rows: Sequence[Logged]) -> dict[str, list[Logged]]:
    """All that was served, and each router's part if there were several."""
    names = sorted({row.router for row in rows})
    parts = {"served": list(rows)}
    if len(names) > 1:
        parts |= {f"served by {n}": [row for row in rows if row.router == n] for n in names}
    return parts


def _served(name: str, rows: Sequence[Logged], level: float) -> Alternative:
    score = direct([row.score for row in rows], level)
    cost = direct([row.cost for row in rows if not math.isnan(row.cost)], level)
    return Alternative(name, len(rows), 1.0, float(len(rows)), score, score, score, cost)


def _choosers(
    rows: Sequence[Logged], routers: Mapping[str, TrainedRouter]
) -> dict[str, Callable[[Sequence[Logged]], Choices]]:
    """Who else might have chosen, by name: from requests to choices, None where it could not."""

    def shadow(name: str) -> Callable[[Sequence[Logged]], Choices]:
        return lambda rows: [row.shadows.get(name) for row in rows]

    def routed(name: str, router: TrainedRouter) -> Callable[[Sequence[Logged]], Choices]:
        return lambda rows: _decided(name, router, rows)

    def always(model: str) -> Callable[[Sequence[Logged]], Choices]:
        return lambda rows: [model if model in row.allowed else None for row in rows]

    shadows = sorted({name for row in rows for name in row.shadows})
    models = list(dict.fromkeys(model for row in rows for model in row.allowed))
    return {
        **{f"shadow {name}": shadow(name) for name in shadows},
        **{name: routed(name, router) for name, router in routers.items()},
        **{f"always {model}": always(model) for model in models},
    }


def _decided(name: str, router: TrainedRouter, rows: Sequence[Logged]) -> Choices:
    """What a router chooses, among what was allowed at the trade-off that was asked for."""
    if any(row.text is None for row in rows):
        raise DataError(
            f"{name} needs the prompts' texts, and the log holds hashes; serve with [log] texts = "
            "true, or with the router as a shadow"
        )
    texts = [row.text or "" for row in rows]
    scores, costs = router.scores(texts), router.costs_of(texts)
    found: Choices = []
    for at, row in enumerate(rows):
        allowed = [model for model in row.allowed if model in router.models]
        one = slice(at, at + 1)
        decided = (
            router.decided(texts[one], scores[one], costs[one], row.lam, allowed) if allowed else []
        )
        found.append(decided[0].model if decided else None)
    return found


def _alternative(name: str, rows: Sequence[Logged], choices: Choices, level: float) -> Alternative:
    pairs = [(row, choice) for row, choice in zip(rows, choices, strict=True) if choice is not None]
    n = len(pairs)
    chanced = [row.choice == choice or row.propensity < 1 for row, choice in pairs]
    covered = sum(chanced) / n if n else 0.0
    if covered < LEAST_COVERED:
        return Alternative(name, n, covered, 0.0, _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN)
    held = [pair for pair, chance in zip(pairs, chanced, strict=True) if chance]
    rewards = np.array([row.score for row, _ in held])
    same = np.array([float(row.choice == choice) for row, choice in held])
    weights = importance(same, [row.propensity for row, _ in held])
    expected = cross_fitted(
        rewards,
        [row.scores.get(row.choice, math.nan) for row, _ in held],
        [row.scores.get(choice, math.nan) for row, choice in held],
    )
    return Alternative(
        name,
        n,
        covered,
        effective_size(weights),
        ips(rewards, weights, level),
        snips(rewards, weights, level),
        doubly_robust(rewards, weights, *expected, level),
        _cost(held, weights, level),
    )


def _cost(held: Sequence[tuple[Logged, str]], weights: Floats, level: float) -> Estimate:
    """USD per request, doubly robust."""
    known = [at for at, (row, _) in enumerate(held) if not math.isnan(row.cost)]
    if not known:
        return _UNKNOWN
    pairs = [held[at] for at in known]
    costs = np.array([row.cost for row, _ in pairs])
    halves = np.arange(len(pairs)) % 2 == 0
    expected = np.empty((2, len(pairs)))
    for mine in (halves, ~halves):
        mean = _mean_of([row for (row, _), is_mine in zip(pairs, mine, strict=True) if not is_mine])
        for at in np.flatnonzero(mine):
            row, choice = pairs[at]
            expected[:, at] = mean(row.choice), mean(choice)
    return doubly_robust(costs, weights[known], expected[0], expected[1], level)


def _mean_of(rows: Sequence[Logged]) -> Callable[[str], float]:
    """What a request to a model cost on average; for one that was not asked, what any did."""
    held: dict[str, list[float]] = {}
    for row in rows:
        held.setdefault(row.choice, []).append(row.cost)
    means = {name: sum(of) / len(of) for name, of in held.items()}
    rest = sum(row.cost for row in rows) / len(rows) if rows else 0.0
    return lambda name: means.get(name, rest)
