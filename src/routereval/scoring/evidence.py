"""What one router did on one task's test prompts: columns of one number per prompt.

Every column is declared here and nowhere else: its name and type are those of a field, and beside
it stand what it means, how it is collected, and what it is on the pseudo-prompts of an interval.
The fields of `AveragedColumns` are also those of `Means`, which metrics read, so a formula that
reads a column that is not there is an error for a type checker. A metric may bring a `Column` of
its own.
"""

# ruff: noqa: RUF009 - the calls in these dataclasses declare fields
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.bootstrap import n_units
from routereval.scoring.curve import USD, Curve
from routereval.scoring.observations import Codes, Floats, Observations, between
from routereval.scoring.pair import Pair
from routereval.scoring.smoothing import effective_units

Four = tuple[float, float, float, float]
"""A number on each pseudo-prompt: all models are right, none, only the chosen one, all but that."""

_COLUMN = "column"
_BROUGHT = "brought."
_PAIR = ("pair_margin", "pair_strong", "pair_weak")


@dataclass(frozen=True)
class Column:
    """One number per prompt: how it is called, what it means and how it is collected.

    Attributes:
        name: how it is called in files.
        meaning: one line of plain English.
        values: (n_prompts,) numbers from what was observed.
        pseudo: its numbers on the pseudo-prompts that intervals count (see `smoothing`), or None
            where they have none; no function if they never have.
        needs_costs: whether it is unknown, NaN, unless the cost of every call is known.
        dtype: of the numbers.

    >>> below = Column("below", "1 where the choice is below the mean of the models",
    ...                lambda of: of.quality < of.scores.mean(axis=1))
    >>> below.name
    'below'
    """

    name: str
    meaning: str
    values: Callable[[Observations], ArrayLike] = field(compare=False)
    pseudo: Callable[[Evidence], Four | None] | None = field(default=None, compare=False)
    needs_costs: bool = False
    dtype: DTypeLike = np.float64

    def collected(self, of: Observations) -> NDArray[Any]:
        """(n_prompts,) its numbers.

        Raises:
            DataError: if it does not give one number per prompt.
        """
        if self.needs_costs and not of.costs_known:
            return np.full(of.n_prompts, np.nan)
        given = self.values(of)
        try:
            found = np.asarray(given, self.dtype)
        except (TypeError, ValueError):
            raise DataError(f"column {self.name!r} holds no numbers, one per prompt") from None
        if found.shape != (of.n_prompts,):
            raise DataError(
                f"column {self.name!r} has shape {found.shape} for {of.n_prompts} prompts"
            )
        return found

    def on_pseudo_prompts(self, of: Evidence) -> Four | None:
        """Its numbers on the pseudo-prompts, None where they have none."""
        return self.pseudo(of) if self.pseudo else None


def column(
    meaning: str,
    values: Callable[[Observations], ArrayLike],
    *,
    pseudo: Callable[[Evidence], Four | None] | None = None,
    needs_costs: bool = False,
    dtype: DTypeLike = np.float64,
) -> Any:  # noqa: ANN401 - the type is that of the field
    """Declare a field that is a `Column`."""
    return field(metadata={_COLUMN: Column("", meaning, values, pseudo, needs_costs, dtype)})


