"""Turns of the Responses API that upstreams of other APIs answered, kept to be gone on from.

Such an upstream keeps nothing, so that a client which sends only what is new
(``previous_response_id``), or names items instead of sending them, gets the whole conversation put
together here.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from routereval.gateway.api_error import ApiError
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
        items: of its input; of a turn that was kept, of its answer, too.
        size: in bytes, of one that was kept.
    """

    before: str
    items: list[Any]
    size: int = 0


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

    async def whole(self, key: str, body: bytes, most: int) -> bytes | None:
        """A request with all that it goes on from; None where nothing of that is kept here.

        Args:
            key: the name of the client's key.
            body: one of the Responses API that `parse_request` has read.
            most: bytes that it may have.

        Raises:
            ApiError: 413 if it has more.
        """
        held = json.loads(body)
        before, given = held.get("previous_response_id"), held["input"]
        reader = _Reader(self._state, key, most - len(body))
        earlier = await reader.conversation(before) if isinstance(before, str) else []
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        found = [await reader.referred(item) for item in items]
        if not earlier and found == items:
            return None
        if earlier:
            held.pop("previous_response_id")
        return encoded({**held, "input": [*map(_without_id, earlier), *found]})

    async def _forget(self, written: deque[_Written], now: float) -> None:
        """Let go of what is over, and of the oldest of what is too much."""
        size = sum(one.size for one in written)
        while written and (size > self._most or written[0].until <= now):
            oldest = written.popleft()
            size -= oldest.size
            await self._state.note_model(oldest.place, "", 0.0)


class _Reader:
    """Reads turns for one request, within bounds, each of them once.

    Args:
        state: what is shared with other workers.
        key: the name of the client's key.
        most: bytes of all that is read for the request.
    """

    def __init__(self, state: SharedState, key: str, most: int) -> None:
        self._state = state
        self._key = key
        self._left = most
        self._turns: dict[str, Turn | None] = {}
        self._items: dict[str, dict[str, tuple[Any, int]]] = {}

    async def conversation(self, identity: str) -> list[Any]:
        """The items of an answer's conversation, oldest first; none unless all are kept.

        Raises:
            ApiError: 413 if they are too much.
        """
        turns: list[list[Any]] = []
        while identity:
            held = await self._turn(identity)
            if held is None or len(turns) == LONGEST:
                return []
            self._spend(held.size)
            turns.append(held.items)
            identity = held.before
        return [item for items in reversed(turns) for item in items]

    async def referred(self, item: Any) -> Any:  # noqa: ANN401 - of whatever input
        """An item that one stands for; itself where it stands for none that is kept.

        Raises:
            ApiError: 413 if it is too much.
        """
        identity = item.get("id") if isinstance(item, dict) else None
        if not isinstance(identity, str) or item.get("type") != "item_reference":
            return item
        named = _ITEM_ID.fullmatch(identity)
        if named is None:
            return item
        found, size = (await self._items_of(f"resp_{named[1]}")).get(identity, (item, 0))
        self._spend(size)
        return found

    async def _items_of(self, identity: str) -> dict[str, tuple[Any, int]]:
        """The items of a turn as they are sent, and their sizes, by their ids."""
        known = self._items.get(identity)
        if known is None:
            held = await self._turn(identity)
            items = [item for item in held.items if isinstance(item, dict)] if held else []
            made = [(item.get("id"), _without_id(item)) for item in items]
            known = {id_: (one, len(encoded(one))) for id_, one in made if isinstance(id_, str)}
            self._items[identity] = known
        return known

    async def _turn(self, identity: str) -> Turn | None:
        if identity in self._turns or len(self._turns) >= LONGEST:
            return self._turns.get(identity)
        await asyncio.sleep(0)  # others are served meanwhile
        value = await self._state.model_of(kept_place("turn", self._key, identity))
        held = msgspec.json.decode(value) if value else None
        turn = Turn(held["before"], held["items"], len(value or "")) if held else None
        self._turns[identity] = turn
        return turn

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            sentence = "the conversation is larger than the gateway takes; begin another one"
            raise ApiError(413, sentence, code="conversation_too_large")


def _without_id(item: Any) -> Any:  # noqa: ANN401 - of whatever input
    """An item as it is sent: another service does not know its id."""
    if not isinstance(item, dict) or item.get("type") == "item_reference":
        return item
    return {name: value for name, value in item.items() if name != "id"}
