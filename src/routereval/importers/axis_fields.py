"""Numbers beside a score, as rows of foreign files hold them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from routereval.importers.rows import axis_in
from routereval.records.axes import axis_of


def axes_in(*rows: object) -> dict[str, object]:
    """What objects hold under the usual names of axes; the first that tells an axis counts.

    Args:
        rows: JSON's objects, such as a record and its ``usage``; what is none is passed over.

    >>> axes_in({"latency_s": 2}, {"prompt_tokens": 5, "completion_tokens": 1}, None)
    {'latency_ms': 2000.0, 'tokens_in': 5.0, 'tokens_out': 1.0}
    """
    found: dict[str, object] = {}
    for row in rows:
        for key, cell in row.items() if isinstance(row, Mapping) else ():
            alias = axis_of(key) if isinstance(key, str) and cell is not None else None
            if alias is not None:
                number = axis_in(cell)
                value = cell if number is None else number * alias.factor
                found.setdefault(alias.axis, value)
    return found


def total_in(row: object, *keys: str) -> float | None:
    """The sum of some numbers of an object; None if the first is not there.

    >>> total_in({"input_tokens": 3, "input_tokens_cache_read": 9}, "input_tokens",
    ...     "input_tokens_cache_read", "input_tokens_cache_write")
    12.0
    """
    if not isinstance(row, Mapping):
        return None
    numbers = [axis_in(row.get(key)) for key in keys]
    if numbers[0] is None or numbers[0] != numbers[0]:
        return None
    return sum(number for number in numbers if number is not None and number == number)  # noqa: PLR0124


def milliseconds(start: Any, end: Any) -> float | None:  # noqa: ANN401 - JSON's values
    """How long it is from one ISO 8601 time to another; None if either is none.

    >>> milliseconds("2025-07-01T10:00:00Z", "2025-07-01T10:00:01.5Z")
    1500.0
    """
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() * 1000
    except (TypeError, ValueError):
        return None
