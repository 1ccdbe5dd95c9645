"""What the streams of all APIs share that are made of chunks of chat completions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import Api
from routereval.gateway.dialects.call_parts import CallPart, CallParts
from routereval.gateway.dialects.chat_answer import (
    ChatUsage,
    created_of,
    first_choice,
    model_in,
    read_chunks,
    read_usage_of,
    stop_of,
    text_of,
)
from routereval.gateway.dialects.encoding import Halves, encoded
from routereval.gateway.dialects.errors import error_event, error_message

ReadChunks = Callable[[bytes], Iterable[dict[str, Any]]]
"""What reads chunks of chat completions in some whole events of an upstream."""


class AnswerStream:
    """Makes events of a client's API of an upstream's.

    A class for an API says how it begins, goes on with text and with calls, and ends.

    Args:
        identity: of the request; what ids are made of.
        model: that is named where the upstream names none.
        read: what the upstream's events say, as chunks of chat completions.
    """

    api: ClassVar[Api]
    keep_alive: ClassVar[bytes]
    """Tells a client that somebody is there, while the model thinks."""

    def __init__(self, identity: str, model: str, read: ReadChunks = read_chunks) -> None:
        self._identity = identity
        self._model = model
        self._read = read
        self._calls = CallParts()
        self._halves = Halves()
        self._created = 0
        self._begun = False
        self._over = False
        self._finish = ""
        self._stop: str | None = None
        self._usage = ChatUsage()

    def take(self, events: bytes) -> bytes:
        """The events that some whole events of the upstream become.

        Raises:
            AnswerError: if they are none of its API.
        """
        return b"".join(self._taken(chunk) for chunk in self._read(events))

    def end(self) -> bytes:
        """The events with which the answer ends."""
        if self._over:
            return b""
        rest = self._halves.rest()
        last = self._text(rest) if rest and not self._calls.count else b""
        ended = self._started() + last + self._closed() + self._ended()
        self._over = True
        return ended

    def error(self, error: ApiError) -> bytes:
        """An event for an error; nothing comes after it."""
        self._over = True
        return error_event(error, self.api)

    def _taken(self, chunk: dict[str, Any]) -> bytes:
        if self._over:
            return b""
        if chunk.get("error"):
            message = error_message(encoded(chunk))
            return self.error(ApiError(502, message, code="upstream_stream_error"))
        self._model = model_in(chunk, self._model)
        self._created = self._created or created_of(chunk)
        if isinstance(chunk.get("usage"), dict):
            self._usage = read_usage_of(chunk)
        choice = first_choice(chunk)
        delta = choice.get("delta")
        events = [self._started()]
        if isinstance(delta, dict):
            text = self._halves.joined(text_of(delta))
            if text:
                events.append(self._text(text))
            events += [self._part(part) for part in self._calls.read(delta)]
            if len(events) == 1 and (delta.get("reasoning_content") or delta.get("reasoning")):
                events.append(self.keep_alive)
        if choice.get("finish_reason"):
            self._finish, self._stop = str(choice["finish_reason"]), stop_of(choice)
        return b"".join(events)

    def _started(self) -> bytes:
        """The events with which the answer begins, once."""
        if self._begun:
            return b""
        self._begun = True
        return self._start()

    def _start(self) -> bytes:
        """The events with which the answer begins."""
        raise NotImplementedError

    def _text(self, text: str) -> bytes:
        """More of the text."""
        raise NotImplementedError

    def _part(self, part: CallPart) -> bytes:
        """More of a call.

        Raises:
            AnswerError: if the call was over.
        """
        raise NotImplementedError

    def _closed(self) -> bytes:
        """The end of what goes on."""
        return b""

    def _ended(self) -> bytes:
        """The end of all."""
        raise NotImplementedError
