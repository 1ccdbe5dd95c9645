"""What was found of trust, as text for the terminal and as JSON."""

from __future__ import annotations

import json
import math

from routereval.report.comparisons import aligned, plain
from routereval.studies.trust import Trust


def trust_text(found: Trust) -> str:
    """Tables of calibration, abstention, robustness and overhead, with what they mean."""
    out = [
        f"{found.router} on {found.benchmark}: {len(found.pool)} LLMs, "
        f"{found.n_test:,} test prompts",
        f"μ_o {found.mu:.3f}; the constant router (best single) {found.best_single:.3f}",
        *_calibration(found),
        *_abstention(found),
        *_robustness(found),
    ]
    if found.overhead:
        took = found.overhead
        out += ["", "Overhead of routing one prompt from its text"]
        out.append(
            f"p50 {took.p50:.2f} ms, p95 {took.p95:.2f} ms, p99 {took.p99:.2f} ms; "
            f"{took.batch:,.0f} prompts/s in a batch"
        )
    if found.simulated:
        out.append("\nSimulated data: no real LLM was asked; the numbers say nothing about any.")
    return "\n".join(out) + "\n"


def trust_json(found: Trust) -> str:
    """All numbers as JSON, the curves among them; what is not defined or not finite is null."""
    return json.dumps(plain(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _calibration(found: Trust) -> list[str]:
    rows = [["predicted score", "ECE", "if perfect", "Brier", "outside [0, 1]"]]
    for name, held in (("of the choice", found.of_choice), ("of all LLMs", found.of_all)):
        parts = (f"{x:.3f}" for x in (held.ece, held.ece_perfect, held.brier))
        rows.append([name, *parts, f"{held.outside:.1%}"])
    reliability = [["predicted", *(f"{x:.2f}" for x in found.of_choice.predicted)]]
    reliability.append(["observed", *(f"{y:.2f}" for y in found.of_choice.observed)])
    return [
        "",
        "Calibration: is a predicted score the chance of a right answer? (0 is best)",
        *aligned(rows),
        "",
        "Reliability of the choice's score, bins of equal mass",
        *aligned(reliability),
    ]


def _abstention(found: Trust) -> list[str]:
    rows = [["wrong at most", "answer above", "answered", "wrong of all", "score if answered"]]
    for one in found.abstentions:
        score = "–" if math.isnan(one.score) else f"{one.score:.3f}"
        rows.append(
            [
                f"{one.risk:.0%}",
                "never" if one.threshold == math.inf else f"{one.threshold:.3f}",
                f"{one.answered:.1%}",
                f"{one.wrong:.1%}",
                score,
            ]
        )
    curve = found.curve
    return [
        "",
        f"Abstention: thresholds set on {found.n_calibration:,} validation prompts by conformal "
        "risk control;",
        "of all prompts of the kind, at most so many are answered wrongly, in expectation",
        *aligned(rows),
        f"AURC {curve.aurc:.3f}; if the score told all mistakes {curve.best:.3f}, if it told none "
        f"{1 - found.mu:.3f}",
    ]


def _robustness(found: Trust) -> list[str]:
    if not found.robustness:
        return ["", "Robustness and overhead: not measured, this router reads no prompt texts."]
    rows = [["change", "same choice", "95 %", "μ_o", "prompts"]]
    rows.append(["(constant router)", "1.000", "", f"{found.best_single:.3f}", ""])
    rows += [
        [
            one.change,
            f"{one.stable:.3f}",
            f"[{one.interval.low:.3f}, {one.interval.high:.3f}]",
            f"{one.mu:.3f}",
            f"{one.pairs:,}",
        ]
        for one in found.robustness
    ]
    return [
        "",
        "Robustness: prompts changed in ways that do not change what they ask",
        *aligned(rows),
        "A constant router never flips: read the share beside quality.",
    ]
