"""One cell as text for people, and names with what no table can show escaped."""

from __future__ import annotations

import math
import unicodedata

from routereval.report.table import Cell, Column, Number, value_of

UNKNOWN = "–"
_HIDDEN = {"Cc", "Cs", "Zl", "Zp"}
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F}


def visible(text: str) -> str:
    r"""A name with line ends, tabs, control characters and marks of direction written as escapes.

    >>> visible("a\tb\x1b[31m")
    'a\\tb\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(char) in _HIDDEN or ord(char) in _BIDI
        else char
        for char in text
    )


def cell_text(cell: Cell, column: Column, *, intervals: bool = True) -> str:
    """A cell as it is shown to people.

    Args:
        cell: what it holds.
        column: how it is written.
        intervals: whether its interval is written too.

    >>> cell_text(Number(0.8123, 0.8, 0.83), Column("score"))
    '0.812 ±.015'
    >>> cell_text(0.25, Column("share", "share", digits=0))
    '25%'
    """
    if isinstance(cell, str):
        return visible(cell)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    value = value_of(cell)
    if math.isnan(value):
        return UNKNOWN
    number = cell if isinstance(cell, Number) else Number(value)
    ends = _interval_text(number, column) if intervals else ""
    return f"{number_text(value, column)}{ends}{number.mark}"


def parts_of(cell: Cell, column: Column) -> tuple[str, str, str]:
    """Value, interval and mark of a cell, each as text; the latter two may be empty."""
    if not isinstance(cell, Number) or math.isnan(cell.value):
        return cell_text(cell, column), "", ""
    return number_text(cell.value, column), _interval_text(cell, column).strip(), cell.mark


def number_text(value: float, column: Column, *, signed: bool | None = None) -> str:
    """A number that is defined, by the rule of its column."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if column.kind == "count":
        return f"{value:,.0f}"
    if column.kind == "p" and value < 10**-column.digits:
        return f"<{10**-column.digits:.{column.digits}f}"
    percent = column.kind == "share"
    shown = value * (100 if percent else column.scale)
    shown = round(shown, column.digits) + 0.0  # so that none is written as -0.000
    sign = "+" if (column.signed if signed is None else signed) else ""
    return f"{shown:{sign},.{column.digits}f}{'%' if percent else ''}"


def _interval_text(number: Number, column: Column) -> str:
    if math.isnan(number.low) or math.isnan(number.high):
        return ""
    if column.interval == "ends":
        return f" [{number_text(number.low, column)}, {number_text(number.high, column)}]"
    half = number_text((number.high - number.low) / 2, column, signed=False)
    return f" ±{half[1:] if half.startswith('0.') else half}"
