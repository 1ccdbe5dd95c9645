"""What learning on live traffic costs: bandits replayed over records, beside full information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.records import Records
from routereval.records.groups import first_equal
from routereval.routers import choose, make_router
from routereval.routers.bandits import Bandit
from routereval.shown import Shown
from routereval.sources import open_source
from routereval.studies.progress import Progress, silent
from routereval.tasks import Task

Floats = NDArray[np.float64]
DEFAULT_ROUTERS = ("linucb", "thompson", "epsilon_greedy")
DEFAULT_POOL = "all-strong(size=5)"
AGAINST = ("linear", "best_single", "oracle")
FOLDS = 5
POINTS = 200
FEWEST = 40


class Estimate(NamedTuple):
    """A mean over orders of the prompts, with its 95 % interval (Student's t)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Line:
    """How one router fared on the stream.

    Attributes:
        name: the router's spec; for those that learn nothing from the stream, their name.
        learns: whether it is a bandit.
        score: mean score over the whole stream.
        first, last: regret a prompt in the first and in the last quarter of the stream.
        total: regret over the whole stream.
        at: (n_points,) numbers of prompts.
        regret: (n_points, 3) cumulative regret there: mean, low, high.
    """

    name: str
    learns: bool
    score: Estimate
    first: Estimate
    last: Estimate
    total: Estimate
    at: NDArray[np.int64]
    regret: Floats

    @property
    def flattens(self) -> bool:
        """Whether the last quarter's interval lies below the first quarter's."""
        return self.last.high < self.first.low


@dataclass(frozen=True, eq=False)
class Replay:
    """Bandits on the stream of one benchmark.

    Attributes:
        benchmark: its name.
        models: the pool.
        n_prompts: length of the stream.
        orders: in how many orders it was replayed.
        against: what regret is counted against.
        lines: the bandits, then the yardsticks.
        simulated: whether the records are.
    """

    benchmark: str
    models: tuple[str, ...]
    n_prompts: int
    orders: int
    against: str
    lines: tuple[Line, ...]
    simulated: bool


class Replays(Shown, tuple[Replay, ...]):
    """Bandits on the streams of several benchmarks, in their order."""

    __slots__ = ()


def replay(
    sources: Sequence[Records | str | Path],
    routers: Sequence[str] = DEFAULT_ROUTERS,
    *,
    pool: str = DEFAULT_POOL,
    against: str = "linear",
    orders: int = 10,
    embedder: str = "auto",
    progress: Progress | None = None,
) -> Replays:
    """Replay bandits over the training prompts of a pool, in several orders.

    Regret is what the yardstick scores on the same prompts less what the bandit did. The yardstick
    ``linear`` is ridge regression with full information: it sees the scores of all models, and
    predicts each fifth of the prompts from the other four, so that it does not know the answers.
    ``best_single`` is the model of the highest mean on the stream; ``oracle`` the best model of
    each prompt, against which no curve can flatten out wholly.

    Args:
        sources: records, or anything `open_source` opens.
        routers: specs of bandits.
        pool: the pool; prompts on which one of its models was not observed are left out.
        against: what regret is counted against: ``linear``, ``best_single`` or ``oracle``.
        orders: how many orders to draw, at least 2.
        embedder: what makes the features; see `PreparedBenchmark`.
        progress: called as the study proceeds.

    Raises:
        DataError: if there are fewer than 40 prompts.
        SpecError: if a router is no bandit, or a name is not known.
    """
    chosen = _checked(routers, against, orders)
    opened = open_source(sources)
    report = progress or silent
    found = []
    report("benchmarks", 0, len(opened))
    for records in opened:
        found.append(_replayed(Task(records, pool, embedder=embedder), chosen, against, orders))
        report("benchmarks", len(found), len(opened))
    return Replays(found)


def _checked(routers: Sequence[str], against: str, orders: int) -> tuple[str, ...]:
    """The routers, each once, when all that was asked for is known."""
    if against not in AGAINST:
        raise unknown("yardstick", against, AGAINST)
    if orders < 2:
        raise SpecError(f"a replay needs at least 2 orders for an interval, not {orders}")
    for spec in routers:
        if not isinstance(make_router(spec), Bandit):
            raise SpecError(f"router {spec!r} is no bandit; choose of {', '.join(DEFAULT_ROUTERS)}")
    if not routers:
        raise SpecError(f"a replay needs a bandit; choose of {', '.join(DEFAULT_ROUTERS)}")
    return tuple(dict.fromkeys(routers))


class _Stream(NamedTuple):
    """The prompts of a stream, and what the yardsticks score on each."""

    X: NDArray[np.floating]
    scores: Floats
    linear: Floats
    best_single: Floats
    oracle: Floats
    random: Floats

    @classmethod
    def of(cls, task: Task) -> _Stream:
        whole = ~np.isnan(task.train.scores).any(axis=1)
        X, scores = task.train.X[whole], task.train.scores[whole]
        if len(X) < FEWEST:
            raise DataError(
                f"{task.records.name}: only {len(X)} training prompts were put to every model of "
                f"{task.pool}, and a replay needs {FEWEST}"
            )
        X.flags.writeable = scores.flags.writeable = False  # so the spectrum is found once
        return cls(
            X=X,
            scores=scores,
            linear=_full_information(X, scores, task.train.groups[whole]),
            best_single=scores[:, int(scores.mean(axis=0).argmax())],
            oracle=scores.max(axis=1),
            random=scores.mean(axis=1),
        )


def _replayed(task: Task, routers: Sequence[str], against: str, orders: int) -> Replay:
    stream = _Stream.of(task)
    drawn = [np.random.default_rng(seed).permutation(len(stream.X)) for seed in range(orders)]
    base = np.stack([getattr(stream, against)[order] for order in drawn])
    lines = []
    for spec in routers:
        played = [
            cast("Bandit", make_router(spec, random_state=seed)).fit(stream.X, stream.scores)
            for seed in range(orders)
        ]
        lines.append(_line(spec, True, np.stack([bandit.rewards_ for bandit in played]), base))
    for name in ("linear", "best_single", "random"):
        rewards = np.stack([getattr(stream, name)[order] for order in drawn])
        lines.append(_line(name, False, rewards, base))
    return Replay(
        benchmark=task.records.name,
        models=task.models,
        n_prompts=len(stream.X),
        orders=orders,
        against=against,
        lines=tuple(lines),
        simulated=task.records.simulated,
    )


def _full_information(X: NDArray[np.floating], scores: Floats, groups: NDArray[np.int64]) -> Floats:
    """What ridge regression scores on each prompt that it was not fitted on, nor on an equal."""
    fold = (np.random.default_rng(0).permutation(len(X)) % FOLDS)[first_equal(groups)]
    earned = np.empty(len(X))
    for number in range(FOLDS):
        here = fold == number
        router = make_router("linear").fit(X[~here], scores[~here])
        chosen = choose(router.predict_scores(X[here]))
        earned[here] = scores[here][np.arange(len(chosen)), chosen]
    return earned


def _line(name: str, learns: bool, rewards: Floats, base: Floats) -> Line:
    """Sum up (n_orders, n_prompts) scores of a router and of the yardstick."""
    gaps = base - rewards
    quarter = gaps.shape[1] // 4
    cumulative = gaps.cumsum(axis=1)
    at = np.unique(np.linspace(1, gaps.shape[1], POINTS).round().astype(np.int64))
    return Line(
        name=name,
        learns=learns,
        score=_estimate(rewards.mean(axis=1)),
        first=_estimate(gaps[:, :quarter].mean(axis=1)),
        last=_estimate(gaps[:, -quarter:].mean(axis=1)),
        total=_estimate(cumulative[:, -1]),
        at=at,
        regret=np.array([_estimate(cumulative[:, n - 1]) for n in at]),
    )


def _estimate(values: Floats) -> Estimate:
    from scipy.stats import t

    mean, error = float(values.mean()), float(values.std(ddof=1)) / np.sqrt(len(values))
    half = float(t.ppf(0.975, len(values) - 1)) * error
    return Estimate(mean, float(mean - half), float(mean + half))
