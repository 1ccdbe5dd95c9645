"""Which model answered in a conversation last, for as long as its prompt cache may live."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import TTLCache


class Conversations:
    """Models by conversation, forgotten after a while.

    Args:
        seconds: for how long; 0 for not at all.
        clock: the time in seconds.
        size: how many conversations are remembered at most.

    >>> now = 0.0
    >>> models = Conversations(10, lambda: now)
    >>> models.note("a", "llama")
    >>> models.model("a")
    'llama'
    >>> now = 20.0
    >>> models.model("a") is None
    True
    """

    def __init__(self, seconds: float, clock: Callable[[], float], size: int = 100_000) -> None:
        self._models: TTLCache[str, str] | None = (
            TTLCache(size, ttl=seconds, timer=clock) if seconds else None
        )

    def model(self, conversation: str) -> str | None:
        """The model that answered last, unless that is too long ago."""
        return None if self._models is None else self._models.get(conversation)

    def note(self, conversation: str, model: str) -> None:
        """Remember which model answered."""
        if self._models is not None:
            self._models[conversation] = model
