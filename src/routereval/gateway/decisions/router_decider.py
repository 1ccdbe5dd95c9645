"""Decisions for many requests at once: batched while others are computed, and remembered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from routereval.gateway.protocols import NO_SURCHARGES, RouterChoice
from routereval.routers.base import Scores
from routereval.routers.trained import TrainedRouter

INLINE_BATCH_S = 0.002
QUIET_S = 0.001
"""Time without a decision after which the next one is not waited with for others."""
MAX_BATCH = 64


class Scored(NamedTuple):
    """A text's predicted scores and expected costs, (1, n_models) each, and if it is unfamiliar."""

    scores: Scores
    costs: Scores
    unfamiliar: NDArray[np.bool_]


class _Batch:
    """Texts that are scored together, each once, and who waits for which of them."""

    def __init__(self) -> None:
        self.texts: dict[bytes, str] = {}
        self.waiting: list[tuple[bytes, asyncio.Future[Scored]]] = []
        self.task: asyncio.Task[None] | None = None

    def finish(self, found: Mapping[bytes, Scored]) -> None:
        """Hand out the scores; whoever has left gets none."""
        for digest, future in self.waiting:
            if not future.done():
                future.set_result(found[digest])

    def fail(self, error: BaseException) -> None:
        """Hand out an error instead."""
        for _, future in self.waiting:
            if future.done():
                continue
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)


class RouterDecider:
    """Decides by a trained router, as the benchmark does.

    Whatever comes while a batch is computed becomes the next batch; what comes alone is computed at
    once. A batch that is known to be
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
        self._scored_texts: LRUCache[bytes, Scored] | None = LRUCache(cache) if cache else None
        self._next: _Batch | None = None
        self._batch_lock = asyncio.Lock()
        self._seconds_per_text = 0.0
        self._last_asked = 0.0

    async def decide(
        self,
        text: str,
        lam: float,
        allowed: Sequence[str],
        *,
        unit: str = "",
        surcharges: Mapping[str, float] = NO_SURCHARGES,
    ) -> RouterChoice:
        """Choose among the allowed models; see `protocols.Decider`.

        Raises:
            DataError: if none of the router's pool is allowed.
            SpecError: if `lam` is negative or not finite.
        """
        scores, costs, unfamiliar = await self._scored(text)
        if surcharges:
            costs = costs + np.array([surcharges.get(model, 0.0) for model in self.trained.models])
        decision = self.trained.decided([text], scores, costs, lam, allowed)[0]
        if unfamiliar[0]:
            decision = decision._replace(unfamiliar=True)
        return RouterChoice(decision, self.name)

    def warm_up(self) -> None:
        """Load what is loaded at first use, and learn how long a text takes."""
        for text in ("warm up", "once more"):
            self._timed_scores([text])

    async def _scored(self, text: str) -> Scored:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        found = self._scored_texts.get(digest) if self._scored_texts is not None else None
        if found is not None:
            return found
        if self._is_alone():
            return self._remembered([digest], self._timed_scores([text]))[digest]
        batch, loop = self._next, asyncio.get_running_loop()
        if batch is None or len(batch.texts) >= MAX_BATCH:
            self._next = batch = _Batch()
            batch.task = loop.create_task(self._run(batch))
        future: asyncio.Future[Scored] = loop.create_future()  # whose waiter may be cancelled
        batch.texts[digest] = text
        batch.waiting.append((digest, future))
        return await future

    async def _run(self, batch: _Batch) -> None:
        try:
            async with self._batch_lock:
                if self._next is batch:
                    self._next = None
                texts = list(batch.texts.values())
                if self._seconds_per_text * len(texts) < INLINE_BATCH_S:
                    scored = self._timed_scores(texts)
                else:
                    scored = await asyncio.to_thread(self._timed_scores, texts)
            batch.finish(self._remembered(batch.texts, scored))
        except BaseException as error:
            batch.fail(error)
            if not isinstance(error, Exception):
                raise

    def _is_alone(self) -> bool:
        """Whether a text comes after a pause and is quickly scored: a batch would gain nothing."""
        now = time.perf_counter()
        quiet, self._last_asked = now - self._last_asked > QUIET_S, now
        quick = self._seconds_per_text < INLINE_BATCH_S
        return quiet and quick and self._next is None and not self._batch_lock.locked()

    def _remembered(self, digests: Iterable[bytes], scored: Scored) -> dict[bytes, Scored]:
        """The scores of each text, by its hash."""
        found = {
            digest: Scored(
                scored.scores[row : row + 1],
                scored.costs[row : row + 1],
                scored.unfamiliar[row : row + 1],
            )
            for row, digest in enumerate(digests)
        }
        if self._scored_texts is not None:
            self._scored_texts.update(found)
        return found

    def _timed_scores(self, texts: list[str]) -> Scored:
        start = time.perf_counter()
        scored = Scored(*self.trained.predicted(texts))
        taken = (time.perf_counter() - start) / len(texts)
        self._seconds_per_text = (
            taken
            if taken < self._seconds_per_text
            else (0.5 * self._seconds_per_text + 0.5 * taken)
        )
        return scored
