"""Panels: what a figure shows, as values, apart from who draws it.

A `Panel` has two axes and marks. `routereval.report.draw_svg` makes it a picture of the page,
`routereval.report.draw_matplotlib` one of matplotlib; where labels go is decided here, for both.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5B5FC7", "#7A7A1F")
"""Okabe and Ito's colours, which the colour-blind can tell apart, without yellow and black, and
two more; a mark's look is ``c0``, ``c1``, … for them."""


Look = str
"""``c0`` … ``c7`` for a colour of `COLOURS`; ``grey``, ``ink`` or ``stop``."""


FEW = 8
"""So many lines of one panel have colours; of more, the best three."""


BEST = 3


_CHAR, _WIDE = 6.9, 12.0  # widths of a character, in pixels


LONGEST = 130.0
"""The widest label of a panel, in pixels."""


LONGEST_NAME = 190.0
"""The widest name of a row, in pixels."""


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        label: what it measures, with the unit.
        low: where it begins.
        high: where it ends.
        ticks: values with their text.
        log: whether it is logarithmic.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, 0 at the beginning and 1 at the end."""
        if self.log:
            return math.log(max(value, 1e-300) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Line:
    """A line through points, with a band where intervals are known.

    Attributes:
        x: the points, rising.
        y: their heights.
        name: its label, at its right end; empty for none.
        look: its colour.
        low: lower ends of intervals; empty for none.
        high: upper ends.
        dashed: whether it is dashed.
        dots: whether the points are marked.
    """

    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    look: Look = "ink"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Dots:
    """Named points, with an interval each where that is known.

    Attributes:
        x: their places.
        y: their heights.
        names: their labels; an empty one is not written.
        look: their colour.
        low: lower ends of intervals; empty for none.
        high: upper ends.
        hollow: whether they are rings.
    """

    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str]
    look: Look = "ink"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    hollow: bool = True


@dataclass(frozen=True)
class Area:
    """What lies between two lines.

    Attributes:
        x: the points, rising.
        low: the lower line.
        high: the upper line.
        name: its label, at its right end; empty for none.
        look: its colour.
        steps: whether a value holds until the next point.
    """

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    name: str = ""
    look: Look = "grey"
    steps: bool = False


@dataclass(frozen=True)
class Rule:
    """A straight line across the panel.

    Attributes:
        at: where.
        name: its label, at its end; empty for none.
        look: its colour.
        upright: whether it stands at a value of x.
        dashed: whether it is dashed.
    """

    at: float
    name: str = ""
    look: Look = "ink"
    upright: bool = False
    dashed: bool = True


Mark = Line | Dots | Area | Rule


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Attributes:
        title: what stands above it.
        x: the axis across.
        y: the axis upwards.
        marks: what is drawn, from the back to the front.
        note: a line of small print beneath the title.
    """

    title: str
    x: Axis
    y: Axis
    marks: Sequence[Mark] = field(default_factory=tuple)
    note: str = ""


class Segment(NamedTuple):
    """A bar within a row, from one value to another.

    Attributes:
        low: where it begins.
        high: where it ends.
        look: its colour.
        pale: whether it is a ground that others lie on.
    """

    low: float
    high: float
    look: Look
    pale: bool = False


class BarRow(NamedTuple):
    """One row of a `Rows`: a name, a number with its interval, bars.

    Attributes:
        name: at its left.
        value: the number, a dot; NaN for none.
        low: lower end of its interval; NaN for none.
        high: upper end.
        look: its colour.
        words: the number as text, at the right.
        segments: bars beneath the dot.
        hollow: whether the dot is a ring.
    """

    name: str
    value: float
    low: float
    high: float
    look: Look
    words: str
    segments: Sequence[Segment] = ()
    hollow: bool = False


@dataclass(frozen=True)
class Rows:
    """A panel of rows, each a name with a number on a common axis.

    Attributes:
        title: what stands above it.
        x: the axis.
        rows: from the top down.
        rules: upright lines.
        note: a line of small print beneath the title.
    """

    title: str
    x: Axis
    rows: Sequence[BarRow]
    rules: Sequence[Rule] = ()
    note: str = ""


def ticks(low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """Round numbers between two others, written with as many decimals as they have.

    >>> [text for _, text in ticks(0.87, 0.99)]
    ['0.88', '0.90', '0.92', '0.94', '0.96', '0.98']
    >>> [text for _, text in ticks(0, 1200)]
    ['0', '500', '1,000']
    """
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= raw * 0.999)
    if math.floor(high / step) - math.ceil(low / step) < 2 and step > power:
        step /= 2 if step / power in {2.0, 10.0} else 2.5
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step * 10**digits, 6) % 1:
        digits += 1
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, f"{n * step + 0.0:,.{digits}f}") for n in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers on a logarithmic axis.

    >>> [text for _, text in log_ticks(0.05, 30)]
    ['0.1', '1', '10']
    """
    factors: tuple[tuple[int, ...], ...] = ((1,), (1, 3), (1, 2, 5))
    decades = math.log10(high / low)
    used = factors[0] if decades > 2.4 else factors[1] if decades > 1.4 else factors[2]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    held = [one * 10.0**power for power in powers for one in used]
    return [(value, f"{value:,.10g}") for value in held if low <= value <= high]


def axis(label: str, values: Sequence[float], *, most: int = 5, floor: float | None = None) -> Axis:
    """A linear axis that holds some values, with a little room.

    Args:
        label: what it measures.
        values: that it must hold; those that are not finite do not count.
        most: about how many ticks.
        floor: where it begins at the latest, such as 0.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = 0.06 * (high - low) if high > low else max(0.05, abs(high) * 0.1)
    low, high = low - room, high + room
    if floor is not None:
        low = floor
    return Axis(label, low, high, ticks(low, high, most))


def cost_axis(label: str, values: Sequence[float]) -> Axis:
    """An axis of costs: from 0, or logarithmic, and marked so, over more than 1.5 decades."""
    positive = [value for value in values if value > 0 and math.isfinite(value)]
    if not positive:
        return Axis(label, 0.0, 1.0, [(0.0, "0")])
    low, high = min(positive), max(positive)
    if high / low > 30:
        first, last = low / 1.3, high * 1.3
        return Axis(f"{label} (logarithmic)", first, last, log_ticks(first, last), log=True)
    return Axis(label, 0.0, high * 1.08, ticks(0.0, high * 1.08, 4))


def width_of(text: str) -> float:
    """How wide a text is about, in pixels."""
    return sum(_WIDE if unicodedata.east_asian_width(c) in "WF" else _CHAR for c in text)


def shortened(text: str, most: float) -> str:
    """A text of at most so many pixels, cut in its middle if need be.

    >>> shortened("claude-opus-4-6-thinking-high", 80)
    'claud…-high'
    """
    if width_of(text) <= most:
        return text
    head = list(text)
    tail: list[str] = []
    left, right, used = 0, 0, _CHAR
    while left + right < len(head):
        char = head[left] if left <= right else head[-1 - right]
        used += width_of(char)
        if used > most:
            break
        if left <= right:
            left += 1
        else:
            tail.insert(0, char)
            right += 1
    return f"{text[:left]}…{''.join(tail)}"


def looks(n: int) -> list[Look]:
    """A look for each of n lines, the best first: of more than `FEW`, all but `BEST` are grey."""
    if n <= FEW:
        return [f"c{place}" for place in range(n)]
    return [f"c{place}" if place < BEST else "grey" for place in range(n)]
