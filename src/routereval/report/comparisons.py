"""Comparisons of routers, as text for the terminal and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from routereval.results.comparison import Verdict
from routereval.results.standings import Standing, Standings
from routereval.scoring import Comparison
from routereval.scoring.ranking import Omnibus, Tally
from routereval.scoring.sameness import Sameness

_DAGGER = "†"
_SIMULATED = "Simulated data: no real LLM was asked; the numbers say nothing about any."


def verdict_text(verdict: Verdict) -> str:
    """The sentence, and a line a benchmark beneath it where there are several."""
    out = [str(verdict)]
    if verdict.seeds:
        out.append(verdict.seeds.sentence(verdict.a, verdict.b))
    out += _sameness(verdict)
    if len(verdict.by_benchmark) > 1:
        told = sum(test.significant for test in verdict.by_benchmark.values())
        out += ["", *_benchmarks(verdict), ""]
        out.append(
            f"{verdict.a} is {_tally(verdict.tally)} of {sum(verdict.tally)} benchmarks; on {told} "
            "the difference is more than chance (p after Holm's correction)."
        )
    if verdict.simulated:
        out.append(_SIMULATED)
    return "\n".join(out) + "\n"


def standings_text(standings: Standings) -> str:
    """The sentence, and a line a router beneath it."""
    several = standings.n_benchmarks > 1
    heads = ["router", "μ_o", f"minus {standings.against}", "p (Holm)", "can tell"]
    heads += ["ahead–level–behind", "mean rank"] if several else []
    rows = [_standing(row, several) for row in standings.rows]
    notes = ["", "Intervals: 95 % bootstrap over prompts; can tell: the smallest difference that"]
    notes.append("these prompts show four times in five.")
    if several:
        notes.append(
            f"Ranks are means over {standings.n_benchmarks} benchmarks; their intervals resample "
            "benchmarks and prompts."
        )
    if standings.omnibus:
        notes.append(_omnibus(standings.omnibus))
    notes.append("p is of these fitted routers; name two for the variance of training.")
    if any(row.control for row in standings.rows):
        notes.append(f"{_DAGGER} a control, which is not tested.")
    if standings.simulated:
        notes.append(_SIMULATED)
    return "\n".join([str(standings), "", *aligned([heads, *rows]), *notes]) + "\n"


def comparison_json(found: Verdict | Standings) -> str:
    """All numbers of a comparison as JSON; what is not defined is null."""
    held = {**asdict(found), "sentence": str(found)}
    return json.dumps(plain(held), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _omnibus(found: Omnibus) -> str:
    p = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    if found.p_value >= 0.05:
        return f"The ranks of {found.n_routers} routers cannot be told apart (Friedman, {p})."
    return (
        f"The ranks of {found.n_routers} routers differ (Friedman, {p}); mean ranks further apart "
        f"than {found.critical_difference:.1f} differ (Nemenyi, 5 %)."
    )


def _sameness(verdict: Verdict) -> list[str]:
    """A line on the margin and one on the probabilities, where they were asked for."""
    a, b, out = verdict.a, verdict.b, []
    scope = "" if verdict.over_fits else " (of these fits)"
    if verdict.sameness:
        out.append(f"{_as_good(verdict, verdict.sameness)}{_saved(verdict)}{scope}.")
    if verdict.probabilities:
        rope, better, same, worse = verdict.probabilities
        out.append(
            f"Probability{scope} that {a} is better than {b} by more than {rope:g}: {better:.3f}; "
            f"that they are within {rope:g}: {same:.3f}; that it is worse: {worse:.3f}."
        )
    return out


def _as_good(verdict: Verdict, found: Sameness) -> str:
    p = found.p_non_inferior
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    ends = f"difference in [{found.low:+.3f}, {found.high:+.3f}] with 90 %"
    if not found.non_inferior:
        return (
            f"{verdict.a} is not shown to be as good as {verdict.b} within {found.margin:g} "
            f"({text}; {ends})"
        )
    both = "; nor is it better by more" if found.equivalent else ""
    return (
        f"{verdict.a} is as good as {verdict.b} within {found.margin:g} "
        f"(non-inferior, {text}{both}; {ends})"
    )


def _saved(verdict: Verdict) -> str:
    held = verdict.saving
    if held is None:
        return ""
    share, low, high = held
    if share < 0:
        share, low, high = -share, -high, -low
    word = "less" if held.share >= 0 else "more"
    return f", at {share:.0%} {word} cost [{low:.0%}, {high:.0%}]"


def _benchmarks(verdict: Verdict) -> list[str]:
    heads = ["benchmark", f"{verdict.a} minus {verdict.b}", "p", "can tell", "prompts"]
    rows = [
        [name, _difference(test), _p(test), _detectable(test), f"{test.n_prompts:,}"]
        for name, test in verdict.by_benchmark.items()
    ]
    return aligned([heads, *rows])


def _standing(row: Standing, several: bool) -> list[str]:
    cells = [f"{row.router} {_DAGGER}" if row.control else row.router]
    cells.append(f"{row.mu:.3f} [{row.interval.low:.3f}, {row.interval.high:.3f}]")
    cells += (
        ["–"] * 3
        if row.test is None
        else [
            _difference(row.test),
            _p(row.test),
            _detectable(row.test),
        ]
    )
    if several:
        cells.append("–".join(str(count) for count in row.tally))
        rank = row.rank
        cells.append("–" if rank is None else f"{rank.mean:.1f} [{rank.low:.1f}, {rank.high:.1f}]")
    return cells


def _difference(test: Comparison) -> str:
    mark = " *" if test.significant else "  "
    difference = round(test.difference, 3) + 0.0  # so that none is printed as -0.000
    return f"{difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}]{mark}"


def _p(test: Comparison) -> str:
    return "<0.001" if test.p < 0.001 else f"{test.p:.3f}"


def _detectable(test: Comparison) -> str:
    return "–" if math.isnan(test.detectable) else f"{test.detectable:.3f}"


def _tally(tally: Tally) -> str:
    level = f", level on {tally.ties}" if tally.ties else ""
    return f"ahead on {tally.wins}{level} and behind on {tally.losses}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns side by side, the first one to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Numbers and their containers as JSON has them."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
