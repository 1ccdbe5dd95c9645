"""A panel as a picture within the page: its colours are those of the page, light or dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from routereval.report.cells import visible
from routereval.report.labels import labels, margin_of
from routereval.report.panel import (
    LONGEST_NAME,
    Area,
    BarRow,
    Dots,
    Line,
    Panel,
    Rows,
    Rule,
    shortened,
    width_of,
)
from routereval.report.sections.pieces import wide
from routereval.report.tags import Html, tag

_WIDTH, _HEIGHT = 380.0, 250.0
_LEFT, _TOP, _BOTTOM = 46.0, 10.0, 38.0


def panel_svg(panel: Panel | Rows) -> Html:
    """A figure with its title for caption."""
    picture = _rows_picture(panel) if isinstance(panel, Rows) else _picture(panel)
    note = tag("p", panel.note, class_="note") if panel.note else Html("")
    caption = tag("figcaption", panel.title)
    if isinstance(panel, Rows):  # it may be wider than a phone
        return tag("figure", caption, note, wide(picture, panel.title), class_="panel rows")
    return tag("figure", caption, note, picture, class_="panel")


class _Plot:
    """Where a panel's values lie in the picture."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.width = _WIDTH - _LEFT - max(12.0, margin_of(panel))
        self.height = _HEIGHT - _TOP - _BOTTOM

    def x(self, value: float) -> float:
        return round(_LEFT + self.width * min(max(self.panel.x.at(value), 0.0), 1.0), 1)

    def y(self, value: float) -> float:
        held = min(max(self.panel.y.at(value), 0.0), 1.0)
        return round(_TOP + self.height * (1 - held), 1)

    @property
    def right(self) -> float:
        return round(_LEFT + self.width, 1)

    @property
    def foot(self) -> float:
        return round(_TOP + self.height, 1)


def _picture(panel: Panel) -> Html:
    plot = _Plot(panel)
    inside = [*_axes(plot)]
    for mark in panel.marks:
        inside += _mark(plot, mark)
    inside += _labels(plot)
    return tag(
        "svg",
        *inside,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=f"{panel.title}: {panel.y.label} against {panel.x.label}",
    )


def _axes(plot: _Plot) -> Iterator[Html]:
    panel = plot.panel
    ticks, label = _shares_at_the_label(panel)
    for value, words in ticks:
        y = plot.y(value)
        yield tag("line", class_="gridline", x1=_LEFT, x2=plot.right, y1=y, y2=y)
        yield tag("text", words, class_="tick", x=_LEFT - 5, y=y + 4, text_anchor="end")
    for value, words in panel.x.ticks:
        x = plot.x(value)
        yield tag("line", class_="axis", x1=x, x2=x, y1=plot.foot, y2=plot.foot + 4)
        yield tag("text", words, class_="tick", x=x, y=plot.foot + 15, text_anchor="middle")
    yield tag("line", class_="axis", x1=_LEFT, x2=plot.right, y1=plot.foot, y2=plot.foot)
    middle = (_LEFT + plot.right) / 2
    yield tag("text", panel.x.label, class_="tick", x=middle, y=_HEIGHT - 5, text_anchor="middle")
    turned = f"rotate(-90 11 {(_TOP + plot.foot) / 2:g})"
    yield tag(
        "text",
        label,
        class_="tick",
        x=11,
        y=(_TOP + plot.foot) / 2,
        text_anchor="middle",
        transform=turned,
    )


def _shares_at_the_label(panel: Panel) -> tuple[list[tuple[float, str]], str]:
    """The ticks of y and its label, which has the per cent signs: "100 %" would run into it."""
    ticks = list(panel.y.ticks)
    if not ticks or not all(words.endswith(" %") for _, words in ticks):
        return ticks, panel.y.label
    return [(at, words.removesuffix(" %")) for at, words in ticks], f"{panel.y.label}, %"


def _mark(plot: _Plot, mark: Line | Dots | Area | Rule) -> list[Html]:
    if isinstance(mark, Rule):
        return [_rule(plot, mark)]
    if isinstance(mark, Area):
        return [_area(plot, mark)]
    return _line(plot, mark) if isinstance(mark, Line) else _dots(plot, mark)


def _rule(plot: _Plot, mark: Rule) -> Html:
    look = f"line s-{mark.look}" + (" dashed" if mark.dashed else "")
    if mark.upright:
        x = plot.x(mark.at)
        return tag("line", class_=look, x1=x, x2=x, y1=_TOP, y2=plot.foot)
    y = plot.y(mark.at)
    return tag("line", class_=look, x1=_LEFT, x2=plot.right, y1=y, y2=y)


def _area(plot: _Plot, mark: Area) -> Html:
    x, low, high = mark.x, mark.low, mark.high
    if mark.steps:
        x, low, high = [*_held(x)[1:], x[-1]], _held(low), _held(high)
    shape = tag(
        "polygon", _title(mark.name), class_=f"area f-{mark.look}", points=_ring(plot, x, low, high)
    )
    return shape


def _held(y: Sequence[float]) -> list[float]:
    return [value for value in y for _ in range(2)]


