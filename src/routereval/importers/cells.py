"""Cells as people write them: Yes/No, PASS/FAIL, 85%, $0.01, 0,85, 1,234, N/A.

`CellForms` says in the import's report what became of them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from routereval.importers.rows import RowError, finite_in

WORDS: Mapping[str, float] = {
    **dict.fromkeys(("true", "yes", "y", "pass", "passed", "correct", "right", "success"), 1.0),
    **dict.fromkeys("✓✔✅☑", 1.0),
    **dict.fromkeys("✗✘❌☒", 0.0),
    **dict.fromkeys(("false", "no", "n", "fail", "failed", "incorrect", "wrong", "failure"), 0.0),
    **dict.fromkeys(("correct answer", "right answer", "solved", "resolved"), 1.0),
    **dict.fromkeys(("incorrect answer", "wrong answer", "unsolved", "unresolved"), 0.0),
    **dict.fromkeys(("", "na", "n/a", "#n/a", "#na", "-", "–", "—", "nan", "none"), math.nan),
    **dict.fromkeys(("null", ".", "<na>", "missing", "n.a."), math.nan),
}
"""What words stand for in a column of scores; NaN where they say that there is none."""
_NO_ANSWERS = frozenset(
    {
        *("refusal", "refused", "abstain", "abstained", "abstention", "no answer", "unanswered"),
        *("failed to answer", "not attempted", "partial", "partially correct", "timeout"),
    }
)
_ANSWERS = frozenset({"true", "yes", "y", "false", "no", "n"})

_SEPARATED = {
    "decimal comma": (
        re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d*),\d+(?:[eE][+-]?\d+)?"),
        True,
        r"\.",
        ",",
    ),
    "points": (re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}"), True, r"\.", ","),
    "commas": (re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"), False, ",", "."),
    "comma in it": (re.compile(r"[+-]?\d+,\d+"), False, "", ","),
    "blanks": (
        re.compile(r"[+-]?[1-9]\d{0,2}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d+)?"),
        None,
        r"[ \u00a0\u202f'’]",
        ",",
    ),
}
"""Numbers with separators by what those are: their pattern, whether the decimal sign is a comma
(None if either may be), what parts their groups, and their decimal sign."""
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_USD = re.compile(r"(?i)(?:(?:us)?\$|usd)\s*(.*)|(.*?)\s*(?:usd|\$)")
_FRACTION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(?:/|out of|of)\s*(\d{1,9})")
_SHOWN = re.compile(r"\*\*|__|`|\\(?:textbf|underline|textit|emph)\b|[{}]|</?[a-zA-Z]{1,6}>")
_SPREAD = re.compile(
    r"(?<=[\d%])\s*(?:(?:±|\+/-|\+-)\s*[\d.,]+\s*%?|[(\[][^()\[\]]*\d[^()\[\]]*[)\]])"
)
_NOTES = re.compile(
    "[*†‡§¶\u00b9\u00b2\u00b3\u2070-\u2079\u2190-\u21ff\u25b2-\u25bf\ufe0f\U0001f000-\U0001faff]"
)
_LONGEST_MARKED = 80
_DIGIT = re.compile(r"\d")
_MOST_COLUMNS, _MOST_FORMS = 6, 12


class Read(NamedTuple):
    """What a text was read as.

    Attributes:
        number: NaN where it says that there is none.
        form: how it was written: the word itself, or what is in it; None for a plain number.
        is_share: whether it says its own scale, as a word or a percentage does.
    """

    number: float
    form: str | None = None
    is_share: bool = False


def read_text(text: str, what: str, *, comma: bool = False, whole: bool = False) -> Read:
    """The number that a text is.

    Args:
        text: as a table holds it.
        what: what to call it.
        comma: whether numbers may have a decimal comma.
        whole: whether only whole numbers are expected, so that ``1.234`` is 1234 if `comma`.

    Raises:
        RowError: if it is anything else.

    >>> read_text("85%", "score"), read_text("1,234", "tokens_in").number
    (Read(number=0.85, form='%', is_share=True), 1234.0)
    """
    try:
        number = float(text)
    except ValueError:
        return _read_odd(text.strip(), what, comma)
    if not math.isfinite(number):
        return _read_odd(text.strip(), what, comma)
    if comma and _EITHER.fullmatch(text.strip()):
        return Read(number * 1000 if whole else number, "point")
    return Read(number)


def _read_odd(text: str, what: str, comma: bool) -> Read:
    word = WORDS.get(text.lower())
    if word is not None:
        return Read(word, text, is_share=True)
    if text.endswith("%") and (share := text[:-1].strip()) and not share.endswith("%"):
        return Read(read_text(share, what, comma=comma).number / 100, "%", is_share=True)
    for form, (pattern, if_comma, group, point) in _SEPARATED.items():
        if if_comma in {comma, None} and pattern.fullmatch(text):
            plain = re.sub(group, "", text).replace(point, ".")
            return Read(float(plain), form)
    return Read(finite_in(text, what))


def read_score(text: str, *, comma: bool = False) -> Read:
    """The score that a text is: as `read_text`, also with marks around it, or as a fraction.

    Marks are what shows a number bold, notes, arrows, and a spread or a count in brackets after it;
    they are left out. A fraction says its own scale.

    Raises:
        RowError: if it is anything else.

    >>> read_score("17/20"), read_score("**85.2** ± 1.3").number, read_score("0.5 (3)*").number
    (Read(number=0.85, form='fraction', is_share=True), 85.2, 0.5)
    """
    try:
        return read_text(text, "score", comma=comma)
    except RowError:
        if len(text) > _LONGEST_MARKED:
            raise
        fraction = _FRACTION.fullmatch(text.strip())
        if fraction is not None and 0 <= float(fraction[1]) <= float(fraction[2]) > 0:
            return Read(float(fraction[1]) / float(fraction[2]), "fraction", is_share=True)
        bare = _without_marks(text)
        if bare == text or not _DIGIT.search(bare):
            raise
    read = read_text(bare, "score", comma=comma)
    return read._replace(form="marks")


def _without_marks(text: str) -> str:
    """A text without what shows it bold or adds a note, an arrow or a spread."""
    bare = _NOTES.sub("", _SPREAD.sub("", _SHOWN.sub("", text)))
    return unicodedata.normalize("NFKC", bare).replace("−", "-").strip()


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
    if isinstance(cell, str):
        return read_text(cell, what, comma=comma).number
    return finite_in(cell, what)


def read_cost(text: str, *, comma: bool = False) -> Read:
    """The USD that a text says.

    Raises:
        RowError: if it says anything else, such as another currency.

    >>> read_cost("$0.002"), read_cost("0.002 USD").number
    (Read(number=0.002, form='$', is_share=False), 0.002)
    """
    text = text.strip()
    if text[:1] in "€£¥" and text:
        raise RowError(f"cost {text[:40]!r} is not in USD; costs are USD per call")
    usd = _USD.fullmatch(text)
    if usd is None:
        return read_text(text, "cost", comma=comma)
    return Read(read_text(usd[1] or usd[2] or "", "cost", comma=comma).number, "$")


def is_word(cell: object) -> bool:
    """Whether a cell is a word that stands for a score, not for none."""
    return isinstance(cell, str) and not math.isnan(WORDS.get(cell.strip().lower(), math.nan))


def is_verdict(cell: object) -> bool:
    """Whether a cell is a word that says how an answer was, as yes and true need not.

    What a refusal is worth does not follow from the word.
    """
    word = str(cell).strip().lower()
    return (is_word(cell) and word not in _ANSWERS) or word.replace("_", " ") in _NO_ANSWERS


def reads_as_score(cell: object) -> bool | None:
    """Whether a cell reads as a score; None if it is empty or says that there is none."""
    try:
        if isinstance(cell, str):
            number = read_score(cell, comma=True).number
        else:
            number = finite_in(cell, "")
    except RowError:
        return False
    return None if math.isnan(number) else True


@dataclass
class _Form:
    """How many cells of a column are written in one way, the first of them, and what it became."""

    n: int
    like: str
    became: str

    def __str__(self) -> str:
        return f"{self.n:,} {self.like} as {self.became}"


class CellForms:
    """Counts, by column, the cells that were no plain numbers, and says what became of them.

    >>> forms = CellForms()
    >>> for cell in ("PASS", "PASS", "", "85%"):
    ...     forms.add("gpt-4o", cell, read_text(cell, "score"))
    >>> list(forms.facts())
    ["column 'gpt-4o': 2 'PASS' as 1, 1 blank as not observed, 1 like '85%' as 0.85"]
    """

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, _Form]] = {}

    def add(self, column: str, cell: str, read: Read, none: str = "not observed") -> None:
        """Note a cell that was read, if it is no plain number.

        Args:
            column: where it stands.
            cell: as it is written.
            read: what it was read as.
            none: what it is where it says that there is nothing.
        """
        if read.form is not None:
            became = none if math.isnan(read.number) else f"{read.number:.6g}"
            self.count(column, read.form, cell.strip(), became)

    def count(self, column: str, form: str, cell: str, became: str) -> None:
        """Note a cell of some form; the first one of each form is kept as its example."""
        forms = self._columns.setdefault(column, {})
        if form in forms:
            forms[form].n += 1
            return
        shown = repr(cell[:40]) if cell else "blank"
        forms[form] = _Form(1, shown if cell == form else f"like {shown}", became)

    def facts(self) -> Iterator[str]:
        """A line per column; of many columns one for all."""
        if len(self._columns) <= _MOST_COLUMNS:
            for column, forms in self._columns.items():
                yield f"column {column!r}: {_listed(forms)}"
            return
        total: dict[str, _Form] = {}
        for forms in self._columns.values():
            for form, held in forms.items():
                total.setdefault(form, replace(held, n=0)).n += held.n
        names = ", ".join(map(repr, list(self._columns)[:_MOST_COLUMNS]))
        yield f"columns {names} and {len(self._columns) - _MOST_COLUMNS:,} more: {_listed(total)}"


def _listed(forms: Mapping[str, _Form]) -> str:
    shown = [str(form) for form in forms.values()]
    more = [f"{len(shown) - _MOST_FORMS:,} more forms"] if len(shown) > _MOST_FORMS else []
    return ", ".join([*shown[:_MOST_FORMS], *more])
