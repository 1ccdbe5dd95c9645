"""Turns of the Responses API that upstreams of other APIs answered, kept to be gone on from.

Such an upstream keeps nothing, so that a client which sends only what is new
(``previous_response_id``), or names items instead of sending them, gets the whole conversation put
together here.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from routereval.gateway.decisions.kept_responses import kept_place
from routereval.gateway.dialects.encoding import encoded
from routereval.gateway.shared_state import SharedState

TURN_BYTES = 1 << 19
"""A turn that holds more is not kept."""
KEY_BYTES = 1 << 26
"""Of all turns that a worker keeps for a key; the oldest are forgotten first."""
LONGEST = 256
"""Turns of a conversation that are put together."""
_ITEM_ID = re.compile(r"(?:msg|fc)_([0-9a-f]{24})(?:_\d+)?")


class Turn(NamedTuple):
    """What a request adds to a conversation.

    Attributes:
        before: the id of the answer that it goes on from; empty for none.
        items: of its input.
    """

    before: str
    items: list[Any]


class _Written(NamedTuple):
    place: str
    size: int
    until: float


class KeptTurns:
    """Keeps turns for `seconds`; each key has its own.

    Args:
        state: what is shared with other workers.
        seconds: for how long; 0 for not at all.
        clock: the time in seconds since the epoch.
        most: bytes that are kept for a key.
    """

    def __init__(
        self,
        state: SharedState,
        seconds: float,
        clock: Callable[[], float] = time.time,
        most: int = KEY_BYTES,
    ) -> None:
        self._state = state
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._written: dict[str, deque[_Written]] = {}

    def turn_of(self, body: bytes) -> Turn | None:
        """What is to be kept of a request; None if nothing is.

        Args:
            body: one of the Responses API that `parse_request` has read.
        """
        if not self._seconds or len(body) > TURN_BYTES:
            return None
        held = json.loads(body)
        if held.get("store") is False:
            return None
        before, given = held.get("previous_response_id"), held["input"]
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        return Turn(before if isinstance(before, str) else "", items)

    async def note(
        self, key: str, identity: str, turn: Turn, output: Iterable[Mapping[str, Any]]
    ) -> None:
        """Keep a turn and its answer.

        Args:
            key: the name of the client's key.
            identity: of the answer.
            turn: the request.
            output: the items of the answer.
        """
        value = encoded({"before": turn.before, "items": [*turn.items, *output]})
        if len(value) > 2 * TURN_BYTES:
            return
        now, place = self._clock(), kept_place("turn", key, identity)
        await self._state.note_model(place, value.decode(), self._seconds)
        written = self._written.setdefault(key, deque())
        written.append(_Written(place, len(value), now + self._seconds))
        await self._forget(written, now)

    async def whole(self, key: str, body: bytes) -> bytes | None:
        """A request with all that it goes on from; None where nothing of that is kept here.

        Args:
            key: the name of the client's key.
            body: one of the Responses API that `parse_request` has read.
        """
        held = json.loads(body)
        before, given = held.get("previous_response_id"), held["input"]
        earlier = await self._conversation(key, before) if isinstance(before, str) else []
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        found = [await self._referred(key, item) for item in items]
        if not earlier and found == items:
            return None
        if earlier:
            held.pop("previous_response_id")
        return encoded({**held, "input": [*map(_without_id, earlier), *found]})

    async def _conversation(self, key: str, identity: str) -> list[Any]:
        """The items of an answer's conversation, oldest first; none unless all are kept."""
        turns: list[list[Any]] = []
        while identity:
            held = await self._turn(key, identity)
            if held is None or len(turns) == LONGEST:
                return []
            turns.append(held.items)
            identity = held.before
        return [item for items in reversed(turns) for item in items]

    async def _referred(self, key: str, item: Any) -> Any:  # noqa: ANN401 - of whatever input
        """An item that one stands for; itself where it stands for none that is kept."""
        identity = item.get("id") if isinstance(item, dict) else None
        if not isinstance(identity, str) or item.get("type") != "item_reference":
            return item
        named = _ITEM_ID.fullmatch(identity)
        held = await self._turn(key, f"resp_{named[1]}") if named is not None else None
        items = held.items if held is not None else []
        same = (one for one in items if isinstance(one, dict) and one.get("id") == identity)
        return _without_id(next(same, item))

    async def _turn(self, key: str, identity: str) -> Turn | None:
        value = await self._state.model_of(kept_place("turn", key, identity))
        if not value:
            return None
        held = msgspec.json.decode(value)
        return Turn(held["before"], held["items"])

    async def _forget(self, written: deque[_Written], now: float) -> None:
        """Let go of what is over, and of the oldest of what is too much."""
        size = sum(one.size for one in written)
        while written and (size > self._most or written[0].until <= now):
            oldest = written.popleft()
            size -= oldest.size
            await self._state.note_model(oldest.place, "", 0.0)


def _without_id(item: Any) -> Any:  # noqa: ANN401 - of whatever input
    """An item as it is sent: another service does not know its id."""
    if not isinstance(item, dict) or item.get("type") == "item_reference":
        return item
    return {name: value for name, value in item.items() if name != "id"}
