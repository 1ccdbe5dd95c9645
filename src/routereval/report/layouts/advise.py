"""How advice is laid out: a verdict per benchmark in one table, then the reasons in sentences."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from routereval.number_of import number_of
from routereval.report.data import to_json
from routereval.report.layouts.advise_data import data_table
from routereval.report.layouts.advise_phrases import (
    _SHOWN,
    described,
    floor_name,
    percent,
    signed,
    some_of,
    usd,
    with_ends,
)
from routereval.report.layouts.advise_verdict import verdict, verdict_sentence, verdict_table
from routereval.report.table import (
    Document,
    Heading,
    Part,
    Points,
)
from routereval.report.terminal import to_text
from routereval.studies.advise.advice import (
    FEW_OUTSIDE,
    Advice,
    Alone,
    BenchmarkAdvice,
    Decision,
    Learned,
    PoolAdvice,
    Routed,
)
from routereval.studies.advise.tried import LEAST_SAVING

_WIDTH = 100
_STABLE = 4  # folds of five
_HUGE = 1_000_000
_SUBSETS = 12
_COLUMNS = "columns"  # what a router reads where there are no texts
_DEAREST = 10  # times its price: of more nobody need be told, as other models are cheaper then
_LITTLE = 0.01  # a share of the traffic that is not worth a name


def advice_document(advice: Advice) -> Document:
    """The verdict table, then a part per benchmark with what the verdict rests on."""
    first: list[Part] = [verdict_sentence(advice), verdict_table(advice)]
    parts = [part for benchmark in advice.benchmarks for part in _parts(benchmark, advice)]
    held = asdict(advice)
    return Document([*first, *parts, Points(_footnotes(advice))], data_table(advice), held)


def save_advice(advice: Advice, folder: str | Path) -> list[Path]:
    """Write ``advice.txt``, ``advice.json``, ``advice`` and ``advice-cost`` as PNG and SVG.

    Args:
        advice: from `routereval.studies.advise`.
        folder: made if it does not exist; files of these names are replaced.

    Returns:
        The files.
    """
    from routereval.report.advice_cost import AdviceCostDisplay
    from routereval.report.advice_figure import advice_figure
    from routereval.report.figure_style import saved

    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    document = advice_document(advice)
    files = {
        home / "advice.txt": to_text(document, _WIDTH),
        home / "advice.json": to_json(document),
    }
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    cost = AdviceCostDisplay(advice)
    twin = cost.save(home / "advice-cost") if cost.panels() else []
    return [*files, *saved(advice_figure(advice), home / "advice"), *twin]


def _parts(benchmark: BenchmarkAdvice, advice: Advice) -> list[Part]:
    label = "SIMULATED DATA · " if benchmark.simulated else ""
    size = f"{number_of(benchmark.n_prompts, 'prompt')} × {number_of(benchmark.n_models, 'model')}"
    found = benchmark.decision
    sentences = [
        verdict(benchmark, advice.margin),
        _single(benchmark),
        *_cheaper_single(found, advice.margin),
        *_learned(found),
        *_saving(found),
        *_month(found, advice),
        *_budget(found, advice),
        *_left(benchmark),
        *_change(benchmark, advice.margin),
        *_redundant(benchmark),
        *_left_out(benchmark),
    ]
    return [Heading(f"{label}{benchmark.name} · {size}"), Points(sentences)]


def _single(benchmark: BenchmarkAdvice) -> str:
    best = benchmark.decision.best
    known = ""
    if benchmark.chance > 0 and not math.isnan(benchmark.best_known.value):
        known = (
            f"; corrected for guessing (chance {benchmark.chance:.2f}, {benchmark.chance_source}) "
            f"it knows {benchmark.best_known.value:.3f}"
        )
    return f"Best single model: {described(best)}{known}."


def _cheaper_single(found: Decision, margin: float) -> list[str]:
    if math.isnan(found.best.usd):
        return [
            "Costs are not known of all models: give --prices with those that lack one, or records "
            "with costs, to weigh them."
        ]
    model = found.enough
    if model is None or model.model in {found.best.model, found.floor_model}:
        return [f"Best cheaper model: none is within {margin:g} of {floor_name(found)}."]
    return [
        f"Best cheaper model: {described(model)}; {signed(model.lead)} against {floor_name(found)}."
    ]


def _learned(found: Decision) -> list[str]:
    learned = found.learned
    if learned is None:
        return [f"No learned router could be tried: {found.missing}."]
    routed = learned.best
    spent = "" if math.isnan(routed.usd.value) else f" at {usd(routed.usd.value)} per 1,000 prompts"
    sentences = [
        f"Learned router: {learned.router} among {some_of(learned.pool)} scores "
        f"{with_ends(routed.score)}{spent} on {number_of(learned.n_tested, 'prompt')} that it has "
        f"not seen (each fit learned from {learned.n_train:,}, by {learned.known_by}); "
        f"{signed(routed.gain)} against the best single model by the same training prompts."
    ]
    share = _traffic(routed)
    if share:
        sentences.append(f"It sends {share}.")
    if learned.known_by == _COLUMNS:
        sentences.append(
            "The records hold no texts: of a prompt it knows the subset and other columns alone, "
            "so it can be served only where requests say these, as by a rule for each subset."
            f"{_by_subset(routed)}"
        )
    return sentences


def _by_subset(routed: Routed) -> str:
    """Where a router that knows no more of a prompt than its subset sends each."""
    if len(routed.share) < 2:
        return ""
    sent = routed.sent_by_subset()
    more = f"; and {len(sent) - _SUBSETS} more" if len(sent) > _SUBSETS else ""
    return f" {'; '.join(sent[:_SUBSETS])}{more}."


def _traffic(routed: Routed) -> str:
    named = [f"{share:.0%} to {model}" for model, share in routed.share if share >= _LITTLE]
    shown = _SHOWN if len(named) > _SHOWN + 1 else len(named)
    more = f" and the rest to {len(named) - shown} others" if len(named) > shown else ""
    return ", ".join(named[:shown]) + more


def _saving(found: Decision) -> list[str]:
    cheap = found.learned.cheap if found.learned else None
    if cheap is None or math.isnan(cheap.usd.value):
        return []
    if len(cheap.share) == 1:
        return [f"At least cost: it sends every prompt to {cheap.share[0][0]}."]
    text = (
        f"At least cost: with a trade-off (lam) chosen on other folds it spends "
        f"{usd(cheap.usd.value)} per 1,000 prompts and scores {signed(cheap.lead)} against "
        f"{floor_name(found)}"
    )
    if found.enough is None:
        text += ", which no single model keeps"
    elif cheap.saving.value > 0:
        text += f", {percent(cheap.saving)} less than {found.enough.model} alone"
    else:
        text += f", no less than {found.enough.model} alone ({usd(found.enough.usd)})"
    text += (
        f"; {signed(cheap.over_mixture)} against a mixture of single models of the same cost (the "
        "Zero router)."
    )
    return [text]


def _budget(found: Decision, advice: Advice) -> list[str]:
    if advice.budget is None or math.isnan(found.best.usd):
        return []
    head = f"Budget of {usd(advice.budget)} per 1,000 prompts: "
    if found.affordable is None:
        return [f"{head}no model is that cheap."]
    text = f"{head}the best single model within it is {described(found.affordable)}"
    within = found.learned.within if found.learned else None
    if within is not None and within.usd.value <= advice.budget:
        text += f"; {found.learned.router if found.learned else ''} scores "
        text += f"{with_ends(within.score)} at {usd(within.usd.value)}"
    return [f"{text}."]


def _month(found: Decision, advice: Advice) -> list[str]:
    if advice.monthly is None or math.isnan(found.monthly.value) or not any(found.monthly):
        return []
    value, low, high = found.monthly
    does, than = "saves", "against"
    if value < 0:
        value, low, high, does, than = -value, -high, -low, "costs", "more than"
    return [
        f"At {advice.monthly:,.0f} prompts per month {_used(found)} {does} {usd(value, 0)} "
        f"[{usd(low, 0)}, {usd(high, 0)}] a month {than} {found.floor_model or found.best.model}."
    ]


def _used(found: Decision) -> str:
    """What the answer says to use, as the savings of a month count it."""
    if found.learned is None or found.answer not in {"route", "save"}:
        return found.use
    return (
        f"{found.learned.router}, {'at least cost' if found.answer == 'save' else 'for the score'},"
    )


def _left(benchmark: BenchmarkAdvice) -> list[str]:
    pools = [pool for pool in benchmark.pools if pool.n_outside]
    if not pools:
        return [
            "What is left, at most: not estimable, as no model is outside the pool; the oracle of "
            f"all, luck included, scores {benchmark.pools[-1].oracle.value:.3f}."
            if benchmark.pools
            else "What is left: nothing, as there is one model."
        ]
    pool = max(pools, key=lambda one: (one.gain_apart.value, -one.size))
    learned = benchmark.decision.learned
    if learned and learned.best.gain.value > pool.gain.value:
        return [_no_ceiling(pool, learned, benchmark.decision.best)]
    text = (
        f"What is left, at most: among {', '.join(_marked(pool))} a router that knew how the "
        f"{number_of(pool.n_outside, 'other model')} did on each prompt would gain "
        f"{signed(pool.gain)}"
    )
    if pool.near:
        copies = number_of(len(pool.near), "near-duplicate")
        text += f" ({signed(pool.gain_apart)} without {copies} of the pool)"
    few = ", an estimate from few models" if pool.n_outside < FEW_OUTSIDE else ""
    sentences = [
        f"{text}{few}; no router knows that. The oracle, luck included, scores "
        f"{pool.oracle.value:.3f}{_guessing(pool, benchmark.decision.best)}."
    ]
    if "?" in text:
        sentences.append("? marks a model that other prompts would often replace by another one.")
    return sentences


def _no_ceiling(pool: PoolAdvice, learned: Learned, best: Alone) -> str:
    """Where a learned router gains more than is said to be left."""
    others = number_of(pool.n_outside, "other model")
    tells = "columns tell" if learned.known_by == _COLUMNS else "text tells"
    return (
        f"What is left, at most: not known. How the {others} did on a prompt tells less "
        f"({signed(pool.gain)} among {', '.join(_marked(pool))}) than its {tells} "
        f"{learned.router}. The oracle, luck included, scores "
        f"{pool.oracle.value:.3f}{_guessing(pool, best)}."
    )


def _guessing(pool: PoolAdvice, best: Alone) -> str:
    if not math.isnan(pool.steady.value):
        # both are lower bounds: of few runs a half often names the wrong winner
        least = max(pool.steady.value, best.score.value)
        return f"; at least {least:.3f} without the luck of the draw"
    low, high = sorted([pool.known_least.value, pool.known_most.value])
    if math.isnan(low) or abs(high - pool.oracle.value) < 0.0005:
        return ""
    return f"; {low:.3f} to {high:.3f} of the prompts are known to one of them rather than guessed"


def _marked(pool: PoolAdvice) -> list[str]:
    pairs = zip(pool.models, pool.stable, strict=True)
    return [name if times >= _STABLE else f"{name}?" for name, times in pairs]


def _change(benchmark: BenchmarkAdvice, margin: float) -> list[str]:
    """What would change the verdict: more prompts, other prices, texts."""
    found = benchmark.decision
    learned = found.learned
    if benchmark.n_candidates == 1:
        return ["What would change the verdict: scores of other models on the same prompts."]
    if learned is None:
        return [
            "What would change the verdict: records with the prompts' texts "
            "(routereval import --prompt-texts FILE takes them from a file)."
        ]
    points = []
    if found.answer not in {"route", "save"}:
        points += _prompts_change(benchmark, learned, margin)
        points += _keeping(found, learned, margin)
    if 1 < found.price_factor <= _DEAREST and found.answer != "save" and _kept(found, margin):
        points.append(
            f"{found.best.model} at {found.price_factor:.1f} times its price would make routing "
            f"save a tenth of it"
        )
    if found.answer == "cheaper?" and found.enough:
        points.append(f"more prompts could show that {found.enough.model} is not within {margin:g}")
    return [f"What would change the verdict: {'; '.join(points)}."] if points else []


def _kept(found: Decision, margin: float) -> bool:
    cheap = found.learned.cheap if found.learned else None
    return cheap is not None and cheap.lead.low > -margin


def _prompts_change(benchmark: BenchmarkAdvice, learned: Learned, margin: float) -> list[str]:
    gain, needed = learned.best.gain.value, learned.prompts_needed
    if learned.held_back_by and learned.best.gain.low > margin:
        return [f"more labelled prompts, among which {learned.held_back_by} would find evidence"]
    if gain > margin and needed <= _HUGE:
        return [
            f"about {needed:,.0f} labelled prompts would show {gain:+.3f} to be above {margin:g} "
            f"(80 % power at the 5 % level); there are {learned.n_tested:,}"
        ]
    if gain > margin:
        return [f"over a million labelled prompts would be needed to show {gain:+.4f}"]
    settled = []
    if benchmark.decision.answer == "unclear" and learned.to_rule_out <= _HUGE:
        settled = [
            f"about {learned.to_rule_out:,.0f} labelled prompts would rule out a gain of "
            f"{margin:g} if it stays at {gain:+.3f} (80 % power at the 5 % level); there are "
            f"{learned.n_tested:,}"
        ]
    return [
        *settled,
        f"a router that learns more, from more labelled prompts or other features; as it is, it "
        f"gains {gain:+.3f}, and no number of prompts shows that to be above {margin:g}",
    ]


def _keeping(found: Decision, learned: Learned, margin: float) -> list[str]:
    """How many prompts would show that the floor is kept at least cost, if that alone lacks."""
    cheap = learned.cheap
    if cheap is None or not cheap.saving.low > LEAST_SAVING or not cheap.over_mixture.low > 0:
        return []
    if cheap.lead.low > -margin or learned.to_keep > _HUGE:
        return []
    return [
        f"about {learned.to_keep:,.0f} would show that at least cost it keeps "
        f"{floor_name(found)} within {margin:g}, if it stays at {cheap.lead.value:+.3f}"
    ]


def _redundant(benchmark: BenchmarkAdvice) -> list[str]:
    groups = benchmark.redundant
    if not groups:
        return []
    dropped = sum(len(group.drop) for group in groups)
    shown = "; ".join(f"keep {g.keep}, drop {some_of(g.drop)}" for g in groups[:_SHOWN])
    more = f"; and {len(groups) - _SHOWN} more groups" if len(groups) > _SHOWN else ""
    return [
        f"Redundant models: {dropped:,} in {number_of(len(groups), 'group')} with nearly the same "
        f"records: {shown}{more}."
    ]


def _left_out(benchmark: BenchmarkAdvice) -> list[str]:
    sentences = []
    if benchmark.set_aside:
        sentences.append(
            f"Set aside: {some_of(benchmark.set_aside)}; no better than guessing, or right where "
            "another is wrong as if each preferred an option. Their right answers show no "
            "knowledge, and an oracle that may use them is inflated."
        )
    if benchmark.too_slow:
        sentences.append(f"Left out for latency: {some_of(benchmark.too_slow)}.")
    if benchmark.unasked:
        sentences.append(
            f"No candidates, for want of prompts shared with the others: "
            f"{some_of(benchmark.unasked)}."
        )
    if benchmark.n_dropped:
        who = "candidate" if benchmark.unasked else "model"
        one = benchmark.n_dropped == 1
        sentences.append(
            f"{number_of(benchmark.n_dropped, 'prompt')} {'is' if one else 'are'} left out, on "
            f"which some {who} has no score."
        )
    return sentences


def _footnotes(advice: Advice) -> list[str]:
    notes = [
        "A yes rests on a learned router on prompts that it has not seen, never on what other "
        "models answered. Intervals: 95 %, bootstrap over prompts, with the fits as they are.",
    ]
    if any(pool.n_outside for benchmark in advice.benchmarks for pool in benchmark.pools):
        notes.append(
            "What is left: the model of a pool that ridge regression predicts best from the scores "
            f"of all models outside it, and the prompt's subset, in {advice.folds} folds. "
            f"Near-duplicates correlate {advice.near:g} or more with one in the pool, given the "
            "mean of all others. It is an estimate, no bound."
        )
    if any(benchmark.simulated for benchmark in advice.benchmarks):
        notes.append("Simulated data: no real model was asked; the advice is about none.")
    return [*notes, *(f"Note: {note}." for note in advice.notes)]
