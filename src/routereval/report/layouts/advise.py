"""How advice is laid out: sentences in plain English, and a table of the pools looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from routereval.report.data import to_json
from routereval.report.table import (
    Cell,
    Column,
    Document,
    Heading,
    Number,
    Part,
    Points,
    Row,
    Table,
)
from routereval.report.terminal import to_text
from routereval.results.summary import Estimate
from routereval.studies.advise.advice import FEW_OUTSIDE, Advice, BenchmarkAdvice, PoolAdvice

_WIDTH = 100
_SHOWN = 4  # names, where there may be hundreds
_STABLE = 4  # folds of five
_HUGE = 1_000_000
_SAME = 1e-9
_LITTLE = 0.005


def advice_document(advice: Advice) -> Document:
    """The advice as a reader can act on it: a verdict, sentences and a table per benchmark."""
    parts = [part for bench in advice.benchmarks for part in _parts(bench, advice)]
    rows = [
        Row((bench.name, *row.cells)) for bench in advice.benchmarks for row in _table(bench).rows
    ]
    data = Table("", [Column("benchmark", "text"), *_COLUMNS], rows)
    return Document([*parts, Points(_footnotes(advice))], data, asdict(advice))


def save_advice(advice: Advice, folder: str | Path) -> list[Path]:
    """Write ``advice.txt``, ``advice.json``, ``advice.png`` and ``advice.svg``.

    Args:
        advice: from `routereval.studies.advise`.
        folder: made if it does not exist; files of these names are replaced.

    Returns:
        The files.
    """
    from routereval.report.advice_figure import save_figure

    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    document = advice_document(advice)
    files = {
        home / "advice.txt": to_text(document, _WIDTH),
        home / "advice.json": to_json(document),
    }
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    return [*files, *save_figure(advice, home / "advice")]


def verdict(bench: BenchmarkAdvice, margin: float) -> str:
    """One sentence: is routing worth it here?"""
    judged = shown_pool(bench)
    if bench.quality == "yes" and bench.keep is not None:
        gain = _signed(bench.pools[bench.keep].gain_apart)
        return f"Yes, for the score: a router could gain up to {gain} over the best single model."
    if bench.saving == "yes" and bench.keep is not None:
        spending = bench.pools[bench.keep].spending
        saved = _percent(spending.saving) if spending else ""
        return (
            f"Yes, but for the cost: up to {saved} of it can be saved at the same score, within "
            f"{margin:g}."
        )
    if judged is None:
        return "Not from these records: too few models are left to route between."
    if bench.quality == "no":
        return f"No: no gain of {margin:g} or more is in reach. Use {bench.best_single}."
    return (
        f"Not shown: a gain of {margin:g} is neither proved nor ruled out "
        f"({_why_unclear(judged, margin)}). Until it is, use {bench.best_single}."
    )


def _why_unclear(pool: PoolAdvice, margin: float) -> str:
    if pool.n_outside < FEW_OUTSIDE:
        return "too few models are outside the pool to tell"
    if pool.gain.value > margin >= pool.gain_apart.value:
        return "only near-duplicates of the pool foretell one"
    return "the interval is too wide to tell"


def shown_pool(bench: BenchmarkAdvice) -> PoolAdvice | None:
    """The pool that the sentences are about: the one to keep, else the smallest greedy one."""
    if bench.keep is not None:
        return bench.pools[bench.keep]
    pools = [pool for pool in bench.of("greedy") if pool.size > 1 and pool.n_outside]
    return pools[0] if pools else None


def _parts(bench: BenchmarkAdvice, advice: Advice) -> list[Part]:
    label = "SIMULATED DATA · " if bench.simulated else ""
    size = f"{_count(bench.n_prompts, 'prompt')} × {_count(bench.n_models, 'model')}"
    sentences = [
        f"Worth routing? {verdict(bench, advice.margin)}",
        _single(bench),
        *_headroom(bench),
        *_keep(bench, advice.folds),
        *_against(bench),
        *_larger(bench, advice.margin),
        *_costs(bench),
        *_needed(bench),
        *_redundant(bench),
        *_left_out(bench),
    ]
    heading = Heading(f"{label}{bench.name} · {size}")
    return [heading, Points(sentences), _table(bench).without_empty()]


def _single(bench: BenchmarkAdvice) -> str:
    known = ""
    if bench.chance > 0 and not math.isnan(bench.best_known.value):
        known = (
            f"; corrected for guessing (chance {bench.chance:.2f}, {bench.chance_source}) it knows "
            f"{bench.best_known.value:.3f}"
        )
    price = "" if math.isnan(bench.best_usd) else f", at {_usd(bench.best_usd)} per 1,000 prompts"
    return f"Best single model: {bench.best_single}, {_with_ends(bench.best_score)}{price}{known}."


def _headroom(bench: BenchmarkAdvice) -> list[str]:
    pool = shown_pool(bench)
    if pool is None:
        return []
    lead = pool.oracle.value - bench.best_score.value
    text = (
        f"Headroom with {pool.size} models: the oracle scores {pool.oracle.value:.3f}, "
        f"{lead:+.3f}; {_guessing(pool)}a router that knew how the {pool.n_outside:,} other models "
        f"did on each prompt would score {pool.ceiling.value:.3f}, {_signed(pool.gain)}"
    )
    if pool.near:
        text += (
            f" ({_signed(pool.gain_apart)} without {_count(len(pool.near), 'near-duplicate')} of "
            "the pool)"
        )
    sentences = [text + _luck(pool, lead)]
    if pool.n_outside < FEW_OUTSIDE:
        sentences.append(
            f"Only {_count(pool.n_outside, 'model')} outside the pool: a router that reads the "
            "prompts may know more than they tell."
        )
    return sentences


def _guessing(pool: PoolAdvice) -> str:
    low, high = _known(pool)
    if not math.isnan(pool.steady.value):
        return f"{pool.steady.value:.3f} without the luck of the draw; "
    if math.isnan(low) or abs(high - pool.oracle.value) < 0.0005:
        return ""
    return f"{low:.3f} to {high:.3f} of the prompts are known to one of them rather than guessed; "


def _known(pool: PoolAdvice) -> tuple[float, float]:
    """The two ends, which chance may put in the wrong order."""
    low, high = sorted([pool.known_least.value, pool.known_most.value])
    return low, high


def _luck(pool: PoolAdvice, lead: float) -> str:
    gain = pool.gain.value
    if lead <= 0.005:
        return "."
    if gain <= 0:
        return ". None of the oracle's lead could be foreseen."
    share = min(1.0, gain / lead)
    return f". The other {1 - share:.0%} of the oracle's lead could not be foreseen."


def _keep(bench: BenchmarkAdvice, folds: int) -> list[str]:
    sentences = []
    if bench.keep is None:
        sentences.append(f"Keep: {bench.best_single} alone.")
    else:
        pool = bench.pools[bench.keep]
        sentences.append(f"Keep {pool.size} ({pool.rule}): {', '.join(_marked(pool, folds))}.")
    greedy = [pool for pool in bench.of("greedy") if pool.size > 1]
    if greedy:
        sentences.append(f"Greedy pools: {_in_order(greedy, folds)}.")
    if any("?" in sentence for sentence in sentences):
        sentences.append("? marks a model that other prompts would often replace by another one.")
    return sentences


def _marked(pool: PoolAdvice, folds: int) -> list[str]:
    least = min(_STABLE, folds)
    pairs = zip(pool.models, pool.stable, strict=True)
    return [name if times >= least else f"{name}?" for name, times in pairs]


def _in_order(pools: Sequence[PoolAdvice], folds: int) -> str:
    """The models of each pool; of a pool that goes on from the one before only those that join."""
    steps: list[str] = []
    before: tuple[str, ...] = ()
    for pool in pools:
        names, goes_on = _marked(pool, folds), pool.models[: len(before)] == before
        added = f"+ {', '.join(names[len(before) :])}" if before and goes_on else ", ".join(names)
        steps.append(f"{added} ({pool.size})")
        before = pool.models
    return "; ".join(steps)


def _against(bench: BenchmarkAdvice) -> list[str]:
    pools = [
        pool for pool in bench.of("greedy") if pool.size > 1 and pool.size < bench.n_candidates
    ]
    told = [pool for pool in pools if not math.isnan(pool.over_strong_to_weak.value)]
    sentences = []
    if told:
        leads = "; ".join(f"{_signed(p.over_strong_to_weak)} with {p.size}" for p in told)
        sentences.append(
            "Oracle of greedy pools less that of RouterEval's strong-to-weak pools, on prompts "
            f"that neither was chosen on: {leads}."
        )
    return [*sentences, *_optimal(bench, pools)]


def _optimal(bench: BenchmarkAdvice, pools: Sequence[PoolAdvice]) -> list[str]:
    sizes = {facts.size: facts for facts in bench.sizes}
    known = [pool for pool in pools if not math.isnan(sizes[pool.size].best)]
    best = [pool for pool in known if sizes[pool.size].bound - pool.chosen_oracle < _SAME]
    rest = [pool for pool in known if pool not in best]
    sentences = []
    if best:
        named = " or ".join(", ".join(str(pool.size) for pool in best).rsplit(", ", 1))
        sentences.append(f"On all prompts, no pool of {named} has a higher oracle than the greedy.")
    sentences += [
        f"On all prompts, the greedy {pool.size} reach an oracle of {pool.chosen_oracle:.4f}; "
        f"the best pool of that size has {sizes[pool.size].best:.4f}: "
        f"{', '.join(sizes[pool.size].models)}."
        for pool in rest
    ]
    return sentences


def _larger(bench: BenchmarkAdvice, margin: float) -> list[str]:
    if bench.quality != "yes" or bench.keep is None:
        return []
    kept = bench.pools[bench.keep]
    larger = [pool for pool in bench.of("greedy") if pool.size > kept.size and pool.n_outside]
    if not larger:
        return []
    gains = " and ".join(f"{pool.gain_apart.value:+.3f} with {pool.size}" for pool in larger)
    return [f"More models add less than {margin:g}: the gain is {gains}."]


def _costs(bench: BenchmarkAdvice) -> list[str]:
    if math.isnan(bench.best_usd):
        return []
    spent = [pool for pool in bench.pools if pool.spending and pool.n_outside and pool.size > 1]
    sentences = [_saving(bench, spent)]
    return sentences if bench.affordable is None else [*sentences, _budget(bench, spent)]


def _saving(bench: BenchmarkAdvice, spent: Sequence[PoolAdvice]) -> str:
    """What the pool to keep saves; else the one that saves most without scoring less."""
    kept = None if bench.keep is None else bench.pools[bench.keep]
    fine = [
        (pool.spending.saving.value, pool)
        for pool in spent
        if pool.spending and pool.spending.gain.value > -_SAME
    ]
    pool = kept or max(fine, key=lambda found: found[0], default=(0.0, None))[1]
    if pool is None or pool.spending is None or pool.spending.saving.value < _LITTLE:
        return "Cost: no routing that was looked at is cheaper and as good."
    spending = pool.spending
    proved = "" if bench.saving == "yes" else " (too wide to rely on)"
    return (
        f"Cost: to be as good as {bench.best_single}, routing among {', '.join(pool.models)} could "
        f"spend as little as {_usd(spending.usd.value)} per 1,000 prompts instead of "
        f"{_usd(bench.best_usd)}, {_percent(spending.saving)} less, at a score that differs by "
        f"{_signed(spending.gain)}{proved}."
    )


def _budget(bench: BenchmarkAdvice, spent: Sequence[PoolAdvice]) -> str:
    buys = bench.affordable
    if buys is None or not buys.single:
        return "Budget: no model is that cheap."
    text = (
        f"Budget of {_usd(buys.budget)} per 1,000 prompts: the best single model within it is "
        f"{buys.single}, {buys.single_score:.3f} at {_usd(buys.single_usd)}"
    )
    fine = [
        (pool.spending.budget_quality.value, -pool.size, pool)
        for pool in spent
        if pool.spending and pool.spending.budget_usd.value <= buys.budget
    ]
    best = max(fine, key=lambda found: found[:2], default=None)
    if best and best[2].spending and best[0] > buys.single_score:
        spending = best[2].spending
        text += (
            f"; routing among {', '.join(best[2].models)} could reach "
            f"{_with_ends(spending.budget_quality)} at {_usd(spending.budget_usd.value)}"
        )
    else:
        text += "; no routing that was looked at beats it"
    if len(buys.pool) > 1:
        text += (
            f". By gain per USD it buys {', '.join(buys.pool)}, even if every prompt is put to all "
            "of them"
        )
    return text + "."


def _needed(bench: BenchmarkAdvice) -> list[str]:
    pool = shown_pool(bench)
    if pool is None or math.isnan(pool.prompts_needed):
        return []
    gain = pool.gain_apart.value
    if gain <= 0:
        return ["Labelled prompts: there is no gain that more of them could show."]
    if pool.prompts_needed > _HUGE:
        return [f"Labelled prompts: over a million would be needed to show {gain:+.4f}."]
    return [
        f"Labelled prompts: to show a gain of {gain:+.3f} takes about {pool.prompts_needed:,.0f} "
        f"(80 % power at the 5 % level); there are {bench.n_prompts:,}."
    ]


def _redundant(bench: BenchmarkAdvice) -> list[str]:
    groups = bench.redundant
    if not groups:
        return ["Redundant models: none; no two are right and wrong on nearly the same prompts."]
    dropped = sum(len(group.drop) for group in groups)
    shown = "; ".join(f"keep {g.keep}, drop {_some(g.drop)}" for g in groups[:_SHOWN])
    more = f"; and {len(groups) - _SHOWN} more groups" if len(groups) > _SHOWN else ""
    return [
        f"Redundant models: {dropped:,} in {_count(len(groups), 'group')} with nearly the same "
        f"records: {shown}{more}."
    ]


def _left_out(bench: BenchmarkAdvice) -> list[str]:
    sentences = []
    if bench.set_aside:
        sentences.append(
            f"Set aside: {_some(bench.set_aside)}; no better than guessing, or right where another "
            "is wrong as if each preferred an option. Their right answers show no knowledge, and "
            "an oracle that may use them is inflated."
        )
    if bench.n_dropped:
        sentences.append(
            f"{bench.n_dropped:,} prompts are left out, on which some model has no score."
        )
    return sentences


_COLUMNS = (
    Column("pool", "text"),
    Column("models", "count", key="n_models"),
    Column("oracle"),
    Column("known", key="known_least"),
    Column("at most", key="known_most"),
    Column("ceiling"),
    Column("apart", key="ceiling_apart"),
    Column("gain", signed=True, interval="ends", key="gain_apart"),
    Column("$/1k as good", digits=2, key="usd_per_1k"),
    Column("saved", "share", digits=0, interval="ends"),
)


def _table(bench: BenchmarkAdvice) -> Table:
    usd = _defined(bench.best_usd)
    known = _defined(bench.best_known.value)
    single = ("best single", 1, bench.best_score.value, known, known, "", "", "", usd, "")
    rows = [Row(single)]
    for facts in (facts for facts in bench.sizes if facts.size > 1):
        rows += [Row(_row(pool)) for pool in bench.pools if pool.size == facts.size]
        blank = ("",) * (len(_COLUMNS) - 3)
        rows.append(Row(("random, expected", facts.size, _defined(facts.random), *blank)))
    return Table(f"pools of {bench.name}", _COLUMNS, rows)


def _row(pool: PoolAdvice) -> tuple[Cell, ...]:
    cost: tuple[Cell, Cell] = ("", "")
    if pool.spending and pool.n_outside:
        cost = (_defined(pool.spending.usd.value), Number(*pool.spending.saving))
    return (
        pool.rule,
        pool.size,
        _defined(pool.oracle.value),
        *map(_defined, _known(pool)),
        _defined(pool.ceiling.value),
        _defined(pool.ceiling_apart.value),
        "" if math.isnan(pool.gain_apart.value) else Number(*pool.gain_apart),
        *cost,
    )


def _defined(value: float) -> Cell:
    """A number, or a blank for what cannot be."""
    return "" if math.isnan(value) else value


def _footnotes(advice: Advice) -> list[str]:
    notes = [
        f"All scores are on prompts that neither the pool nor the prediction has seen: "
        f"{advice.folds} folds. Intervals: 95 %, bootstrap over prompts.",
        "Ceiling: the model of the pool that ridge regression predicts best from the scores of all "
        "models outside it, and the prompt's subset. Scores missing outside are filled with the "
        "model's mean. It is an estimate, no bound.",
        f"Apart: without models outside whose scores correlate {advice.near:g} or more with those "
        "of one in the pool, given the mean of all others: near-duplicates, which share its luck. "
        "The gains are those.",
    ]
    if any(not math.isnan(p.known_least.value) for b in advice.benchmarks for p in b.pools):
        notes.append(
            "Known: the oracle corrected for guessing. Models that do not know are taken to guess; "
            "the lower number lets them know the same prompts, the upper has each know by itself."
        )
    if any(not b.chance_source for b in advice.benchmarks):
        notes.append(
            "No correction for guessing where no chance level is known: give the prompts a column "
            "chance (0 for free answers) to get one."
        )
    if any(bench.simulated for bench in advice.benchmarks):
        notes.append("Simulated data: no real model was asked; the advice is about none.")
    notes.append("Next: see what a router that reads the prompts makes of it: routereval run.")
    return [*notes, *(f"Note: {note}." for note in advice.notes)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _with_ends(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _signed(estimate: Estimate) -> str:
    value, low, high = (f"{round(number, 3) + 0.0:+.3f}" for number in estimate)
    return f"{value} [{low}, {high}]"


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.0%} [{estimate.low:.0%}, {estimate.high:.0%}]"


def _usd(amount: float) -> str:
    return f"${amount:,.2f}"
