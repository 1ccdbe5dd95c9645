"""Learning curves: quality against the number of labelled prompts, or of probe prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from routereval.results.results import Results
from routereval.results.summary import MEAN, Estimate, Line, summarise
from routereval.spec import Spec, parse_spec

COUNTED = {"few_shot": "n", "unseen_model": "k", "temporal": "k"}
"""The parameter of a protocol that counts prompts."""


class Learning(NamedTuple):
    """The learning curve of one router at one pool size.

    Attributes:
        rule: the protocol, without the number of prompts.
        counted: the parameter that is that number: ``n`` labelled prompts, or ``k`` probes.
        size: number of models in the pools.
        router: its spec.
        control: True for a yardstick that has learned nothing.
        prompts: the numbers of prompts, rising.
        mu: the mean score with each.
    """

    rule: str
    counted: str
    size: int
    router: str
    control: bool
    prompts: tuple[int, ...]
    mu: tuple[Estimate, ...]


def learning_curves(results: Results, lines: Sequence[Line] | None = None) -> list[Learning]:
    """The learning curves in a run, where a protocol was run with several numbers of prompts.

    A number is left out where not all benchmarks have so many prompts, so that all points of a
    curve are means over the same ones.

    Args:
        results: the cells of a run.
        lines: their summary, if it is at hand.

    Returns:
        One per router and pool size, in the order of the run; none where there is one number only.
    """
    points: dict[tuple[str, str, int, str, bool], dict[int, dict[str, Estimate]]] = {}
    for line in summarise(results, ("mu",)) if lines is None else lines:
        spec = parse_spec(line.protocol)
        counted = COUNTED.get(spec.name, "")
        if counted in spec.kwargs:
            others = tuple(pair for pair in spec.params if pair[0] != counted)
            key = (str(Spec(spec.name, others)), counted, line.size, line.router, line.control)
            found = points.setdefault(key, {}).setdefault(spec.kwargs[counted], {})
            found[line.benchmark] = line.metrics["mu"]
    curves = []
    for key, by_number in points.items():
        most = max(map(len, by_number.values()))
        numbers = tuple(sorted(n for n, found in by_number.items() if len(found) == most))
        if len(numbers) > 1:
            curves.append(Learning(*key, numbers, tuple(by_number[n][MEAN] for n in numbers)))
    return curves
