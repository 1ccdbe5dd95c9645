"""Which prompts a router is trained, tuned and tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.number_of import number_of
from routereval.records import Records
from routereval.spec import Spec, parse_spec
from routereval.tasks.dates import cutoff, dates_of, moment
from routereval.tasks.folds import folds_of
from routereval.tasks.mix import BENCHMARK, benchmark_names

PROTOCOLS: Mapping[str, Mapping[str, Any]] = {
    "clean": {},
    "cv": {"k": 10, "repeats": None, "fold": None},
    "faithful": {"ties": None},
    "mixed": {},
    "leave_one_out": {"test": None},
    "few_shot": {"n": 100},
    "unseen_model": {"k": 50, "share": 0.4},
    "temporal": {"by": "prompts", "share": 0.2, "before": None, "k": 50},
}
"""Every protocol by name, its parameters with their defaults; None is left out."""

STREAMS = ("mixed", "leave_one_out")
"""The protocols that take all benchmarks of a collection together."""

PROMPTS, MODELS = "prompts", "models"

NUMPY = "numpy"
"""Whose order of equal values ``faithful`` takes instead of one for every machine."""

_TRAIN, _VAL = 0.8, 0.9  # shares of each subset, cumulated
_HELD = (_VAL - _TRAIN) / _VAL  # share of validation where the test prompts come from elsewhere
_PLACES = ("test", "fold", "repeats")  # parameters that say what is tested, not how
_SEEDS = 2**32  # as many as the legacy random stream has


class Rows(NamedTuple):
    """Prompt rows of the three parts."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """A protocol, its parameters and the seed of its shuffle.

    Attributes:
        protocol: one of `PROTOCOLS`. ``faithful`` does everything as the RouterEval reference does;
            all others choose pools on training prompts only and hyper-parameters on validation.
            ``faithful(ties=numpy)`` leaves equal values in the order of this machine's numpy.
            ``cv`` tests on every prompt, each predicted by a router that learned from the other
            folds; ``cv(fold=0)`` is one of them.
        seed: of the shuffle, and of what follows from it.
        params: pairs of parameter and value; defaults are filled in.

    >>> print(Split.parse("clean(seed=7)"), Split("faithful"))
    clean(seed=7) faithful(seed=42)
    >>> split = Split.parse("few_shot(n=30)")
    >>> split.rule, split["n"], split.recipe
    ('few_shot(n=30)', 30, 'clean')
    """

    protocol: str = "clean"
    seed: int = 42
    params: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise unknown("protocol", str(self.protocol), PROTOCOLS)
        if not isinstance(self.seed, int) or not 0 <= self.seed < _SEEDS:
            raise SpecError(f"a seed is a whole number from 0 to {_SEEDS - 1}, not {self.seed!r}")
        known, given = PROTOCOLS[self.protocol], dict(self.params)
        for name in given:
            if name not in known:
                raise _no_parameter(self.protocol, name)
        filled = [(name, given.get(name, default)) for name, default in known.items()]
        for name, value in filled:
            _check(self.protocol, name, value)
        _check_fold(dict(filled))
        idle = _idle(dict(filled))
        kept = [pair for pair in filled if pair[1] is not None and pair[0] not in idle]
        object.__setattr__(self, "params", tuple(kept))

    @classmethod
    def parse(cls, text: str | Split) -> Self | Split:
        """Read a split from its text; a `Split` passes through."""
        if isinstance(text, Split):
            return text
        spec = parse_spec(text)
        given = spec.kwargs
        return cls(spec.name, given.pop("seed", 42), tuple(given.items()))

    @classmethod
    def parse_all(cls, text: str | Split) -> list[Split]:
        """The splits that a text stands for: one for each combination of the values in lists.

        >>> [split.rule for split in Split.parse_all("few_shot(n=[10, 30])")]
        ['few_shot(n=10)', 'few_shot(n=30)']
        """
        if isinstance(text, Split):
            return [text]
        spec = parse_spec(text)
        each = [value if isinstance(value, tuple) else (value,) for value in spec.kwargs.values()]
        combined = [tuple(zip(spec.kwargs, values, strict=True)) for values in product(*each)]
        return [Split.parse(str(Spec(spec.name, params))) for params in combined]

    @property
    def faithful(self) -> bool:
        """True for the protocol that does everything as the reference does."""
        return self.protocol == "faithful"

    @property
    def recipe(self) -> str:
        """``faithful``, with its parameters, or ``clean``: whose parameters routers take."""
        return self.rule if self.faithful else "clean"

    @property
    def machine_ties(self) -> bool:
        """True where equal values stand in the order in which this machine's numpy leaves them."""
        return bool(self["ties"] == NUMPY)

    @property
    def rule(self) -> str:
        """The protocol with its parameters, without the seed, and without what is tested."""
        params = tuple(pair for pair in self.params if pair[0] not in _PLACES)
        return str(Spec(self.protocol, params))

    @property
    def crossed(self) -> bool:
        """True where every prompt is tested, by a router that learned from other folds."""
        return self.protocol == "cv" and self["fold"] is None

    def folds(self) -> list[Split]:
        """The splits, one per fold, that cross-validation consists of; else the split itself.

        >>> [str(fold) for fold in Split.parse("cv(k=2)").folds()]
        ['cv(k=2, fold=0, seed=42)', 'cv(k=2, fold=1, seed=42)']
        """
        if not self.crossed:
            return [self]
        k = self["k"]
        return [Split("cv", self.seed, (("k", k), ("fold", fold))) for fold in range(k)]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a parameter is of any kind
        """The value of a parameter; None where it has none."""
        return dict(self.params).get(name)

    def __str__(self) -> str:
        return str(Spec(self.protocol, (*self.params, ("seed", self.seed))))


