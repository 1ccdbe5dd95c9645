"""When prompts were written and models released, as far as their tables tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("date", "date_ms", "release_date", "released", "created", "created_at", "timestamp")
"""The columns that are taken for a date, the first that there is."""

_MS = 1000.0
_EARLIEST_MS = 1e11  # smaller numbers are seconds: in milliseconds they would lie before 1973


def moment(text: object) -> float | None:
    """Milliseconds since 1970 of an ISO date, UTC where it names no zone; None if it is none.

    >>> moment("1970-01-02")
    86400000.0
    >>> moment("soon")
    """
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * _MS


def dates_of(table: pl.DataFrame, whose: str) -> NDArray[np.float64]:
    """Milliseconds since 1970 of each row, NaN where it has no date.

    Numbers are milliseconds, or seconds where they are small; texts are in ISO form.

    Args:
        table: of prompts or of models.
        whose: what an error calls its rows.

    Raises:
        DataError: if the table tells no date at all.

    >>> import polars as pl
    >>> dates_of(pl.DataFrame({"date": ["1970-01-02", None]}), "the prompts")
    array([86400000.,       nan])
    """
    for name in COLUMNS:
        if name in table.columns:
            dates = _milliseconds(table[name])
            if not np.isnan(dates).all():
                return dates
    raise DataError(f"{whose} have no date; give their table a column named {COLUMNS[0]!r}")


def cutoff(dates: NDArray[np.float64], before: str | None, share: float) -> float:
    """The date that divides old from new: the one given, or that of the newest share.

    Equal dates are never divided: all of the cutoff's are new.

    >>> cutoff(np.array([1.0, 2.0, 3.0, 3.0, np.nan]), None, 0.25)
    3.0
    """
    if before is not None:
        return moment(before) or 0.0
    known = np.sort(dates[~np.isnan(dates)])
    return float(known[-max(1, round(share * len(known)))])


def _milliseconds(column: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    values: list[Any] = column.to_list()
    if column.dtype.is_temporal() or column.dtype == pl.String:
        read = [None if value is None else moment(value) for value in values]
        return np.array([np.nan if ms is None else ms for ms in read], dtype=np.float64)
    if not column.dtype.is_numeric():
        return np.full(len(values), np.nan)
    numbers = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return np.where(numbers < _EARLIEST_MS, numbers * _MS, numbers)
