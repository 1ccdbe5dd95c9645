"""How a scaling study is laid out: what a few models reach, and where that saturates."""

from __future__ import annotations

import math
from typing import Any

from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Cell, Column, Document, Number, Row, Table, from_mappings
from routereval.results.scaling_curves import MEAN, ScalingResults

_SIZES = (3, 5, 10, 100)
_COLUMNS = (
    Column("benchmark", "text"),
    Column("prompts", "count"),
    Column("models", "count"),
    Column("best"),
    Column("m = 1"),
    *(Column(f"m = {size}") for size in _SIZES),
    Column("all"),
    Column("90 %", "count"),
    Column("99 %", "count"),
    Column("ref."),
    Column("passed", "count"),
    Column("half", "count"),
    Column("weak", "count"),
)


def scaling_document(results: ScalingResults) -> Document:
    """A row per benchmark; all numbers of the summary for other programs."""
    lines = results.summary().to_dicts()
    means = [line["benchmark"] == MEAN for line in lines]
    rows = [Row(_cells(ln), ends=last) for ln, last in zip(lines, [*means[1:], False], strict=True)]
    order = results.curves[0].order
    pools = "random pools" if order == "random" else f"models in the order {order}"
    table = Table(f"oracle of m models · {pools}", _COLUMNS, rows).without_empty()
    held = {"notes": list(results.notes), "lines": lines}
    return Document([table], from_mappings("", lines), held, _notes(results))


def _cells(line: dict[str, Any]) -> tuple[Cell, ...]:
    return (
        *(line["benchmark"], line["prompts"], line["models"]),
        *(line["best_single"], line["mean"]),
        *(_with_interval(line, f"oracle_{size}") for size in _SIZES),
        _with_interval(line, "oracle_all"),
        *(line["m90"], line["m99"], line["reference"]),
        _passing(line, "passes_at", line["reference"]),
        _passing(line, "half_passes_at", line["reference"]),
        _passing(line, "weak_pool", line["weak_below"]),
    )


def _with_interval(line: dict[str, Any], name: str) -> Cell:
    value, low, high = (line[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return None
    return Number(value, math.nan if low is None else low, math.nan if high is None else high)


def _passing(line: dict[str, Any], name: str, target: float | None) -> Cell:
    """How many models pass a target; ``never``, or unknown where there is no target."""
    if target is None:
        return None
    return "never" if line[name] is None else line[name]


def _notes(results: ScalingResults) -> list[str]:
    order = results.curves[0].order
    pools = "random pools, expected" if order == "random" else f"models join in the order {order}"
    notes = [
        f"m = …: score of the oracle with m models ({pools}); ± is half the width of its 95 % "
        "bootstrap interval over prompts; all: with every model.",
        "90 %, 99 %: models that bring so much of the headroom from one model to all of them. "
        "best: the best single model.",
    ]
    if any(curve.reference is not None for curve in results.curves):
        notes.append(
            "passed: models with which the oracle passes the reference; half: r_o(0.5). "
            "weak: models, each below it or --below, that pass it together (greedy)."
        )
    if results.simulated:
        notes.append(SIMULATED)
    return [*notes, *(f"Note: {note}." for note in results.notes)]
