"""All numbers of advice, a row per model or router that was considered."""

from __future__ import annotations

import math

from routereval.report.layouts.advise_phrases import defined
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
    Learned,
    Routed,
)

_COLUMNS = (
    Column("benchmark", "text"),
    Column("kind", "text"),
    Column("models", "text"),
    Column("score"),
    Column("gain", signed=True, interval="ends"),
    Column("lead", signed=True, interval="ends"),
    Column("usd_per_1k", digits=2),
    Column("saved", "share", digits=0, interval="ends"),
    Column("oracle"),
    Column("ceiling"),
)


def data_table(advice: Advice) -> Table:
    """All numbers, unrounded."""
    rows = [
        Row((benchmark.name, *row))
        for benchmark in advice.benchmarks
        for row in _data_rows(benchmark)
    ]
    return Table("", list(_COLUMNS), rows)


def _data_rows(benchmark: BenchmarkAdvice) -> list[tuple[Cell, ...]]:
    found = benchmark.decision
    rows = [_alone_row("best single", found.best)]
    if found.enough:
        rows.append(_alone_row("best cheaper", found.enough))
    learned = found.learned
    if learned:
        named = {"learned": learned.best, "at least cost": learned.cheap, "budget": learned.within}
        rows += [_routed_row(kind, learned, routed) for kind, routed in named.items() if routed]
    for pool in benchmark.pools:
        gain: Cell = "" if math.isnan(pool.gain_apart.value) else Number(*pool.gain_apart)
        oracle, ceiling = defined(pool.oracle.value), defined(pool.ceiling.value)
        rows.append(("greedy", " ".join(pool.models), "", gain, "", "", "", oracle, ceiling))
    return rows


def _alone_row(kind: str, one: Alone) -> tuple[Cell, ...]:
    usd = defined(one.usd)
    return (kind, one.model, one.score.value, "", Number(*one.lead), usd, "", "", "")


def _routed_row(kind: str, learned: Learned, routed: Routed) -> tuple[Cell, ...]:
    saved: Cell = "" if math.isnan(routed.saving.value) else Number(*routed.saving)
    return (
        *(kind, " ".join(learned.pool), routed.score.value),
        *(Number(*routed.gain), Number(*routed.lead), defined(routed.usd.value), saved, "", ""),
    )
