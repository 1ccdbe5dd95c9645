"""The achievable ceiling: what a router would score that knew how all other models did.

The oracle knows which model of the pool will be right, even where that is luck. No router does. But
a router can at most know how hard a prompt is and whom it suits; and nothing tells that better than
how the models outside the pool did on that very prompt. So their scores are the features, ridge
regression predicts each member's score from them, and the member predicted best is chosen, on
prompts that the regression has not seen. Its mean score is the ceiling.

It is an estimate, not a bound: with few models outside the pool a router that reads the prompt may
know more. And with near-duplicates of the members outside, it may tell luck after all: so it is
also given with those left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.results.summary import Estimate
from routereval.scoring import N_BOOT
from routereval.studies.advise.resampled import Resampled
from routereval.studies.advise.score_table import (
    Floats,
    Index,
    ScoreTable,
    score_table_of,
    shared_luck,
)
from routereval.tasks.folds import folds_of

NEAR = 0.4
"""Models outside that share a member's luck at least so far are its near-duplicates: the partial
correlation of their scores, see `score_table.shared_luck`."""

FOLDS = 5

_PENALTIES = 10.0 ** np.arange(-1, 6)
_CELLS = 4_000_000  # of features; beyond, models outside are drawn at random
_LEAST_OUTSIDE = 1000


@dataclass(frozen=True)
class Ceiling:
    """What routing within a pool can gain, on prompts that nothing was chosen or fitted on.

    Attributes:
        pool: the models.
        n_prompts: prompts evaluated.
        n_outside: models whose records the prediction may use.
        near: those of them that are near-duplicates of members.
        best_single: score of the member that is best on the other folds.
        ceiling: score of the choice that knows how all models outside did.
        ceiling_apart: the same without near-duplicates.
        oracle: mean of the best member on each prompt.
        gain: ceiling − best_single, paired.
        gain_apart: ceiling_apart − best_single, paired.
    """

    pool: tuple[str, ...]
    n_prompts: int
    n_outside: int
    near: tuple[str, ...]
    best_single: Estimate
    ceiling: Estimate
    ceiling_apart: Estimate
    oracle: Estimate
    gain: Estimate
    gain_apart: Estimate


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A pool per fold, on the prompts of that fold, as one (n_prompts, size) matrix each.

    Attributes:
        scores: the members' scores.
        predicted: as predicted from all models outside.
        apart: as predicted without near-duplicates of members.
        prices: (n_prompts, size) the members' mean USD per call on the other folds, or None.
        costs: what the calls cost, or None.
        n_outside: models outside the pool whose records are used.
        near: near-duplicates of members in any fold.
    """

    scores: Floats
    predicted: Floats
    apart: Floats
    prices: Floats | None
    costs: Floats | None
    n_outside: int
    near: tuple[str, ...]

    @property
    def foreseen(self) -> Floats:
        """(n_prompts,) the score of the member predicted best."""
        return _of_first(self.predicted, self.scores)

    @property
    def foreseen_apart(self) -> Floats:
        """The same where near-duplicates are left out."""
        return _of_first(self.apart, self.scores)


def ceiling(
    records: Records,
    pool: Sequence[str],
    *,
    rows: Index | None = None,
    near: float = NEAR,
    folds: int = FOLDS,
    seed: int = 0,
    n_boot: int = N_BOOT,
) -> Ceiling:
    """The achievable ceiling of a pool, cross-fitted over prompts.

    Scores of models outside that are missing are filled with the model's mean, as features only;
    the prompts are those on which every member was observed. Models that answer by habit are not
    used as features: what they are right on gives the answer away, see
    `score_table.answers_by_habit`.

    Args:
        records: one benchmark.
        pool: names of the models to route between.
        rows: evaluate on these prompts only, such as a task's test rows; all if None.
        near: partial correlation from which a model outside is a near-duplicate of a member.
        folds: parts of the cross-fit; each is predicted from the others.
        seed: of the folds, of the bootstrap and of the draw of models outside, if they are too
            many.
        n_boot: resamples of the intervals (`scoring.mean_interval`), stratified by subset.

    Raises:
        DataError: if a model is unknown, or too few prompts remain.
        SpecError: if `folds` is less than 2.

    >>> rng = np.random.default_rng(0)
    >>> algebra = rng.random(400) < 0.5
    >>> known = np.where(algebra[:, None], [0.9, 0.2, 0.9, 0.2], [0.3, 0.8, 0.3, 0.8])
    >>> records = Records.from_arrays("toy", (rng.random((400, 4)) < known) * 1.0, list("abcd"))
    >>> found = ceiling(records, ["a", "b"])
    >>> found.best_single.value < found.ceiling.value < found.oracle.value
    True
    """
    table = score_table_of(records, pool)
    members = np.array([table.models.index(name) for name in pool])
    fold = folds_of(table.subsets, folds, seed, table.groups)
    held = hold_out(table, [members] * folds, fold, near=near, seed=seed)
    best = best_by_fold(held.scores, fold)
    seen = np.ones(records.n_prompts, dtype=np.bool_) if rows is None else _mask(records, rows)
    seen = seen[table.prompts]
    if not seen.any():
        raise DataError(f"{records.name}: no prompt to evaluate was put to every model of the pool")
    drawn = Resampled(table.subsets[seen], table.groups[seen], None, n_boot, seed)
    scored = [best, held.foreseen, held.foreseen_apart, held.scores.max(axis=1)]
    found = [drawn.mean(column[seen]) for column in scored]
    found += [drawn.difference((column - best)[seen]) for column in scored[1:3]]
    return Ceiling(tuple(pool), int(seen.sum()), held.n_outside, held.near, *found)


