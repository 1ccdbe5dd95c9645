"""Which model is best at what: mean scores by kind of prompts."""

from __future__ import annotations

import math

from routereval.report.sections.pieces import absent, short, wide
from routereval.report.tags import Html, tag
from routereval.results.champions import ChampionRow, Champions, ModelScore


def heat_map(found: Champions | None) -> Html:
    """The mean score of each model on each kind of prompts."""
    head = tag("h2", "Which model is best at what", id="champions")
    if found is None:
        return tag("div", head, absent("the prompts; a run of this version keeps them"))
    heads = [tag("th", found.what, scope="col"), tag("th", "n", scope="col")]
    heads += [tag("th", tag("span", model), scope="col", class_="model") for model in found.models]
    rows = [_heat_row(row) for row in found.rows]
    table = tag(
        "table",
        tag("thead", tag("tr", *heads)),
        tag("tbody", *rows),
        class_="heat",
    )
    left = []
    if found.left_out:
        left.append(f"{found.left_out} models of fewer pools are left out.")
    if found.rows_left_out:
        left.append(f"{found.rows_left_out} more rows are left out.")
    return tag(
        "div",
        head,
        wide(table, f"Mean score of each model by {found.what}"),
        tag(
            "p",
            "Mean score on the test prompts ± half the width of its 95 % interval. ★: the highest. "
            "Grey: cannot be told apart from it (paired test, Holm, 5 %). Shade: from the row's "
            "lowest to its highest model. Blank: in no pool of that row. " + " ".join(left),
            class_="note",
        ),
    )


def _heat_row(row: ChampionRow) -> Html:
    known = [one.mean for one in row.models if not math.isnan(one.mean)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    cells = [_heat_cell(one, low, high) for one in row.models]
    return tag(
        "tr",
        tag("th", row.name, scope="row", class_=short(row.name)),
        tag("td", f"{row.n_prompts:,}"),
        *cells,
    )


def _heat_cell(one: ModelScore, low: float, high: float) -> Html:
    if math.isnan(one.mean):
        return tag("td")
    look = "best" if one.best else "level" if one.level else ""
    shade = 0.0 if one.level else (one.mean - low) / (high - low) if high > low else 0.0
    half = (one.interval.high - one.interval.low) / 2
    return tag(
        "td",
        f"{one.mean:.3f}{' ★' if one.best else ''}",
        tag("span", f" ±{half:.3f}", class_="interval"),
        class_=look or None,
        style=f"--v:{shade:.2f}",
    )
