"""HTML as values: whatever is not marked as HTML is escaped."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from routereval.report.cells import visible
from routereval.report.data import plain

_VOID = {"input", "meta", "br", "hr"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *inside: str, **attributes: str | float | bool | None) -> Html:
    """An element; text inside it and in its attributes is escaped.

    Args:
        name: of the element.
        inside: `Html` as it is, other text escaped.
        attributes: by name, without a trailing underscore and with ``-`` for ``_``; True for one
            without a value, False and None for none.

    >>> tag("p", "a < b", class_="x", data_n=3)
    '<p class="x" data-n="3">a &lt; b</p>'
    """
    written = "".join(
        f" {_named(key)}" if value is True else f' {_named(key)}="{escape(visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(*inside)}</{name}>")


def joined(*parts: str) -> Html:
    """Parts one after another; `Html` as it is, other text escaped."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in parts))


def text(given: str) -> Html:
    """Text, escaped."""
    return Html(escape(visible(given)))


def prose(given: str) -> Html:
    r"""A text of several lines, escaped; what no page can show is written as an escape.

    >>> prose("a\n<b>\x00")
    'a\n&lt;b&gt;\\x00'
    """
    return Html(escape(readable(given)))


def readable(given: str) -> str:
    r"""A text of several lines whose control characters are written as escapes.

    Marks of direction stay: the element that shows the text isolates it.

    >>> readable("a\r\nb\x00")
    'a\nb\\x00'
    """
    lines = given.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(
        lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), lines
    )


def data(value: Any) -> Html:  # noqa: ANN401 - any JSON
    r"""A value for the page's program, as JSON that no HTML parser takes for markup.

    >>> data({"a": "</script>"})
    '<script type="application/json" id="data">{"a":"\\u003c/script>"}</script>'
    """
    held = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, code in (("<", "003c"), ("\u2028", "2028"), ("\u2029", "2029")):
        held = held.replace(char, f"\\u{code}")
    held = held.encode("utf-8", "backslashreplace").decode("utf-8")
    return Html(f'<script type="application/json" id="data">{held}</script>')


def theme_choice() -> Html:
    """The list from which the colours of the page are chosen."""
    names = [tag("option", name, value=name) for name in ("system", "light", "dark")]
    return tag("label", "Colours ", tag("select", *names, id="theme"), class_="field")


def _named(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