def _alike(share: float) -> Four:
    """A fixed model's score: not that of the choice, unless that is always this very model."""
    always = float(share == 1)
    return (1.0, 0.0, always, 1 - always)


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragedColumns:
    """The columns whose means metrics are made of.

    Arrays of shape (n_prompts,) in an `Evidence`; in `Means`, where they are averaged, of shape ()
    or one per resample, (n_boot,). `DECLARED` says what each means.
    """

    quality: Floats = column(
        "expected score of the chosen model, in [0, 1]",
        lambda of: of.quality,
        pseudo=lambda of: (1.0, 0.0, 1.0, 0.0),
    )
    oracle: Floats = column(
        "the highest score of any model",
        lambda of: of.oracle,
        pseudo=lambda of: (1.0, 0.0, 1.0, float(of.n_models > 1)),
    )
    uniform: Floats = column(
        "the mean score over the models",
        lambda of: of.scores.mean(axis=1),
        pseudo=lambda of: (1.0, 0.0, 1 / of.n_models, 1 - 1 / of.n_models),
    )
    best_single: Floats = column(
        "the score of the model that was best on the training prompts",
        lambda of: of.of_model(of.best_single),
        pseudo=lambda of: _alike(of.agreement[0]),
    )
    best_test: Floats = column(
        "the score of the model with the highest mean on these prompts",
        lambda of: of.of_model(of.best_test),
        pseudo=lambda of: _alike(of.agreement[1]),
    )
    best_subset: Floats = column(
        "that of the model with the highest mean on the prompt's subset",
        lambda of: of.of_model(of.best_subset),
        pseudo=lambda of: _alike(of.agreement[2]),
    )
    best_apart: Floats = column(
        "that of the model with the highest mean on the other four fifths of the prompts, as a "
        "mean over several cuts into fifths: free of the luck that the best of several models has "
        "on the prompts on which it is chosen",
        lambda of: of.best_apart,
        pseudo=lambda of: _alike(of.agreement[1]),
    )
    entropy: Floats = column(
        "entropy of the router's predicted distribution, in bits", lambda of: of.entropy
    )
    top: Floats = column(
        "probability that the choice is a model of the highest score",
        lambda of: of.sent_to(of.at_top),
        pseudo=lambda of: (1.0, 1.0, 1.0, float(of.n_models == 1)),
    )
    relative_score: Floats = column(
        "quality on the line from the worst model of the prompt, 0, to its best, 1; 0 where all "
        "score alike",
        lambda of: between(of.quality, of.scores),
    )
    subset_score: Floats = column(
        "the same, from the worst mean to the best mean of a model on the subset",
        lambda of: between(of.quality, of.subset_scores),
    )
    cost: Floats = column(
        "expected cost of the choice; NaN where unknown, as the following", lambda of: of.cost
    )
    optimal: Floats = column(
        "probability that the choice is a cheapest model of the top score",
        lambda of: of.sent_to(of.optimal),
        pseudo=lambda of: (1.0, 0.0, 1.0, 0.0) if of.agreement_known else None,
        needs_costs=True,
    )
    optimal_cost: Floats = column(
        "cost of that model", lambda of: of.optimal_cost, needs_costs=True
    )
    collapsed: Floats = column(
        "probability that the choice misses the top score, or is the dearest model of the pool (or "
        "ties with it) where a less dear one has the top score too",
        lambda of: 1 - of.sent_to(of.at_top) + of.sent_to(of.needless),
        pseudo=lambda of: (0.0, 1.0, 0.0, 1.0) if of.agreement_known else None,
        needs_costs=True,
    )
    relative_cost: Floats = column(
        "as relative_score, of cost", lambda of: between(of.cost, of.costs), needs_costs=True
    )
    subset_cost: Floats = column(
        "as subset_score, of cost",
        lambda of: between(of.cost, of.subset_means(of.costs)),
        needs_costs=True,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence(AveragedColumns):
    """What one router did on one task's test prompts: one number per prompt, for each column.

    To the averaged columns come these, and what stands beside them.

    Attributes:
        brought: (n_prompts,) numbers of the columns that metrics bring, by name.
        share: (n_models,) mean probability with which a prompt goes to each model; sums to 1.
        agreement: (3,) share of the prompts whose choice is the model of `best_single`, `best_test`
            and `best_subset`; NaN where the policy mixes models or knew the true scores.
        reference: score of the fixed strong model that V_R divides by; NaN where there is none.
        unit: of cost: ``USD``, or what stands in for it.
        curve: what other trade-offs of cost would have done; None where costs are unknown.
        pair: in a pool of two models, what a threshold between them needs; else None.
    """

    n_right: Floats = column("how many models are right: score at least 0.5", lambda of: of.n_right)
    truthful: Floats = column(
        "1 where a wrong answer is a hallucination, else 0", lambda of: of.truthful
    )
    choice: Codes = column(
        "column of the chosen model; -1 where the policy mixes models",
        lambda of: of.choice,
        dtype=np.int64,
    )
    subsets: Codes = column(
        "integer code of each prompt's subset", lambda of: of.subsets, dtype=np.int64
    )
    groups: Codes = column(
        "integer code of the group of equal prompts that each belongs to",
        lambda of: of.groups,
        dtype=np.int64,
    )
    brought: Mapping[str, Floats] = field(default_factory=dict)
    share: Floats
    agreement: Floats = field(default_factory=lambda: np.full(3, np.nan))
    reference: float = float("nan")
    unit: str = USD
    curve: Curve | None = None
    pair: Pair | None = None

    def __getitem__(self, wanted: Column) -> Floats:
        """(n_prompts,) a column that a metric brings.

        Raises:
            SpecError: if it was not collected.
        """
        if wanted.name not in self.brought:
            raise SpecError(
                f"column {wanted.name!r} was not collected; name it in the metric's columns, "
                "and run the cells again"
            )
        return self.brought[wanted.name]

    @property
    def n_prompts(self) -> int:
        """How many test prompts there are."""
        return len(self.quality)

    @property
    def n_units(self) -> int:
        """How many groups of prompts there are, which are drawn whole."""
        return n_units(self.groups, self.n_prompts)

    @property
    def n_models(self) -> int:
        """How many models the router could choose from."""
        return len(self.share)

    @property
    def agreement_known(self) -> bool:
        """Whether every prompt has one choice, made without knowing the true scores."""
        return not np.isnan(self.agreement).any()

    @cached_property
    def averages(self) -> dict[str, float]:
        """The means of the averaged columns, by their names."""
        return {name: float(getattr(self, name).mean()) for name in AVERAGED}

    @cached_property
    def effective_units(self) -> float:
        """How many independent prompts tell as much."""
        return effective_units((self.quality, self.best_single), self.groups)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Columns by name, and what stands beside them, to save; `from_columns` reads them back."""
        held = {name: getattr(self, name) for name in (*DECLARED, "agreement")}
        held |= {_BROUGHT + name: values for name, values in self.brought.items()}
        if self.unit != USD:
            held["unit"] = np.asarray(self.unit)
        if self.pair:
            both = (self.pair.margin, self.pair.strong, self.pair.weak)
            held |= dict(zip(_PAIR, both, strict=True))
        return held | (self.curve.columns() if self.curve else {})

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, ArrayLike], share: ArrayLike, reference: float | None = None
    ) -> Self:
        """Rebuild the evidence from what `columns` gave.

        Args:
            columns: the per-prompt columns by name; others are ignored.
            share: (n_models,) mean probability of sending a prompt to each model.
            reference: score of the fixed strong model, or None.

        Returns:
            The evidence.

        Raises:
            DataError: if a column is missing or the columns are not of one length.
        """
        missing = [name for name in DECLARED if name not in columns]
        if missing:
            raise DataError(
                f"the evidence lacks the columns {', '.join(missing)}; run the cell again"
            )
        arrays = {name: np.asarray(columns[name], own.dtype) for name, own in DECLARED.items()}
        brought = {
            name.removeprefix(_BROUGHT): np.asarray(values, np.float64)
            for name, values in columns.items()
            if name.startswith(_BROUGHT)
        }
        shapes = {array.shape for array in (*arrays.values(), *brought.values())}
        if len(shapes) > 1 or len(arrays["quality"].shape) != 1:
            raise DataError(
                f"the columns of the evidence must be of one length, not {sorted(shapes)}"
            )
        return cls(
            **arrays,
            brought=brought,
            share=np.asarray(share, np.float64),
            reference=float("nan") if reference is None else float(reference),
            unit=str(columns.get("unit", USD)),
            curve=Curve.from_columns(columns),
            agreement=np.asarray(columns.get("agreement", np.full(3, np.nan)), np.float64),
            pair=Pair.of(*(columns[name] for name in _PAIR)) if _PAIR[0] in columns else None,
        )


def _columns_of(cls: type) -> dict[str, Column]:
    """The columns that the fields of a class declare, by name."""
    return {
        one.name: replace(one.metadata[_COLUMN], name=one.name)
        for one in fields(cls)
        if _COLUMN in one.metadata
    }


AVERAGED: Mapping[str, Column] = _columns_of(AveragedColumns)
"""The columns that `means` averages, by name."""

DECLARED: Mapping[str, Column] = _columns_of(Evidence)
"""All columns of an `Evidence`, by name."""
