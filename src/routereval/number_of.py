"""Numbers of things in messages: one thing is no plural, and of many some are named."""

from __future__ import annotations

from collections.abc import Sequence


def number_of(n: int, noun: str) -> str:
    """A number and its noun.

    >>> number_of(1, "model"), number_of(0, "model"), number_of(1234, "prompt")
    ('1 model', '0 models', '1,234 prompts')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def some_of(names: Sequence[str], most: int) -> str:
    """The first of several names, and how many more there are.

    >>> some_of(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
