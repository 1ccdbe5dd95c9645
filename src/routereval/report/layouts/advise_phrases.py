"""How the sentences of advice name models, numbers and amounts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from routereval.report.table import (
    Cell,
)
from routereval.results.summary import Estimate
from routereval.studies.advise.advice import (
    Alone,
    Decision,
)

_SHOWN = 4  # names, where there may be hundreds


def described(one: Alone) -> str:
    """A model with its score, and its cost and latency where they are known."""
    text = f"{one.model}, {with_ends(one.score)}"
    if not math.isnan(one.usd):
        text += f", at {usd(one.usd)} per 1,000 prompts"
    if not math.isnan(one.p95_ms):
        text += f", {one.p95_ms:,.0f} ms at most for 95 % of its calls"
    return text


def name_of(one: Alone | None) -> str:
    """A model by name."""
    return "any single model" if one is None else one.model


def floor_name(found: Decision) -> str:
    """The model, or the score, that has to be kept."""
    return found.floor_model or f"the score {found.floor:.3f}"


def defined(value: float) -> Cell:
    """A number, or a blank for what cannot be."""
    return "" if math.isnan(value) else value


def some_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = _SHOWN if len(names) > _SHOWN + 1 else len(names)  # one name is as short as "1 more"
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def with_ends(estimate: Estimate) -> str:
    """A number with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def signed(estimate: Estimate) -> str:
    """A difference with its interval."""
    value, low, high = (f"{round(number, 3) + 0.0:+.3f}" for number in estimate)
    return f"{value} [{low}, {high}]"


def percent(estimate: Estimate) -> str:
    """A share with its interval, in percent."""
    return f"{estimate.value:.0%} [{estimate.low:.0%}, {estimate.high:.0%}]"


def usd(amount: float, digits: int = 2) -> str:
    """An amount of money."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount):,.{digits}f}"
