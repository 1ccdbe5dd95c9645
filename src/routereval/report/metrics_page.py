"""The page of all metrics, from the registry itself."""

from __future__ import annotations

from math import inf

from routereval.scoring import METRICS, Metric

GROUPS = {
    "quality": "Quality",
    "cost": "Cost and quality",
    "two models": "Two models, strong and weak",
}
"""The groups of metrics in the order of the page, with their titles."""

_BETTER = {True: "higher", False: "lower", None: "–"}


def metric_line(one: Metric) -> str:
    """What a list says of a metric, after its name.

    >>> metric_line(METRICS["regret"])
    'mean score lost to the oracle (lower is better; 0 to 1; online learning)'
    """
    better = _BETTER[one.higher_is_better]
    facts = [
        "neither is better" if better == "–" else f"{better} is better",
        _range(one),
        one.source,
        *([f"undefined {one.undefined}"] if one.undefined else []),
        *([_parameters(one)] if one.options else []),
    ]
    return f"{one.meaning} ({'; '.join(facts)})"


def metrics_page() -> str:
    """Tables of all metrics in Markdown, one per group."""
    head = "| name | meaning | better | range | undefined | source |\n|---|---|---|---|---|---|\n"
    parts = []
    for group, title in GROUPS.items():
        rows = [_row(one) for one in METRICS.values() if one.group == group]
        parts.append(f"## {title}\n\n{head}{''.join(rows)}")
    return "\n".join(parts)


def _row(one: Metric) -> str:
    meaning = f"{one.meaning}; {_parameters(one)}" if one.options else one.meaning
    cells = (
        f"`{one.name}`" + (f" ({one.symbol})" if one.symbol != one.name else ""),
        meaning,
        _BETTER[one.higher_is_better],
        _range(one),
        one.undefined,
        one.source,
    )
    return f"| {' | '.join(cells)} |\n"


def _parameters(one: Metric) -> str:
    """Its parameters with their defaults, as they may be written."""
    shown = []
    for name, option in one.options.items():
        if name == "at":
            shown.append(f"any other number after `@`, as in `{one.family}@0.8`")
        elif option.among:
            shown.append(f"`{name}={'|'.join(option.among)}`".replace("|", " or "))
        else:
            shown.append(f"`{name}={option.default}`")
    return ", ".join(shown)


def _range(one: Metric) -> str:
    text = f"{_end(one.low)} to {_end(one.high)}"
    return f"{text}, {one.unit}" if one.unit else text


def _end(number: float) -> str:
    return {inf: "∞", -inf: "−∞"}.get(number, f"{number:g}".replace("-", "−"))
