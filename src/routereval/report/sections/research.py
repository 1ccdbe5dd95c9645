"""The part for the researcher: tests, tables, pools, how to do it again, definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from routereval.number_of import some_of
from routereval.report.cost_quality_figure import CostQualityDisplay
from routereval.report.difference_figures import RankDisplay
from routereval.report.display import Display
from routereval.report.headroom_figures import headroom_of
from routereval.report.layouts.compare import standings_document
from routereval.report.learning_figure import LearningDisplay
from routereval.report.metrics_page import metric_line
from routereval.report.run_report import RunReport, View
from routereval.report.sections.pieces import (
    absent,
    code_block,
    folded,
    number,
    short,
    signed,
    wide,
)
from routereval.report.sections.tables import Exports, table_html
from routereval.report.table import Column, Row, Table
from routereval.report.tags import Html, joined, tag
from routereval.results.command import run_command
from routereval.results.operating_points import PoolPoints
from routereval.results.pool_rows import METRICS as GRID
from routereval.results.pool_rows import PoolRow
from routereval.results.standings import Standing, Standings
from routereval.results.summary import Estimate
from routereval.scoring import METRICS

_WIDTH, _HEIGHT = 220, 22


def research_section(report: RunReport, exports: Exports) -> Html:
    """All tables of the run, and what a paper needs beside them."""
    return tag(
        "section",
        tag("h2", "For the researcher"),
        *(_tests(view, place, exports) for place, view in enumerate(report.views)),
        *_figures(report),
        tag("h3", "Tables of the run"),
        *(
            table_html(table, exports, tuple(report.document.notes))
            for table in report.document.tables
        ),
        *(tag("p", note, class_="note") for note in report.document.notes),
        _every_cell(),
        tag("h3", "Pools, seeds and sources"),
        _pools(report, exports),
        _facts(report),
        tag("h3", "Do it again"),
        code_block(run_command(report.results, report.source or "OUT"), ""),
        _definitions(),
        id="research",
        aria_label="Research",
    )


def _tests(view: View, place: int, exports: Exports) -> Html:
    stand = view.standings
    if stand is None:
        inside: Html = absent("a router to hold against the best single model")
    else:
        document = standings_document(stand)
        inside = joined(
            tag("p", stand.sentence),
            _forest(stand),
            *(tag("p", note, class_="note") for note in document.notes),
            folded("The same as a table", table_html(document.tables[0], exports)),
        )
    return tag(
        "div",
        tag("h3", f"Paired differences · {view.label}"),
        inside,
        class_="view",
        data_view=place,
        hidden=place > 0,
    )


def _forest(stand: Standings) -> Html:
    tested = [row for row in stand.rows if row.test is not None]
    if not tested:
        return Html("")
    reach = max(_reach(row) for row in tested) * 1.05 or 1.0
    heads = ["router", f"minus {stand.against}", "difference", "p (Holm)", "can tell"]
    rows = [_forest_row(row, reach) for row in tested]
    table = tag(
        "table",
        tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
        tag("tbody", *rows),
        class_="forest",
    )
    note = (
        f"Line: 95 % interval of the difference in mean score; the axis is from {signed(-reach, 2)}"
        f" to {signed(reach, 2)}. Pale: differences that these prompts are too few to tell."
    )
    return joined(wide(table, f"Differences to {stand.against}"), tag("p", note, class_="note"))


def _reach(row: Standing) -> float:
    test = row.test
    assert test is not None  # noqa: S101 - the rows were chosen by it
    ends = (test.low, test.high, test.detectable)
    return max(abs(end) for end in ends if math.isfinite(end))


def _forest_row(row: Standing, reach: float) -> Html:
    test = row.test
    assert test is not None  # noqa: S101 - the rows were chosen by it
    words = f"{signed(test.difference)} [{signed(test.low)}, {signed(test.high)}]"
    mark = "*" if test.significant else ""
    p = "<0.001" if test.p < 0.001 else number(test.p)
    return tag(
        "tr",
        tag("th", row.router, scope="row", class_=short(row.router)),
        tag("td", _forest_mark(row, reach, words), class_="plot"),
        tag("td", f"{words}{mark}"),
        tag("td", p),
        tag("td", number(test.detectable)),
    )


def _forest_mark(row: Standing, reach: float, words: str) -> Html:
    test = row.test
    assert test is not None  # noqa: S101 - the rows were chosen by it

    def x(value: float) -> float:
        return round(_WIDTH * (value + reach) / (2 * reach), 1)

    blind = test.detectable if math.isfinite(test.detectable) else 0.0
    middle = _HEIGHT / 2
    look = "told" if test.significant else "open"
    return tag(
        "svg",
        tag(
            "rect",
            class_="blind",
            x=x(-blind),
            y=0,
            width=round(x(blind) - x(-blind), 1),
            height=_HEIGHT,
        ),
        tag("line", class_="zero", x1=x(0), x2=x(0), y1=0, y2=_HEIGHT),
        tag("line", class_=f"ends {look}", x1=x(test.low), x2=x(test.high), y1=middle, y2=middle),
        tag("circle", class_=look, cx=x(test.difference), cy=middle, r=4),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=words,
    )


_FOLDED = 6  # more panels than this are folded


def _figures(report: RunReport) -> list[Html]:
    """The pictures of the run, each made of the numbers that its tables are made of."""
    view = report.views[0]
    router = view.decision.router
    found: list[tuple[str, Sequence[Display]]] = [
        ("Mean ranks", [RankDisplay(view.standings)] if view.standings else []),
        ("Cost and quality", [CostQualityDisplay(_pools_of(report, view))]),
        ("Share of prompts by model, against the price of cost", report.shares),
        ("Saved at equal quality", report.savings),
        ("Headroom", [shown] if router and (shown := headroom_of(view.results, router)) else []),
        ("Learning curves", [LearningDisplay(report.learning)]),
        ("Calibration", report.calibration),
    ]
    out: list[Html] = []
    for title, displays in found:
        panels = [picture for display in displays for picture in display.svg()]
        if panels:
            grouped = tag("div", *panels, class_="panels")
            inside = folded(f"{len(panels)} panels", grouped) if len(panels) > _FOLDED else grouped
            out += [tag("h3", title), inside]
        else:
            out += [tag("h3", title), absent(_ABSENT[title])]
    return out


_MOST_PANELS = 36


def _pools_of(report: RunReport, view: View) -> list[PoolPoints]:
    """The pools of a view, so many at most; routereval curves draws all."""
    own = [
        pool for pool in report.pools if (pool.protocol, pool.size) == (view.protocol, view.size)
    ]
    return own[:_MOST_PANELS]


_ABSENT = {
    "Mean ranks": "ranks, which take several benchmarks on which all routers were run",
    "Cost and quality": "costs; run with --costs prices, or with costs in the records",
    "Share of prompts by model, against the price of cost": "shares of the models, which take "
    "costs and a run of this version",
    "Saved at equal quality": "costs",
    "Headroom": "a learned router",
    "Learning curves": "several numbers of labelled prompts; run with few_shot(n=[30,100,300])",
    "Calibration": "predicted scores, which a run of this version keeps",
}


def _every_cell() -> Html:
    """The table that the page's own program fills: each router on each pool."""
    return tag(
        "div",
        tag("h3", "Each router on each pool", id="cells"),
        tag("noscript", tag("p", "This part needs JavaScript.")),
        tag("div", id="grid-filters", class_="controls screen-only"),
        tag("p", id="grid-count", class_="note", aria_live="polite"),
        wide(tag("table", id="grid", class_="sortable"), "Each router on each pool"),
        tag("p", id="grid-more", class_="screen-only"),
    )


