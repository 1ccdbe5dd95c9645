"""What the cells of a column of a table hold: scores, verdicts, numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from routereval.importers.cells import is_verdict, number_of, reads_as_score
from routereval.importers.rows import RowError

_MOST_VERDICTS = 12


def are_scores(cells: Sequence[object]) -> bool:
    """Whether at least half of a column's cells read as scores, of those that hold anything."""
    return _share_of_scores(cells) >= 0.5


def _share_of_scores(cells: Sequence[object]) -> float:
    """The share of a column's cells that read as scores, among those that hold anything."""
    read = [found for cell in cells if (found := reads_as_score(cell)) is not None]
    return sum(read) / len(read) if read else 0.0


def are_verdicts(cells: Sequence[object]) -> bool:
    """Whether cells are of a few words, among them such as pass and wrong."""
    held = {cell for cell in cells if isinstance(cell, str) and cell.strip()}
    return len(held) <= _MOST_VERDICTS and any(map(is_verdict, held))


def number_or_none(cell: object) -> float | None:
    """The number that a cell holds; None if it holds none."""
    try:
        number = number_of(cell, "")
    except RowError:
        return None
    return None if math.isnan(number) else number
