"""The page of two runs side by side."""

from __future__ import annotations

import math
from typing import Any

from routereval.report.data import plain
from routereval.report.difference_figures import difference_rows
from routereval.report.draw_svg import panel_svg
from routereval.report.layouts.metrics import PER
from routereval.report.layouts.run import SIMULATED
from routereval.report.run_page import whole_page
from routereval.report.sections.tables import Exports, table_html
from routereval.report.table import Column, Number, Row, Table
from routereval.report.tags import Html, data, joined, tag, theme_choice
from routereval.results.two_runs import TwoRuns


def compare_page(found: TwoRuns, first: str, second: str, title: str) -> str:
    """The whole page.

    Args:
        found: the two runs.
        first: the name of the first one.
        second: the name of the second one.
        title: the heading.
    """
    exports = Exports()
    tested = [(change.router, change.test) for change in found.changes]
    figure = difference_rows(tested, first, f"{second} minus {first}, the same prompts")
    body = joined(
        tag("a", "Skip to the comparison", href="#compare", class_="skip"),
        tag(
            "header",
            tag("h1", title),
            tag("p", SIMULATED, class_="simulated") if found.simulated else "",
            tag("nav", theme_choice(), aria_label="Colours", class_="screen-only"),
        ),
        tag(
            "main",
            tag("p", sentence(found, first, second), class_="point"),
            tag("div", panel_svg(figure), class_="panels"),
            table_html(change_table(found, first, second), exports),
            *(tag("p", f"Left out: {note}.", class_="note") for note in found.left_out),
            tag("h2", "What differs between the runs"),
            table_html(_facts(found, first, second), exports) if found.facts else _nothing(),
            id="compare",
        ),
    )
    held: dict[str, Any] = {
        "pools": [],
        "view": [],
        "grid": None,
        "explorer": None,
        "exports": exports.held,
    }
    return whole_page(title, joined(body, data(plain(held))))


def sentence(found: TwoRuns, first: str, second: str) -> str:
    """Which routers score differently in the two runs."""
    changed = [change for change in found.changes if change.test.significant]
    same = all(change.test.all_tied for change in found.changes)
    if same:
        return f"Every router scores the same on each prompt in {first} and {second}."
    if not changed:
        return f"No router scores differently in {second} than in {first}, beyond chance."
    words = [
        f"{change.router} by {change.test.difference:+.3f} "
        f"[{change.test.low:+.3f}, {change.test.high:+.3f}]"
        for change in changed
    ]
    return f"In {second} other than in {first}, after Holm's correction: {'; '.join(words)}."


def change_table(found: TwoRuns, first: str, second: str) -> Table:
    """A row for each router."""
    columns = [
        Column("router", "text"),
        Column("cells", "count"),
        Column(f"μ_o in {first}"),
        Column(f"μ_o in {second}"),
        Column("difference", signed=True, interval="ends"),
        Column("p (Holm)", "p"),
        Column("can tell"),
        Column(f"cost in {first}", scale=PER),
        Column(f"cost in {second}", scale=PER),
    ]
    rows = []
    for one in found.changes:
        test = one.test
        mark = "*" if test.significant else ""
        difference = Number(test.difference, test.low, test.high, mark)
        tested = (difference, test.p, test.detectable)
        rows.append(Row((one.router, one.n_cells, *one.scores, *tested, *one.costs), one.control))
    notes = ["Means over the cells that both runs have. Costs: of 1,000 calls. *: p < 0.05."]
    known = any(not math.isnan(cost) for one in found.changes for cost in one.costs)
    table = Table(f"{second} against {first}", columns, rows, notes)
    return table if known else table.without_empty()


def _facts(found: TwoRuns, first: str, second: str) -> Table:
    columns = [Column("fact", "text"), Column(first, "text"), Column(second, "text")]
    return Table("", columns, [Row(fact) for fact in found.facts])


def _nothing() -> Html:
    return tag("p", "Nothing that the runs have noted.")