_SCALE = 10_000


def grid_data(report: RunReport) -> dict[str, object]:
    """The rows of that table, column by column, numbers as whole ten-thousandths."""
    rows = report.pool_rows
    names = [n for n in GRID if any(math.isfinite(row.metrics[n].value) for row in rows)]
    words = {
        key: _coded([str(getattr(row, key)) for row in rows])
        for key in ("protocol", "benchmark", "size", "group", "router")
    }
    usd = all(pool.unit == "USD" for pool in report.pools)
    return {
        "words": words,
        "control": [int(row.control) for row in rows],
        "seeds": [row.seeds for row in rows],
        "n": [row.n_test for row in rows],
        "metrics": [_grid_column(name, rows, name == "cost" and usd) for name in names],
    }


def _grid_column(name: str, rows: Sequence[PoolRow], per_thousand: bool) -> dict[str, object]:
    factor = 1000 if per_thousand else 1
    ends = {
        end: [_whole(getattr(row.metrics[name], end), factor) for row in rows]
        for end in Estimate._fields
    }
    return {
        "name": name,
        "head": "$/1k" if per_thousand else METRICS[name].symbol,
        "better": METRICS[name].higher_is_better,
        "scale": _SCALE,
        **ends,
        "unsure": [int(name in row.doubtful) for row in rows],
    }


