"""Records as the plain arrays that advice is computed from; several benchmarks can be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.observed import column_means
from routereval.records import Records, complete_block
from routereval.records.matrix import Block
from routereval.studies.advise.guessing import chance_levels

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Scores = NDArray[np.float32]

BETTER_THAN_CHANCE = 3.0
"""Standard errors by which a model must beat guessing before a right answer counts as evidence."""

OPPOSITE = -0.2
"""Two models whose scores correlate below this are not right because of what they know."""

_OPPOSITE_ERRORS = 4.0  # … and by so many standard errors
_MOST_SUBSETS = 100
_NOUGHT = 1e-6
_LEAST = 3  # models of the complete block, where so many share enough prompts


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """One benchmark, or several joined, without what cannot be used.

    Attributes:
        name: of the benchmark.
        kind: ``binary`` or ``real``.
        models: names of the models, one per column.
        scores: (n_prompts, n_models), NaN where not observed.
        prompts: (n_prompts,) which rows of the records, counted through where several are joined.
        candidates: columns observed on every prompt: a pool is chosen from these.
        by_habit: (n_prompts, n_models) cells in which a right answer shows no knowledge, see
            `answers_by_habit`; None if there are none.
        set_aside: models left out because all their answers are of that sort.
        chance: (n_prompts,) the score of a guesser, NaN where unknown.
        chance_source: how it is known; empty if not.
        subsets: (n_prompts,) code of the subset, or of the benchmark where several are joined.
        subset_names: the names of these, by code.
        groups: (n_prompts,) code of each prompt's group of equal ones, as `Records.groups`.
        costs: (n_prompts, n_models) USD per call, what is unknown filled with the model's mean;
            None if some model's cost is not known at all.
        n_dropped: prompts left out because some candidate was not observed on them.
        simulated: True if no real model was asked.
    """

    name: str
    kind: str
    models: tuple[str, ...]
    scores: Scores
    prompts: Index
    candidates: Index
    by_habit: NDArray[np.bool_] | None
    set_aside: tuple[str, ...]
    chance: Floats
    chance_source: str
    subsets: Index
    subset_names: tuple[str, ...]
    groups: Index
    costs: NDArray[np.float32] | None
    n_dropped: int
    simulated: bool

    @property
    def n_prompts(self) -> int:
        """Number of prompts."""
        return len(self.scores)

    def trusted(self, rows: Index, columns: Index) -> Floats:
        """Scores to choose models by: a right answer out of habit counts as a guess."""
        block = self.scores[np.ix_(rows, columns)].astype(np.float64)
        if self.by_habit is None:
            return block
        habit = self.by_habit[np.ix_(rows, columns)]
        return np.where(habit, self.chance[rows, None], block)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """What is known of a prompt without asking the pool: how the models did, and its subset.

        (n_prompts, n_models + d): a column per model, then one per subset (none where there is one
        subset only or more than 100). Cells that were not observed, or answered by habit, hold the
        model's mean.
        """
        known = self.scores
        if self.by_habit is not None:
            known = np.where(self.by_habit, np.float32(np.nan), known)
        gaps = np.isnan(known)
        if gaps.any():
            known = np.where(gaps, np.nan_to_num(column_means(known)).astype(np.float32), known)
        codes, where = np.unique(self.subsets, return_inverse=True)
        if not 1 < len(codes) <= _MOST_SUBSETS:
            return known
        return np.hstack([known, np.eye(len(codes), dtype=np.float32)[where]])

    def names(self, columns: Sequence[int] | Index) -> tuple[str, ...]:
        """The models of some columns."""
        return tuple(self.models[column] for column in columns)


def score_table_of(records: Records, pool: Sequence[str] = ()) -> ScoreTable:
    """The arrays of one benchmark, without models that answer by habit.

    Args:
        records: the benchmark.
        pool: models to be the candidates, kept whatever they answer by; the prompts are those on
            which all of them were observed. If empty, candidates and prompts are those of
            `complete_block`.

    Raises:
        DataError: if no prompt was put to all of them.
    """
    members = records.columns(list(pool))
    whole = _whole(records, members)
    if whole.by_habit is None:
        return whole
    out = np.array(whole.by_habit.all(axis=0))
    out[members] = False
    kept = np.flatnonzero(~out)
    return replace(
        whole,
        models=whole.names(kept),
        scores=whole.scores[:, kept],
        candidates=np.flatnonzero(np.isin(kept, whole.candidates)),
        by_habit=None,
        set_aside=whole.names(np.flatnonzero(out)),
        costs=None if whole.costs is None else whole.costs[:, kept],
    )


def join(collection: Sequence[Records]) -> ScoreTable:
    """Several benchmarks as one: their prompts together, the models that all of them know.

    Raises:
        DataError: if no model is a candidate on all of them.
    """
    nobody = np.zeros(0, dtype=np.int64)
    parts = [_whole(records, nobody) for records in collection]
    known = [set(part.names(part.candidates)) for part in parts]
    common = [m for m in parts[0].names(parts[0].candidates) if all(m in names for names in known)]
    if not common:
        raise DataError("no model was put to every prompt of all benchmarks")
    where = [{name: column for column, name in enumerate(part.models)} for part in parts]
    columns = [np.array([place[name] for name in common]) for place in where]
    pairs = list(zip(parts, columns, strict=True))
    habits = [_habits(part, own) for part, own in pairs]
    costs = [part.costs[:, own] for part, own in pairs if part.costs is not None]
    by_habit = np.vstack(habits)
    starts = np.cumsum([0, *(records.n_prompts for records in collection[:-1])])
    sources = dict.fromkeys(part.chance_source for part in parts)
    return ScoreTable(
        name=f"all {len(parts)} benchmarks",
        kind="real" if any(part.kind == "real" for part in parts) else "binary",
        models=tuple(common),
        scores=np.vstack([part.scores[:, own] for part, own in pairs]),
        prompts=np.concatenate([p.prompts + n for p, n in zip(parts, starts, strict=True)]),
        candidates=np.flatnonzero(by_habit.mean(axis=0) <= 0.5),
        by_habit=by_habit if by_habit.any() else None,
        set_aside=tuple(np.array(common)[by_habit.mean(axis=0) > 0.5].tolist()),
        chance=np.concatenate([part.chance for part in parts]),
        chance_source="" if "" in sources else ", ".join(sources),
        subsets=np.repeat(np.arange(len(parts)), [part.n_prompts for part in parts]),
        subset_names=tuple(part.name for part in parts),
        groups=np.concatenate([p.groups + n for p, n in zip(parts, starts, strict=True)]),
        costs=np.vstack(costs) if len(costs) == len(parts) else None,
        n_dropped=sum(part.n_dropped for part in parts),
        simulated=any(part.simulated for part in parts),
    )


def _habits(part: ScoreTable, columns: Index) -> NDArray[np.bool_]:
    if part.by_habit is None:
        return np.zeros((part.n_prompts, len(columns)), dtype=np.bool_)
    return part.by_habit[:, columns]


def answers_by_habit(
    scores: NDArray[np.floating], chance: Floats, subsets: Index
) -> NDArray[np.bool_]:
    """Which models are right by luck or by habit, on multiple choice.

    Those whose mean is less than three standard errors above chance; and, of two models whose
    scores are opposed (correlation within subsets below −0.2 and by four standard errors), the
    weaker: a right answer of one makes one of the other less likely, as where one prefers option A
    and the other B. One of two such models is nearly always right, yet neither knows; and with the
    records of one of them at hand, anyone can tell which. The model of the highest mean is never
    named.

    Args:
        scores: (n_prompts, n_models) of 0 and 1, NaN where not observed.
        chance: (n_prompts,) the score of a guesser; nothing is found where it is unknown or 0.
        subsets: (n_prompts,) code of each prompt's subset.

    Returns:
        (n_models,) True where a model's answers are of that sort.

    One always answers A, the next B; the third knows:

    >>> key = np.tile([1.0, 0.0], 100)
    >>> third = np.ones(200)
    >>> third[:20] = 0
    >>> scores = np.stack([key, 1 - key, third], axis=1)
    >>> answers_by_habit(scores, np.full(200, 0.5), np.zeros(200, dtype=np.int64))
    array([ True,  True, False])
    """
    n_models = scores.shape[1]
    if np.isnan(chance).any() or not (chance > 0).any():
        return np.zeros(n_models, dtype=np.bool_)
    means = column_means(scores)
    order = np.argsort(-np.nan_to_num(means, nan=-1.0), kind="stable")
    lucky = _errors_above(scores, chance) < BETTER_THAN_CHANCE
    lucky[order[0]] = False
    knowing = order[~lucky[order]]
    lucky[knowing[_opposed(scores[:, knowing], subsets)]] = True
    return np.asarray(lucky)


def correlations(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float32]:
    """Pearson's correlation (phi, if binary) of every column of one matrix with those of another.

    Args:
        first: (n_prompts, a) scores, NaN where not observed: such a cell counts as the mean.
        second: (n_prompts, b) scores.

    Returns:
        (a, b); 0 where a column does not vary.
    """
    return np.asarray(_standard(first, None).T @ _standard(second, None))


def shared_luck(scores: NDArray[np.floating], others: Index, members: Index) -> Floats:
    """How far models are right and wrong together beyond what the difficulty of prompts explains.

    The partial correlation of each two, given the mean score of all further models. Two that are
    right on the same easy prompts, and by luck on different hard ones, have about 0; two copies of
    one model have 1.

    Args:
        scores: (n_prompts, n_models), none missing.
        others: a columns.
        members: b columns.

    Returns:
        (a, b); the plain correlation where there are no further models, 0 where a model's scores do
        not vary beyond the others' mean.

    >>> rng = np.random.default_rng(0)
    >>> easy = rng.random((4000, 1))
    >>> scores = (rng.random((4000, 9)) < easy) * 1.0
    >>> twins = np.column_stack([scores, scores[:, 0]])
    >>> shared_luck(twins, np.array([9, 1]), np.array([0])).round(1).ravel() + 0
    array([1., 0.])
    """
    centred = scores - scores.mean(axis=0, dtype=np.float64)
    total = centred.sum(axis=1)
    ours, theirs = centred[:, others], centred[:, members]
    both = ours.T @ theirs
    own, own_total = (ours**2).sum(axis=0)[:, None], (ours.T @ total)[:, None]
    other, other_total = (theirs**2).sum(axis=0)[None, :], (theirs.T @ total)[None, :]
    # sums over the further models: all, less the two at hand
    rest = total @ total + own + other + 2 * (both - own_total - other_total)
    with_own, with_other = own_total - own - both, other_total - other - both
    rest = np.where(rest > _NOUGHT, rest, np.inf)
    joint = both - with_own * with_other / rest
    left = (own - with_own**2 / rest) * (other - with_other**2 / rest)
    return np.asarray(joint / np.sqrt(np.where(left > _NOUGHT, left, np.inf)))


def _whole(records: Records, members: Index) -> ScoreTable:
    block = _asked(records, members) if len(members) else complete_block(records.scores, _LEAST)
    if not len(block.prompts):
        raise DataError(f"{records.name}: no prompt was put to every model of the pool")
    scores = records.scores.dense(block.prompts).astype(np.float32)
    chance = chance_levels(records)
    levels, subsets = chance.levels[block.prompts], records.subsets[block.prompts]
    real = records.kind == "real"
    lucky = (
        np.zeros(records.n_models, dtype=np.bool_)
        if real
        else answers_by_habit(scores, levels, subsets)
    )
    return ScoreTable(
        name=records.name,
        kind=records.kind,
        models=records.models,
        scores=scores,
        prompts=block.prompts,
        candidates=block.models,
        by_habit=np.tile(lucky, (len(scores), 1)) if lucky.any() else None,
        set_aside=(),
        chance=np.full(len(scores), np.nan) if real else levels,
        chance_source="" if real else chance.source,
        subsets=subsets,
        subset_names=tuple(dict.fromkeys(records.prompts["subset"].fill_null("").to_list())),
        groups=records.groups[block.prompts],
        costs=_filled_costs(records, block.prompts),
        n_dropped=records.n_prompts - len(block.prompts),
        simulated=records.simulated,
    )


def _asked(records: Records, members: Index) -> Block:
    missing = np.isnan(records.scores.dense(None, members)).any(axis=1)
    return Block(np.flatnonzero(~missing), members)


def _filled_costs(records: Records, rows: Index) -> NDArray[np.float32] | None:
    if records.costs is None:
        return None
    costs = np.asarray(records.costs[:, rows]).T.astype(np.float32)
    missing = np.isnan(costs)
    if missing.all(axis=0).any():
        return None
    means = column_means(costs).astype(np.float32)
    return np.where(missing, means, costs)


def _errors_above(scores: NDArray[np.floating], chance: Floats) -> Floats:
    """By how many standard errors of guessing each mean lies above chance."""
    seen = ~np.isnan(scores)
    above = np.where(seen, scores - chance[:, None], 0).sum(axis=0)
    spread = np.sqrt((seen * (chance * (1 - chance))[:, None]).sum(axis=0))
    return np.asarray(above / np.maximum(spread, np.finfo(np.float64).tiny))


def _opposed(scores: NDArray[np.floating], subsets: Index) -> Index:
    """Columns, in falling order of means, that are opposed to a better one that stays."""
    limit = min(OPPOSITE, -_OPPOSITE_ERRORS / np.sqrt(len(scores)))
    standard = _standard(scores, subsets)
    out = np.zeros(scores.shape[1], dtype=np.bool_)
    for column in range(len(out)):
        if not out[column]:
            against = standard[:, column] @ standard[:, column + 1 :] < limit
            out[column + 1 :] |= against
    return np.flatnonzero(out)


def _standard(matrix: NDArray[np.floating], subsets: Index | None) -> NDArray[np.float32]:
    """Columns of mean 0 and length 1; 0 throughout where a column does not vary."""
    values = matrix.astype(np.float32)
    codes = np.zeros(len(values), dtype=np.int64) if subsets is None else subsets
    for code in np.unique(codes):
        rows = codes == code
        part = values[rows]
        values[rows] = np.nan_to_num(part - column_means(part).astype(np.float32))
    lengths = np.linalg.norm(values, axis=0)
    return np.asarray(values / np.where(lengths > 1e-6, lengths, np.inf), dtype=np.float32)
