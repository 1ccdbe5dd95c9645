"""Tables of the trade-off of cost: AIQ, QNC, CostSave, Peak, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from routereval.results.results import Results
from routereval.results.summary import MEAN, TRADE_OFF, Line, summarise
from routereval.results.zero_router import ZERO, zero_router
from routereval.scoring import METRICS

if TYPE_CHECKING:
    from rich.table import Table

NOTES = (
    "[…]: 95 % bootstrap interval over test prompts, of the trade-off of quality and cost.",
    "Zero router: the single LLMs and mixtures of them; a router not above it has learned nothing.",
    "QNC, CostSave, Peak: at the best price of cost on the test prompts.",
)
"""What the tables' footnotes say."""


class TradeOff(NamedTuple):
    """One table.

    Attributes:
        title: its heading.
        heads: names of its columns, that of the router first.
        rows: the cells of each row, the router first.
        best: which cells are the best of the learned routers of their column.
        controls: which rows are controls.
    """

    title: str
    heads: list[str]
    rows: list[list[str]]
    best: list[list[bool]]
    controls: list[bool]


def trade_offs(
    results: Results, lines: Sequence[Line] | None = None, *, every: bool = True
) -> list[TradeOff]:
    """A table a protocol and pool size: of each benchmark and of their mean.

    Args:
        results: of a run.
        lines: its summary, if that is at hand.
        every: whether each benchmark has its table, or only their mean.

    Returns:
        The tables; none where no cost is known.
    """
    zero = summarise(zero_router(results, TRADE_OFF), TRADE_OFF)
    if not zero:
        return []
    lines = [*(summarise(results, TRADE_OFF) if lines is None else lines), *zero]
    whole = len({line.benchmark for line in lines} - {MEAN}) == 1
    places = dict.fromkeys((ln.protocol, ln.size, ln.benchmark) for ln in lines)
    tables = []
    for rule, size, benchmark in places:
        if benchmark == MEAN if whole else not (every or benchmark == MEAN):
            continue  # one benchmark is its own mean
        held = [
            ln for ln in lines if (ln.protocol, ln.size, ln.benchmark) == (rule, size, benchmark)
        ]
        known = [ln for ln in held if not math.isnan(ln.metrics["peak"].value)]
        if any(ln.router != ZERO for ln in known):
            where = "mean over benchmarks" if benchmark == MEAN else benchmark
            title = f"cost and quality · m = {size} LLMs · {where} · {rule}"
            tables.append(_table(title, known))
    return tables


def rich_table(one: TradeOff, *, styled: bool) -> Table:
    """The table for a rich console."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(one.title), title_justify="left", box=box.SIMPLE_HEAD)
    for place, head in enumerate(one.heads):
        table.add_column(head, justify="right" if place else "left", no_wrap=True)
    for row, best, control in zip(one.rows, one.best, one.controls, strict=True):
        cells = [_marked(escape(c), b, styled=styled) for c, b in zip(row, best, strict=True)]
        table.add_row(*cells, style="dim" if control else None)
    return table


def markdown_table(one: TradeOff) -> str:
    """The table in Markdown."""
    rows = [
        [f"**{c}**" if b else c for c, b in zip(row, best, strict=True)]
        for row, best in zip(one.rows, one.best, strict=True)
    ]
    body = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return (
        f"**{one.title}**\n\n| {' | '.join(one.heads)} |\n|---|{'---:|' * len(TRADE_OFF)}\n{body}\n"
    )


def _marked(text: str, best: bool, *, styled: bool) -> str:
    if styled:
        return f"[bold green]{text}[/]" if best else text
    return f"{text}*" if best else f"{text} "


def _table(title: str, lines: list[Line]) -> TradeOff:
    best = {name: _best(lines, name) for name in TRADE_OFF}
    return TradeOff(
        title,
        ["router", *(METRICS[name].symbol for name in TRADE_OFF)],
        [[_name(line), *(_number(line, name) for name in TRADE_OFF)] for line in lines],
        [[False, *(line.router == best[name] for name in TRADE_OFF)] for line in lines],
        [line.control for line in lines],
    )


def _best(lines: list[Line], name: str) -> str:
    learned = [ln for ln in lines if not ln.control and math.isfinite(ln.metrics[name].value)]
    sign = 1 if METRICS[name].higher_is_better else -1
    return max(learned, key=lambda ln: sign * ln.metrics[name].value).router if learned else ""


def _name(line: Line) -> str:
    if line.router == ZERO:
        return "Zero router"
    return f"{line.router} †" if line.control else line.router


def _number(line: Line, name: str) -> str:
    value, low, high = line.metrics[name]
    if math.isnan(value):
        return "–"
    mark = "?" if name in line.doubtful else ""
    return f"{_short(value)} [{_short(low)}, {_short(high)}]{mark}"


def _short(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "−")
