"""The metrics: each one a value with a name, a formula on means, and what it means.

    >>> metric("v_b").meaning
    'mean score relative to the single model that is best on the same test prompts'
    >>> metric("aiq(variant=code)"), metric("cpt@0.8").params
    (metric('aiq(variant=code)'), (('at', 0.8),))

`METRICS` holds them by name, with the parameters that they have by default; `metric` reads any
other; `register` adds one. A formula reads `Means` and nothing else, so the same line gives the
number itself and all of its bootstrap replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from math import inf, isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.registry import Registry
from routereval.scoring.evidence import DECLARED, Column, Evidence
from routereval.scoring.means import Means, Values
from routereval.spec import Spec, parse_spec

ZERO = 1e-12
_AT = "at"


@dataclass(frozen=True)
class Option:
    """What a parameter of a metric may be.

    Attributes:
        default: its value where none is given.
        low: the least value of a number.
        high: the greatest value of a number.
        among: the words, if it is a word.
    """

    default: Any
    low: float = -inf
    high: float = inf
    among: tuple[str, ...] = ()

    def checked(self, metric_name: str, name: str, value: object) -> Any:  # noqa: ANN401
        """The value itself, a number of the kind of the default, if it may be one.

        Raises:
            SpecError: if it may not.
        """
        if self.among:
            if value in self.among:
                return value
            wanted = " or ".join(self.among)
        else:
            whole = isinstance(self.default, int)
            kind = "a whole number" if whole else "a number"
            wanted = f"{kind} from {self.low:g} to {self.high:g}"
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                fits = self.low <= value <= self.high and isfinite(value)
                if fits and (float(value).is_integer() or not whole):
                    return int(value) if whole else float(value)
        raise SpecError(f"metric {metric_name}: {name} must be {wanted}, not {value!r}")


class WithOptions(Protocol):
    """A formula that takes the metric's options as keyword arguments."""

    def __call__(self, of: Means, /, *args: Any, **options: Any) -> Values: ...  # noqa: ANN401, D102


Formula = Callable[[Means], Values] | WithOptions
"""From means to values of shape () or (n_boot,); a lambda where there are no options, so that a
type checker knows what it reads."""


@dataclass(frozen=True, repr=False)
class Metric:
    """One number about a router, as a function of means over prompts.

    Attributes:
        name: how it is named in Python, on the command line and in files; parameters that are not
            as by default stand in it.
        symbol: how it is written in a table.
        latex: the same for LaTeX, in math mode.
        formula: from `Means` to values of shape () or (n_boot,); for a metric that is registered
            with options, it takes them as keyword arguments.
        meaning: one line of plain English.
        source: whose definition it is.
        group: ``quality``, ``two models`` or ``cost``.
        higher_is_better: True, False, or None where neither is better.
        low: the least value it can take.
        high: the greatest value it can take.
        unit: of the value; empty for a pure number.
        undefined: when it is NaN; empty if never.
        partial: True if it is defined on benchmarks of one kind only; a mean over benchmarks is
            then over those.
        swept: True if it reads the whole cost–quality curve, not only the choices as they are.
        high_formula: what the upper end of the interval is taken from, where the formula itself
            compares with what luck makes look too good; else None.
        doubtful: whether the interval cannot be relied on, from the evidence; None if it can.
        columns: the columns of evidence that it brings: they are collected and saved with all
            others, and ``of[column]`` is the mean of one in a formula. On evidence that was
            collected without them the metric is undefined.
        params: its parameters with their values.
        options: what each parameter may be.
    """

    name: str
    symbol: str
    latex: str
    formula: Formula = field(compare=False)
    meaning: str
    source: str
    group: str = "quality"
    higher_is_better: bool | None = True
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    undefined: str = ""
    partial: bool = False
    swept: bool = False
    high_formula: Formula | None = field(default=None, compare=False)
    doubtful: Callable[[Evidence], bool] | None = field(default=None, compare=False)
    columns: tuple[Column, ...] = field(default=(), compare=False)
    params: tuple[tuple[str, Any], ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict, compare=False)

    @property
    def family(self) -> str:
        """Its name without parameters."""
        return parse_spec(self.name).name

    def values(self, of: Means) -> Values:
        """Its values of shape () or (n_boot,); NaN where evidence lacks a column that it brings."""
        return self._read(self.formula, of)

    def high_values(self, of: Means) -> Values:
        """What the upper end of its interval is taken from."""
        return self._read(self.high_formula or self.formula, of)

    def _read(self, formula: Formula, of: Means) -> Values:
        there = all(column.name in of.evidence.brought for column in self.columns)
        found = formula(of) if there else of.undefined
        if not isinstance(found, np.ndarray | np.number | float | int):
            raise DataError(f"metric {self.name!r} gives {found!r}, which is no number")
        return found

    def __repr__(self) -> str:
        return f"metric({self.name!r})"

    def __str__(self) -> str:
        return self.name


