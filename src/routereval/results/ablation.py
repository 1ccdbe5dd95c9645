"""Ablations: routers of one kind that differ in a parameter, or in what made the features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from routereval.errors import SpecError
from routereval.grouped import grouped
from routereval.results.results import Cell, Results
from routereval.results.summary import MEAN, Estimate, Line, summarise
from routereval.spec import parse_spec

EMBEDDER = "embedder"
"""What a column of embedders is called."""


class AblationRow(NamedTuple):
    """One combination of values.

    Attributes:
        router: what tables call it.
        values: of the parameters that vary, as texts or numbers.
        mu: its mean score, with the interval over prompts.
        deviation: standard deviation of its mean scores over seeds; NaN for one seed.
        n_seeds: how many seeds.
    """

    router: str
    values: tuple[str | int | float | bool, ...]
    mu: Estimate
    deviation: float
    n_seeds: int


class Ablation(NamedTuple):
    """Routers of one kind, at one pool size under one protocol.

    Attributes:
        protocol: the rule of the split.
        size: number of models in the pools.
        kind: the router's name in the registry.
        parameters: the names of what varies.
        rows: a row for each combination, in the order of the run.
    """

    protocol: str
    size: int
    kind: str
    parameters: tuple[str, ...]
    rows: tuple[AblationRow, ...]


class _Member(NamedTuple):
    router: str
    kind: str
    values: dict[str, Any]


def ablations(results: Results, lines: Sequence[Line] | None = None) -> list[Ablation]:
    """The ablations in a run: learned routers with the same parameters given, and other values.

    Args:
        results: of a run.
        lines: their summary, if it is at hand.

    Returns:
        One per protocol, pool size and kind of router; none where no two routers are of one kind.
    """
    learned = [name for name in results.routers if not results.of(name)[0].control]
    members = [one for name in learned if (one := _member(results, name)) is not None]
    families = grouped(members, lambda one: (one.kind, tuple(one.values)))
    means = summarise(results, ("mu",)) if lines is None else lines
    found = []
    for rule, size in dict.fromkeys((line.protocol, line.size) for line in means):
        here = {
            line.router: line.metrics["mu"]
            for line in means
            if (line.protocol, line.size, line.benchmark) == (rule, size, MEAN)
        }
        for (kind, _), family in families.items():
            there = [one for one in family if one.router in here]
            varied = _varied(there)
            if varied:
                rows = tuple(_row(results, one, varied, here, (rule, size)) for one in there)
                found.append(Ablation(rule, size, kind, varied, rows))
    return found


def deviation_over_seeds(cells: Sequence[Cell], metric: str = "mu") -> float:
    """Standard deviation over seeds of the mean over benchmarks; NaN for fewer than two seeds.

    Args:
        cells: of one router.
        metric: its name.
    """
    seeds = grouped(cells, lambda cell: cell.seed)
    if len(seeds) < 2:
        return math.nan
    return float(np.std([_macro_mean(own, metric) for own in seeds.values()], ddof=1))


def _macro_mean(cells: Sequence[Cell], metric: str) -> float:
    """The mean over benchmarks, each counting alike."""
    means = [
        np.mean([cell.metrics.get(metric, math.nan) for cell in own])
        for own in grouped(cells, lambda cell: cell.benchmark).values()
    ]
    return float(np.mean(means))


def _member(results: Results, router: str) -> _Member | None:
    """A router with its parameters and its embedder; None if it is no spec."""
    try:
        spec = parse_spec(results.spec_of(router))
    except SpecError:
        return None
    embedders = list(dict.fromkeys(cell.embedder for cell in results.of(router)))
    values = {key: _plain(value) for key, value in spec.params}
    return _Member(router, spec.name, {**values, EMBEDDER: " or ".join(embedders)})


def _plain(value: Any) -> str | int | float | bool:  # noqa: ANN401 - a literal is of any type
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return value if isinstance(value, (bool, int, float)) else str(value)


def _varied(members: Sequence[_Member]) -> tuple[str, ...]:
    """What differs between members: parameters, and the embedder."""
    names = members[0].values if members else {}
    return tuple(name for name in names if len({str(one.values[name]) for one in members}) > 1)


def _row(
    results: Results,
    member: _Member,
    varied: Sequence[str],
    means: dict[str, Estimate],
    place: tuple[str, int],
) -> AblationRow:
    cells = [c for c in results.of(member.router) if (c.protocol, c.size) == place]
    n_seeds = len({cell.seed for cell in cells})
    values = tuple(member.values[name] for name in varied)
    mu = means[member.router]
    return AblationRow(member.router, values, mu, deviation_over_seeds(cells), n_seeds)
