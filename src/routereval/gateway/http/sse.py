"""A stream of server-sent events in whole events, and what they say of its end and usage."""

from __future__ import annotations

import re

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import CHAT, Api
from routereval.gateway.dialects.errors import error_event
from routereval.gateway.http.token_count import escaped_quarters
from routereval.gateway.http.usage import ReportedUsage, read_usage
from routereval.gateway.protocols import Usage
from routereval.gateway.upstreams.upstream_key import NO_KEY, UpstreamKey

MAX_EVENT_BYTES = 1 << 20
TRANSLATED_EVENT_BYTES = 1 << 23
"""The same of an event that is translated, and so must be whole."""
MAX_UNCOUNTED_BYTES = 1 << 14
"""Events whose texts are counted later: most streams tell their usage, and need no count."""

_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\r\r)|.+", re.DOTALL)
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


class EventStream:
    r"""Passes bytes on up to the end of the last whole event, and holds what comes after it.

    Whatever was passed on may be followed by an event of one's own, such as an error. Bytes are
    not changed; an event longer than `longest` is passed on in parts.

    Args:
        strip_usage: whether events that hold nothing but the usage are left out, since the client
            did not ask for them.
        key: of the upstream, which no event may tell.
        api: that the events are of.
        longest: bytes of an event that are held.

    Attributes:
        finished: whether an answer has said why it ends.
        failed: whether an event was an error of the upstream's own.

    >>> events = EventStream()
    >>> events.take(b"data: 1\n\ndata:"), events.take(b" 2\n"), events.take(b"\n")
    (b'data: 1\n\n', b'', b'data: 2\n\n')
    """

    def __init__(
        self,
        *,
        strip_usage: bool = False,
        key: UpstreamKey = NO_KEY,
        api: Api = CHAT,
        longest: int = MAX_EVENT_BYTES,
    ) -> None:
        self._longest = longest
        self._api = api
        self._strip_usage = strip_usage
        self._key = key
        self._partial = b""
        self._end = b""
        self._done = False
        self._reported = ReportedUsage()
        self._uncounted: list[bytes] = []
        self._uncounted_bytes = 0
        self._quarters = 0
        self._count = 0
        self.finished = False
        self.failed = False

    def take(self, chunk: bytes) -> bytes:
        """What may be passed on now that `chunk` has come."""
        if self._partial:
            chunk = self._partial + chunk
            self._partial = b""
        if not chunk.endswith(b"\n\n"):
            end = _end_of_last_event(chunk)
            if end == 0 and len(chunk) > self._longest:
                chunk = self._key.removed_from(chunk)
                end = len(chunk) - self._key.longest  # which may have come in part
            self._partial, chunk = chunk[end:], chunk[:end]
        return self._noted(chunk) if chunk else chunk

    def _noted(self, chunk: bytes) -> bytes:
        """Look at whole events; those of them that are passed on."""
        chunk = self._key.removed_from(chunk)
        if (n_events := chunk.count(b"data:")) > 0:
            self._count += n_events
            self._done = b"[DONE]" in chunk and _is_done(chunk)
        self._uncounted.append(chunk)
        self._uncounted_bytes += len(chunk)
        if self._uncounted_bytes > MAX_UNCOUNTED_BYTES:
            self._count_texts()
        if not self.finished and self._api.mark in chunk:
            self.finished = self._api.finished.search(chunk) is not None
        if (b'"error"' in chunk or b"failed" in chunk) and self._api.failed.search(chunk):
            self.failed = True
        if b'"usage"' in chunk:
            self._reported = self._reported.merged(read_usage(chunk))
            if self._strip_usage and _NO_CHOICES.search(chunk):
                chunk = b"".join(e for e in _EVENT.findall(chunk) if not _is_only_usage(e))
        if chunk:
            self._end = chunk[-4:]
        return chunk

    def _count_texts(self) -> None:
        """Count the texts of the events that were not counted yet."""
        texts = self._api.text.findall(b"".join(self._uncounted))
        self._quarters += escaped_quarters(b"".join(texts))
        self._uncounted.clear()
        self._uncounted_bytes = 0

    def rest(self, *, cut: bool = False) -> bytes:
        r"""What ends the stream: the event that is still held, with the blank line that it lacks.

        Args:
            cut: whether the connection broke; then only a last ``[DONE]`` is complete.

        >>> events = EventStream()
        >>> events.take(b"data: [DONE]\r\n"), events.rest(cut=True)
        (b'', b'data: [DONE]\r\n\r\n')
        """
        held, self._partial = self._partial, b""
        if not held or (cut and not _is_done(held)):
            return b""
        return self._noted(held + _missing_line_ends(held))

    @property
    def done(self) -> bool:
        """Whether the last event, as far as it came, says that the stream is over."""
        return _is_done(self._partial) or self._done

    @property
    def whole(self) -> bool:
        """Whether the answer has come to its end, or to an error that the upstream reports."""
        return self.finished or self.failed or self.done

    def error(self, error: ApiError) -> bytes:
        """An event for an error, after the end of whatever was passed on."""
        return _missing_line_ends(self._end) + error_event(error, self._api)

    def usage(self, tokens_in: int) -> Usage:
        """What the events say; what they do not say is counted by their texts.

        Args:
            tokens_in: an estimate for the prompt.
        """
        if self._reported.tokens_out is not None:
            return self._reported.usage(tokens_in, 0)
        self._count_texts()
        return self._reported.usage(tokens_in, max(self._count, self._quarters // 4))


def _is_only_usage(event: bytes) -> bool:
    """Whether an event is the one that ``stream_options.include_usage`` asks for."""
    return _NO_CHOICES.search(event) is not None and read_usage(event) != ReportedUsage()


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