def shuffled_rows(
    subsets: NDArray[np.int64], seed: int, groups: NDArray[np.int64] | None = None
) -> tuple[Rows, np.random.RandomState]:
    """RouterEval's split: in each subset, in order, 80 % train, 10 % validation, the rest test.

    A group of equal prompts stays whole: it belongs to the subset of its first prompt, stands at
    that prompt's place in the shuffled order, and goes where its middle falls; the last one of a
    subset is always for testing. Where every group is a single prompt, that is the same split as
    without groups, in the same order.

    Args:
        subsets: (n_prompts,) subset codes, numbered by first appearance.
        seed: of the legacy random stream that the reference uses.
        groups: (n_prompts,) group codes, numbered by first appearance; None for single prompts.

    Returns:
        The rows, and the stream, from which the faithful protocol goes on to draw its pools.

    >>> rows, _ = shuffled_rows(np.zeros(10, dtype=np.int64), 42)
    >>> [len(part) for part in rows]
    [8, 1, 1]
    """
    stream = np.random.RandomState(seed)
    whole = np.arange(len(subsets)) if groups is None else groups
    _, first, sizes = np.unique(whole, return_index=True, return_counts=True)
    is_first = np.zeros(len(subsets), dtype=np.bool_)
    is_first[first] = True
    ordered, parts = [], []
    for subset in range(int(subsets.max()) + 1):
        rows = np.flatnonzero(subsets == subset)
        stream.shuffle(rows)
        here = whole[rows[is_first[rows]]]
        ordered.append(here)
        parts.append(_parts(sizes[here]))
    order = np.concatenate(ordered)
    place, part = np.empty(len(order), dtype=np.int64), np.empty(len(order), dtype=np.int64)
    place[order], part[order] = np.arange(len(order)), np.concatenate(parts)
    rows = np.argsort(place[whole], kind="stable")
    return Rows(*(rows[part[whole[rows]] == number] for number in range(3))), stream


def _parts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n_groups,) the part, 0 to 2, of each group of a subset, given how many prompts each has."""
    ends = np.cumsum(sizes)
    total = int(sizes.sum())
    cuts = [int(_TRAIN * total), int(_VAL * total)]
    parts = np.searchsorted(cuts, ends - sizes / 2, side="right")
    parts[-1:] = 2
    return parts


def split_rows(records: Records, split: Split) -> tuple[Rows, np.random.RandomState]:
    """The rows of a split of records; faithful keeps a split that was published with them.

    Groups of equal prompts stay whole, except under faithful. Where the test prompts are given, by
    benchmark or date, prompts of their groups are left out of training and validation.

    Raises:
        DataError: if a part that is needed would be empty, or the records do not hold what the
            protocol splits by.
    """
    groups = None if split.faithful else records.groups
    rows, stream = shuffled_rows(records.subsets, split.seed, groups)
    published: dict[str, Any] | None = records.meta.get("published")
    if split.faithful and published:
        kept = published["split"]
        rows = Rows(*(np.asarray(kept[part], dtype=np.int64) for part in Rows._fields))
    elif split.protocol == "leave_one_out":
        rows = _without(records, split, rows)
    elif split.protocol == "temporal" and split["by"] == PROMPTS:
        rows = _before_and_after(records, split)
    elif split.protocol == "cv":
        rows = _folded(records, split)
    if not len(rows.train) or not len(rows.test):
        n_groups = len(np.unique(records.groups))
        alike = "" if n_groups == records.n_prompts else f" ({n_groups} groups of equal ones)"
        raise DataError(
            f"{records.name}: {number_of(records.n_prompts, 'prompt')}{alike} "
            f"{'is' if records.n_prompts == 1 else 'are'} too few to train and to test "
            "on"
        )
    return rows, stream


def split_note(records: Records, split: Split, rows: Rows) -> str | None:
    """A note on prompts that stand on both sides of a split, or would have; or None."""
    groups = records.groups
    if split.faithful:
        both = np.isin(groups[rows.test], groups[rows.train])
        return (
            f"{records.name}, {split}: {both.sum():,} of {len(both):,} test prompts also stand in "
            "train, as in the reference's split"
            if both.any()
            else None
        )
    given = np.concatenate(rows)
    out = np.setdiff1d(np.arange(records.n_prompts), given)
    if split["by"] == PROMPTS:
        out = out[~np.isnan(dates_of(records.prompts, f"{records.name}: the prompts")[out])]
    alike = int(np.isin(groups[out], groups[rows.test]).sum())
    if not alike:
        return None
    left = "were left out of training, as they also stand in test"
    return f"{records.name}, {split}: {alike:,} prompts {left}"


def labelled(records: Records, split: Split, rows: Rows) -> Rows:
    """The rows whose scores a router may learn from: with ``few_shot``, n of the training prompts.

    Fewer prompts are always among more, and none is left for validation: routers that tune hold
    out some of the n.

    Raises:
        DataError: if there are no n training prompts.
    """
    n = split["n"]
    if n is None:
        return rows
    if n > len(rows.train):
        raise DataError(
            f"{records.name}: there are no {n} training prompts for {split.rule}, "
            f"only {len(rows.train)}"
        )
    order = np.random.default_rng([split.seed, 1]).permutation(len(rows.train))
    return Rows(rows.train[np.sort(order[:n])], rows.val[:0], rows.test)


def _without(records: Records, split: Split, rows: Rows) -> Rows:
    """All prompts of one benchmark to test on, those of the others to train and tune on."""
    if BENCHMARK not in records.prompts.columns:
        raise DataError(
            f"{records.name} is one benchmark; leave_one_out needs several, in one source or more"
        )
    names, out = records.prompts[BENCHMARK], split["test"]
    if out is None:
        raise DataError("name the benchmark to test on, as in leave_one_out(test=gsm8k)")
    if out not in (known := benchmark_names(records)):
        raise unknown("benchmark to test on", str(out), known)
    held = (names == out).to_numpy()
    test = np.flatnonzero(held)
    train = _unlike(records, np.concatenate([rows.train, rows.test]), test)
    return Rows(train, _unlike(records, rows.val, test), test)


def _folded(records: Records, split: Split) -> Rows:
    """One fold to test on and the others to train on; all prompts for both where none is named.

    Validation prompts are left to routers that tune: they hold out some of the training prompts.
    """
    try:
        fold = folds_of(records.subsets, split["k"], split.seed, records.groups)
    except DataError as error:
        raise DataError(f"{records.name}: {error}") from None
    every = np.arange(records.n_prompts)
    if split.crossed:
        return Rows(every, every[:0], every)
    return Rows(every[fold != split["fold"]], every[:0], every[fold == split["fold"]])


def _unlike(
    records: Records, rows: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows whose groups have no prompt among the others."""
    return rows[~np.isin(records.groups[rows], records.groups[others])]


