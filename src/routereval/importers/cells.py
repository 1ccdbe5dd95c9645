"""Cells as people write them: Yes/No, PASS/FAIL, 85%, $0.01, 0,85, N/A."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from routereval.importers.rows import RowError, finite_in

WORDS: Mapping[str, float] = {
    **dict.fromkeys(("true", "yes", "y", "pass", "passed", "correct", "right", "success"), 1.0),
    **dict.fromkeys(("false", "no", "n", "fail", "failed", "incorrect", "wrong", "failure"), 0.0),
    **dict.fromkeys(("", "na", "n/a", "#n/a", "#na", "-", "–", "—", "nan", "none"), math.nan),
    **dict.fromkeys(("null", ".", "<na>", "missing", "n.a."), math.nan),
}
"""What words stand for in a column of scores; NaN where they say that there is none."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d+(?:\.\d{3})*,\d+")


def number_of(cell: object, what: str, *, comma: bool = False) -> float:
    """The number that a cell holds, NaN if it is empty or says that there is none.

    Args:
        cell: as the table holds it.
        what: what to call it.
        comma: whether numbers may have a decimal comma.

    Raises:
        RowError: if it holds anything else.

    >>> [number_of(cell, "score", comma=True) for cell in ("PASS", "85%", "0,85", "n/a")]
    [1.0, 0.85, 0.85, nan]
    """
    if not isinstance(cell, str):
        return finite_in(cell, what)
    text = cell.strip()
    word = WORDS.get(text.lower())
    if word is not None:
        return word
    share = text[:-1].strip() if text.endswith("%") else ""
    if share and not share.endswith("%"):
        return number_of(share, what, comma=comma) / 100
    if comma and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    return finite_in(text, what)


def cost_of(cell: object, *, comma: bool = False) -> float:
    """The USD that a cell holds, NaN if it is empty.

    Raises:
        RowError: if it holds anything else, such as another currency.

    >>> cost_of("$0.002"), cost_of("0.002 USD")
    (0.002, 0.002)
    """
    if isinstance(cell, str):
        text = cell.strip().removeprefix("$").strip()
        text = re.sub(r"(?i)\s*(usd|\$)$", "", text)
        if text[:1] in "€£¥" and text:
            raise RowError(f"cost {cell[:40]!r} is not in USD; costs are USD per call")
        return number_of(text, "cost", comma=comma)
    return number_of(cell, "cost")


def is_word(cell: object) -> bool:
    """Whether a cell is a word that stands for a score, not for none."""
    return isinstance(cell, str) and not math.isnan(WORDS.get(cell.strip().lower(), math.nan))


def reads_as_score(cell: object) -> bool | None:
    """Whether a cell reads as a score; None if it is empty or says that there is none."""
    try:
        number = number_of(cell, "", comma=True)
    except RowError:
        return False
    return None if math.isnan(number) else True
