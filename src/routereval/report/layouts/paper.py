"""Results in LaTeX: their tables, and the one by benchmark in the layout of RouterEval's paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from routereval.report.layouts.compare import standings_document
from routereval.report.layouts.metrics import metric_column
from routereval.report.layouts.reproduce import reproduction_document
from routereval.report.layouts.run import CONTROL, SIMULATED, results_document
from routereval.report.table import Cell, Column, Document, Number, PaperTable, Row, Table
from routereval.report.titles import TITLES
from routereval.results.benchmark_scores import METRICS, BenchmarkScore, benchmark_scores, spread_of
from routereval.results.results import Results
from routereval.results.standings import Standings
from routereval.studies.reproduce import Numbers, Reproduction
from routereval.studies.reproduce import Row as PublishedRow

_MARKS = {1: "*", 0: "", -1: "↓"}
_CONTROLS = ("Oracle", "r_o(0.5)", "Random")  # of the published tables
_ABREAST = 4  # benchmarks side by side, as in the paper; half as many where all numbers have a ±


def results_latex(results: Results) -> Document:
    """The tables of a run, and those by benchmark, held against the best single model."""
    return replace(results_document(results), paper=paper_tables(results))


def standings_latex(standings: Standings) -> Document:
    """The table of standings, and those by benchmark, held against the same router."""
    document = standings_document(standings)
    if standings.results is None:
        return document
    return replace(document, paper=paper_tables(standings.results, standings.against))


def reproduction_latex(reproduction: Reproduction) -> Document:
    """The paper's rows and ours side by side, then ours and the paper's in its own layout."""
    ours = _published("Computed here", reproduction, ours=True)
    paper = _published("As published (Huang et al. 2025, Tables 1 and 2)", reproduction, ours=False)
    return replace(reproduction_document(reproduction), paper=[*ours, *paper])


def scores_document(
    results: Results,
    against: str = "best_single",
    metrics: Sequence[str] = METRICS,
    abreast: int | None = None,
) -> Document:
    """The table of routers by benchmark alone; see `paper_tables`.

    Raises:
        SpecError: if there is no such router, or no such metric.
    """
    scores = benchmark_scores(results, against, metrics)
    tables = _tables(results, scores, against, metrics, abreast)
    rows = [
        Row(
            (
                *(one.protocol, one.size, one.benchmark, one.router, one.control, metric),
                *(*one.metrics[metric], one.deviations[metric], one.n_seeds),
                *(None if one.test is None else one.test.p, one.direction),
            )
        )
        for one in scores
        for metric in metrics
    ]
    names = ("protocol", "size", "benchmark", "router", "control", "metric", "value", "low", "high")
    more = ("deviation", "seeds", "p", "direction")
    return Document([], Table("", [Column(n) for n in (*names, *more)], rows), paper=tables)


def paper_tables(
    results: Results,
    against: str = "best_single",
    metrics: Sequence[str] = METRICS,
    abreast: int | None = None,
) -> list[PaperTable]:
    """The table of routers by benchmark, in as many parts as pages need.

    Marks stand for p < 5 % of the paired test on prompts, after Holm's correction over the learned
    routers of a benchmark and pool size. With several seeds each number has its standard deviation
    from seed to seed, with one the mean score half of its interval over prompts.

    Args:
        results: of a run.
        against: the router that learned ones are held against.
        metrics: names of metrics.
        abreast: benchmarks side by side; 4, or 2 where all numbers have a deviation, if None.
    """
    scores = benchmark_scores(results, against, metrics)
    return _tables(results, scores, against, metrics, abreast)


def _tables(
    results: Results,
    scores: Sequence[BenchmarkScore],
    against: str,
    metrics: Sequence[str],
    abreast: int | None,
) -> list[PaperTable]:
    seeds = max((score.n_seeds for score in scores), default=1)
    names = list(dict.fromkeys(score.benchmark for score in scores))
    each = abreast or (_ABREAST if seeds == 1 else _ABREAST // 2)
    notes = _notes(results, scores, results.name_of(against), seeds)
    return [
        _table(scores, names[at : at + each], metrics, seeds, notes)
        for at in range(0, len(names), each)
    ]


def _table(
    scores: Sequence[BenchmarkScore],
    benchmarks: Sequence[str],
    metrics: Sequence[str],
    seeds: int,
    notes: Sequence[str],
) -> PaperTable:
    held = {(s.protocol, s.size, s.benchmark, s.router): s for s in scores}
    groups = [(name, _defined(scores, name, metrics)) for name in benchmarks]
    rules = list(dict.fromkeys(score.protocol for score in scores))
    blocks = []
    for rule, size in dict.fromkeys((score.protocol, score.size) for score in scores):
        rows = []
        for router in dict.fromkeys(score.router for score in scores):
            own = [held.get((rule, size, name, router)) for name in benchmarks]
            known = [one for one in own if one is not None]
            if known:
                cells = [
                    _cell(one, metric, seeds)
                    for one, (_, shown) in zip(own, groups, strict=True)
                    for metric in shown
                ]
                rows.append(Row((router, *cells), known[0].control))
        blocks.append((f"m = {size}" + (f", {rule}" if len(rules) > 1 else ""), rows))
    shown_groups = [
        (TITLES.get(name, name), [metric_column(metric) for metric in own]) for name, own in groups
    ]
    protocol = f", {rules[0]} protocol" if len(rules) == 1 else ""
    return PaperTable(f"Routers by benchmark{protocol}", shown_groups, blocks, notes)


def _defined(scores: Sequence[BenchmarkScore], benchmark: str, metrics: Sequence[str]) -> list[str]:
    """The metrics that some router has a number for on a benchmark."""
    own = [score for score in scores if score.benchmark == benchmark]
    return [m for m in metrics if any(not math.isnan(one.metrics[m].value) for one in own)]


def _cell(score: BenchmarkScore | None, metric: str, seeds: int) -> Cell:
    if score is None:
        return None
    value = score.metrics[metric].value
    mark = _MARKS[score.direction] if metric == "mu" else ""
    if seeds == 1 and metric != "mu":
        return Number(value, mark=mark)
    return Number(value, *spread_of(score, metric), mark)


def _notes(
    results: Results, scores: Sequence[BenchmarkScore], against: str, seeds: int
) -> list[str]:
    spread = (
        f"± is the standard deviation over {seeds} seeds."
        if seeds > 1
        else "± is half the width of the 95 % bootstrap interval over test prompts."
    )
    notes = [spread]
    if any(score.test is not None for score in scores):
        notes.append(
            f"* better, ↓ worse than {against} (paired permutation test of these fits on prompts, "
            "p < 0.05 after Holm's correction over the learned routers of a benchmark and pool "
            "size)."
        )
    notes.append("Bold: the best learned router of a block, and all of the same printed number.")
    if any(score.control for score in scores):
        notes.append(CONTROL)
    if results.simulated:
        notes.append(SIMULATED)
    return notes


# RouterEval's own


def _published(title: str, reproduction: Reproduction, *, ours: bool) -> list[PaperTable]:
    rows = reproduction.rows
    names = [
        name
        for name in dict.fromkeys(row.benchmark for row in rows)
        if not ours or any(row.ours for row in rows if row.benchmark == name)
    ]
    note = "Means over the three groups of pools; one seed, as in the paper."
    differs = "* differs from the published number by more than its rounding."
    notes = [note, differs] if ours else [note]
    return [
        _published_table(title, rows, names[at : at + _ABREAST], notes, ours=ours)
        for at in range(0, len(names), _ABREAST)
    ]


def _published_table(
    title: str,
    rows: Sequence[PublishedRow],
    benchmarks: Sequence[str],
    notes: Sequence[str],
    *,
    ours: bool,
) -> PaperTable:
    digits = 3 if ours else 2  # as published; ours with one digit more
    columns = [replace(metric_column(name), digits=digits) for name in Numbers._fields]
    held = {(row.benchmark, row.size, row.router): row for row in rows}
    blocks = []
    for size in dict.fromkeys(row.size for row in rows):
        shown = []
        for router in dict.fromkeys(row.router for row in rows):
            own = [held[name, size, router] for name in benchmarks]
            cells = [_number(row, name, ours=ours) for row in own for name in Numbers._fields]
            if any(cell is not None for cell in cells):
                shown.append(Row((router, *cells), router in _CONTROLS))
        blocks.append((f"m = {size}", shown))
    return PaperTable(title, [(name, columns) for name in benchmarks], blocks, notes)


def _number(row: PublishedRow, name: str, *, ours: bool) -> Cell:
    numbers = row.ours if ours else row.paper
    if numbers is None or math.isnan(getattr(numbers, name)):
        return None
    return Number(getattr(numbers, name), mark="*" if ours and name in row.differs else "")
