"""The access log: a line of JSON per request on standard output, without anything that was said.

Lines are written with others every `WRITE_S`, by a thread, so that a terminal or a pipe that is not
read from holds nobody up.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from routereval.gateway.protocols import LogEntry
from routereval.gateway.repeated import Repeated

WRITE_S = 0.25
MOST_WAITING = 100_000
"""Lines that are kept while nobody reads; what comes then is lost."""
_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Writes a line about each request when it is over; see `protocols.Observer`.

    Args:
        write: takes whole lines; standard output unless given.
    """

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        self._write = write or _to_standard_output
        self._lines: list[bytes] = []
        self._writing = Repeated(WRITE_S, self._flush)

    def record(self, entry: LogEntry) -> None:
        """Take note of a request that is over."""
        if len(self._lines) < MOST_WAITING:
            self._lines.append(_encode(access_line(entry)) + b"\n")

    async def open(self) -> None:
        """Begin to write."""
        self._writing.begin()

    async def close(self) -> None:
        """Write what is left."""
        await self._writing.end()
        await self._flush()

    async def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            await asyncio.to_thread(self._write, b"".join(lines))


def access_line(entry: LogEntry) -> dict[str, Any]:
    """What the access log says of a request; texts stand in it as plain ASCII.

    >>> entry = LogEntry("r1", 1.5, path="/v1/chat/completions", asked="auto", status=200)
    >>> access_line(entry)["time"], access_line(entry)["status"], "prompt" in access_line(entry)
    ('1970-01-01T00:00:01.500Z', 200, False)
    """
    time = datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds")
    held: dict[str, Any] = {
        "time": time.replace("+00:00", "Z"),
        "id": entry.request_id,
        "key": entry.key,
        "path": entry.path,
        "asked": _ascii(entry.asked),
        "model": _ascii(entry.model),
        "status": entry.status,
        "attempts": len(entry.attempts),
        "tokens_in": entry.usage.tokens_in,
        "tokens_out": entry.usage.tokens_out,
        "usd": round(entry.usd, 9),
        "first_byte_s": round(entry.first_byte_s, 4),
        "seconds": round(entry.total_s, 4),
    }
    parts = {
        "error": entry.error,
        "deployment": _ascii(entry.deployment),
        "reason": _ascii(entry.reason),
        "rules": list(entry.rules),
        "streamed": entry.streamed,
    }
    return held | {name: value for name, value in parts.items() if value}


def _ascii(text: str) -> str:
    """A client's text, which may hold what a terminal acts on, or what UTF-8 has no bytes for."""
    return text[:200].encode("ascii", "backslashreplace").decode()


def _to_standard_output(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()
