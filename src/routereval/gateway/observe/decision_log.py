"""The decision log: JSON Lines in a folder, a line for each request and each feedback.

Lines are made a few at a time when their requests are over, and written every `WRITE_S`, by a
thread. Each process writes files of its own, named by time and process, so that several workers may
share a folder. Prompts are logged as hashes unless their texts are asked for, answers not at all,
and keys by name only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from routereval.errors import DataError
from routereval.gateway.protocols import LogEntry
from routereval.gateway.repeated import Repeated

WRITE_S = 0.25
AT_A_TIME = 32
"""Lines that are made together, which is cheaper than one by one."""
LONGEST_WAIT = 64_000_000
"""Bytes that are kept while the disk does not take them; what comes then is lost, and counted."""

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_encode_any = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class DecisionLog:
    """Writes what was decided, and how it went; see `protocols.Observer`.

    Args:
        folder: made if there is none.
        pools: the models of each router by its name, in the order of its scores.
        texts: whether prompts are logged as texts; else only as hashes.
        file_mb: the size at which a new file is begun.

    Raises:
        DataError: if the folder cannot be made.
    """

    def __init__(
        self,
        folder: str | Path,
        pools: Mapping[str, Sequence[str]],
        *,
        texts: bool = False,
        file_mb: float = 64.0,
    ) -> None:
        self._files = LogFiles(Path(folder), int(file_mb * 1e6))
        self._pools = {name: tuple(models) for name, models in pools.items()}
        self._texts = texts
        self._entries: list[tuple[LogEntry, Mapping[str, str] | None]] = []
        self._lines: list[bytes] = []
        self._size = 0
        self._lost = 0
        self._one_at_a_time = asyncio.Lock()
        self._writing = Repeated(WRITE_S, self.write)

    def record(self, entry: LogEntry, shadows: Mapping[str, str] | None = None) -> None:
        """Take note of a request that is over.

        Args:
            entry: all that is known of it.
            shadows: what other routers would have chosen, by their names.
        """
        self._entries.append((entry, shadows))
        if len(self._entries) >= AT_A_TIME:
            self._make_lines()

    def feedback(self, request_id: str, score: float, key: str, now: float) -> None:
        """Take note of how good an answer was.

        Args:
            request_id: of the request.
            score: in [0, 1].
            key: the name of the key that says so.
            now: seconds since the epoch.
        """
        self._make_lines()
        self._put({"feedback": request_id, "time": now, "key": key, "score": score})

    async def open(self) -> None:
        """Begin to write."""
        self._writing.begin()

    async def close(self) -> None:
        """Write what is left."""
        await self._writing.end()
        await self.write()
        self._files.close()

    async def write(self) -> None:
        """Write what came since the last time."""
        async with self._one_at_a_time:
            self._make_lines()
            data, self._lines, self._size = b"".join(self._lines), [], 0
            if not data:
                return
            try:
                await asyncio.to_thread(self._files.write, data)
            except OSError as error:
                log.warning("the decision log cannot be written and is kept: %s", error)
                self._lines.insert(0, data)
                self._size += len(data)

    def _make_lines(self) -> None:
        """Make the lines of what was recorded."""
        entries, self._entries = self._entries, []
        for entry, shadows in entries:
            pool = self._pools.get(entry.router, ())
            try:
                self._put(line_of(entry, pool, shadows, texts=self._texts))
            except Exception as error:  # which costs this line and no other
                self._note_lost(f"{type(error).__name__}: {error}")

    def _put(self, held: Mapping[str, Any]) -> None:
        if self._size > LONGEST_WAIT:
            self._note_lost("the disk does not take them")
            return
        line = _line(held)
        self._lines.append(line)
        self._size += len(line)

    def _note_lost(self, why: str) -> None:
        self._lost += 1
        if self._lost.bit_count() == 1:  # said at 1, 2, 4, 8, …
            log.error("the decision log lost %d lines: %s", self._lost, why)


class LogFiles:
    """Appends to a file of a folder, and begins another when it is large.

    Args:
        folder: made if there is none, open to its owner only.
        largest: bytes.

    Raises:
        DataError: if the folder cannot be made.
    """

    def __init__(self, folder: Path, largest: int) -> None:
        try:
            folder.mkdir(0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the decision log {folder}: {error.strerror}") from None
        self._folder = folder
        self._largest = largest
        self._number = 0
        self._file = -1

    def write(self, data: bytes) -> None:
        """Append whole lines.

        Raises:
            OSError: if the disk does not take them; then none of them is in the file.
        """
        if self._file < 0:
            self._file = self._begin()
        begin = os.fstat(self._file).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, begin)
            raise
        if begin + len(data) >= self._largest:
            self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self) -> int:
        self._number += 1
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        name = f"{stamp}-{os.getpid()}-{self._number}.jsonl"
        return os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def line_of(
    entry: LogEntry,
    pool: Sequence[str],
    shadows: Mapping[str, str] | None = None,
    *,
    texts: bool = False,
) -> dict[str, Any]:
    """What is logged of a request.

    Args:
        entry: all that is known of it.
        pool: the models of its router, in the order of the scores.
        shadows: what other routers would have chosen.
        texts: whether the prompt's text is.

    >>> entry = LogEntry("r1", 1.5, asked="llama", model="llama", status=200)
    >>> line_of(entry, ())["model"], "choice" in line_of(entry, ())
    ('llama', False)
    """
    usage = entry.usage
    held: dict[str, Any] = {
        "id": entry.request_id,
        "time": round(entry.time, 6),
        "key": entry.key,
        "path": entry.path,
        "asked": entry.asked,
        "model": entry.model,
        "status": entry.status,
        "error": entry.error,
        "attempts": [[attempt.model, attempt.error] for attempt in entry.attempts],
        "tokens": [usage.tokens_in, usage.tokens_out],
        "estimated": usage.estimated,
        "usd": round(entry.usd, 9),
        "seconds": [
            round(entry.decided_s, 6),
            round(entry.first_byte_s, 6),
            round(entry.total_s, 6),
        ],
    }
    _add_parts(held, entry)
    if (switch := entry.switch) is not None:
        usd = {"saved": switch.saved_usd, "cold": switch.cold_usd, "net": switch.net_usd}
        rounded = {f"{name}_usd": round(value, 9) for name, value in usd.items()}
        held["switch"] = {"from": switch.origin, "tokens": switch.tokens, **rounded}
    if lost_usd := entry.lost_usd:
        held["lost_usd"] = round(lost_usd, 9)
    if entry.text or entry.decision is not None:
        held["prompt"] = hash_of(entry.text)
        if texts:
            held["text"] = entry.text
    if entry.decision is not None:
        held |= _decided(entry, pool)
    if shadows:
        held["shadows"] = dict(shadows)
    return held


def _add_parts(held: dict[str, Any], entry: LogEntry) -> None:
    """Add what stands in a line only where there is something to say."""
    usage = entry.usage
    if entry.deployment:
        held["deployment"] = entry.deployment
    if usage.cached:
        held["tokens_cached"] = usage.cached
    if usage.cache_written:
        held["tokens_cache_written"] = usage.cache_written
    if usage.reasoning:
        held["tokens_reasoning"] = usage.reasoning
    if entry.rules:
        held["rules"] = list(entry.rules)
    if entry.conversation:
        held["conversation"] = entry.conversation


def _decided(entry: LogEntry, pool: Sequence[str]) -> dict[str, Any]:
    decision = entry.decision
    assert decision is not None  # noqa: S101 - for the type checker
    scores = zip(pool, decision.scores, strict=False)
    test: dict[str, object] = {"share": entry.share} if entry.share < 1 else {}
    if entry.against:
        test["against"] = entry.against
    if entry.explore:
        test["explore"] = entry.explore
    return {
        "router": entry.router,
        "lam": entry.lam,
        "scores": {model: _number(score) for model, score in scores},
        "allowed": list(entry.allowed),
        "choice": decision.model,
        "unfamiliar": decision.unfamiliar,
        "propensity": entry.propensity,
        **test,
    }


def hash_of(text: str) -> str:
    """What stands for a prompt: the same for the same text. Short texts can be guessed from it.

    >>> hash_of("prove it")
    '8e82a8b6bad73d5151161882da066b56'
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _line(held: Mapping[str, Any]) -> bytes:
    r"""A line of JSON.

    >>> _line({"text": "\ud800"})  # of which UTF-8 has no bytes
    b'{"text":"\\ud800"}\n'
    """
    try:
        return _encode(held) + b"\n"
    except UnicodeEncodeError:
        return _encode_any(held).encode() + b"\n"


def _number(score: float) -> float | None:
    return round(score, 6) if math.isfinite(score) else None
