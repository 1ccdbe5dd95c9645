"""Two judges of the same answers: what of the headroom both see, and what is a judge's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.scoring import N_BOOT, mean_interval, resamples
from routereval.scoring.bootstrap import Interval
from routereval.scoring.repeats import luck_share
from routereval.shown import Shown
from routereval.sources import open_source
from routereval.studies.ridge_choice import learned_choice
from routereval.studies.submission import of_choice
from routereval.tasks import mix
from routereval.tasks.mix import benchmarks_of

Floats = NDArray[np.float64]
_UNNAMED = "the scores"


@dataclass(frozen=True)
class Routed:
    """What choices by one judge are worth to another.

    Attributes:
        trained_on: the judge whose scores are known to who chooses.
        scored_by: the judge who scores.
        best: mean score of the best single model of `trained_on`.
        oracle: of the model that `trained_on` thinks best on each prompt.
        oracle_interval: its 95 % interval.
        learned: of a ridge regression, learned out of fold from texts (see `learned_choice`).
        learned_interval: its 95 % interval.
    """

    trained_on: str
    scored_by: str
    best: float
    oracle: float
    oracle_interval: Interval
    learned: float
    learned_interval: Interval


@dataclass(frozen=True, repr=False)
class Judges(Shown):
    """Two judges of the same answers.

    Attributes:
        name: of the records.
        judges: the two.
        n_prompts: prompts that both judged, of all models.
        agreement: share of the cells on which they agree.
        routed: each judge's choices, scored by each.
        own: of each judge's headroom (its oracle above its best model) the share that the other
            does not see.
    """

    name: str
    judges: tuple[str, str]
    n_prompts: int
    agreement: float
    routed: tuple[Routed, ...]
    own: tuple[float, float]


def judges(
    source: Records | Sequence[Records] | str | Path,
    first: str = "",
    second: str = "",
    *,
    n_boot: int = N_BOOT,
) -> Judges:
    """How much of the headroom two judges share.

    An oracle by one judge is scored by the other. What it has there above the other's score of the
    best model, both judges see; the rest of its headroom is the judge's own: taste, or error.
    Where a judge thinks several models equally good, the one is taken that both judges think
    better on the other prompts.

    Args:
        source: records with `Records.judges`.
        first: a judge; that of the scores if empty.
        second: the other; the first of those beside the scores if empty.
        n_boot: resamples of every interval.

    Raises:
        DataError: if there are no two judges.
    """
    collection = open_source(source)
    stream = mix(collection) if len(collection) > 1 else collection[0]
    if not stream.judges:
        raise DataError(f"{stream.name}: one judge; import the scores of the other too (judges)")
    names = first or stream.judge or _UNNAMED, second or next(iter(stream.judges))
    scores = np.stack([_by(stream, name) for name in names])
    whole = ~np.isnan(scores).any(axis=(0, 2))
    if not whole.any():
        raise DataError(f"{stream.name}: no prompt was judged by both, of all models")
    part, held = stream.select(prompts=np.flatnonzero(whole)), scores[:, whole]
    W = resamples(benchmarks_of(part), n_boot)
    routed = tuple(_routed(part, held, names, a, b, W) for a in (0, 1) for b in (0, 1))
    return Judges(
        stream.name,
        names,
        int(whole.sum()),
        float((held[0] == held[1]).mean()),
        routed,
        (_own(routed[0], routed[1]), _own(routed[3], routed[2])),
    )


def _by(stream: Records, name: str) -> Floats:
    return stream.dense() if name == _UNNAMED else stream.scored_by(name).dense()


def _own(same: Routed, crossed: Routed) -> float:
    """The share of a judge's headroom that the other does not see."""
    room, shared = same.oracle - same.best, crossed.oracle - crossed.best
    return luck_share(room, shared, 0.0)


def _routed(
    part: Records, held: Floats, names: tuple[str, str], a: int, b: int, W: Floats
) -> Routed:
    best = int(held[a].mean(axis=0).argmax())  # ties: the first model
    chosen = _of_oracle(held, a, b)
    learned = of_choice(held[b], learned_choice(part, held[a], benchmarks_of(part)))
    return Routed(
        names[a],
        names[b],
        float(held[b][:, best].mean()),
        float(chosen.mean()),
        mean_interval(chosen, W),
        float(learned.mean()),
        mean_interval(learned, W),
    )


def _of_oracle(held: Floats, a: int, b: int) -> Floats:
    """(n_prompts,) what b scores where a chose."""
    if a == b:
        return np.asarray(held[a].max(axis=1))
    means = held.mean(axis=0)
    elsewhere = (means.sum(axis=0) - means) / max(len(means) - 1, 1)
    tied = held[a] == held[a].max(axis=1, keepdims=True)
    chosen = np.where(tied, elsewhere, -np.inf).argmax(axis=1)  # ties: the first model
    return of_choice(held[b], chosen)
