"""Where the labels of a panel stand: beside the ends of lines, within areas, around dots, apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from routereval.report.cells import visible
from routereval.report.panel import (
    LONGEST,
    Area,
    Dots,
    Line,
    Look,
    Panel,
    Rule,
    shortened,
    width_of,
)

_GAP = 12.0  # between two labels, in pixels


class Label(NamedTuple):
    """A text of a panel.

    Attributes:
        text: shown, shortened if need be.
        whole: the same, whole.
        x: of its left end, in pixels from the left of the plot.
        y: of its middle, in pixels from the top of the plot.
        look: its colour.
    """

    text: str
    whole: str
    x: float
    y: float
    look: Look


def margin_of(panel: Panel) -> float:
    """How wide the labels beside the right end of a panel are, in pixels."""
    names = [visible(name) for _, name, _ in _ends(panel)]
    return max((min(width_of(name), LONGEST) + 8 for name in names), default=8.0)


def labels(panel: Panel, width: float, height: float) -> list[Label]:
    """The labels of all marks, placed so that they do not lie on one another.

    Those of lines that reach the right end stand there, moved apart; those of other lines and of
    dots beside their points, where they cover the least; those of areas within them, at their
    widest place.

    Args:
        panel: what they are of.
        width: of the plot, in pixels.
        height: of the plot.
    """
    within = _within_areas(panel, width, height)
    return [*_beside_ends(panel, width, height), *within, *_beside_dots(panel, width, height)]


_NEAR_END = 0.93  # a line that ends further left is labelled at its end


def _reaches(panel: Panel, mark: Line) -> bool:
    return panel.x.at(mark.x[-1]) >= _NEAR_END


def _ends(panel: Panel) -> list[tuple[float, str, Look]]:
    """The height, name and look of what is labelled at the right of the plot."""
    found: list[tuple[float, str, Look]] = []
    for mark in panel.marks:
        if isinstance(mark, Rule):
            if mark.name and not mark.upright:
                found.append((mark.at, mark.name, mark.look))
        elif isinstance(mark, Line) and mark.name and _reaches(panel, mark):
            found.append((mark.y[-1], mark.name, mark.look))
    return found


def _beside_ends(panel: Panel, width: float, height: float) -> list[Label]:
    ends = sorted(_ends(panel), key=lambda end: -end[0])
    wanted = [height * (1 - min(max(panel.y.at(value), 0.0), 1.0)) for value, _, _ in ends]
    placed = apart(wanted, _GAP, 0.0, height)
    out = []
    for (_, name, look), y in zip(ends, placed, strict=True):
        whole = visible(name)
        out.append(Label(shortened(whole, LONGEST), whole, width + 5, y, look))
    return out


def _within_areas(panel: Panel, width: float, height: float) -> list[Label]:
    """The names of areas at their widest places; of an area too thin for text none."""
    out = []
    for mark in panel.marks:
        if not isinstance(mark, Area) or not mark.name:
            continue
        thick = [b - a for a, b in zip(mark.low, mark.high, strict=True)]
        places = [*(panel.x.at(x) for x in mark.x), 1.0]
        spans = [
            (thick[n] * max(places[n + 1] - places[n], 0.02), n)
            for n in range(len(thick))
            if height * thick[n] / (panel.y.high - panel.y.low) >= _GAP
        ]
        if spans:
            n = max(spans)[1]
            whole = visible(mark.name)
            text = shortened(whole, LONGEST)
            middle = width * (places[n] + places[n + 1]) / 2 - width_of(text) / 2
            y = height * (1 - panel.y.at((mark.low[n] + mark.high[n]) / 2))
            left = min(max(middle, 2.0), max(2.0, width - width_of(text) - 2))
            out.append(Label(text, whole, left, y, "ink"))
    return out


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Rising places at least a gap apart, each crowd spread about its own mean, within bounds.

    Where there is no room for all, the gap is smaller.

    >>> apart([10.0, 11.0, 60.0], 12, 0, 100)
    [4.5, 16.5, 60.0]
    """
    if len(places) > 1:
        gap = min(gap, (high - low) / (len(places) - 1))
    crowds: list[list[float]] = []
    for place in places:
        crowds.append([place])
        while len(crowds) > 1 and _spread(crowds[-1], gap, low, high)[0] - gap < (
            _spread(crowds[-2], gap, low, high)[-1] - 1e-9
        ):
            last = crowds.pop()
            crowds[-1] += last
    return [place for crowd in crowds for place in _spread(crowd, gap, low, high)]


def _spread(crowd: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    reach = gap * (len(crowd) - 1)
    first = min(max(sum(crowd) / len(crowd) - reach / 2, low), high - reach)
    return [first + gap * place for place in range(len(crowd))]


Box = tuple[float, float, float, float]


_SIDES = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))


def _beside_dots(panel: Panel, width: float, height: float) -> list[Label]:
    def at(x: float, y: float) -> tuple[float, float]:
        return width * panel.x.at(x), height * (1 - panel.y.at(y))

    points: list[tuple[float, float, str, Look]] = []
    taken: list[Box] = []
    for mark in panel.marks:
        if isinstance(mark, Dots):
            held = zip(mark.x, mark.y, mark.names, strict=True)
            points += [(*at(x, y), visible(name), mark.look) for x, y, name in held]
        elif isinstance(mark, Line):
            taken += [_around(*at(x, y), 2.0) for x, y in zip(mark.x, mark.y, strict=True)]
            if mark.name and not _reaches(panel, mark):
                points.append((*at(mark.x[-1], mark.y[-1]), visible(mark.name), mark.look))
    taken += [_around(x, y, 5.0) for x, y, _, _ in points]
    found = []
    for x, y, name, look in sorted(points, key=lambda point: (point[1], point[0], point[2])):
        if name:
            shown = shortened(name, LONGEST)
            box = _freest(x, y, shown, taken, (width, height))
            taken.append(box)
            found.append(Label(shown, name, box[0], (box[1] + box[3]) / 2, look))
    return found


def _around(x: float, y: float, reach: float) -> Box:
    return x - reach, y - reach, x + reach, y + reach


def _freest(x: float, y: float, text: str, taken: Sequence[Box], room: tuple[float, float]) -> Box:
    wide, high = width_of(text), 11.0
    least, best = math.inf, (0.0, 0.0, wide, high)
    for far in (7.0, 16.0, 28.0, 42.0):
        for dx, dy in _SIDES:
            left = x + 8 if dx > 0 else x - 8 - wide if dx < 0 else x - wide / 2
            top = y - high / 2 + dy * (far + 2)
            held_left = min(max(left, 0.0), max(room[0] - wide, 0.0))
            held_top = min(max(top, 0.0), room[1] - high)
            box = (held_left, held_top, held_left + wide, held_top + high)
            moved = abs(held_left - left) + abs(held_top - top)
            if 3 * moved + 0.5 * far >= least - 1e-9:
                continue  # whatever it covers
            cost = sum(_overlap(box, one) for one in taken) + 3 * moved + 0.5 * far
            if cost < least - 1e-9:
                least, best = cost, box
    return best


def _overlap(a: Box, b: Box) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    return across * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
