"""How a leaderboard is laid out: those that count by score, then those that do not, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from routereval.number_of import number_of
from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Cell, Column, Document, Heading, Points, Row, Table
from routereval.studies.leaderboard import Board

_KEYS = ("name", "author", "kind", "score", "cost", "refused")
_TEXTS = {"name", "author", "kind", "refused"}


def board_document(found: Board) -> Document:
    """The standing, what was refused, and what was only promised."""
    columns = [
        Column("", "text", key="name"),
        Column("author", "text"),
        Column("handed in", "text", key="kind"),
        Column("score", digits=4),
        Column("USD", digits=2, key="cost"),
    ]
    rows = [Row((one.name, one.author, one.kind, one.score, one.cost)) for one in found.standing]
    parts: list[Any] = [Table(f"{found.name} · {found.n_prompts:,} prompts", columns, rows)]
    if found.refused:
        parts.append(Heading("refused"))
        parts.append(Points([f"{one.name}: {'; '.join(one.refused)}." for one in found.refused]))
    n, refused = len(found.standing), len(found.refused)
    count = "counts" if n == 1 else "count"
    notes = [f"{number_of(n, 'submission')} {count}, {refused or 'none'} refused."]
    if waiting := [one.name for one in found.entries if one.kind == "hash"]:
        notes.append(f"Only their hash was handed in so far: {', '.join(waiting)}.")
    if found.step:
        notes.append(
            f"A private board: a score is shown, rounded to {found.step:.4f}, only where it is "
            "above the best of its author by more than that (the Ladder, Blum and Hardt 2015)."
        )
    data = Table(
        "", [Column(key, _kind(key)) for key in _KEYS], [_row(one) for one in found.entries]
    )
    held = [
        {key: value for key, value in asdict(one).items() if key in _KEYS} for one in found.entries
    ]
    return Document(parts, data, held, [*notes, *([SIMULATED] if found.simulated else [])])


def _kind(key: str) -> Any:  # noqa: ANN401 - a kind of column
    return "text" if key in _TEXTS else "number"


def _row(one: Any) -> Row:  # noqa: ANN401 - an entry of a board
    cells: tuple[Cell, ...] = (one.name, one.author, one.kind, one.score, one.cost)
    return Row((*cells, "; ".join(one.refused)))
