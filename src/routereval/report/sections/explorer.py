"""The prompt explorer: who was right on each prompt, what each router chose, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routereval.report.cells import visible
from routereval.report.run_report import RunReport
from routereval.report.sections.pieces import absent
from routereval.report.tags import Html, readable, tag
from routereval.results.prompts import KeptPrompts
from routereval.results.results import Cell, Outcome
from routereval.results.standings import Standing

MOST_PROMPTS = 2_000
MOST_CHARACTERS = 500
MOST_ROUTERS = 10
_ALL_TEXT = 900_000


def explorer_section(report: RunReport) -> Html:
    """The place of the explorer; the page's own program fills it."""
    head = tag("h2", "Prompts")
    if not report.results.prompts or not len(report.results.prompts):
        why = absent("the prompts; a run of this version keeps them")
        return tag("section", head, why, id="prompts", aria_label="Prompts")
    return tag(
        "section",
        head,
        tag("noscript", tag("p", "This part needs JavaScript.")),
        tag("div", id="prompt-filters", class_="controls screen-only"),
        tag("p", id="prompt-count", class_="note", aria_live="polite"),
        tag("div", id="prompt-list"),
        tag("p", id="prompt-more", class_="screen-only"),
        tag(
            "p",
            "Judge and trial: these results keep one score per prompt and model; which judge gave "
            "it, and in which trial, is in the records where they know it.",
            class_="note",
        ),
        id="prompts",
        aria_label="Prompts",
    )


def explorer_data(report: RunReport) -> dict[str, object] | None:
    """The prompts of one pool of each benchmark: the largest size, the first group and seed."""
    blocks = [block for cells in _cells(report) if (block := _block(report, cells)) is not None]
    if not blocks:
        return None
    total = sum(len(block.places) for block in blocks)
    share = min(1.0, MOST_PROMPTS / total)
    characters = min(MOST_CHARACTERS, _ALL_TEXT // max(1, min(total, MOST_PROMPTS)))
    return {
        "total": total,
        "blocks": [_shown(report, block, share, characters) for block in blocks],
    }


class _Block:
    """One pool of one benchmark, with the cells of its routers."""

    def __init__(
        self, cells: Sequence[Cell], outcomes: Sequence[Outcome], kept: KeptPrompts
    ) -> None:
        self.cells, self.outcomes, self.kept = cells, outcomes, kept
        self.at = kept.at(outcomes[0].rows)
        self.places = np.flatnonzero(self.at >= 0)


def _cells(report: RunReport) -> list[list[Cell]]:
    view = report.views[0]
    found: dict[str, list[Cell]] = {}
    for cell in view.results.cells:
        held = found.setdefault(cell.benchmark, [])
        if not held or (cell.group, cell.seed) == (held[0].group, held[0].seed):
            held.append(cell)
    return list(found.values())


def _block(report: RunReport, cells: Sequence[Cell]) -> _Block | None:
    results = report.results
    if cells[0].records not in results.prompts:
        return None
    order = {row.router: n for n, row in enumerate(_rows(report))}
    ranked = sorted(cells, key=lambda cell: (cell.control, order.get(cell.router, len(order))))
    same = [
        cell
        for cell in ranked[:MOST_ROUTERS]
        if np.array_equal(results.outcomes[cell.key].rows, results.outcomes[cells[0].key].rows)
    ]
    outcomes = [results.outcomes[cell.key] for cell in same]
    return _Block(same, outcomes, results.prompts[cells[0].records])


def _rows(report: RunReport) -> Sequence[Standing]:
    stand = report.views[0].standings
    return [] if stand is None else stand.rows


def _shown(report: RunReport, block: _Block, share: float, characters: int) -> dict[str, object]:
    places = _chosen(block, share)
    cell, kept = block.cells[0], block.kept
    at = block.at[places]
    columns = [kept.models.index(model) for model in cell.pool if model in kept.models]
    models = [kept.models[column] for column in columns]
    scores = kept.scores[at][:, columns]
    return {
        "benchmark": visible(cell.benchmark),
        "pool": f"m = {cell.size}, {cell.group}, seed {cell.seed}",
        "models": [visible(model) for model in models],
        "routers": [visible(one.router) for one in block.cells],
        "control": [int(one.control) for one in block.cells],
        "id": [visible(kept.ids[place]) for place in at.tolist()],
        "subset": [visible(kept.subsets[place]) for place in at.tolist()],
        "text": [_cut(kept.texts[place], characters) for place in at.tolist()],
        "scores": [[_score(value) for value in row] for row in scores.tolist()],
        "choice": [_choices(o, places, cell, models) for o in block.outcomes],
        "predicted": [_predictions(o, places) for o in block.outcomes],
        "unfamiliar": _strange(report, block, at),
    }


def _strange(report: RunReport, block: _Block, at: NDArray[np.int64]) -> list[int] | None:
    """1 for a prompt that the saved router calls unfamiliar; None where no router was named."""
    if report.saved is None:
        return None
    held = report.saved.marks(block.cells[0].records)
    return [int(value == 1) for value in held[at]]


def _chosen(block: _Block, share: float) -> NDArray[np.int64]:
    """Which prompts are shown: all, or those of the largest regret and every so-many-th other."""
    n = math.ceil(len(block.places) * share)
    if n >= len(block.places):
        return block.places
    learned = next((o for c, o in zip(block.cells, block.outcomes, strict=True) if not c.control))
    lost = (learned.evidence.oracle - learned.evidence.quality)[block.places]
    worst = block.places[np.argsort(-lost, kind="stable")[: n // 2]]
    others = np.setdiff1d(block.places, worst)
    even = others[np.linspace(0, len(others) - 1, n - len(worst)).astype(np.int64)]
    return np.union1d(worst, even)


def _choices(
    outcome: Outcome, places: NDArray[np.int64], cell: Cell, models: Sequence[str]
) -> list[int]:
    """The place of the chosen model among those shown; -1 for a mix, -2 for one not shown."""
    known = {model: n for n, model in enumerate(models)}
    code = np.array([known.get(model, -2) for model in cell.pool] + [-1])
    return [int(one) for one in code[outcome.evidence.choice[places]]]


def _predictions(outcome: Outcome, places: NDArray[np.int64]) -> list[list[float | None]] | None:
    if outcome.predicted is None:
        return None
    return [
        _reason(row, choice)
        for row, choice in zip(
            outcome.predicted[places].tolist(),
            outcome.evidence.choice[places].tolist(),
            strict=True,
        )
    ]


def _reason(row: Sequence[float], choice: int) -> list[float | None]:
    """What was predicted of the choice, and the column and prediction of the best other model."""
    if choice < 0:
        return [None, None, None]
    others = [(value, -n) for n, value in enumerate(row) if n != choice and not math.isnan(value)]
    value, place = max(others, default=(math.nan, 0))
    return [_score(row[choice]), -place, _score(value)]


def _score(value: float) -> float | None:
    """Three digits; whole numbers without a point, which is most of them."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else round(value, 3)


def _cut(given: str | None, characters: int) -> str | None:
    if given is None:
        return None
    return readable(given if len(given) <= characters else f"{given[:characters]}…")
