"""How trust is laid out: calibration, abstention, robustness and overhead, with what they mean."""

from __future__ import annotations

import math

from routereval.number_of import number_of
from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Column, Document, Number, Part, Row, Table
from routereval.studies.trust import Trust


def trust_document(found: Trust) -> Document:
    """Tables of calibration, abstention, robustness and overhead."""
    parts: list[Part] = [
        f"{found.router} on {found.benchmark}: {number_of(len(found.pool), 'model')}, "
        f"{number_of(found.n_test, 'test prompt')}. μ_o {found.mu:.3f}; the constant router "
        f"(best single) {found.best_single:.3f}.",
        *_calibration(found),
        _abstention(found),
        _robustness(found) if found.robustness else _UNREAD,
    ]
    if found.overhead:
        took = found.overhead
        parts.append(
            f"Overhead of routing one prompt from its text: p50 {took.p50:.2f} ms, p95 "
            f"{took.p95:.2f} ms, p99 {took.p99:.2f} ms; {took.batch:,.0f} prompts/s in a batch."
        )
    return Document(parts, _data(found), found, [SIMULATED] if found.simulated else [])


_UNREAD = "Robustness and overhead: not measured, this router reads no prompt texts."


def _calibration(found: Trust) -> list[Table]:
    columns = [
        Column("predicted score", "text"),
        Column("ECE"),
        Column("if perfect"),
        Column("Brier"),
        Column("outside [0, 1]", "share", digits=1),
    ]
    rows = [
        Row((name, held.ece, held.ece_perfect, held.brier, held.outside))
        for name, held in (("of the choice", found.of_choice), ("of all models", found.of_all))
    ]
    title = "Calibration: is a predicted score the chance of a right answer? (0 is best)"
    bins = found.of_choice
    heads = [Column("bin", "text"), Column("predicted"), Column("observed"), Column("n", "count")]
    values = zip(bins.predicted, bins.observed, bins.counts, strict=True)
    reliability = [
        Row((str(number), float(x), float(y), int(n)))
        for number, (x, y, n) in enumerate(values, start=1)
    ]
    return [
        Table(title, columns, rows),
        Table("Reliability of the choice's score, bins of equal mass", heads, reliability),
    ]


def _abstention(found: Trust) -> Table:
    columns = [
        Column("wrong at most", "share", digits=0),
        Column("answer above"),
        Column("answered", "share", digits=1),
        Column("wrong of all", "share", digits=1),
        Column("score if answered"),
    ]
    rows = [
        Row(
            (
                one.risk,
                "never" if one.threshold == math.inf else one.threshold,
                *(one.answered, one.wrong, one.score),
            )
        )
        for one in found.abstentions
    ]
    curve = found.curve
    notes = [
        f"Thresholds set on {found.n_calibration:,} validation prompts by conformal risk control; "
        "of all prompts of the kind, at most so many are answered wrongly, in expectation.",
        f"AURC {curve.aurc:.3f}; if the score told all mistakes {curve.best:.3f}, if it told none "
        f"{1 - found.mu:.3f}.",
    ]
    return Table("Abstention: answer only above a predicted score", columns, rows, notes)


def _robustness(found: Trust) -> Table:
    columns = [
        Column("change", "text"),
        Column("same choice", interval="ends"),
        Column("μ_o"),
        Column("prompts", "count"),
    ]
    rows = [Row(("(constant router)", 1.0, found.best_single, ""))]
    rows += [
        Row((one.change, Number(one.stable, *one.interval), one.mu, one.pairs))
        for one in found.robustness
    ]
    title = "Robustness: prompts changed in ways that do not change what they ask"
    notes = ["A constant router never flips: read the share beside quality."]
    return Table(title, columns, rows, notes)


def _data(found: Trust) -> Table:
    """Every number in one row each, but for the curves, which JSON has."""
    numbers: dict[str, Number | float] = {"mu": found.mu, "best_single": found.best_single}
    for name, held in (("choice", found.of_choice), ("all", found.of_all)):
        numbers |= {f"ece_{name}": held.ece, f"ece_perfect_{name}": held.ece_perfect}
        numbers |= {f"brier_{name}": held.brier, f"outside_{name}": held.outside}
    for abstention in found.abstentions:
        for name in ("threshold", "answered", "wrong", "score"):
            numbers[f"{name} at {abstention.risk:g}"] = getattr(abstention, name)
    for change in found.robustness:
        numbers[f"same choice, {change.change}"] = Number(change.stable, *change.interval)
    if found.overhead:
        numbers |= {f"{name} ms": getattr(found.overhead, name) for name in ("p50", "p95", "p99")}
        numbers["prompts per second"] = found.overhead.batch
    rows = [Row((name, number)) for name, number in numbers.items()]
    return Table("", [Column("number", "text"), Column("value")], rows)
