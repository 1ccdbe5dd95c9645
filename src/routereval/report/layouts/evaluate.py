"""How an evaluation is laid out: a sentence on what routing gained, and a row per metric."""

from __future__ import annotations

import math

from routereval.report.layouts.metrics import metric_column
from routereval.report.table import Column, Document, Number, Row, Table
from routereval.scoring import METRICS, paired_test
from routereval.scoring.estimates import UNSURE
from routereval.studies.evaluate import Evaluation


def evaluation_document(found: Evaluation) -> Document:
    """The mean score beside the best single model's on the same prompts, then every metric."""
    known = [name for name, value in found.metrics.items() if not math.isnan(value)]
    numbers = {name: _number(found, name) for name in known}
    columns = [
        Column("metric", "text"),
        Column("value", digits=4, interval="ends"),
        Column("name", "text"),
    ]
    notes = [
        "[…]: 95 % bootstrap interval over test prompts. What each is: routereval list metrics."
    ]
    if any(number.mark for number in numbers.values()):
        notes.append(UNSURE)
    rows = [Row((_head(found, n), _scaled(found, n, numbers[n]), n)) for n in known]
    table = Table(f"all metrics on {_prompts(found)}", columns, rows, notes)
    return Document([_sentence(found), table], _data(numbers))


def _sentence(found: Evaluation) -> str:
    """The paired test of the router against the best single model, and both scores."""
    held = found.evidence
    mu, single = found.metrics["mu"], float(held.best_single.mean())
    scores = f"μ_o {mu:.3f}; the best single model (chosen on train) {single:.3f}"
    if len(held.quality) < 2:
        return f"{scores} on {_prompts(found)}."
    test = paired_test(held.quality, held.best_single, subsets=held.subsets, groups=held.groups)
    sentence = test.sentence("the router", "the best single model")
    return f"{scores}. {sentence[0].upper()}{sentence[1:]}"


def _number(found: Evaluation, name: str) -> Number:
    low, high = found.intervals.get(name, (math.nan, math.nan))
    return Number(found.metrics[name], low, high, "?" if name in found.doubtful else "")


def _head(found: Evaluation, name: str) -> str:
    return metric_column(name, found.evidence.unit).head


def _scaled(found: Evaluation, name: str, number: Number) -> Number:
    """As it is shown: costs in USD per 1,000 calls."""
    scale = metric_column(name, found.evidence.unit).scale
    return Number(number.value * scale, number.low * scale, number.high * scale, number.mark)


def _prompts(found: Evaluation) -> str:
    return f"{len(found.evidence.quality):,} test prompts"


def _data(numbers: dict[str, Number]) -> Table:
    columns = [Column(name) for name in ("metric", "value", "low", "high", "doubtful", "unit")]
    rows = [
        Row((name, number.value, number.low, number.high, bool(number.mark), METRICS[name].unit))
        for name, number in numbers.items()
    ]
    return Table("", columns, rows)
