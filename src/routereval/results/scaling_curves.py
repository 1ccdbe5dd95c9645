"""What a study of scaling-up leaves: the curves, and what they say in tables and files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.scoring import Interval
from routereval.scoring.scaling import noisy, passing_size, saturation_size
from routereval.shown import Shown

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

MEAN = "mean"
"""The name of the macro-average in tables and files."""

SHOWN_SIZES = (3, 5, 10, 100)


class WeakPool(NamedTuple):
    """Models, each of them weak, that together pass a strong one if routed by an oracle.

    Attributes:
        below: each model's mean score is below this.
        target: what they have to pass.
        n_weak: how many models are that weak.
        models: the pool, found greedily; all that add anything, if even they do not pass.
        oracle: its oracle.
    """

    below: float
    target: float
    n_weak: int
    models: tuple[str, ...]
    oracle: float

    @property
    def passes(self) -> bool:
        """True if the pool's oracle lies above the target."""
        return self.oracle > self.target


@dataclass(frozen=True, eq=False)
class ScalingCurve:
    """How the score of r_o(p) grows with the pool, on one benchmark or on average.

    Attributes:
        benchmark: its name; `MEAN` for the macro-average.
        order: in which order models join, one of `ORDERS`.
        n_prompts: prompts that it is an average over.
        oracle: (n_models,) the oracle of pools of m = 1, 2, … models.
        mean: (n_models,) the mean score of a model of those pools.
        p: of the r_o(p) that have intervals.
        sizes: (n_sizes,) the m that have intervals.
        low: (len(p), n_sizes) lower ends of the 95 % bootstrap intervals over prompts.
        high: (len(p), n_sizes) upper ends.
        best_single: mean score of the best single model on the prompts that it was observed on.
        reference: score of the reference model, or None.
        models: the models in the order in which they join; empty if that is random.
        weak: the weak models that together pass the reference, or None without a reference.
        simulated: True if no real model was asked.
    """

    benchmark: str
    order: str
    n_prompts: int
    oracle: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    p: tuple[float, ...] = field(repr=False)
    sizes: Index = field(repr=False)
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    best_single: float
    reference: float | None
    models: tuple[str, ...] = field(default=(), repr=False)
    weak: WeakPool | None = field(default=None, repr=False)
    simulated: bool = False

    @property
    def n_models(self) -> int:
        """The largest pool."""
        return len(self.oracle)

    def noisy(self, p: float) -> Floats:
        """(n_models,) the score of r_o(p): the oracle with probability p, else a random model."""
        return noisy(self.oracle, self.mean, p)

    def at(self, m: int, p: float = 1.0) -> float:
        """The score of r_o(p) with m models.

        Raises:
            SpecError: if the curve does not go so far.
        """
        if not 1 <= m <= self.n_models:
            raise SpecError(f"{self.benchmark}: pools have 1 to {self.n_models:,} models, not {m}")
        return float(self.noisy(p)[m - 1])

    def interval(self, m: int, p: float = 1.0) -> Interval:
        """Its 95 % interval, for an m of `sizes` and a p of `p`.

        Raises:
            SpecError: if that point of the curve has none.
        """
        if m not in self.sizes or p not in self.p:
            raise SpecError(f"{self.benchmark}: no interval was computed at m = {m}, p = {p}")
        place = self.p.index(p), int(np.searchsorted(self.sizes, m))
        return Interval(float(self.low[place]), float(self.high[place]))

    def saturation(self, share: float) -> int:
        """The least m whose oracle has `share` of the headroom from m = 1 to all models."""
        return saturation_size(self.oracle, share)

    def passing(self, p: float = 1.0) -> int | None:
        """The least m at which r_o(p) passes the reference; None if never, or without one."""
        return None if self.reference is None else passing_size(self.noisy(p), self.reference)


@dataclass(frozen=True, eq=False, repr=False)
class ScalingResults(Shown):
    """The curves of a study.

    Attributes:
        curves: one per benchmark.
        mean: their macro-average up to the least of their sizes; None for a single benchmark.
        notes: sentences on what the curves leave out.
    """

    curves: tuple[ScalingCurve, ...]
    mean: ScalingCurve | None = None
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """True if any curve comes from models that were never asked."""
        return any(curve.simulated for curve in self.curves)

    @property
    def all_curves(self) -> tuple[ScalingCurve, ...]:
        """The benchmarks, then their average where there is one."""
        return (*self.curves, *((self.mean,) if self.mean else ()))

    def __getitem__(self, benchmark: str) -> ScalingCurve:
        for curve in self.all_curves:
            if curve.benchmark == benchmark:
                return curve
        raise KeyError(benchmark)

    def to_frame(self) -> pl.DataFrame:
        """Every curve in full: a row per benchmark, m and p; intervals where there are any."""
        import polars as pl

        return pl.concat([_frame(curve, p) for curve in self.all_curves for p in curve.p])

    def summary(self) -> pl.DataFrame:
        """A row per benchmark: what a few models reach, where that saturates, what it passes."""
        import polars as pl

        return pl.DataFrame([_line(curve) for curve in self.all_curves], infer_schema_length=None)


def _frame(curve: ScalingCurve, p: float) -> pl.DataFrame:
    import polars as pl

    row = curve.p.index(p)
    bands = np.full((2, curve.n_models), np.nan)
    bands[:, curve.sizes - 1] = curve.low[row], curve.high[row]
    return pl.DataFrame(
        {
            "m": np.arange(1, curve.n_models + 1, dtype=np.int32),
            "p": np.full(curve.n_models, p),
            "score": curve.noisy(p),
            "low": bands[0],
            "high": bands[1],
        }
    ).select(
        pl.lit(curve.benchmark).alias("benchmark"),
        pl.lit(curve.order).alias("order"),
        pl.col("m", "p", "score"),
        pl.col("low", "high").fill_nan(None),
        pl.lit(curve.simulated).alias("simulated"),
    )


def _line(curve: ScalingCurve) -> dict[str, Any]:
    line: dict[str, Any] = {
        "benchmark": curve.benchmark,
        "order": curve.order,
        "prompts": curve.n_prompts,
        "models": curve.n_models,
        "best_single": curve.best_single,
        "mean": curve.at(1),
    }
    shown = {f"oracle_{m}": m for m in SHOWN_SIZES} | {"oracle_all": curve.n_models}
    for name, m in shown.items():
        there = m <= curve.n_models
        low, high = curve.interval(m) if there and 1.0 in curve.p else (None, None)
        line |= {name: curve.at(m) if there else None, f"{name}_low": low, f"{name}_high": high}
    weak = curve.weak
    return line | {
        "m90": curve.saturation(0.9),
        "m99": curve.saturation(0.99),
        "reference": curve.reference,
        "passes_at": curve.passing(),
        "half_passes_at": curve.passing(0.5),
        "weak_below": weak.below if weak else None,
        "weak_models": weak.n_weak if weak else None,
        "weak_pool": len(weak.models) if weak and weak.passes else None,
        "weak_pool_models": ", ".join(weak.models) if weak and weak.passes else None,
        "simulated": curve.simulated,
    }
