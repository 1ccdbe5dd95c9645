"""Small pieces of HTML that several parts of the page are made of."""

from __future__ import annotations

import math
from collections.abc import Callable

from routereval.report.tags import Html, tag
from routereval.results.summary import Estimate

_SHORT = 26


def wide(inside: Html, label: str) -> Html:
    """What may be wider than the page: it scrolls by itself, by keyboard too."""
    return tag("div", inside, class_="wide", tabindex="0", role="region", aria_label=label)


def absent(what: str) -> Html:
    """That these results do not hold something, in plain words."""
    return tag("p", f"Not in these results: {what}.", class_="absent")


def folded(summary: str, *inside: str) -> Html:
    """What opens on a click."""
    return tag("details", tag("summary", summary), *inside)


def code_block(code: str, title: str) -> Html:
    """A command, with a button that copies it."""
    head = [tag("p", title, class_="code-title")] if title else []
    return tag(
        "div",
        *head,
        tag("button", "Copy", type="button", class_="copy screen-only"),
        tag("pre", tag("code", Html(_lines(code))), tabindex="0"),
        class_="code",
    )


def _lines(code: str) -> str:
    from routereval.report.tags import text

    return "\n".join(text(line) for line in code.split("\n"))


def number(value: float) -> str:
    """A number, or a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    return f"{round(value, 3) + 0.0:.3f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference, with its sign.

    >>> signed(-0.0004), signed(0.1)
    ('0.000', '+0.100')
    """
    if math.isnan(value):
        return "–"
    held = round(value, digits) + 0.0
    return "0.000" if held == 0 and digits == 3 else f"{held:+.{digits}f}".replace("-", "−")


def short(name: str) -> str | None:
    """The class of a cell whose name needs no line break."""
    return "short" if len(name) <= _SHORT else None


def interval_text(found: Estimate, written: Callable[[float], str]) -> str:
    """The interval of a number per 1,000 prompts in words; empty where there is none."""
    if math.isnan(found.low) or math.isnan(found.high):
        return ""
    return f"95 % interval {written(found.low * 1000)} to {written(found.high * 1000)}"