def _before_and_after(records: Records, split: Split) -> Rows:
    """Prompts before a date to train on, the newest ninth of them to tune; from it on, to test.

    A group stands where its oldest prompt does, but for those of test prompts, which are left out.
    """
    dates = dates_of(records.prompts, f"{records.name}: the prompts")
    at = cutoff(dates, split["before"], split["share"])
    order = np.argsort(dates, kind="stable")  # without a date: last, and in neither part
    test = np.flatnonzero(dates >= at)
    before = _unlike(records, order[: int((dates < at).sum())], test)
    keep = len(before) - int(_HELD * len(before))
    again = np.isin(records.groups[before], records.groups[before[:keep]])
    return Rows(before[again], before[~again], test)


def _check(protocol: str, name: str, value: Any) -> None:  # noqa: ANN401 - a parameter of any kind
    """Raise for a value that the parameter cannot have."""
    fine, kind = True, ""
    if protocol == "cv":
        least = {"k": 2, "repeats": 1, "fold": 0}[name]
        kind = f"a whole number, at least {least}"
        whole = isinstance(value, int) and not isinstance(value, bool)
        fine = value is None or (whole and value >= least)
    elif name in ("n", "k"):
        kind = "a whole number of prompts, at least 1"
        fine = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    elif name == "share":
        kind = "a number between 0 and 1"
        fine = isinstance(value, float) and 0 < value < 1
    elif name == "by":
        kind, fine = f"{PROMPTS} or {MODELS}", value in (PROMPTS, MODELS)
    elif name == "ties" and value is not None:
        kind, fine = f"{NUMPY}, or not given", value == NUMPY
    elif name == "before" and value is not None:
        kind, fine = "a date such as '2024-06-01'", moment(value) is not None
    if not fine:
        raise SpecError(f"{protocol}: {name} is {kind}, not {value!r}")


def _check_fold(params: Mapping[str, Any]) -> None:
    """Raise for a fold that is not one of the k."""
    fold = params.get("fold")
    if fold is not None and fold >= params["k"]:
        raise SpecError(f"cv: fold is from 0 to {params['k'] - 1}, not {fold}")


def _idle(params: Mapping[str, Any]) -> set[str]:
    """Parameters without a say beside the others, left out so that equal splits are equal."""
    idle = {"share"} if params.get("before") is not None else set()
    return idle | ({"k"} if params.get("by") == PROMPTS else set())


def _no_parameter(protocol: str, name: str) -> SpecError:
    known = ", ".join([*PROTOCOLS[protocol], "seed"])
    return SpecError(f"protocol {protocol!r} has no parameter {name!r}; it has: {known}")
