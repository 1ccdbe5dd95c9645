"""From the gateway's log: is the second router, or a shadow, better? To be asked at any time."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.importers.gateway_log import Logged, read_log
from routereval.routers import load_router
from routereval.scoring import Interval
from routereval.scoring.always_valid import (
    first_reached,
    mean_interval_at_any_time,
    units_needed,
    wealth,
)
from routereval.shown import Shown
from routereval.whole_folders import whole_folder

ALPHA = 0.05
_SMALL_DIFFERENCE = 0.05
_MOST_ARMS = 2  # that serve at a time

Floats = NDArray[np.float64]
Call = Literal["better", "worse", "not yet"]


@dataclass(frozen=True)
class Contender:
    """A router against the one that serves.

    Attributes:
        name: as in the log.
        against: the router that serves; every one that did, for a shadow.
        n: conversations with feedback that tell about it.
        difference: of the mean score; NaN without any.
        interval: of the difference, valid whenever one looks.
        verdict: better, worse or not yet.
        called_at: after how many conversations that was proved; None where it is not yet.
        needed: about how many it takes to prove a difference of .05, by the variance so far.
        unknown: those of `n` on which what it would have chosen had no chance to be asked.
    """

    name: str
    against: str
    n: int
    difference: float
    interval: Interval
    verdict: Call
    called_at: int | None
    needed: int | None
    unknown: int = 0


@dataclass(frozen=True, repr=False)
class ExperimentStatus(Shown):
    """All contenders; as text a table.

    Attributes:
        rows: the second router first, then the shadows.
        n_conversations: with feedback.
        alpha: the probability that any of these calls is ever false, at most.
        notes: what was left out.
    """

    rows: tuple[Contender, ...]
    n_conversations: int
    alpha: float
    notes: tuple[str, ...] = ()


class _Differences(NamedTuple):
    """Numbers whose means enclose the difference of the mean score, and bounds of them.

    Attributes:
        below, above: (n,) each; the same where all is known.
        bounds: (n,) how far from 0 they could be.
    """

    below: Floats
    above: Floats
    bounds: Floats


def experiment_status(
    log: str | Path | Sequence[Logged], alpha: float = ALPHA, baseline: str = ""
) -> ExperimentStatus:
    """Say of the second router and of each shadow whether it is better than what serves.

    The unit is the conversation, by its first feedback, in the order in which feedback came: so
    what was known yesterday is the beginning of what is known today, and one may look daily, or
    after each request. The calls together are false with a probability of at most `alpha`, however
    often one looks; see `scoring.always_valid`.

    Args:
        log: the gateway's log, or what `read_log` made of it.
        alpha: the probability that any call is ever false.
        baseline: the router that the others are compared with; the one that served, as the log
            says, unless given.

    Raises:
        DataError: if there is no feedback, nothing to compare, or more than one experiment.
        SpecError: if alpha is no probability, or no router is called that.
    """
    if not 0 < alpha < 1:
        raise SpecError(f"alpha is a probability between 0 and 1, not {alpha:g}")
    rows = read_log(Path(log)) if isinstance(log, str | Path) else list(log)
    units = _units(rows)
    if not units:
        raise DataError(
            f"none of {len(rows)} logged requests has feedback; send it with POST /v1/feedback"
        )
    split = [row for row in units if row.share < 1]
    arms = _arms(split, baseline)
    if len(arms) > _MOST_ARMS:
        raise DataError(
            f"the log holds several experiments, one after the other ({', '.join(arms)}); give the "
            "files of one of them"
        )
    shadows = sorted({name for row in units for name in row.shadows})
    if len(arms) < _MOST_ARMS and not shadows:
        raise DataError(
            "the log holds no experiment; give [experiment] of gateway.toml a router or shadows"
        )
    each = alpha / (len(shadows) + max(len(arms) - 1, 0))
    found = [_against(split, arms[0], name, each) for name in arms[1:]]
    served = ", ".join(dict.fromkeys(row.router for row in units))
    found += [_shadow(units, name, served, each) for name in shadows]
    return ExperimentStatus(tuple(found), len(units), alpha, _notes(units))


def promote(
    log: str | Path | Sequence[Logged], name: str, target: str | Path, alpha: float = ALPHA
) -> Contender:
    """Put a router in the place of the one that serves, if and only if it is proved better.

    Args:
        log: the gateway's log, or what `read_log` made of it.
        name: of the contender in the log, which is the folder that it was read from.
        target: the folder of the router that serves; it is replaced as a whole.
        alpha: as `experiment_status` takes it.

    Raises:
        DataError: if it is not proved better, or the folder holds no router; then nothing changes.
        SpecError: if no contender is called that.
    """
    rows = {row.name: row for row in experiment_status(log, alpha).rows}
    if name not in rows:
        raise unknown("contender in the log", name, rows)
    row = rows[name]
    if row.verdict != "better":
        low, high = row.interval
        raise DataError(
            f"{name} is {row.verdict if row.verdict != 'not yet' else 'not yet proved better'}: "
            f"{row.difference:+.3f}, between {low:+.3f} and {high:+.3f}; nothing is promoted"
        )
    load_router(name)
    with whole_folder(Path(target).absolute(), overwrite=True) as part:
        shutil.copytree(name, part, dirs_exist_ok=True)
    return row


def _units(rows: Sequence[Logged]) -> list[Logged]:
    """Of each conversation the request that was scored first, in the order of the feedback."""
    scored = [row for row in rows if row.choice and not math.isnan(_first(row)[1])]
    found: dict[str, Logged] = {}
    for row in sorted(scored, key=lambda row: (_first(row)[0], row.time, row.request_id)):
        found.setdefault(row.conversation or row.request_id, row)
    return list(found.values())


def _first(row: Logged) -> tuple[float, float]:
    """When the first feedback came, and its score: later ones may know what was found."""
    return row.scorings[0] if row.scorings else (row.time, row.score)


def _arms(split: Sequence[Logged], baseline: str) -> list[str]:
    """The routers that served side by side, the baseline first."""
    names = sorted({row.router for row in split})
    first = baseline or next((row.against for row in reversed(split) if row.against), "")
    if first and first not in names and baseline:
        raise unknown("router in the log", baseline, names)
    return sorted(names, key=lambda name: name != first)


def _against(split: Sequence[Logged], first: str, name: str, alpha: float) -> Contender:
    rows = [row for row in split if row.router in {first, name}]
    scores = np.array([_first(row)[1] for row in rows])
    share = np.array([row.share for row in rows])
    sign = np.array([1.0 if row.router == name else -1.0 for row in rows])
    # What was scored before is taken off: it does not depend on the router, and lessens variance.
    usual = np.concatenate([[0.5], (0.5 + scores.cumsum()[:-1]) / np.arange(2, len(rows) + 1)])
    values = sign * (scores - usual) / share
    bounds = 1 / np.minimum(share, 1 - share)
    return _contender(name, first, _Differences(values, values, bounds), 0, alpha)


def _shadow(units: Sequence[Logged], name: str, served: str, alpha: float) -> Contender:
    """Doubly robust differences between what a shadow would have got and what was got."""
    rows = [row for row in units if name in row.shadows]
    values, lost = np.empty((3, len(rows))), 0
    for at, row in enumerate(rows):
        choice, score = row.shadows[name], _first(row)[1]
        same, least = row.choice == choice, row.explore / max(len(row.allowed), 1)
        if least > 0:
            wanted, given = (_predicted(row, model) for model in (choice, row.choice))
            weight = same / row.propensity
            one = wanted - given + (weight - 1) * (score - given)
            values[:, at] = one, one, max(1 / least - 1, 1.0)
        elif same:
            values[:, at] = 0.0, 0.0, 1.0
        else:  # nothing is known of it but that scores lie between 0 and 1
            values[:, at] = -score, 1 - score, 1.0
            lost += 1
    return _contender(name, served, _Differences(*values), lost, alpha)


def _predicted(row: Logged, model: str) -> float:
    held = row.scores.get(model, math.nan)
    return 0.5 if math.isnan(held) else min(max(held, 0.0), 1.0)


def _contender(name: str, against: str, found: _Differences, lost: int, alpha: float) -> Contender:
    n = len(found.below)
    up = first_reached(wealth(found.below, found.bounds), alpha / 2)
    down = first_reached(wealth(-found.above, found.bounds), alpha / 2)
    verdict: Call = "worse" if down is not None else "better" if up is not None else "not yet"
    at = down if down is not None else up
    middle = (found.below + found.above) / 2
    variance = float(middle.var()) if n > 1 else 0.0
    ends = mean_interval_at_any_time(found.below, found.above, (found.bounds, found.bounds), alpha)
    return Contender(
        name,
        against,
        n,
        float(middle.mean()) if n else math.nan,
        ends,
        verdict,
        None if at is None else at + 1,
        units_needed(_SMALL_DIFFERENCE, variance, alpha) if variance > 0 and not lost else None,
        lost,
    )


def _notes(units: Sequence[Logged]) -> tuple[str, ...]:
    notes = []
    sides = {row.router for row in units if row.share >= 1}
    if len(sides) > 1:
        notes.append(
            f"{sum(row.share >= 1 for row in units):,} requests do not say which share of the "
            "traffic their router had, so they compare no routers."
        )
    if apart := sum(not row.conversation for row in units):
        notes.append(f"Of {apart:,} requests the log does not know the conversation.")
    return tuple(notes)