def _whole(value: float, factor: int) -> int | None:
    return round(value * factor * _SCALE) if math.isfinite(value) else None


def _coded(values: Sequence[str]) -> dict[str, object]:
    """Words as their list and a code for each row."""
    from routereval.report.cells import visible

    levels = list(dict.fromkeys(values))
    place = {level: code for code, level in enumerate(levels)}
    return {"levels": [visible(level) for level in levels], "code": [place[v] for v in values]}


def _pools(report: RunReport, exports: Exports) -> Html:
    held: dict[tuple[object, ...], None] = {}
    for cell in report.results.cells:
        place = (cell.protocol, cell.benchmark, cell.size, cell.group, cell.seed)
        held[(*place, cell.n_train, cell.n_test, some_of(cell.pool, _MEMBERS))] = None
    kinds = ("text", "text", "count", "text", "count", "count", "count", "text")
    heads = ("protocol", "benchmark", "m", "group", "seed", "train", "test", "models")
    columns = [Column(head, kind) for head, kind in zip(heads, kinds, strict=True)]  # type: ignore[arg-type]
    shown = [Row(row) for row in list(held)[:_POOLS]]  # type: ignore[arg-type]
    left = len(held) - len(shown)
    notes = [f"{left:,} more pools are in results.jsonl."] if left else []
    table = Table("Pools", columns, shown, notes)
    return folded(f"{len(held):,} pools and splits", table_html(table, exports))


_MEMBERS = 12
_POOLS = 400


def _facts(report: RunReport) -> Html:
    info = report.results.info
    hashes = info.get("records", {})
    rows = [
        *((key, str(info[key])) for key in _FACTS if key in info),
        *((f"sha256 of {name}", str(value)) for name, value in hashes.items()),
    ]
    lines = [tag("tr", tag("th", key, scope="row"), tag("td", value)) for key, value in rows]
    table = tag("table", tag("tbody", *lines), class_="facts")
    ties = (
        "Ties between models: the cheaper, then the order of the pool; under faithful the lowest "
        "index, as the reference. Dispatch: numpy_order is the processor's order of equal values, "
        "which only faithful(ties=numpy) takes."
    )
    return joined(folded("Versions, hashes and machine", wide(table, "Facts")), tag("p", ties))


_FACTS = ("version", "started", "python", "numpy", "machine", "numpy_order", "embedder", "n_boot")


def _definitions() -> Html:
    shown = {one.family: one for one in METRICS.values()}
    items = [
        joined(
            tag("dt", f"{one.symbol} ", tag("code", one.name), id=f"def-{family}"),
            tag("dd", metric_line(one)),
        )
        for family, one in shown.items()
    ]
    return folded("Definitions of all metrics", tag("dl", *items))
