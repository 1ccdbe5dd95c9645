"""Whether what a router gains survives where nothing could be learned of prompts."""

from __future__ import annotations

from collections.abc import Iterator

from routereval.errors import DataError, SpecError
from routereval.results.common_prompts import stacked
from routereval.results.results import Results
from routereval.spec import parse_spec

PLACEBOS = ("shuffled", "random_features")
"""The controls that fit another router on records that tell nothing of prompts."""

SURVIVES = 0.5
"""The share of a gain from which on it has survived."""


def surviving_gains(results: Results) -> Iterator[str]:
    """A sentence for each router whose gain over best single a placebo has for the larger part."""
    names = {results.spec_of(name): name for name in results.routers}
    for placebo in results.routers:
        within = names.get(_router_within(results.spec_of(placebo)))
        if within is None:
            continue
        gain, same = (_gain(results, name) for name in (within, placebo))
        if gain is not None and same is not None and gain > 0 and same >= SURVIVES * gain:
            yield (
                f"{within} gains {gain:+.3f} over best_single, and {placebo} {same:+.3f}: "
                "its gain does not come from the prompts"
            )


def _router_within(text: str) -> str:
    """The spec of the router that a placebo fits; empty for any other router."""
    try:
        spec = parse_spec(text)
    except SpecError:
        return ""
    return str(spec.kwargs.get("router")) if spec.name in PLACEBOS else ""


def _gain(results: Results, router: str) -> float | None:
    try:
        means = stacked(results, (router, "best_single")).means
    except DataError:
        return None
    return float(means[0] - means[1])
