"""The verdict of advice: a sentence, and a line per benchmark."""

from __future__ import annotations

import math

from routereval.report.layouts.advise_phrases import (
    defined,
    floor_name,
    name_of,
    percent,
    signed,
    usd,
)
from routereval.report.table import (
    Cell,
    Column,
    Number,
    Row,
    Table,
)
from routereval.studies.advise.advice import (
    Advice,
    Alone,
    BenchmarkAdvice,
    Decision,
    Routed,
)

SHORT = {
    "route": "Yes: route",
    "save": "Yes: route to save",
    "cheaper": "No: a cheaper model",
    "cheaper?": "No: perhaps a cheaper one",
    "no": "No",
    "unclear": "Not shown",
}
"""An answer in a cell of the verdict table."""


def verdict_sentence(advice: Advice) -> str:
    """The first line: the verdict on the last benchmark, which is all of them where several are."""
    last = advice.benchmarks[-1]
    where = f"{last.name}: " if len(advice.benchmarks) > 1 else ""
    over = _over_budget(last.decision, advice.budget)
    return f"Worth routing? {where}{verdict(last, advice.margin)}{over}"


def _over_budget(found: Decision, budget: float | None) -> str:
    """What there is within the budget, where what the verdict is about costs more."""
    cost = found.usd
    if budget is None or not cost > budget:
        return ""
    within = found.learned.within if found.learned else None
    scores = []
    if within is not None and found.learned and within.usd.value <= budget:
        scores.append(f"{found.learned.router} scores {within.score.value:.3f}")
    if found.affordable is not None:
        alone = found.affordable
        verb = "" if scores else "scores "
        scores.append(f"{alone.model} alone {verb}{alone.score.value:.3f}")
    within_it = " and ".join(scores) or "there is nothing"
    return f" That is above the budget of {usd(budget)}, within which {within_it}."


def verdict(benchmark: BenchmarkAdvice, margin: float) -> str:
    """One sentence: is routing worth it here?"""
    found = benchmark.decision
    learned, routed = found.learned, found.routed
    if found.answer == "route" and learned and routed:
        return (
            f"Yes, for the score: {learned.router} gains {signed(routed.gain)} over the best "
            f"single model on prompts that it has not seen{_instead(routed, found.best)}."
        )
    if found.answer == "save" and learned and routed:
        return (
            f"Yes, for the cost: {learned.router} costs {percent(routed.saving)} less than "
            f"{name_of(found.enough)}, the cheapest single model that is good enough, and loses "
            f"less than {margin:g}."
        )
    if found.answer in {"cheaper", "cheaper?"}:
        return _cheaper(found, margin)
    return _alone(benchmark, margin)


def _instead(routed: Routed, best: Alone) -> str:
    """What the gain costs."""
    if math.isnan(routed.usd.value) or math.isnan(best.usd):
        return ""
    return f", at {usd(routed.usd.value)} instead of {usd(best.usd)} per 1,000 prompts"


def _cheaper(found: Decision, margin: float) -> str:
    model, best = found.enough, found.best
    if model is None:
        return ""
    less = 1 - model.usd / best.usd
    if model.model == found.floor_model:
        return (
            f"No router. Use {model.model} alone: nothing cheaper keeps its score within "
            f"{margin:g}, and it costs {less:.0%} less than {best.model}."
        )
    kept = (
        f"it is within {margin:g} of {floor_name(found)}"
        if found.answer == "cheaper"
        else f"by its number it is within {margin:g} of {floor_name(found)}, which so few prompts "
        "do not show"
    )
    return (
        f"No router. Use {model.model} alone: {kept} ({signed(model.lead)}), and costs {less:.0%} "
        f"less than {best.model}."
    )


def _alone(benchmark: BenchmarkAdvice, margin: float) -> str:
    found = benchmark.decision
    if found.learned is None:
        left = "" if found.answer == "unclear" else f"; no gain of {margin:g} is in reach"
        head = "Not shown" if found.answer == "unclear" else "No"
        return f"{head}: {found.missing}{left}. Use {found.use}."
    gain = signed(found.learned.best.gain)
    if found.answer == "no":
        return f"No: {found.learned.router} gains {gain}, less than {margin:g}. Use {found.use}."
    if found.learned.held_back_by and found.learned.best.gain.low > margin:
        return (
            f"Not shown: {found.learned.router} gains {gain}, but {found.learned.held_back_by}, "
            "which leaves the best single model on evidence only, gains nothing. "
            f"Use {found.use}."
        )
    if found.floor_model != found.best.model and found.learned.cheap:
        return _floor_not_shown(found, found.learned.cheap, margin)
    return (
        f"Not shown: {found.learned.router} gains {gain}, which neither proves a gain of "
        f"{margin:g} nor rules it out. Until it does, use {found.use}."
    )


def _floor_not_shown(found: Decision, cheap: Routed, margin: float) -> str:
    """Where a floor was named, what was asked for is to keep it at the least cost."""
    name = found.learned.router if found.learned else ""
    what = (
        f"costs a tenth less than any single model that keeps {floor_name(found)}, and scores more "
        "than a mixture of single models of the same cost"
        if cheap.lead.low > -margin
        else f"keeps {floor_name(found)} within {margin:g} ({signed(cheap.lead)})"
    )
    return (
        f"Not shown: that {name}, at {usd(cheap.usd.value)} per 1,000 prompts, {what}. Until it "
        f"is, use {found.use}."
    )


def verdict_table(advice: Advice) -> Table:
    """A line per benchmark, and one of all where there are several."""
    columns = [
        Column("benchmark", "text"),
        Column("prompts", "count"),
        Column("verdict", "text"),
        Column("use", "text"),
        Column("gain", signed=True, interval="ends"),
        Column("$/1k", digits=2),
        Column("saved", "share", digits=0, interval="ends"),
        Column("$/month saved", digits=0, interval="ends"),
    ]
    rows = [Row(_verdict_row(benchmark)) for benchmark in advice.benchmarks]
    notes = []
    if any(benchmark.decision.learned for benchmark in advice.benchmarks):
        notes.append(
            "gain: score of the learned router less that of the best single model by the same "
            "training prompts, paired, on prompts that neither has seen."
        )
    if any(benchmark.decision.answer == "save" for benchmark in advice.benchmarks):
        notes.append("saved: of the cost of the cheapest single model that is good enough.")
    return Table("verdicts", columns, rows, notes).without_empty()


def _verdict_row(benchmark: BenchmarkAdvice) -> tuple[Cell, ...]:
    found = benchmark.decision
    routed = found.routed
    yes = found.answer in {"route", "save"}
    gain = None if found.learned is None else found.learned.best.gain
    return (
        benchmark.name,
        benchmark.n_prompts,
        SHORT[found.answer],
        found.learned.router if yes and found.learned else found.use,
        "" if gain is None else Number(*gain),
        defined(found.usd),
        Number(*routed.saving) if found.answer == "save" and routed else "",
        "" if math.isnan(found.monthly.value) else Number(*found.monthly),
    )
