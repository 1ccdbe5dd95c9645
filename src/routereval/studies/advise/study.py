"""Is routing worth it here, and which models to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.costs import with_costs
from routereval.results.summary import Estimate
from routereval.routers import make_router
from routereval.scoring import N_BOOT
from routereval.sources import open_source
from routereval.studies.advise.advice import FEW_OUTSIDE, Advice, BenchmarkAdvice, PoolAdvice
from routereval.studies.advise.ceiling import FOLDS, NEAR
from routereval.studies.advise.cross_fit import CrossFit
from routereval.studies.advise.decision import decided
from routereval.studies.advise.learned import OutOfFold, out_of_fold
from routereval.studies.advise.plan import MARGIN, ROUTERS, SIZES, AdvicePlan
from routereval.studies.advise.pools import redundant
from routereval.studies.advise.score_table import Floats, ScoreTable, join, score_table_of
from routereval.studies.advise.traffic import check_traffic, prompt_weights, read_traffic
from routereval.studies.advise.yardsticks import Yardsticks, percentile_95
from routereval.studies.dominated import dominated_notes
from routereval.studies.progress import Progress, silent
from routereval.studies.train import check_reads_texts
from routereval.tasks import mix

LATENCY = "latency_ms"
"""The axis that holds how long a call took, in ms."""


def advise(  # noqa: PLR0913 - the options of a command
    sources: Records | str | Path | Sequence[Records | str | Path],
    *,
    max_models: int = SIZES[-1],
    budget: float | None = None,
    margin: float = MARGIN,
    floor: str | float | None = None,
    traffic: Mapping[str, float] | str | Path | None = None,
    monthly: float | None = None,
    latency_p95: float | None = None,
    prices: str | Path | None = None,
    routers: Sequence[str] = ROUTERS,
    repeats: int | None = None,
    near: float = NEAR,
    folds: int = FOLDS,
    seed: int = 42,
    n_boot: int = N_BOOT,
    progress: Progress | None = None,
) -> Advice:
    """Say whether routing is worth it, or a cheaper model alone, and how much is left.

    A yes rests on a learned router on prompts that it has not seen, never on what other models
    answered: it is worth routing for the score if the router beats the model that is best on the
    same training prompts by more than the margin, by the lower end of the 95 % interval; for the
    cost if it loses less than the margin, costs a tenth less than any single model that is good
    enough, and scores more than a mixture of single models of the same cost, by the lower ends.
    Else a cheaper model alone may do. It is no where even the upper end of the gain is below the
    margin.

    Args:
        sources: records, or anything `open_source` opens; one or several.
        max_models: the largest pool that is looked at.
        budget: the most that 1,000 prompts may cost, in USD, or None.
        margin: gain in mean score below which a router is not worth it, and loss that does not
            matter.
        floor: the name of a model whose score must be kept within the margin, or a score; the best
            single model if None.
        traffic: how much each subset or benchmark counts: shares by name, or a file of them.
        monthly: prompts per month, to say USD saved a month.
        latency_p95: the most ms that 95 % of a model's calls may take.
        prices: the file of a price list, for costs in place of those recorded.
        routers: the learned routers; on each fold the one that is best on the others decides.
        repeats: how many samples each score is the mean of, if they are, for the noise correction;
            None for as many trials as the records have of each score, right or wrong.
        near: partial correlation from which a model outside is a near-duplicate.
        folds: parts of the cross-fit.
        seed: of folds, draws and bootstrap.
        n_boot: resamples of the intervals.
        progress: called with (what, done, total).

    Returns:
        Numbers; printed, they are a verdict table and sentences.

    Raises:
        DataError: if there is nothing to advise on.
        SpecError: if a number makes no sense.

    >>> rng = np.random.default_rng(0)
    >>> records = Records.from_arrays("toy", (rng.random((300, 4)) < 0.5) * 1.0, list("abcd"))
    >>> found = advise(records, max_models=2).benchmarks[0].decision
    >>> found.answer, found.missing[:30]
    ('unclear', 'the records hold no prompt tex')
    """
    shares = traffic if isinstance(traffic, Mapping) else read_traffic(traffic) if traffic else {}
    plan = AdvicePlan(
        max_models=max_models,
        budget=budget,
        margin=margin,
        repeats=repeats,
        near=near,
        folds=folds,
        seed=seed,
        n_boot=n_boot,
        routers=tuple(routers),
        floor=floor,
        traffic=shares,
        monthly=monthly,
        latency_p95=latency_p95,
    )
    for router in routers:
        check_reads_texts(make_router(router), router)  # refused before any work
    collection, notes = costed(open_source(sources), prices)
    notes += check_traffic(collection, plan.traffic)
    import scipy.linalg  # noqa: F401 - only threads of what is loaded can be limited

    with threadpool_limits(1):  # on matrices so small, threads cost processor and gain no time
        found, refused = _each_advised(collection, plan, progress or silent)
    notes += refused
    if not found:
        raise DataError("; ".join(notes))
    notes += dominated_notes(collection)
    return Advice(tuple(found), margin, near, folds, monthly, budget, tuple(notes))


def _each_advised(
    collection: Sequence[Records], plan: AdvicePlan, report: Progress
) -> tuple[list[BenchmarkAdvice], list[str]]:
    """The advice on each benchmark, then on all together; and why there is none on some."""
    found: list[BenchmarkAdvice] = []
    notes: list[str] = []
    for records in collection:
        try:
            found.append(_advised(records, score_table_of(records), plan, report))
        except DataError as error:
            notes.append(str(error))
    if len(collection) > 1:
        try:
            found.append(_advised(mix(collection), join(collection), plan, report))
        except DataError as error:
            notes.append(f"no advice on all benchmarks together: {error}")
    return found, notes


def costed(
    collection: Sequence[Records], prices: str | Path | None
) -> tuple[list[Records], list[str]]:
    """The records with costs, from a price list where one is given, and how these came about."""
    found, notes = [], []
    for records in collection:
        changed, note = with_costs(records, "auto" if prices is None else "prices", prices)
        found.append(changed)
        notes += [f"{records.name}: {note}"] if note else []
    return found, notes


def _advised(
    records: Records, table: ScoreTable, plan: AdvicePlan, report: Progress
) -> BenchmarkAdvice:
    latencies = _latencies(records, table)
    unasked = table.names(np.setdiff1d(np.arange(len(table.models)), table.candidates))
    table, slow = _fast_enough(table, latencies, plan)
    if not len(table.candidates):
        raise DataError(f"{table.name}: no model was put to every prompt")
    if plan.repeats is None:
        plan = replace(plan, repeats=_repeats(records, table))
    sizes = [size for size in plan.sizes(len(table.candidates)) if size > 1]
    total = len(sizes) + 2
    weights = prompt_weights(records, table.prompts, plan.traffic) if plan.traffic else None
    yardsticks = Yardsticks.of(table, plan, weights, latencies)
    cross_fit = CrossFit(table, plan, yardsticks.every)
    pools = []
    for done, size in enumerate(sizes):
        report(table.name, done, total)
        pools.append(cross_fit.pool(size))

    def try_routers() -> dict[str, OutOfFold]:
        if not pools:
            raise DataError("there is one model, so nothing to choose between")
        size, folds, seed = plan.max_models, plan.folds, plan.seed
        return out_of_fold(records, table, plan.routers, size=size, folds=folds, seed=seed)

    decision = decided(yardsticks, plan, try_routers, _left(pools))
    report(table.name, total, total)
    best = table.scores[:, [table.models.index(decision.best.model)]].astype(np.float64)
    return BenchmarkAdvice(
        name=table.name,
        n_prompts=table.n_prompts,
        n_dropped=table.n_dropped,
        n_models=len(table.models),
        n_candidates=len(table.candidates),
        set_aside=table.set_aside,
        too_slow=slow,
        unasked=unasked,
        simulated=table.simulated,
        chance=float(table.chance.mean()),
        chance_source=table.chance_source,
        best_known=cross_fit.known(best),
        decision=decision,
        pools=tuple(pools),
        redundant=tuple(redundant(table, margin=plan.margin)),
    )


def _left(pools: Sequence[PoolAdvice]) -> Estimate | None:
    """The largest gain of a ceiling, where enough models are outside the pool; else None.

    Nothing is left where there is no pool of two models.
    """
    if not pools:
        return Estimate(0.0, 0.0, 0.0)
    enough = [pool.gain for pool in pools if pool.n_outside >= FEW_OUTSIDE]
    return max(enough, key=lambda gain: gain.high) if enough else None


def _repeats(records: Records, table: ScoreTable) -> int | None:
    """How many trials, right or wrong, each score is the mean of; None where that differs."""
    trials = records.trials
    if trials is None or trials.kind != "binary" or trials.n_trials < 2:
        return None
    runs = trials.counts(table.prompts, records.columns(table.models)).runs
    return trials.n_trials if (runs == trials.n_trials).all() else None


def _latencies(records: Records, table: ScoreTable) -> Floats | None:
    """(n_prompts, n_models) of the table in ms, NaN where unknown; None if none is recorded."""
    held = records.axes.get(LATENCY)
    if held is None:
        return None
    columns = [records.models.index(model) for model in table.models]
    return np.asarray(held[columns][:, table.prompts].T, dtype=np.float64)


def _fast_enough(
    table: ScoreTable, latencies: Floats | None, plan: AdvicePlan
) -> tuple[ScoreTable, tuple[str, ...]]:
    """The table without candidates above the limit of latency, and their names.

    Raises:
        DataError: if there is a limit and no latency is recorded, or none is within it.
    """
    if plan.latency_p95 is None:
        return table, ()
    if latencies is None:
        raise DataError(
            f"{table.name}: no latency is recorded, so none can be limited; "
            f"records need {LATENCY}, how long each call took in ms"
        )
    p95 = {c: percentile_95(latencies[:, c]) for c in table.candidates}
    slow = [c for c in table.candidates if not p95[c] <= plan.latency_p95]
    kept = np.setdiff1d(table.candidates, slow)
    if slow and not len(kept):
        least = min(p95, key=lambda c: (np.isnan(p95[c]), p95[c]))
        raise DataError(
            f"{table.name}: no model answers 95 % of its calls within {plan.latency_p95:g} ms; "
            f"the fastest, {table.models[least]}, takes {p95[least]:,.0f}"
        )
    return replace(table, candidates=kept), table.names(slow)