def _ring(plot: _Plot, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
    there = [f"{plot.x(a)},{plot.y(b)}" for a, b in zip(x, high, strict=True)]
    back = [f"{plot.x(a)},{plot.y(b)}" for a, b in zip(x, low, strict=True)]
    return " ".join([*there, *reversed(back)])


def _line(plot: _Plot, mark: Line) -> list[Html]:
    found = []
    if mark.low:
        points = _ring(plot, mark.x, mark.low, mark.high)
        found.append(tag("polygon", class_=f"pale f-{mark.look}", points=points))
    path = " ".join(f"{plot.x(a)},{plot.y(b)}" for a, b in zip(mark.x, mark.y, strict=True))
    look = f"line s-{mark.look}" + (" dashed" if mark.dashed else "")
    found.append(tag("polyline", _title(mark.name), class_=look, points=path))
    if mark.dots or len(mark.x) == 1:
        found += [
            tag(
                "circle",
                class_=f"f-{mark.look}",
                cx=plot.x(a),
                cy=plot.y(b),
                r=2.5 if len(mark.x) > 1 else 6.5,
            )
            for a, b in zip(mark.x, mark.y, strict=True)
        ]
    return found


def _dots(plot: _Plot, mark: Dots) -> list[Html]:
    found = []
    for place, (x, y, name) in enumerate(zip(mark.x, mark.y, mark.names, strict=True)):
        if mark.low and not math.isnan(mark.low[place]):
            ends = {"y1": plot.y(mark.low[place]), "y2": plot.y(mark.high[place])}
            found.append(tag("line", class_="whisker", x1=plot.x(x), x2=plot.x(x), **ends))
        look = f"ring s-{mark.look}" if mark.hollow else f"f-{mark.look}"
        found.append(tag("circle", _title(name), class_=look, cx=plot.x(x), cy=plot.y(y), r=3.6))
    return found


def _title(name: str) -> Html:
    return tag("title", visible(name)) if name else Html("")


def _labels(plot: _Plot) -> Iterator[Html]:
    for one in labels(plot.panel, plot.width, plot.height):
        whole = _title(one.whole) if one.text != one.whole else Html("")
        yield tag(
            "text",
            one.text,
            whole,
            class_=f"halo f-{one.look}",
            x=round(_LEFT + one.x, 1),
            y=round(_TOP + one.y + 4, 1),
        )


_ROW = 19.0


def _rows_picture(panel: Rows) -> Html:
    names = [visible(row.name) for row in panel.rows]
    left = 1.1 * max((min(width_of(name), LONGEST_NAME) for name in names), default=0.0) + 12
    right = max((width_of(row.words) for row in panel.rows), default=0.0) + 12
    width = max(120.0, 460.0 - left - right)
    foot = _TOP + _ROW * len(panel.rows)

    def x(value: float) -> float:
        return round(left + width * min(max(panel.x.at(value), 0.0), 1.0), 1)

    inside: list[Html] = []
    for value, words in panel.x.ticks:
        inside.append(tag("line", class_="gridline", x1=x(value), x2=x(value), y1=_TOP, y2=foot))
        inside.append(
            tag("text", words, class_="tick", x=x(value), y=foot + 14, text_anchor="middle")
        )
    for number, row in enumerate(panel.rows):
        inside += _row_marks(row, x, _TOP + _ROW * (number + 0.5), left, left + width)
    for rule in panel.rules:
        look = f"line s-{rule.look}" + (" dashed" if rule.dashed else "")
        inside.append(tag("line", class_=look, x1=x(rule.at), x2=x(rule.at), y1=_TOP, y2=foot))
        if rule.name:
            name = tag("text", rule.name, class_=f"tick f-{rule.look}", x=x(rule.at) + 3, y=_TOP)
            inside.append(name)
    label = tag(
        "text", panel.x.label, class_="tick", x=left + width / 2, y=foot + 30, text_anchor="middle"
    )
    whole = left + width + right
    return tag(
        "svg",
        *inside,
        label,
        viewBox=f"0 0 {whole:.0f} {foot + 36:.0f}",
        style=f"max-width:{1.15 * whole:.0f}px",
        role="img",
        aria_label=f"{panel.title}: {panel.x.label}",
    )


def _row_marks(
    row: BarRow, x: Callable[[float], float], y: float, left: float, right: float
) -> list[Html]:
    whole = visible(row.name)
    shown = shortened(whole, LONGEST_NAME)
    title = _title(whole) if shown != whole else Html("")
    out = [tag("text", shown, title, x=round(left - 8, 1), y=y + 4, text_anchor="end")]
    for one in row.segments:
        look = f"f-{one.look}" + (" pale" if one.pale else " area")
        low, high = sorted((x(one.low), x(one.high)))
        out.append(tag("rect", class_=look, x=low, width=round(high - low, 1), y=y - 6, height=12))
    if not math.isnan(row.low):
        out.append(
            tag("line", class_=f"line s-{row.look}", x1=x(row.low), x2=x(row.high), y1=y, y2=y)
        )
    if not math.isnan(row.value):
        look = f"ring s-{row.look}" if row.hollow else f"f-{row.look}"
        out.append(tag("circle", class_=look, cx=x(row.value), cy=y, r=4))
    out.append(tag("text", row.words, class_="tick", x=round(right + 8, 1), y=y + 4))
    return out