def _checked(found: object, name: str) -> Metric:
    if isinstance(found, Metric):
        return found
    raise SpecError(f"metric {name!r} is a {type(found).__name__}, not a Metric")


METRICS: Registry[Metric] = Registry(
    "metric",
    "routereval.metrics",
    checked=_checked,
    summary=lambda one: one.meaning,
    parameters=lambda one: {name: option.default for name, option in one.options.items()},
)
"""Every known metric by name, with its parameters as by default."""


def register(new: Metric) -> Metric:
    """Add a metric to `METRICS`, for this process.

    Packages do the same for good with an entry point in the group ``routereval.metrics``.

    Args:
        new: the metric; its parameters take the defaults of its options, and an option ``at``
            becomes part of its name.

    Returns:
        The metric as registered.

    Raises:
        SpecError: if another metric has its name, or another column that of one that it brings.
    """
    if new.family in {known.family for known in METRICS.values()}:
        raise SpecError(f"metric {new.family!r} is registered already; choose another name")
    taken = {**DECLARED, **{column.name: column for column in _columns_of(METRICS.values())}}
    for column in new.columns:
        if taken.setdefault(column.name, column) != column:
            raise SpecError(
                f"metric {new.family!r} brings a column {column.name!r}, but there is another of "
                "that name; choose another"
            )
    whole = _with_parameters(new, {}) if new.options else new
    METRICS.register(whole.name, whole)
    return whole


def all_metrics() -> list[Metric]:
    """Every metric: of this package, of other packages that can be loaded, and of this process."""
    not_loaded()
    return list(METRICS.values())


def with_brought(own: Collection[str], brought: Collection[Metric]) -> list[Metric]:
    """The metrics of these names and those brought, which are registered where they are not yet.

    A process that was started for a run knows only what is installed.
    """
    names = {*own, *(one.name for one in brought)}
    for one in brought:
        if one.name not in METRICS:
            register(one)
    return [one for one in all_metrics() if one.name in names]


def brought_columns() -> list[Column]:
    """The columns that metrics bring."""
    return _columns_of(all_metrics())


@cache
def not_loaded() -> Mapping[str, str]:
    """Register what other packages bring, once; by name, why a metric of theirs is left out."""
    reasons = {}
    for name in METRICS.known():
        try:
            metric(name)
        except SpecError as error:
            reasons[name] = str(error)
    return reasons


def _columns_of(metrics: Iterable[Metric]) -> list[Column]:
    return list(dict.fromkeys(column for one in metrics for column in one.columns))


def metric(name: str | Spec | Metric) -> Metric:
    """Look a metric up by name, with parameters if need be; a `Metric` passes through.

    Raises:
        SpecError: if no metric is called that, or has no such parameter or value of it.

    >>> metric("p_star").symbol
    'p*'
    >>> metric(metric("mu"))
    metric('mu')
    >>> metric("arena(beta=0.1)") == metric("arena")
    True
    """
    if isinstance(name, Metric):
        return name
    if (
        isinstance(name, str) and name in METRICS
    ):  # the common case, a million times a run: nothing to parse
        return METRICS[name]
    spec = parse_spec(name)
    families = {known.family: known for known in METRICS.values()}
    found = families.get(spec.name) or _metric_of_package(spec.name, families)
    return _with_parameters(found, spec.kwargs) if spec.params else found


def _metric_of_package(family: str, families: Iterable[str]) -> Metric:
    """A metric that another package brings, from now on registered."""
    if family not in METRICS.known():
        raise unknown("metric", family, [*families, *METRICS.known()])
    found = METRICS[family]
    if found.family != family:
        raise SpecError(f"metric {family!r} calls itself {found.family!r}; both must be the same")
    return register(found)


def _with_parameters(of: Metric, given: Mapping[str, Any]) -> Metric:
    """The metric with other values of its parameters."""
    for name in given:
        if name not in of.options:
            known = ", ".join(of.options) or "none"
            raise SpecError(f"metric {of.family!r} has no parameter {name!r}; it has: {known}")
    values = {
        name: option.checked(of.family, name, given.get(name, option.default))
        for name, option in of.options.items()
    }
    shown = [(n, v) for n, v in values.items() if n == _AT or v != of.options[n].default]
    plain: Any = of.formula.func if isinstance(of.formula, partial) else of.formula
    return replace(
        of,
        name=str(Spec(of.family, tuple(shown))),
        formula=partial(plain, **values),
        params=tuple(values.items()),
    )


def ratio(top: ArrayLike, bottom: ArrayLike) -> NDArray[np.float64]:
    """``top / bottom``; NaN, without a warning, where the bottom is zero or itself NaN.

    Zero is anything below 1e-12: two columns that are equal may have means that differ by a
    rounding error once they are resampled.
    """
    below = np.asarray(bottom, np.float64)
    defined = np.abs(below) > ZERO
    return np.asarray(np.where(defined, np.asarray(top) / np.where(defined, below, 1.0), np.nan))
