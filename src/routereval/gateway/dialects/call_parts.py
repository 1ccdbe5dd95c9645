"""Calls of tools as they come in the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from routereval.gateway.dialects.chat_answer import AnswerError, calls_in
from routereval.gateway.dialects.encoding import Halves


class CallPart(NamedTuple):
    """A part of a call.

    Attributes:
        begins: whether it is the first one.
        identity, name: of the call.
        arguments: more of its JSON.
    """

    begins: bool
    identity: str
    name: str
    arguments: str


class CallParts:
    """Follows the calls of a stream, which come one after the other.

    A call begins with another index, or another id: some services number all of them 0.

    >>> first = {"index": 0, "id": "c1", "function": {"name": "ls", "arguments": "{"}}
    >>> parts = CallParts()
    >>> [part.begins for part in parts.read({"tool_calls": [first]})]
    [True]
    >>> next(parts.read({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}))
    CallPart(begins=False, identity='c1', name='ls', arguments='}')
    """

    def __init__(self) -> None:
        self._seen: list[object] = []
        self._identity = ""
        self._name = ""
        self._halves = Halves()

    @property
    def count(self) -> int:
        """How many calls there were."""
        return len(self._seen)

    def read(self, delta: Mapping[str, Any]) -> Iterator[CallPart]:
        """The parts in a delta.

        Raises:
            AnswerError: if it goes on with a call that another one came after.
        """
        for call in calls_in(delta):
            if not isinstance(call, dict):
                raise AnswerError("sent a call of no tool")
            function = call.get("function") or {}
            yield self._part(call, function if isinstance(function, dict) else {})

    def _part(self, call: Mapping[str, Any], function: Mapping[str, Any]) -> CallPart:
        index, identity, name = call.get("index"), call.get("id"), function.get("name")
        other_id = bool(identity) and identity != self._identity
        begins = not self._seen or (index is not None and index != self._seen[-1]) or other_id
        if begins:
            if index in self._seen and not other_id:
                raise AnswerError("mixed the calls of its tools")
            if not isinstance(name, str) or not name:
                raise AnswerError("sent a call of no tool")
            self._seen.append(index)
            self._identity, self._name = str(identity or ""), name
            self._halves = Halves()
        arguments = function.get("arguments")
        text = self._halves.joined(arguments) if isinstance(arguments, str) else ""
        return CallPart(begins, self._identity, self._name, text)