def hold_out(
    table: ScoreTable, pools: Sequence[Index], fold: Index, *, near: float = NEAR, seed: int = 0
) -> HeldOut:
    """Predict, in each fold, the scores of that fold's pool from the models outside of it.

    Args:
        table: the records.
        pools: the columns of a pool for each fold, all of one size.
        fold: (n_prompts,) from `folds_of`.
        near: see `ceiling`.
        seed: of the draw of models outside, where they are too many.
    """
    shape = (table.n_prompts, len(pools[0]))
    scores, predicted, apart, prices, costs = (np.zeros(shape) for _ in range(5))
    twins: set[str] = set()
    for part, members in enumerate(pools):
        test, train = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
        truth = table.scores[:, members].astype(np.float64)
        outside = _outside(table, members, train, near, seed)
        twins.update(table.names(outside.near))
        scores[test] = truth[test]
        predicted[test] = _predicted(table, truth, outside.columns, train, test)
        apart[test] = (
            _predicted(table, truth, outside.apart, train, test)
            if len(outside.near)
            else predicted[test]
        )
        if table.costs is not None:
            paid = table.costs[:, members].astype(np.float64)
            prices[test], costs[test] = paid[train].mean(axis=0), paid[test]
    known = table.costs is not None
    return HeldOut(
        scores=scores,
        predicted=predicted,
        apart=apart,
        prices=prices if known else None,
        costs=costs if known else None,
        n_outside=len(outside.columns),
        near=tuple(sorted(twins)),
    )


def predict(X: NDArray[np.floating], T: Floats, Z: NDArray[np.floating]) -> Floats:
    """Ridge regression of several targets at once; one penalty, by generalised cross-validation.

    Args:
        X: (n, d) features to learn from.
        T: (n, m) targets.
        Z: (k, d) features to predict from.

    Returns:
        (k, m) predictions; the targets' means where there are no features.
    """
    if not X.shape[1]:
        return np.tile(T.mean(axis=0), (len(Z), 1))
    centre, level = X.mean(axis=0, dtype=np.float64).astype(X.dtype), T.mean(axis=0)
    inside, target = X - centre, T - level
    wide = X.shape[1] > len(X)
    gram = inside @ inside.T if wide else inside.T @ inside
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (target if wide else inside.T @ target)
    penalty = _penalty(values, projected, target, wide)
    weights = vectors @ (projected / (values + penalty)[:, None])
    if wide:
        weights = inside.T @ weights
    return np.asarray((Z - centre) @ weights + level)


def best_by_fold(truth: Floats, fold: Index) -> Floats:
    """(n_prompts,) the score of the model that is best on the other folds."""
    out = np.empty(len(truth))
    for part in range(int(fold.max()) + 1):
        test = fold == part
        out[test] = truth[test, int(truth[~test].mean(axis=0).argmax())]
    return out


class _Outside(NamedTuple):
    """The models outside a pool, and which of them are near-duplicates of its members."""

    columns: Index
    near: Index

    @property
    def apart(self) -> Index:
        return np.setdiff1d(self.columns, self.near)


def _outside(table: ScoreTable, members: Index, train: Index, near: float, seed: int) -> _Outside:
    others = np.setdiff1d(np.arange(len(table.models)), members)
    most = max(_LEAST_OUTSIDE, _CELLS // table.n_prompts)
    if len(others) > most:
        others = np.sort(np.random.default_rng(seed).choice(others, most, replace=False))
    if not len(others):
        return _Outside(others, others)
    at_hand = np.concatenate([others, members])
    places = np.arange(len(at_hand))
    known = table.features[np.ix_(train, at_hand)]
    alike = shared_luck(known, places[: len(others)], places[len(others) :]).max(axis=1)
    return _Outside(others, others[alike >= near])


def _predicted(
    table: ScoreTable, truth: Floats, columns: Index, train: Index, test: Index
) -> Floats:
    subsets = np.arange(len(table.models), table.features.shape[1])
    known = table.features[:, np.concatenate([columns, subsets])]
    return predict(known[train], truth[train], known[test])


def _penalty(values: Floats, projected: Floats, target: Floats, wide: bool) -> float:
    """The penalty of the least generalised cross-validation error, summed over the targets."""
    total = np.maximum((target**2).sum(axis=0), np.finfo(np.float64).tiny)
    errors = []
    for penalty in _PENALTIES:
        shrunk = values + penalty
        if wide:
            rest = ((penalty / shrunk[:, None] * projected) ** 2).sum(axis=0)
        else:
            kept = (values + 2 * penalty) / shrunk**2
            rest = total - (kept[:, None] * projected**2).sum(axis=0)
        free = max(1 - (float((values / shrunk).sum()) + 1) / len(target), 1e-9)
        errors.append(float((rest / total).sum()) / free**2)
    return float(_PENALTIES[int(np.argmin(errors))])


def _of_first(predicted: Floats, scores: Floats) -> Floats:
    """(n_prompts,) the score of the member that is predicted best; the first on ties."""
    return np.asarray(scores[np.arange(len(scores)), predicted.argmax(axis=1)])


def _mask(records: Records, rows: Index) -> NDArray[np.bool_]:
    return np.isin(np.arange(records.n_prompts), rows)
