"""The learned router of a verdict, out of fold: what a router that reads the prompts does make.

Each fold is predicted by a router that learned from the others; where there are many prompts, it
learns from some of them and is tested on others. The price of cost is chosen on other folds.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records, cache_folder
from routereval.routers import choose, make_router
from routereval.studies.advise.score_table import Floats, Index, ScoreTable
from routereval.studies.train import fit
from routereval.tasks import Pool, PreparedBenchmark, Rows, Split, Task
from routereval.tasks.folds import folds_of

MOST_LEARNED = 2000
"""Of more prompts, a router of a verdict learns from so many."""

MOST_TESTED = 4000
"""It is then tested on so many others at most."""

FEW_PROMPTS, MORE_FOLDS = 500, 10
"""Up to so many prompts there are so many folds, since each labelled prompt counts."""

_CODE = ("features", "routers", "tasks", "studies/train.py", "estimator.py")
"""The code that decides what a router predicts."""

_DRAWS = 200
_PRICES = np.concatenate([[0.0], np.logspace(-3, 1, 49)])


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """A learned router on prompts that it has not seen.

    Attributes:
        rows: (n,) which prompts of the score table.
        fold: (n,) the part that each is in; a trade-off is chosen on the other parts.
        members: (n, size) columns of the score table that the router chose from.
        choice: (n_prices, n) column of the score table that is chosen at each price of cost.
        best: (n, size) how probable it is, by the same training prompts, that each member is the
            best single model; rows sum to 1.
        lam: (n_prices,) the prices, in score for the price of the dearest model.
        expected: (n_prices, n) expected USD of the choice; NaN if unknown.
        n_fits: how many fits there are.
        n_train: prompts that a fit learned from.
        known_by: the embedder.
    """

    rows: Index
    fold: Index
    members: Index
    choice: Index
    best: Floats
    lam: Floats
    expected: Floats
    n_fits: int
    n_train: int
    known_by: str

    def at(self, points: Index) -> Index:
        """(n,) the chosen columns at one point of the prices for each prompt."""
        return np.asarray(self.choice[points, np.arange(len(self.rows))])

    def by_fold(self, point: Callable[[NDArray[np.bool_]], int]) -> Index:
        """(n,) the point of the prices of each prompt, chosen for its fold.

        Args:
            point: given which prompts are in the fold, a point chosen without their scores.
        """
        found = np.zeros(len(self.rows), dtype=np.int64)
        for part in np.unique(self.fold):
            test = self.fold == part
            found[test] = point(test)
        return found


def pool_of(table: ScoreTable, rows: Index, size: int) -> Index:
    """The models that a router chooses from: all candidates, or of many the ones most worth it.

    Those of the highest mean score; where costs are known, half of them models that no other beats
    in both score and cost.

    Args:
        table: the records.
        rows: prompts to choose by.
        size: the most models.
    """
    columns = table.candidates
    if len(columns) <= size:
        return columns
    means = table.trusted(rows, columns).mean(axis=0)
    order = np.argsort(-means, kind="stable")
    first: list[int] = []
    if table.costs is not None:
        usd = table.costs[np.ix_(rows, columns)].mean(axis=0, dtype=np.float64)
        least = np.minimum.accumulate(usd[order])
        front = [place for n, place in enumerate(order) if n == 0 or usd[place] < least[n - 1]]
        first = front[: size // 2]
    rest = [place for place in order.tolist() if place not in first]
    return np.sort(columns[[*first, *rest][:size]])


def out_of_fold(
    records: Records,
    table: ScoreTable,
    routers: Sequence[str],
    *,
    size: int,
    folds: int,
    seed: int,
) -> dict[str, OutOfFold]:
    """Fit routers on each fold's training prompts and predict the rest.

    What a fit predicts is kept in the cache folder, so that a second advice on the same records, or
    one that was stopped, does not fit it again. The prompts of a fold are prepared once for all.

    Args:
        records: what the table was made of.
        table: the same prompts.
        routers: specs.
        size: the most models.
        folds: how many folds, of more than `FEW_PROMPTS` prompts.
        seed: of the folds.

    Raises:
        DataError: if there is nothing that a router could read.
    """
    parts = _parts(table, MORE_FOLDS if table.n_prompts <= FEW_PROMPTS else folds, seed)
    found: dict[str, list[_Part]] = {router: [] for router in routers}
    known_by = ""
    for train, test in parts:
        members = pool_of(table, train, size)
        prepared = _prepared(records, table.prompts[train], table.prompts[test], seed)
        known_by = prepared.embedder
        task = Task(prepared, Pool.of(table.names(members)))
        usd = _expected(table, train, members)
        best = best_shares(table.trusted(train, members), seed)
        for router in routers:
            _refuse_blind(records, prepared.embedder, router)
            found[router].append(_Part(test, members, _predicted(task, router), usd, best))
    n_train = len(parts[0][0])
    return {router: _joined(own, table, n_train, known_by, seed) for router, own in found.items()}


class _Part(NamedTuple):
    """What one fit predicts, of the prompts `test` for the models `members`."""

    test: Index
    members: Index
    predicted: Floats
    expected: Floats
    best: Floats


def best_shares(scores: Floats, seed: int) -> Floats:
    """How probable it is that each model is the best one, by the Bayesian bootstrap over prompts.

    Where models tie, to take the one that happens to lead is a lottery; its mean is that of a
    mixture with these shares, without the noise.

    Args:
        scores: (n_prompts, n_models), none missing.
        seed: of the resamples.

    >>> best_shares(np.array([[1.0, 0.0], [1.0, 1.0]] * 20), seed=0)
    array([1., 0.])
    """
    drawn = np.random.default_rng(seed).standard_exponential((_DRAWS, len(scores)))
    first = np.round(drawn @ scores / drawn.sum(axis=1, keepdims=True), 12).argmax(axis=1)
    return np.bincount(first, minlength=scores.shape[1]) / _DRAWS


def best_of(
    tried: Mapping[str, OutOfFold], scores: Floats, weights: Floats
) -> tuple[str, OutOfFold]:
    """On each fold, the router that scores most on the others; the first of equals.

    Args:
        tried: by spec, all on the same prompts and folds.
        scores: (n, n_models) of the score table, on those prompts.
        weights: (n,) how much each prompt counts.

    Returns:
        The router that scores most on all folds, and what was chosen.
    """
    specs, found = list(tried), list(tried.values())
    first, rows = found[0], np.arange(len(scores))
    quality = np.stack([scores[rows, one.choice[0]] for one in found]) * weights
    choice, expected = first.choice.copy(), first.expected.copy()
    for part in np.unique(first.fold):
        test = first.fold == part
        best = found[_first_best(quality[:, ~test])]
        choice[:, test], expected[:, test] = best.choice[:, test], best.expected[:, test]
    return specs[_first_best(quality)], replace(first, choice=choice, expected=expected)


def _first_best(quality: Floats) -> int:
    return int(np.round(quality.mean(axis=1), 12).argmax())


def _parts(table: ScoreTable, folds: int, seed: int) -> list[tuple[Index, Index]]:
    """(train, test) rows of the table; one pair where there are many prompts."""
    n = table.n_prompts
    if n <= MOST_LEARNED:
        fold = folds_of(table.subsets, folds, seed, table.groups)
        return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(folds)]
    parts = max(2, round(n / MOST_LEARNED))
    fold = folds_of(table.subsets, parts, seed, table.groups)
    tested = range(1, 1 + max(1, round(MOST_TESTED / (n / parts))))
    return [(np.flatnonzero(fold == 0), np.flatnonzero(np.isin(fold, tested)))]


def _prepared(records: Records, train: Index, test: Index, seed: int) -> PreparedBenchmark:
    """The records prepared for one fit; without the prompts that have no part in it."""
    used = np.sort(np.concatenate([train, test]))
    if len(used) < records.n_prompts:
        records = records.select(prompts=used, keep_groups=True)
        train, test = np.searchsorted(used, train), np.searchsorted(used, test)
    rows = Rows(np.sort(train), train[:0], test)
    embedder = "tfidf" if records.has_text else "auto"  # what a router in use can have
    return PreparedBenchmark(records, Split("clean", seed), embedder, rows=rows)


def _refuse_blind(records: Records, embedder: str, router: str) -> None:
    """Raise where nothing tells prompts apart."""
    if embedder == "columns" and len(np.unique(records.subsets)) < 2:
        raise DataError(
            f"the records hold no prompt texts, features or subsets that {router} could read"
        )


def _expected(table: ScoreTable, train: Index, members: Index) -> Floats:
    if table.costs is None:
        return np.full(len(members), np.nan)
    return np.asarray(table.costs[np.ix_(train, members)].mean(axis=0, dtype=np.float64))


def _joined(
    found: list[_Part],
    table: ScoreTable,
    n_train: int,
    known_by: str,
    seed: int,
) -> OutOfFold:
    known = table.costs is not None
    lam = _PRICES if known else _PRICES[:1]
    choices, expected, members, fold, best = [], [], [], [], []
    for part, (test, columns, predicted, usd, single) in enumerate(found):
        dearest = float(usd.max()) if known and usd.max() > 0 else 1.0
        places = np.stack([choose(predicted, usd if known else None, at / dearest) for at in lam])
        choices.append(columns[places])
        expected.append(usd[places])
        members.append(np.tile(columns, (len(test), 1)))
        fold.append(np.full(len(test), part))
        best.append(np.tile(single, (len(test), 1)))
    rows = np.concatenate([test for test, *_ in found])
    order = np.argsort(rows, kind="stable")
    parts = np.concatenate(fold)[order]
    if len(found) == 1:  # one fit: two halves, so that a trade-off can be chosen on the other
        parts = folds_of(table.subsets[rows[order]], 2, seed, table.groups[rows[order]])
    return OutOfFold(
        rows=rows[order],
        fold=parts,
        members=np.concatenate(members)[order],
        choice=np.concatenate(choices, axis=1)[:, order],
        best=np.concatenate(best)[order],
        lam=lam,
        expected=np.concatenate(expected, axis=1)[:, order],
        n_fits=len(found),
        n_train=n_train,
        known_by=known_by,
    )


def _predicted(task: Task, spec: str) -> Floats:
    """(n_test, size) predicted scores, from the cache where they were predicted before."""
    file = _cache_file(task, spec)
    if file.is_file():
        with file.open("rb") as held:
            return np.asarray(np.load(held, allow_pickle=False), dtype=np.float64)
    router = fit(make_router(spec), task)
    predicted = router.predict_scores(task.test.inputs(router.reads))
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    with part.open("wb") as out:
        np.save(out, predicted)
    part.replace(file)
    return predicted


def _cache_file(task: Task, spec: str) -> Path:
    """Named by what decides a prediction: records, code, router, embedder, models, prompts."""
    rows = task.prepared.rows
    code = code_digest(type(make_router(spec)).__module__)
    parts = [task.records.hash, code, spec, task.prepared.embedder, *task.models]
    key = hashlib.sha256("\0".join(parts).encode())
    for held in (rows.train, rows.test):
        key.update(held.astype(np.int64).tobytes())
    return cache_folder() / "advice" / f"{key.hexdigest()[:32]}.npy"


@lru_cache
def code_digest(module: str, root: Path = Path(__file__).parents[2]) -> str:
    """Sha256 of the code that a prediction comes from, and of the libraries that it calls.

    Args:
        module: the router's, which another package may bring.
        root: the folder of the package.
    """
    theirs = getattr(sys.modules.get(module), "__file__", None)
    ours = [root / name for name in _CODE]
    held = [file for one in ours for file in (sorted(one.rglob("*.py")) if one.is_dir() else [one])]
    key = hashlib.sha256(" ".join(map(version, ("numpy", "scipy", "scikit-learn"))).encode())
    for file in [*held, *([Path(theirs)] if theirs else [])]:
        key.update(file.read_bytes())
    return key.hexdigest()
