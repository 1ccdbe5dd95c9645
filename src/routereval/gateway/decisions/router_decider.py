"""Decisions for many requests at once: batched while others are computed, and remembered."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from routereval.gateway.protocols import RouterChoice
from routereval.routers.base import Scores
from routereval.routers.trained import TrainedRouter

QUICK_S = 0.002
LARGEST_BATCH = 64

V = TypeVar("V")


class Recent(Generic[V]):
    """A mapping that forgets what was used least recently.

    >>> recent = Recent(2)
    >>> recent.put("a", 1), recent.put("b", 2), recent.get("a"), recent.put("c", 3)
    (None, None, 1, None)
    >>> recent.get("b") is None
    True
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """What is remembered, which is then the most recent."""
        value = self._held.get(key)
        if value is not None:
            self._held.move_to_end(key)
        return value

    def put(self, key: Hashable, value: V) -> None:
        """Remember; forget the oldest one if there are too many."""
        self._held[key] = value
        self._held.move_to_end(key)
        if len(self._held) > self._size:
            self._held.popitem(last=False)


class Scored(NamedTuple):
    """A text's predicted scores and expected costs, (1, n_models) each, and if it is unfamiliar."""

    scores: Scores
    costs: Scores
    unfamiliar: NDArray[np.bool_]


class _Batch:
    """Texts that are scored together, each once."""

    def __init__(self) -> None:
        self.texts: dict[bytes, str] = {}
        self.task: asyncio.Task[dict[bytes, Scored]] | None = None


class RouterDecider:
    """Decides by a trained router, as the benchmark does.

    Whatever comes while a batch is computed becomes the next batch. A batch that is known to be
    quick is computed on the spot, because handing it to a thread would cost more; others go to a
    thread, so that streams flow on meanwhile.

    Args:
        trained: the router.
        name: what the log calls it.
        cache: how many texts are remembered, by their hash.
    """

    def __init__(self, trained: TrainedRouter, name: str = "", cache: int = 10_000) -> None:
        self.trained = trained
        self.name = name
        self._known: Recent[Scored] = Recent(cache)
        self._next: _Batch | None = None
        self._one_at_a_time = asyncio.Lock()
        self._seconds_a_text = 0.0

    async def decide(
        self, text: str, lam: float, allowed: Sequence[str], *, unit: str = ""
    ) -> RouterChoice:
        """Choose among the allowed models; see `protocols.Decider`.

        Raises:
            DataError: if none of the router's pool is allowed.
            SpecError: if `lam` is negative or not finite.
        """
        scores, costs, unfamiliar = await self._scored(text)
        decision = self.trained.decided([text], scores, costs, lam, allowed)[0]
        return RouterChoice(decision._replace(unfamiliar=bool(unfamiliar[0])), self.name)

    def warm_up(self) -> None:
        """Load what is loaded at first use, and learn how long a text takes."""
        for text in ("warm up", "once more"):
            self._timed([text])

    async def _scored(self, text: str) -> Scored:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._known.get(digest)
        if known is not None:
            return known
        batch = self._next
        if batch is None or len(batch.texts) >= LARGEST_BATCH:
            self._next = batch = _Batch()
            batch.task = asyncio.get_running_loop().create_task(self._run(batch))
        batch.texts[digest] = text
        assert batch.task is not None  # noqa: S101 - set above; for the type checker
        return (await asyncio.shield(batch.task))[digest]

    async def _run(self, batch: _Batch) -> dict[bytes, Scored]:
        async with self._one_at_a_time:
            if self._next is batch:
                self._next = None
            texts = list(batch.texts.values())
            if self._seconds_a_text * len(texts) < QUICK_S:
                scored = self._timed(texts)
            else:
                scored = await asyncio.to_thread(self._timed, texts)
        found = {
            digest: Scored(
                scored.scores[row : row + 1],
                scored.costs[row : row + 1],
                scored.unfamiliar[row : row + 1],
            )
            for row, digest in enumerate(batch.texts)
        }
        for digest, each in found.items():
            self._known.put(digest, each)
        return found

    def _timed(self, texts: list[str]) -> Scored:
        start = time.perf_counter()
        scored = Scored(*self.trained.predicted(texts))
        taken = (time.perf_counter() - start) / len(texts)
        self._seconds_a_text = (
            taken if taken < self._seconds_a_text else (0.5 * self._seconds_a_text + 0.5 * taken)
        )
        return scored


class Conversations:
    """Which model answered in a conversation last, for as long as its prompt cache may live.

    >>> held = Conversations(seconds=10)
    >>> held.note("a", "llama", now=0)
    >>> held.model("a", now=5), held.model("a", now=20)
    ('llama', None)
    """

    def __init__(self, seconds: float, size: int = 100_000) -> None:
        self._seconds = seconds
        self._held: Recent[tuple[str, float]] = Recent(size)

    def model(self, conversation: str, now: float) -> str | None:
        """Who answered last, unless that is too long ago."""
        found = self._held.get(conversation)
        return found[0] if found and now - found[1] <= self._seconds else None

    def note(self, conversation: str, model: str, now: float) -> None:
        """Remember who answered."""
        if self._seconds:
            self._held.put(conversation, (model, now))
