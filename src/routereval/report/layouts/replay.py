"""How replayed bandits are laid out: what each scored, and what it gave up."""

from __future__ import annotations

from typing import Any

from routereval.number_of import number_of
from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Column, Document, Number, Row, Table
from routereval.studies.replay import Estimate, Line, Replay, Replays

AGAINST = {
    "linear": "full information (linear)",
    "best_single": "the best single model",
    "oracle": "the oracle",
}
"""What regret may be counted against, in words."""
NAMES = {"linear": "full information", "best_single": "best single model", "random": "random"}
"""The names of those that learn nothing from the stream."""
_PER = 1000

_COLUMNS = (
    Column("router", "text"),
    Column("score", digits=4),
    Column("regret", digits=1),
    Column("first quarter", digits=1, scale=_PER, key="regret_first"),
    Column("last quarter", digits=1, scale=_PER, key="regret_last"),
    Column("flattens", key="flattens"),
)


def replays_document(found: Replays) -> Document:
    """A table per benchmark, and what the columns mean."""
    tables = [_table(one) for one in found]
    rows = [
        Row((one.benchmark, *row.cells))
        for one, t in zip(found, tables, strict=True)
        for row in t.rows
    ]
    data = Table("", [Column("benchmark", "text"), *_COLUMNS], rows)
    return Document(tables, data, [_objects(one) for one in found], _notes(found))


def _table(found: Replay) -> Table:
    prompts, models = number_of(found.n_prompts, "prompt"), number_of(len(found.models), "model")
    title = f"{found.benchmark}: {prompts}, {models}"
    rows = [
        Row(
            (
                NAMES.get(line.name, line.name),
                *(_number(one) for one in (line.score, line.total, line.first, line.last)),
                line.flattens if line.learns else "",
            ),
            control=not line.learns,
        )
        for line in found.lines
    ]
    return Table(title, _COLUMNS, rows)


def _number(estimate: Estimate) -> Number:
    """The mean over orders; its interval where the order matters."""
    mean, low, high = estimate
    return Number(mean, low, high) if high - low > 1e-9 else Number(mean)


def _notes(found: Replays) -> list[str]:
    first = found[0]
    notes = [
        f"Regret: what {AGAINST[first.against]} scores on the same prompts less what the router "
        f"did, summed; by quarter of the stream, per {_PER:,} prompts. "
        f"± is half of a 95 % interval of the mean over {first.orders} orders of the prompts.",
        "Full information is ridge regression that sees all scores, each fifth of the prompts "
        "predicted from the others. Flattens: the last quarter's interval lies below the first's.",
        "† learns nothing from the stream.",
    ]
    return [SIMULATED, *notes] if any(one.simulated for one in found) else notes


def _objects(found: Replay) -> dict[str, Any]:
    fields = ("benchmark", "models", "n_prompts", "orders", "against", "simulated")
    values = {name: getattr(found, name) for name in fields}
    return {**values, "lines": [_object(line) for line in found.lines]}


def _object(line: Line) -> dict[str, Any]:
    parts = {key: getattr(line, key) for key in ("score", "first", "last", "total")}
    mean, low, high = line.regret.T
    curve = {"prompts": line.at, "regret": mean, "low": low, "high": high}
    return {
        **{"router": line.name, "learns": line.learns, "flattens": line.flattens},
        **parts,
        "curve": curve,
    }
