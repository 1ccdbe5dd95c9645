"""A router's cost–quality curve: what each price of cost would have scored and spent.

A `Curve` keeps one number per prompt and operating point, so that its bootstrap replicates come out
of the same resamples as all other metrics, in two matrix products; nothing is routed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError
from routereval.scoring.bootstrap import product
from routereval.scoring.pareto import area_under_hull, by_cost, front, hull
from routereval.scoring.smoothing import Smoothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

USD = "USD"
_STEPS = 200
_ARRAYS = ("quality", "cost", "model_quality", "model_cost")
_SHARES = ("sent", "spent")


@dataclass(frozen=True, eq=False)
class Curve:
    """Operating points of one router on one task's test prompts, and the single models beside.

    Attributes:
        lam: (n_points,) the price of cost in units of score: 0 where cost only breaks ties,
            infinite where nothing but cost counts.
        quality: (n_prompts, n_points) score of the chosen model.
        cost: (n_prompts, n_points) what its call cost.
        model_quality: (n_prompts, n_models) score of each model.
        model_cost: (n_prompts, n_models) cost of each model.
        best_single: column of the model that was best on the training prompts.
        unit: of cost: ``USD``, or what stands in for it.
        sent: (n_points, n_models) share of the prompts that goes to each model; None where it was
            not kept, as of a cascade, which calls several.
        spent: (n_points, n_models) what the calls of each model add to the mean cost; as `sent`.

    >>> curve = Curve.of([0, np.inf], [[0, 1], [1, 1]], [[1, 0], [1, 1]], [[4, 1], [4, 1]], 0)
    >>> [(float(c), float(q)) for c, q in zip(*curve.points)]
    [(2.5, 1.0), (1.0, 0.5)]
    """

    lam: Floats
    quality: Singles
    cost: Singles
    model_quality: Singles
    model_cost: Singles
    best_single: int
    unit: str = USD
    sent: Singles | None = None
    spent: Singles | None = None

    @classmethod
    def of(
        cls,
        lam: ArrayLike,
        choices: ArrayLike,
        scores: ArrayLike,
        costs: ArrayLike,
        best_single: int,
        unit: str = USD,
    ) -> Curve:
        """The curve of the choices that a policy made at each price.

        Args:
            lam: (n_points,) the prices.
            choices: (n_prompts, n_points) column of the chosen model at each price.
            scores: (n_prompts, n_models) true scores.
            costs: (n_prompts, n_models) what each call cost, all known.
            best_single: column of the model that was best on the training prompts.
            unit: of the costs.

        Raises:
            DataError: if shapes disagree, or a score or cost is not known.
        """
        prices, places = np.asarray(lam, np.float64), np.asarray(choices, np.int64)
        truth, spent = np.asarray(scores, np.float32), np.asarray(costs, np.float32)
        if places.shape != (len(truth), len(prices)) or truth.shape != spent.shape:
            raise DataError(
                f"choices of shape {places.shape} at {len(prices)} prices do not fit scores of "
                f"shape {truth.shape} and costs of shape {spent.shape}"
            )
        quality, cost = (np.take_along_axis(v, places, axis=1) for v in (truth, spent))
        calls = [places == column for column in range(truth.shape[1])]
        share, usd = (
            np.stack([(of * call).mean(axis=0) for call in calls], axis=1).astype(np.float32)
            for of in (np.ones_like(cost), cost)
        )
        return cls(prices, quality, cost, truth, spent, best_single, unit, share, usd).checked()

    @classmethod
    def mixed(
        cls,
        weights: ArrayLike,
        scores: ArrayLike,
        costs: ArrayLike,
        best_single: int,
        unit: str = USD,
    ) -> Curve:
        """The one operating point of a policy that draws models, and that no price moves.

        Args:
            weights: (n_prompts, n_models) the probability of each call; rows sum to 1.
            scores: as in `of`.
            costs: as in `of`.
            best_single: as in `of`.
            unit: of the costs.

        Raises:
            DataError: if shapes disagree, or a score or cost is not known.
        """
        sent, truth, spent = (np.asarray(v, np.float32) for v in (weights, scores, costs))
        if not sent.shape == truth.shape == spent.shape:
            raise DataError(
                f"weights, scores and costs have shapes {sent.shape}, {truth.shape}, {spent.shape}"
            )
        quality, cost = ((sent * values).sum(axis=1)[:, None] for values in (truth, spent))
        share, usd = (values.mean(axis=0)[None] for values in (sent, sent * spent))
        return cls(
            np.zeros(1), quality, cost, truth, spent, best_single, unit, share, usd
        ).checked()

    def checked(self) -> Curve:
        """The curve itself, once its arrays are seen to fit together.

        Raises:
            DataError: if they do not, or hold NaN.
        """
        n_prompts, n_points = self.quality.shape
        for name in _ARRAYS:
            held = getattr(self, name)
            if np.isnan(held).any():
                raise DataError(f"a curve needs every score and cost, but {name} holds NaN")
            if len(held) != n_prompts:
                raise DataError(f"{name} has {len(held)} rows for {n_prompts} prompts")
        if self.cost.shape[1] != n_points or self.model_cost.shape != self.model_quality.shape:
            raise DataError("a curve needs a cost for each score")
        return self

    @cached_property
    def plane(self) -> Plane:
        """The means over the prompts as they are."""
        return self.means()

    @property
    def points(self) -> tuple[Floats, Floats]:
        """(n_points,) mean cost and mean quality of the operating points."""
        return self.plane.cost, self.plane.quality

    @property
    def hull(self) -> tuple[Floats, Floats]:
        """Corners of the non-decreasing convex hull, from the cheapest single model on."""
        return self.plane.hull

    @property
    def front(self) -> NDArray[np.bool_]:
        """(n_points,) which operating points no other dominates."""
        return front(*self.points)

    @property
    def zero(self) -> Curve:
        """The Zero router: the single models as operating points, and mixtures of them.

        A router whose curve is not above it has learned nothing of use.
        """
        return replace(
            self,
            lam=np.full(self.model_quality.shape[1], np.nan),
            quality=self.model_quality,
            cost=self.model_cost,
            sent=None,
            spent=None,
        )

    def line(self) -> tuple[Floats, Floats]:
        """The hull as so many points that it looks right on any axis, up to the dearest cost.

        Mixtures lie on a straight line in cost, which is a bow where the axis is a logarithm.
        """
        cost, quality = self.hull
        end = max(float(self.plane.dearest), float(cost[-1]))
        steps = np.geomspace(cost[0], end, _STEPS) if cost[0] > 0 else np.linspace(0, end, _STEPS)
        x = np.unique(np.concatenate([cost, np.clip(steps, cost[0], end)]))
        return x, np.interp(x, cost, quality)

    def means(
        self, W: NDArray[np.floating] | None = None, smoothing: Smoothing | None = None
    ) -> Plane:
        """Average over the prompts as they are, or over weighted resamples of them.

        Args:
            W: (n_boot, n_prompts) weights whose rows sum to 1, or None.
            smoothing: pseudo-prompts, on which all operating points score alike, and all models;
                those that send every prompt to one model score as the models do.
        """
        stacked = np.concatenate([getattr(self, n) for n in _ARRAYS], axis=1, dtype=np.float64)
        averages = stacked.mean(axis=0) if W is None else product(W, stacked)
        ends = np.cumsum([getattr(self, name).shape[1] for name in _ARRAYS])[:-1]
        best_test = int(self.model_quality.mean(axis=0, dtype=np.float64).argmax())
        quality, cost, model_quality, model_cost = np.split(averages, ends, axis=-1)
        if smoothing is not None:
            routed = self.quality.mean(axis=0, dtype=np.float64)
            single = self.model_quality.mean(axis=0, dtype=np.float64)
            alone = self._alone
            pseudo = [np.where(alone, *both) for both in ((1, 1), (0, 0), (0, 1), (1, 0))]
            quality = smoothing.mixed(quality, routed, pseudo)
            model_quality = smoothing.mixed(model_quality, single, (1, 0, 0, 1))
        return Plane(quality, cost, model_quality, model_cost, self.best_single, best_test)

    @property
    def _alone(self) -> NDArray[np.bool_]:
        """(n_points,) which operating points cost as much as a single model, and score as much."""
        points = np.stack([self.cost.mean(axis=0), self.quality.mean(axis=0)])
        models = np.stack([self.model_cost.mean(axis=0), self.model_quality.mean(axis=0)])
        near = np.isclose(points[:, :, None], models[:, None, :], rtol=1e-5)
        return np.asarray(near.all(axis=0).any(axis=1))

    def columns(self) -> dict[str, NDArray[Any]]:
        """What to save; `from_columns` reads it back."""
        kept = [name for name in _SHARES if getattr(self, name) is not None]
        held = {f"curve_{name}": getattr(self, name) for name in ("lam", *_ARRAYS, *kept)}
        return held | {
            "curve_best": np.asarray(self.best_single),
            "curve_unit": np.asarray(self.unit),
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Curve | None:
        """The curve of what `columns` gave; None where none was saved.

        Raises:
            DataError: if the arrays do not fit together.
        """
        if "curve_lam" not in columns:
            return None
        missing = [name for name in _ARRAYS if f"curve_{name}" not in columns]
        if missing:
            raise DataError(f"the curve lacks {', '.join(missing)}; run the cell again")
        arrays = {name: np.asarray(columns[f"curve_{name}"], np.float32) for name in _ARRAYS}
        lam = np.asarray(columns["curve_lam"], np.float64)
        best, unit = int(columns["curve_best"]), str(columns["curve_unit"])
        arrays |= {
            name: np.asarray(columns[f"curve_{name}"], np.float32)
            for name in _SHARES
            if f"curve_{name}" in columns
        }
        return cls(lam=lam, **arrays, best_single=best, unit=unit).checked()

    def plot(self, ax: Axes, *, label: str | None = None, **style: Any) -> Axes:  # noqa: ANN401
        """Draw the operating points and their hull onto axes.

        Args:
            ax: where to draw; cost in 1,000 calls on x, quality on y.
            label: what the legend says.
            style: of the line, such as ``color``.

        Returns:
            The axes.
        """
        cost, quality = self.line()
        [line] = ax.plot(cost * 1000, quality, label=label, **style)
        spent, scored = self.points
        ax.plot(
            spent * 1000,
            scored,
            linestyle="none",
            marker=".",
            markersize=3,
            color=line.get_color(),
            alpha=0.6,
            zorder=line.get_zorder(),
        )
        return ax


@dataclass(frozen=True, eq=False)
class Plane:
    """Means of a `Curve`, with a first axis n_boot where it was resampled.

    Attributes:
        quality: (..., n_points) mean score of the operating points.
        cost: (..., n_points) their mean cost.
        model_quality: (..., n_models) mean score of each single model.
        model_cost: (..., n_models) its mean cost.
        best_single: column of the model that was best on the training prompts.
        best_test: column of the model that is best on the test prompts as they are.
    """

    quality: Floats
    cost: Floats
    model_quality: Floats
    model_cost: Floats
    best_single: int
    best_test: int

    @cached_property
    def dearest(self) -> Floats:
        """Mean cost of the dearest single model."""
        return np.asarray(self.model_cost.max(axis=-1))

    @cached_property
    def cheapest(self) -> Floats:
        """Mean cost of the cheapest single model."""
        return np.asarray(self.model_cost.min(axis=-1))

    @cached_property
    def reached(self) -> tuple[Floats, Floats]:
        """Cost and quality of the operating points and of the cheapest model.

        Every policy can send all prompts, or any share of them, to the cheapest model.
        """
        place = self.model_cost.argmin(axis=-1)[..., None]
        cost = np.take_along_axis(self.model_cost, place, axis=-1)
        quality = np.take_along_axis(self.model_quality, place, axis=-1)
        return (
            np.concatenate([cost, self.cost], axis=-1),
            np.concatenate([quality, self.quality], axis=-1),
        )

    @cached_property
    def hull(self) -> tuple[Floats, Floats]:
        """Corners of the non-decreasing convex hull of `reached`."""
        return hull(*self.reached)

    @cached_property
    def by_cost(self) -> tuple[Floats, Floats]:
        """Cost and quality of `reached`, from the cheapest to the dearest point."""
        return by_cost(*self.reached)

    @cached_property
    def under_hull(self) -> Floats:
        """The area under the hull, from the cheapest model's cost to the dearest's."""
        return area_under_hull(*self.reached, self.cheapest, self.dearest)

    @cached_property
    def under_zero(self) -> Floats:
        """The same under the hull of the single models."""
        single = self.model_cost, self.model_quality
        return area_under_hull(*single, self.cheapest, self.dearest)

    def single(self, best: str) -> tuple[Floats, Floats]:
        """Mean cost and score of the best single model, chosen on ``train`` or on ``test``."""
        column = self.best_single if best == "train" else self.best_test
        return self.model_cost[..., column], self.model_quality[..., column]
