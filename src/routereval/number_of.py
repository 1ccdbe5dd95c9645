"""Numbers of things in messages: one thing is no plural."""

from __future__ import annotations


def number_of(n: int, noun: str) -> str:
    """A number and its noun.

    >>> number_of(1, "model"), number_of(0, "model"), number_of(1234, "prompt")
    ('1 model', '0 models', '1,234 prompts')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
