"""From the gateway's log, week by week: do scores keep what the router predicted, and for whom?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist

import numpy as np

from routereval.errors import DataError
from routereval.grouped import grouped
from routereval.importers.gateway_log import Logged, read_log
from routereval.routers import TrainedRouter
from routereval.scoring import Interval, holm
from routereval.shown import Shown

LEVEL = 0.05
FEW = 30
"""Scored conversations below which a week is compared with none."""


@dataclass(frozen=True)
class Week:
    """A week of traffic.

    Attributes:
        name: as ISO 8601 writes it, in UTC.
        n: requests that were routed.
        n_scored: those with feedback whose answer came from the model that was chosen.
        predicted: the mean score that the router predicted for these.
        score: their mean score, by feedback.
        gap: `score` less `predicted`, with its interval.
        unfamiliar: share of all prompts that were unlike the training prompts.
        shares: of each model in the answers.
        p_gap: of the hypothesis that the gap is that of the weeks before, corrected by Holm over
            all weeks; NaN for the first, and where there is too little.
        p_unfamiliar: the same of the share of unfamiliar prompts.
    """

    name: str
    n: int
    n_scored: int
    predicted: float
    score: float
    gap: float
    interval: Interval
    unfamiliar: float
    shares: dict[str, float]
    p_gap: float = math.nan
    p_unfamiliar: float = math.nan


@dataclass(frozen=True, repr=False)
class LogDrift(Shown):
    """How traffic and scores moved; as text a table of weeks.

    Attributes:
        weeks: the first one first.
        models: those that answered, the most frequent first.
        router: whose predictions these are; empty for those of the log.
        notes: what was left out.
    """

    weeks: tuple[Week, ...]
    models: tuple[str, ...]
    router: str = ""
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> list[Week]:
        """Weeks whose gap differs from that of the weeks before by more than luck."""
        return [week for week in self.weeks if week.p_gap < LEVEL]

    @property
    def stranger(self) -> list[Week]:
        """Weeks whose share of unfamiliar prompts differs by more than luck."""
        return [week for week in self.weeks if week.p_unfamiliar < LEVEL]


def log_drift(
    log: str | Path | Sequence[Logged], router: TrainedRouter | None = None, name: str = ""
) -> LogDrift:
    """Predicted against fed-back scores by week, with the share of unfamiliar prompts and models.

    A week is compared with all weeks before it, by a normal test whose unit is the conversation;
    p-values are corrected by Holm, so that about 5 % of logs in which nothing changed name any
    week.

    Args:
        log: the gateway's log, or what `read_log` made of it.
        router: to predict anew; it needs the prompts' texts. The log's predictions without.
        name: of the router.

    Raises:
        DataError: if no request was routed, or a router needs texts that were not logged.
    """
    rows = read_log(Path(log)) if isinstance(log, str | Path) else list(log)
    rows = [row for row in rows if row.choice]
    if not rows:
        raise DataError("no request in the log was decided by a router")
    if router is not None:
        rows = _predicted_anew(rows, router, name)
    models = [model for model, _ in Counter(row.model for row in rows if row.model).most_common()]
    by_week = grouped(sorted(rows, key=lambda row: row.time), lambda row: week_of(row.time))
    weeks = [_week(name, of, models) for name, of in by_week.items()]
    parts = list(by_week.values())
    gaps = _adjusted([_p(_before(parts, at), parts[at], _gaps) for at in range(len(parts))])
    odd = _adjusted([_p(_before(parts, at), parts[at], _unfamiliar) for at in range(len(parts))])
    weeks = [
        replace(week, p_gap=gap, p_unfamiliar=one)
        for week, gap, one in zip(weeks, gaps, odd, strict=True)
    ]
    return LogDrift(tuple(weeks), tuple(models), name if router else "", _notes(rows, router))


def week_of(time: float) -> str:
    """The week of a time in seconds since the epoch, in UTC.

    >>> week_of(1700000000)
    '2023-W46'
    """
    year, week, _ = datetime.fromtimestamp(time, UTC).isocalendar()
    return f"{year}-W{week:02}"


def _predicted_anew(rows: Sequence[Logged], router: TrainedRouter, name: str) -> list[Logged]:
    if any(row.text is None for row in rows):
        raise DataError(
            f"{name or 'the router'} needs the prompts' texts, and the log holds hashes; serve "
            "with [log] texts = true, or leave the router out: the log has predictions of its own"
        )
    texts = [row.text or "" for row in rows]
    found = router.predicted(texts)
    return [
        replace(
            row,
            scores=dict(zip(router.models, scores.tolist(), strict=True)),
            unfamiliar=bool(strange),
        )
        for row, scores, strange in zip(rows, found.scores, found.unfamiliar, strict=True)
    ]


def _scored(rows: Sequence[Logged]) -> list[Logged]:
    """Those that tell about a prediction: the chosen model answered, and was scored."""
    return [
        row
        for row in rows
        if row.model == row.choice and not math.isnan(row.score - _prediction(row))
    ]


def _prediction(row: Logged) -> float:
    return row.scores.get(row.choice, math.nan)


def _week(name: str, rows: Sequence[Logged], models: Sequence[str]) -> Week:
    scored = _scored(rows)
    answered = Counter(row.model for row in rows if row.model)
    n = max(answered.total(), 1)
    predicted = np.array([_prediction(row) for row in scored])
    score = np.array([row.score for row in scored])
    mean, variance = _clustered(_gaps(rows))
    wide = NormalDist().inv_cdf(1 - LEVEL / 2) * math.sqrt(variance)
    return Week(
        name,
        len(rows),
        len(scored),
        float(predicted.mean()) if scored else math.nan,
        float(score.mean()) if scored else math.nan,
        mean,
        Interval(mean - wide, mean + wide),
        sum(row.unfamiliar for row in rows) / len(rows),
        {model: answered[model] / n for model in models},
    )


def _gaps(rows: Sequence[Logged]) -> dict[str, list[float]]:
    """Scores less predictions, by conversation."""
    found: dict[str, list[float]] = {}
    for row in _scored(rows):
        unit = row.conversation or row.request_id
        found.setdefault(unit, []).append(row.score - _prediction(row))
    return found


def _unfamiliar(rows: Sequence[Logged]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.conversation or row.request_id, []).append(float(row.unfamiliar))
    return found


def _clustered(units: dict[str, list[float]]) -> tuple[float, float]:
    """The mean of all values, and its variance where those of a unit belong together."""
    if len(units) < 2:
        return next((float(np.mean(of)) for of in units.values()), math.nan), math.nan
    sizes = np.array([len(of) for of in units.values()], np.float64)
    sums = np.array([sum(of) for of in units.values()])
    mean = float(sums.sum() / sizes.sum())
    residual = sums - mean * sizes
    n = len(units)
    return mean, float((residual**2).sum() / sizes.sum() ** 2 * n / (n - 1))


def _before(parts: Sequence[list[Logged]], at: int) -> list[Logged]:
    return [row for part in parts[:at] for row in part]


def _p(
    before: Sequence[Logged],
    now: Sequence[Logged],
    units: Callable[[Sequence[Logged]], dict[str, list[float]]],
) -> float:
    """Two-sided, that the means are equal; NaN where there are too few conversations."""
    old, new = units(before), units(now)
    if min(len(old), len(new)) < FEW:
        return math.nan
    (a, var_a), (b, var_b) = _clustered(old), _clustered(new)
    if var_a + var_b == 0:
        return 1.0 if a == b else 0.0
    return 2 * NormalDist().cdf(-abs(a - b) / math.sqrt(var_a + var_b))


def _adjusted(p: Sequence[float]) -> list[float]:
    """Corrected by Holm; NaN stays."""
    known = [at for at, one in enumerate(p) if not math.isnan(one)]
    found = [math.nan] * len(p)
    if known:
        for at, one in zip(known, holm([p[at] for at in known]), strict=True):
            found[at] = float(one)
    return found


def _notes(rows: Sequence[Logged], router: TrainedRouter | None) -> tuple[str, ...]:
    notes = []
    elsewhere = sum(bool(row.model) and row.model != row.choice for row in rows)
    if elsewhere:
        notes.append(f"{elsewhere:,} answers came from another model than chosen, after a fault.")
    if router is not None:
        rest = sorted({row.choice for row in rows} - set(router.models))
        if rest:
            notes.append(f"The router's pool lacks {', '.join(rest)}, which the log has.")
    return tuple(notes)
