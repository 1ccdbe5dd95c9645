"""How studies say how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many of it are done, and how many there are."""


def silent(what: str, done: int, total: int) -> None:
    """Say nothing."""
