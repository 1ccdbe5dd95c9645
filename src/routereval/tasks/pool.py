"""Which models a router may choose from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.number_of import number_of, some_of
from routereval.records import Records, complete_block
from routereval.records.matrix import Block, Index, ScoreMatrix
from routereval.spec import Spec, parse_spec
from routereval.tasks.scalar_order import scalar_order
from routereval.tasks.split import Rows, Split

GROUPS = ("all-strong", "all-weak", "strong-to-weak")
PUBLISHED_SIZES = (3, 5, 10, 100, 1000)

ALL = "all"
"""The group of a pool of all models of the records."""

_NAMED = 5  # models in a sentence
_LABELLED = re.compile(r"\s*([^\s(),=]+)\s*=\s*(.+)", re.DOTALL)
_LONGEST = 40  # characters of a title made of the names of models
_CHOSEN = "models"
_LOW, _HIGH = 0.1, 0.9  # the band of mean scores that the reference draws its pools from
_REGION = 5  # its weak and strong regions are a fifth of the models
_DRAWS = 1000


@dataclass(frozen=True)
class Pool:
    """A rule that picks models, or the models themselves.

    Attributes:
        group: ``all-strong``, ``all-weak`` or ``strong-to-weak``; ``all`` for all models of the
            records; ``models`` for a list of names.
        size: how many models.
        models: the names, where they are given.
        label: what tables call it, if it is to be another word than its `title` is without.

    >>> Pool.parse("all-strong(size=5)")
    Pool(group='all-strong', size=5, models=(), label='')
    >>> str(Pool.of(["gpt-4", "mixtral"]))
    "models(names=['gpt-4', mixtral])"
    >>> Pool.parse("openai/gpt-4, mixtral").title, Pool.parse("two=gpt-4,mixtral").title
    ('gpt-4+mixtral', 'two')
    """

    group: str
    size: int = 0
    models: tuple[str, ...] = ()
    label: str = ""

    def __post_init__(self) -> None:
        if self.group not in (*GROUPS, ALL, _CHOSEN):
            raise unknown("group", self.group, [*GROUPS, ALL, _CHOSEN])
        if not isinstance(self.size, int) or self.size < 1:
            needed = f"; give its size, as in {self.group}(size=5)" if self.size == 0 else ""
            raise SpecError(f"a pool has at least 1 model, not {self.size!r}{needed}")
        if self.group == _CHOSEN and len(self.models) != self.size:
            raise SpecError(f"a pool of {_CHOSEN} needs their names: models(names=['a', 'b'])")
        twice = [name for name in self.models if self.models.count(name) > 1]
        if twice:
            raise SpecError(f"the pool names {twice[0]!r} twice; name each model once")

    @classmethod
    def of(cls, models: Sequence[str]) -> Self:
        """The pool of the models named."""
        return cls(_CHOSEN, len(models), tuple(models))

    @classmethod
    def parse(cls, text: str | Pool) -> Self | Pool:
        """Read a pool from its text; a `Pool` passes through.

        Args:
            text: ``all-strong(size=5)``, ``models(names=['a', 'b'])`` or names with commas between,
                ``a,b``; perhaps after a label, as in ``small=a,b``.
        """
        if isinstance(text, Pool):
            return text
        if labelled := _LABELLED.fullmatch(text):
            return replace(cls.parse(labelled[2]), label=labelled[1])
        if "," in text and "(" not in text:
            return cls.of([name.strip() for name in text.split(",") if name.strip()])
        spec = parse_spec(text)
        names = spec.kwargs.get("names")
        if spec.name == _CHOSEN and set(spec.kwargs) == {"names"} and isinstance(names, tuple):
            return cls.of([str(name) for name in names])
        if set(spec.kwargs) != {"size"}:
            raise SpecError(f"pool {text!r}: write all-strong(size=5), or models(names=['a', 'b'])")
        return cls(spec.name, spec.kwargs["size"])

    @property
    def named(self) -> bool:
        """Whether its models are given by name."""
        return self.group == _CHOSEN

    @property
    def title(self) -> str:
        """What tables call it: its label; else its group, of models by name those names."""
        return self.label or (_short(self.models) if self.named else self.group)

    @property
    def text(self) -> str:
        """Its spec, after its label if it has one: what `parse` reads."""
        return f"{self.label}={self}" if self.label else str(self)

    def __str__(self) -> str:
        if self.group == _CHOSEN:
            return str(Spec(_CHOSEN, (("names", self.models),)))
        return f"{self.group}(size={self.size})"


def _short(models: Sequence[str]) -> str:
    """Names without what stands before a slash; too many of them cut, with a mark of the rest."""
    names = [name.rpartition("/")[2] for name in models]
    whole = "+".join(names)
    if len(whole) <= _LONGEST:
        return whole
    mark = hashlib.sha256("\n".join(models).encode()).hexdigest()[:6]
    return f"{names[0][:_LONGEST]}+{len(names) - 1}-{mark}"


def chosen_models(
    records: Records, pools: Sequence[Pool], split: Split, rows: Rows, stream: np.random.RandomState
) -> dict[Pool, tuple[str, ...] | DataError]:
    """The models of each pool, or why there are not enough for it.

    Models with missing cells are left out as `complete_block` says; under ``temporal`` they must
    have been asked what is new, whatever else they were. ``clean`` looks at the training
    prompts only; ``faithful`` at all prompts, and its draws continue the stream of the split.

    Args:
        records: the benchmark.
        pools: the pools wanted.
        split: the protocol and seed.
        rows: the split's rows.
        stream: the random stream after the split.
    """
    found: dict[Pool, tuple[str, ...] | DataError] = {}
    if split.faithful and records.meta.get("published"):
        found |= _published(records, pools)
    found |= {pool: _everyone(records, pool) for pool in pools if pool.group == ALL}
    found |= {pool: _by_name(records, pool) for pool in pools if pool.named}
    if len(found) == len(pools):
        return {pool: found[pool] for pool in pools}
    block = _candidates(records, split, rows, _largest(records, pools))
    prompts = block.prompts if split.faithful else np.intersect1d(block.prompts, rows.train)
    whole = len(prompts) == records.n_prompts and len(block.models) == records.n_models
    matrix = records.scores if whole else records.scores.select(prompts, block.models)
    regions = _Regions.of(matrix, split)
    wanted = sorted({pool.size for pool in pools if pool.group in GROUPS})
    draws = _draws(regions, wanted, split, stream)
    for pool in pools:
        if pool in found:
            continue
        try:
            columns = _columns(matrix, regions, pool, draws)
        except DataError as error:
            found[pool] = DataError(f"{records.name}: {error}")
            continue
        found[pool] = tuple(records.models[block.models[c]] for c in columns)
    return {pool: found[pool] for pool in pools}


def _by_name(records: Records, pool: Pool) -> tuple[str, ...] | DataError:
    """The models that a pool names, all of which the records must have."""
    try:
        return tuple(records.models[column] for column in records.columns(pool.models))
    except DataError as error:
        return error


def _everyone(records: Records, pool: Pool) -> tuple[str, ...] | DataError:
    """All models of the records, of which the pool must have as many."""
    if pool.size == records.n_models:
        return records.models
    has = number_of(records.n_models, "model")
    return DataError(f"{records.name} has {has}, not the {pool.size} of {pool}")


def _largest(records: Records, pools: Sequence[Pool]) -> int:
    """The largest size asked for that the records have models for."""
    sizes = [pool.size for pool in pools if pool.group != _CHOSEN]
    return max((size for size in sizes if size <= records.n_models), default=1)


def left_out(records: Records, pools: Sequence[Pool]) -> str | None:
    """What the choice of pools leaves out for missing cells, in a sentence; None if nothing."""
    if records.scores.observed() is None or all(pool.named for pool in pools):
        return None
    block = complete_block(records.scores, _largest(records, pools))
    if (len(block.prompts), len(block.models)) == (records.n_prompts, records.n_models):
        return None
    rest = sorted(set(range(records.n_models)) - set(block.models.tolist()))
    names = some_of([records.models[column] for column in rest], _NAMED)
    without = f"; left out for missing cells: {names}" if rest else ""
    return (
        f"{records.name}: pools are chosen from {len(block.models):,} of {records.n_models:,} "
        f"models, on the {len(block.prompts):,} of {records.n_prompts:,} prompts put to all of "
        f"them{without}"
    )


def above_band(records: Records, pools: Sequence[Pool], split: Split) -> str | None:
    """Which models are too good for the pools of a group, in a sentence; None if none is."""
    if split.faithful or all(pool.group not in GROUPS for pool in pools):
        return None
    regions = _Regions.of(records.scores, split)
    above = regions.order[regions.last :]
    if not len(above):
        return None
    return (
        f"{records.name}: {len(above):,} of {records.n_models:,} models have a mean score above "
        f"{_HIGH}, {records.models[above[-1]]} the highest, and pools by a rule leave them out, as "
        "the paper's do; name the models of a pool to have them (--pool a,b,c)"
    )


def _candidates(records: Records, split: Split, rows: Rows, least: int) -> Block:
    """The models that pools are chosen from, and prompts that all of them were put to.

    Old models are rarely asked new prompts: over all dates the block is one of old prompts.
    """
    if split.protocol != "temporal" or records.scores.observed() is None:
        return complete_block(records.scores, least)
    models = complete_block(records.scores.select(rows.test, None), least).models
    asked = ~np.isnan(records.scores.dense(rows.train, models)).any(axis=1)
    return Block(rows.train[asked], models)


def _published(records: Records, pools: Sequence[Pool]) -> dict[Pool, tuple[str, ...] | DataError]:
    kept: Mapping[str, Any] = records.meta["published"]["pools"]
    found: dict[Pool, tuple[str, ...] | DataError] = {}
    for pool in pools:
        models = kept.get(str(pool.size), {}).get(pool.group)
        if models is not None:
            found[pool] = tuple(models)
        elif pool.group != _CHOSEN:
            sizes = ", ".join(kept)
            found[pool] = DataError(
                f"{records.name}: no {pool} was published with these records (sizes: {sizes})"
            )
    return found


@dataclass(frozen=True)
class _Regions:
    """Models in the order of their means, and the band of them that pools are drawn from."""

    order: Index
    first: int
    last: int

    @classmethod
    def of(cls, matrix: ScoreMatrix, split: Split) -> _Regions:
        means = matrix.means()
        order = _rising(means, split)
        ranked = means[order]
        first = _first(ranked > _LOW, len(order))
        last = _first(ranked > _HIGH, len(order))
        # A handful of good models is a pool too: clean drops the band where it leaves too few.
        if not split.faithful and last - first < min(len(order), _REGION * 2):
            first, last = 0, len(order)
        return cls(order, first, last)

    @property
    def band(self) -> Index:
        return self.order[self.first : self.last]

    def weak(self, size: int) -> Index:
        return self.order[self.first : self.first + self._width(size)]

    def strong(self, size: int) -> Index:
        return self.order[max(0, self.last - self._width(size)) : self.last]

    def _width(self, size: int) -> int:
        return max(len(self.order) // _REGION, size)


def _rising(means: NDArray[np.float64], split: Split) -> Index:
    """The models in rising order of their means; of equal ones the first column first.

    ``faithful`` leaves equal ones as numpy's scalar sort does, which is the reference's argsort
    where there are no vector instructions; ``faithful(ties=numpy)`` as numpy does here.
    """
    if not split.faithful:
        return np.argsort(means, kind="stable")
    if split.machine_ties:
        return np.argsort(means)  # ties: the order of this machine is what was asked for
    return scalar_order(means)


def _first(mask: NDArray[np.bool_], otherwise: int) -> int:
    return int(np.argmax(mask)) if mask.any() else otherwise


def _draws(
    regions: _Regions, sizes: Sequence[int], split: Split, stream: np.random.RandomState
) -> dict[int, Index]:
    """For each size, 1,000 draws of one model out of each of `size` consecutive groups.

    The faithful stream runs through the published sizes in order, wanted or not.
    """
    drawn: dict[int, Index] = {}
    if split.faithful:
        last = max((s for s in sizes if s in PUBLISHED_SIZES), default=0)
        for size in (s for s in PUBLISHED_SIZES if s <= last and s <= len(regions.band)):
            drawn[size] = _draw(regions.band, size, stream)
    for size in (s for s in sizes if s not in drawn and s <= len(regions.band)):
        own = np.random.RandomState([split.seed, size])
        drawn[size] = _draw(regions.band, size, own)
    return drawn


def _draw(band: Index, size: int, stream: np.random.RandomState) -> Index:
    # One broadcast call takes from the stream what a choice(group) for each group in turn would.
    groups = np.array_split(band, size)
    lengths = np.array([len(group) for group in groups])
    starts = np.cumsum(lengths) - lengths
    places = starts + stream.randint(0, np.broadcast_to(lengths, (_DRAWS, size)))
    return np.asarray(band[places])


def _columns(
    matrix: ScoreMatrix, regions: _Regions, pool: Pool, draws: Mapping[int, Index]
) -> Index:
    """The columns of a pool: the window, or the draw, of the highest oracle; the first on ties."""
    if not matrix.shape[0]:
        raise DataError(
            "no training prompt was put to enough models to choose pools by; name a pool"
        )
    if pool.group == "strong-to-weak":
        if pool.size not in draws:
            raise _too_few(regions, pool)
        drawn = draws[pool.size]
        return np.asarray(drawn[int(np.argmax(matrix.draw_oracles(drawn)))])
    region = regions.strong(pool.size) if pool.group == "all-strong" else regions.weak(pool.size)
    if pool.size > len(region):
        raise _too_few(regions, pool)
    best = int(np.argmax(matrix.window_oracles(region, pool.size)))
    return region[best : best + pool.size]


def _too_few(regions: _Regions, pool: Pool) -> DataError:
    n_models, in_band = len(regions.order), len(regions.band)
    if in_band < n_models:
        return DataError(
            f"{in_band} of {n_models} models have a mean score between {_LOW} and {_HIGH}, "
            f"too few for a pool of {pool.size}"
        )
    are = "is" if n_models == 1 else "are"
    return DataError(f"{number_of(n_models, 'model')} {are} too few for a pool of {pool.size}")
