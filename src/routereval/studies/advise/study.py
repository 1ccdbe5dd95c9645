"""Is routing worth it here, and which models to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from routereval.errors import DataError
from routereval.records import Records
from routereval.scoring import N_BOOT
from routereval.sources import open_source
from routereval.studies.advise.advice import Advice, BenchmarkAdvice
from routereval.studies.advise.ceiling import FOLDS, NEAR
from routereval.studies.advise.cross_fit import CrossFit
from routereval.studies.advise.plan import MARGIN, SIZES, AdvicePlan
from routereval.studies.advise.pools import choosers
from routereval.studies.advise.score_table import ScoreTable, join, score_table_of

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""


def advise(
    sources: Records | str | Path | Sequence[Records | str | Path],
    *,
    max_models: int = SIZES[-1],
    budget: float | None = None,
    margin: float = MARGIN,
    repeats: int | None = None,
    near: float = NEAR,
    folds: int = FOLDS,
    seed: int = 42,
    n_boot: int = N_BOOT,
    progress: Progress | None = None,
) -> Advice:
    """Say whether routing is worth it, and which models to keep.

    The rule: routing is worth it for the score if the achievable ceiling of a greedy pool, with
    near-duplicates of its members left out, beats the best single model by more than the margin, by
    the lower end of the 95 % interval; not if at every size with five models outside or more even
    the upper end, near-duplicates used, is below the margin; else it is unclear. It is worth it for
    the cost if some routing loses less than the margin and saves more than a tenth, by the lower
    ends; not if at no pool the upper end of the saving is a tenth.

    Args:
        sources: records, or anything `open_source` opens; one or several.
        max_models: the largest pool that is looked at: 3, 5 and 10 as far as it goes, and itself.
        budget: the most that 1,000 prompts may cost, in USD, or None.
        margin: gain in mean score below which a router is not worth it.
        repeats: how many samples each score is the mean of, if they are; for the noise correction.
        near: partial correlation from which a model outside is a near-duplicate.
        folds: parts of the cross-fit.
        seed: of folds, draws and bootstrap.
        n_boot: resamples of the intervals.
        progress: called with (what, done, total).

    Returns:
        Numbers; `report.advice_text` makes sentences and a picture of them.

    Raises:
        DataError: if there is nothing to advise on.
        SpecError: if a number makes no sense.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> records = Records.from_arrays("toy", (rng.random((300, 4)) < 0.5) * 1.0, list("abcd"))
    >>> found = advise(records, max_models=2).benchmarks[0]
    >>> found.quality in ("no", "unclear"), found.pools[0].rule
    (True, 'greedy')
    """
    plan = AdvicePlan(max_models, budget, margin, repeats, near, folds, seed, n_boot)
    collection = open_source(sources)
    report = progress or (lambda what, done, total: None)
    found: list[BenchmarkAdvice] = []
    notes: list[str] = []
    for records in collection:
        try:
            found.append(_advised(score_table_of(records), plan, report))
        except DataError as error:
            notes.append(str(error))
    if len(collection) > 1:
        try:
            found.append(_advised(join(collection), plan, report))
        except DataError as error:
            notes.append(f"no advice on all benchmarks together: {error}")
    if not found:
        raise DataError("; ".join(notes))
    return Advice(tuple(found), margin, near, folds, tuple(notes))


def _advised(table: ScoreTable, plan: AdvicePlan, report: Progress) -> BenchmarkAdvice:
    if not len(table.candidates):
        raise DataError(f"{table.name}: no model was put to every prompt")
    cross_fit = CrossFit(table, plan)
    rules = choosers(table, plan.seed)
    sizes = plan.sizes(len(table.candidates))
    # A pool of all candidates is the same by every rule.
    steps = [
        (rule, size)
        for size in sizes
        for rule in rules
        if size < len(table.candidates) or rule == "greedy"
    ]
    pools = []
    for done, (rule, size) in enumerate(steps):
        report(table.name, done, len(steps) + 1)
        with suppress(DataError):  # RouterEval's rules need more models than there may be
            pools.append(cross_fit.pool(rule, rules[rule], size))
    report(table.name, len(steps), len(steps) + 1)
    advice = cross_fit.advice(pools, sizes)
    report(table.name, len(steps) + 1, len(steps) + 1)
    return advice
