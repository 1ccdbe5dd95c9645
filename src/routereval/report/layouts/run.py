"""How the results of a run are laid out: rows routers, a table per pool size and protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from routereval.number_of import number_of, some_of
from routereval.report.layouts.ablation import ablation_tables
from routereval.report.layouts.curves import NOTES as TRADE_OFF_NOTES
from routereval.report.layouts.curves import trade_offs
from routereval.report.layouts.learning import learning_tables
from routereval.report.layouts.metrics import metric_cell, metric_column
from routereval.report.table import Column, Document, Row, Table
from routereval.results.ablation import ablations
from routereval.results.breakdown import by_part
from routereval.results.cell_means import gather
from routereval.results.learning_curves import learning_curves
from routereval.results.results import Results
from routereval.results.shuffling import surviving_gains
from routereval.results.standings import winner
from routereval.results.summary import MEAN, SHOWN, Estimate, Line, summarise
from routereval.scoring.curve import USD
from routereval.scoring.estimates import UNSURE

SIMULATED = "Simulated data: no real model was asked; the numbers say nothing about any."
CONTROL = "† a control, which learns no routing."
_MAIN = ("mu", "v_r", "v_b", "e_p", "p_star", "hallucination_rate", "cost")
_NAMED = 4  # benchmarks that a note lists by name
_DATA = ("size", "router", "control", "benchmark", "cells", "metric", "value", "low", "high")


def results_document(results: Results) -> Document:
    """Who won, the means of each pool size, then by benchmark, by labelled prompts, and by cost."""
    gather(results, SHOWN)
    lines, parts = summarise(results), by_part(results)
    tables = [*_means(results, lines), *_by_benchmark(lines, parts)]
    tables += ablation_tables(ablations(results, lines))
    tables += learning_tables(learning_curves(results, lines))
    tables += trade_offs(results, lines, every=False)
    data, held = _data(results, [*lines, *parts]), _json(results, [*lines, *parts])
    return Document([winner(results), *tables], data, held, _notes(results, lines, tables))


def means_document(results: Results) -> Document:
    """The means of each pool size alone."""
    lines = summarise(results)
    tables = list(_means(results, lines))
    return Document(tables, _data(results, lines), notes=_notes(results, lines, tables))


def _means(results: Results, lines: Sequence[Line]) -> Iterator[Table]:
    for rule, size in _places(lines):
        held = [line for line in _at(lines, rule, size) if line.benchmark == MEAN]
        columns = [Column("router", "text"), *(metric_column(m, held[0].unit) for m in _MAIN)]
        rows = [
            Row((line.router, *(metric_cell(line, m) for m in _MAIN)), line.control)
            for line in sorted(held, key=_by_score)
        ]
        yield Table(_title(results, lines, rule, size), columns, rows).without_empty()


def _by_score(line: Line) -> float:
    """Falling mean score."""
    return -line.metrics["mu"].value


def _title(results: Results, lines: Sequence[Line], rule: str, size: int) -> str:
    names = _benchmarks(lines)
    what = names[0] if len(names) == 1 else f"mean over {len(names)} benchmarks"
    here = [c for c in results.cells if (c.protocol, c.size) == (rule, size)]
    groups = list(dict.fromkeys(c.group for c in here))
    spread = f", {len(groups)} pool groups" if len(groups) > 1 else f", {', '.join(groups)}"
    seeds = len(dict.fromkeys(c.seed for c in results.cells))
    more = f", {seeds} seeds" if seeds > 1 else ""
    label = "SIMULATED DATA · " if results.simulated else ""
    return f"{label}m = {number_of(size, 'model')} · {what}{spread}{more} · {rule}"


def _by_benchmark(lines: Sequence[Line], parts: Sequence[Line]) -> Iterator[Table]:
    """The mean score on each benchmark, where there are several, and on those of a stream."""
    for held in (lines if len(_benchmarks(lines)) > 1 else [], parts):
        for rule, size in _places(held):
            yield _table_of_benchmarks(_at(held, rule, size), rule, size)


def _table_of_benchmarks(lines: Sequence[Line], rule: str, size: int) -> Table:
    names = _benchmarks(lines)
    score = metric_column("mu", lines[0].unit)
    columns = [Column(name, better=score.better) for name in names]
    rows = []
    means = [line for line in lines if line.benchmark == MEAN] or lines
    for router in dict.fromkeys(line.router for line in sorted(means, key=_by_score)):
        own = {line.benchmark: line for line in lines if line.router == router}
        values = [own[n].metrics["mu"].value if n in own else None for n in names]
        rows.append(Row((router, *values), next(iter(own.values())).control))
    title = f"μ_o by benchmark · m = {number_of(size, 'model')} · {rule}"
    return Table(title, [Column("router", "text"), *columns], rows)


def _places(lines: Sequence[Line]) -> list[tuple[str, int]]:
    """The protocols and pool sizes, in order: a table each."""
    return list(dict.fromkeys((line.protocol, line.size) for line in lines))


def _at(lines: Sequence[Line], rule: str, size: int) -> list[Line]:
    return [line for line in lines if (line.protocol, line.size) == (rule, size)]


def _benchmarks(lines: Sequence[Line]) -> list[str]:
    return [name for name in dict.fromkeys(line.benchmark for line in lines) if name != MEAN]


# Notes


def _notes(results: Results, lines: Sequence[Line], tables: Sequence[Table]) -> list[str]:
    notes = [
        "± is half the width of the 95 % bootstrap interval over test prompts.",
        "Bold (or *): the best learned router of the column.",
    ]
    if len(_benchmarks(lines)) > 1:
        notes.append("The intervals of single benchmarks, and all metrics, are in --format csv.")
    if any(_defined(line) & line.doubtful for line in lines):
        notes.append(UNSURE)
    if any(row.control for table in tables for row in table.rows):
        notes.append(CONTROL)
    if results.simulated:
        notes.append(SIMULATED)
    if any("cost" in _defined(line) for line in lines):
        unit = lines[0].unit
        usd = "$/1k: mean cost of 1,000 calls, in USD."
        notes.append(usd if unit == USD else f"cost: {unit}, per call.")
    if any("aiq" in _defined(line) for line in lines):
        notes += TRADE_OFF_NOTES
    notes += [f"Note: {sentence}." for sentence in surviving_gains(results)]
    return [*notes, *(f"Note: {note}." for note in _merged(results.notes))]


def _defined(line: Line) -> frozenset[str]:
    """The metrics that the line has a number for."""
    return frozenset(m for m, found in line.metrics.items() if not math.isnan(found.value))


def _merged(notes: Sequence[str]) -> list[str]:
    """Notes that say the same of several benchmarks, said once."""
    subjects: dict[str, list[str]] = {}
    for note in notes:
        subject, _, what = note.rpartition(": ")
        subjects.setdefault(what, []).append(subject)
    return [
        f"{some_of(names, _NAMED)}: {what}".removeprefix(": ") for what, names in subjects.items()
    ]


# Data for other programs


def _data(results: Results, lines: Sequence[Line]) -> Table:
    """One row per size, router, benchmark (and their mean) and metric."""
    rows = [
        Row(
            (
                *(line.size, line.router, line.control, line.benchmark, line.n_cells, name),
                *(found.value, found.low, found.high),
                *(results.simulated, line.protocol, name in line.doubtful),
            )
        )
        for line in lines
        for name, found in line.metrics.items()
    ]
    return Table("", [Column(name) for name in (*_DATA, "simulated", "protocol", "doubtful")], rows)


def _json(results: Results, lines: Sequence[Line]) -> dict[str, Any]:
    """Lines with value and interval of each metric, and the notes."""
    held = [
        {
            **line._asdict(),
            "doubtful": sorted(_defined(line) & line.doubtful),
            "metrics": {
                name: {key: _number(x) for key, x in found._asdict().items()}
                if name in _defined(line)
                else None
                for name, found in line.metrics.items()
            },
        }
        for line in lines
    ]
    return {"simulated": results.simulated, "notes": list(results.notes), "lines": held}


def summary_of(document: Document) -> list[Line]:
    """The lines that a document of results was made of, from what it holds for other programs."""
    held = document.json["lines"] if document.json else []
    return [
        Line(
            **{key: value for key, value in one.items() if key not in {"metrics", "doubtful"}},
            metrics={name: _estimate(found) for name, found in one["metrics"].items()},
            doubtful=frozenset(one["doubtful"]),
        )
        for one in held
    ]


def _estimate(found: dict[str, float | str] | None) -> Estimate:
    if found is None:
        return Estimate(math.nan, math.nan, math.nan)
    return Estimate(*(float(found[key]) for key in Estimate._fields))


def _number(number: float) -> float | str:
    """A number that JSON knows; what is infinite as text."""
    return number if math.isfinite(number) else str(number)
