"""A stream of server-sent events in whole events, and what it said of its usage."""

from __future__ import annotations

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.usage import USAGE_BYTES, read_usage
from routereval.gateway.protocols import Usage

MAX_EVENT_BYTES = 1 << 20

_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")


class EventStream:
    r"""Passes bytes on up to the end of the last whole event, and holds what comes after it.

    Whatever was passed on may be followed by an event of one's own, such as an error. Bytes are
    neither parsed nor changed. An event longer than `MAX_EVENT_BYTES` is passed on in parts.

    >>> events = EventStream()
    >>> events.take(b"data: 1\n\ndata:"), events.take(b" 2\n"), events.take(b"\n")
    (b'data: 1\n\n', b'', b'data: 2\n\n')
    """

    def __init__(self) -> None:
        self._partial = b""
        self._tail = b""
        self.count = 0

    def take(self, chunk: bytes) -> bytes:
        """What may be passed on now that `chunk` has come."""
        if self._partial:
            chunk = self._partial + chunk
            self._partial = b""
        if not chunk.endswith(b"\n\n"):
            end = _end_of_last_event(chunk)
            if end == 0 and len(chunk) > MAX_EVENT_BYTES:
                end = len(chunk)
            self._partial, chunk = chunk[end:], chunk[:end]
        if chunk:
            self.count += chunk.count(b"data:")
            self._tail = (
                chunk[-USAGE_BYTES:]
                if len(chunk) >= USAGE_BYTES
                else (self._tail + chunk)[-USAGE_BYTES:]
            )
        return chunk

    def rest(self, *, cut: bool = False) -> bytes:
        r"""What ends the stream: the event that is still held, with the blank line that it lacks.

        Args:
            cut: whether the connection broke; then only a last ``[DONE]`` is complete.

        >>> events = EventStream()
        >>> events.take(b"data: [DONE]\r\n"), events.rest(cut=True)
        (b'', b'data: [DONE]\r\n\r\n')
        """
        held, self._partial = self._partial, b""
        if cut and not _is_done(held):
            return b""
        return held + _missing_line_ends(held)

    @property
    def done(self) -> bool:
        """Whether the last event, as far as it came, says that the stream is over."""
        return _is_done(self._partial) or _is_done(self._tail)

    def error(self, error: ApiError) -> bytes:
        """An event for an error, after the end of whatever was passed on."""
        return _missing_line_ends(self._tail) + error_event(error)

    def usage(self, tokens_in: int) -> Usage:
        """What the last events say; else one token an event, by rule of thumb."""
        return read_usage(self._tail) or Usage(tokens_in, self.count, estimated=True)


def _is_done(text: bytes) -> bool:
    r"""Whether the last line of data is ``[DONE]`` and nothing else.

    >>> _is_done(b"data: [DONE]\n"), _is_done(b'data: {"content": "data: [DONE]"}\n\n')
    (True, False)
    """
    last = max(text.rfind(b"\ndata:"), text.rfind(b"\rdata:")) + 1
    return text.startswith(b"data:", last) and text[last + 5 :].strip() == b"[DONE]"


def _missing_line_ends(text: bytes) -> bytes:
    r"""What a text lacks of the blank line that ends an event.

    >>> [_missing_line_ends(text) for text in (b"", b"data: 1", b"data: 1\r\n", b"data: 1\n\n")]
    [b'', b'\n\n', b'\r\n', b'']
    """
    if not text.strip() or text.endswith(_BLANK_LINES):
        return b""
    for end in (b"\r\n", b"\n", b"\r"):
        if text.endswith(end):
            return end
    return b"\n\n"


def _end_of_last_event(chunk: bytes) -> int:
    """Where the last blank line ends, in any of the three ways of ending lines."""
    found = [chunk.rfind(end) + len(end) for end in _BLANK_LINES if end in chunk]
    return max(found, default=0)


def error_event(error: ApiError) -> bytes:
    """An event that clients of the API raise as an error."""
    return b"data: " + error.body + b"\n\n"
