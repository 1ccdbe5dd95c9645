"""An answer as it is written to a client's connection: uvicorn's, in fewer steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from routereval.gateway.upstreams.headers import DOWN

_USUAL = DOWN | {
    *(b"content-length", b"date", b"x-content-type-options", b"x-routereval-model"),
    *(b"x-routereval-reason", b"x-routereval-request-id", b"x-routereval-score"),
}
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MAY_STAND = bytes(code for code in range(256) if code == 9 or (code >= 32 and code != 127))
_CLOSES = b"connection: close\r\n"
_NO_BODY = frozenset({204, 304})


class AnswerCycle(RequestResponseCycle):
    """A request of a client and its answer, whose head is written with the beginning of its body.

    Each write is a call of the system, which is dearer than most of what the gateway does.
    """

    _head = b""

    async def send(self, message: Any) -> None:  # noqa: ANN401 - of ASGI
        """Write a part of the answer; see ASGI.

        Raises:
            RuntimeError: if the message does not stand here, or holds what no answer may.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self.response_started:
            self._begin(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self.response_started and not self.response_complete:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"an answer has no {kind!r} here")

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Make the head."""
        self.response_started, self.waiting_for_100_continue = True, False
        lines = [STATUS_LINE[status]]
        for raw, value in (*self.default_headers, *headers):
            name = raw.lower()
            if name not in _USUAL:
                self._note_unusual(name, value)
            elif name == b"content-length":
                self.chunked_encoding, self.expected_content_length = False, int(value)
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive and _CLOSES not in lines:
            lines.append(_CLOSES)
        without = self.scope["method"] == "HEAD" or status in _NO_BODY
        if self.chunked_encoding is None and not without:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if head.translate(None, _MAY_STAND) != b"\r\n" * len(lines):
            raise RuntimeError("a header of an answer holds a control character")
        self._head = head + b"\r\n"

    def _note_unusual(self, name: bytes, value: bytes) -> None:
        """Look at a header that is none of the gateway's own."""
        if not _NAME.fullmatch(name):
            raise RuntimeError(f"an answer has no header {name!r}")
        if name == b"connection" and b"close" in value.lower():
            self.keep_alive = False
        elif name == b"transfer-encoding" and value.lower() == b"chunked":
            self.chunked_encoding, self.expected_content_length = True, 0

    def _write(self, body: bytes, *, more: bool) -> None:
        """Write the next part of the body, behind the head if that waits."""
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = body if more else body + b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("a body is not as long as its answer says")
        self.transport.write(self._head + body)
        self._head = b""
        if not more:
            self._end()

    def _end(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
