"""What a published table says of routers, held against what their files say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from routereval.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_ROUTER = ("router", "method", "name", "system")
_SCORE = ("score", "avgperf%", "avgperf", "accuracy", "mean")
_COST = ("cost", "$total", "total_cost", "cost_usd", "usd")


class Scored(Protocol):
    """An entry that was scored from its file."""

    @property
    def name(self) -> str:
        """Of the router."""

    @property
    def score(self) -> float:
        """Its mean score, in [0, 1]."""

    @property
    def cost(self) -> float:
        """USD for all prompts."""


@dataclass(frozen=True)
class Claim:
    """One row of a published table.

    Attributes:
        name: of the router, as published.
        entry: the name of the entry that it was found to be; empty if there is none.
        score: the published score, in [0, 1].
        cost: the published cost, USD for all prompts; NaN if the table has none.
        found_score: what the files say; NaN without an entry.
        found_cost: likewise.
        score_step: half a unit of the last digit that was published, in [0, 1].
        cost_step: likewise, in USD.
    """

    name: str
    entry: str
    score: float
    cost: float
    found_score: float
    found_cost: float
    score_step: float
    cost_step: float

    @property
    def score_holds(self) -> bool:
        """Whether the published score is that of the files, but for rounding."""
        return abs(self.score - self.found_score) <= self.score_step * 1.001 + 1e-9

    @property
    def cost_holds(self) -> bool:
        """Whether the published cost is; True where none was published or found."""
        unknown = isnan(self.cost) or isnan(self.found_cost)
        return unknown or abs(self.cost - self.found_cost) <= self.cost_step * 1.001 + 1e-9


def read_claims(path: str | Path, entries: Sequence[Scored]) -> tuple[Claim, ...]:
    """Read a published table, and find its routers among those that were scored.

    Args:
        path: CSV with a column of names (``router`` or ``method``), one of scores, in [0, 1] or in
            percent, and perhaps one of costs in USD for all prompts.
        entries: what was scored; names are compared by letters and digits alone.

    Raises:
        DataError: if it cannot be read or lacks a column.
    """
    table = _table(Path(path))
    name, score = (_column(Path(path), table, names) for names in (_ROUTER, _SCORE))
    cost = next((one for one in table.columns if one.strip().lower() in _COST), None)
    values = [_number(value) for value in table[score]]
    scale = 0.01 if any(value > 1 for value in values) else 1.0
    known = {_bare(one.name): one for one in entries}
    found = []
    for row, value in zip(table.iter_rows(named=True), values, strict=True):
        entry = known.get(_bare(str(row[name])))
        paid = nan if cost is None else _number(row[cost])
        found.append(
            Claim(
                str(row[name]),
                "" if entry is None else entry.name,
                value * scale,
                paid,
                nan if entry is None else entry.score,
                nan if entry is None else entry.cost,
                _step(row[score]) * scale,
                nan if cost is None else _step(row[cost]),
            )
        )
    return tuple(found)


def _table(path: Path) -> pl.DataFrame:
    import polars as pl
    from polars.exceptions import PolarsError

    try:
        return pl.read_csv(path, infer_schema=False)
    except (PolarsError, OSError, RuntimeError) as error:
        raise DataError(f"{path} is no CSV file: {str(error).splitlines()[0]}") from None


def _column(path: Path, table: pl.DataFrame, names: Sequence[str]) -> str:
    for column in table.columns:
        if column.strip().lower() in names:
            return column
    raise DataError(f"{path}: no column {names[0]!r}; it has: {', '.join(table.columns)}")


def _number(value: Any) -> float:  # noqa: ANN401 - a cell of a CSV file
    text = str(value or "").strip().strip("%$").replace(",", "")
    try:
        return float(text)
    except ValueError:
        return nan


def _step(value: Any) -> float:  # noqa: ANN401 - a cell of a CSV file
    """Half a unit of the last digit."""
    _, _, decimals = str(value or "").strip().strip("%$").partition(".")
    return 0.5 * 10.0 ** -len(decimals)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
