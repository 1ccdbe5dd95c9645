"""What is remembered of a conversation between its requests."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from routereval.gateway.protocols import MAX_TOKENS
from routereval.gateway.shared_state import SharedState


class WarmCache(NamedTuple):
    """What an upstream's prompt cache holds of a conversation.

    Attributes:
        tokens: of the prompt and the answer that came last.
        time: of that, in seconds since the epoch.
    """

    tokens: int
    time: float


class Conversation(msgspec.Struct, frozen=True):
    """What is remembered of a conversation.

    Attributes:
        home: the upstream that it stays with, by its label.
        asked: the virtual model for which that was chosen.
        stand_in: who answers while `home` cannot; empty for nobody yet.
        last: who answered last.
        failures: failed results of tools that it had when it came to `home`.
        escalated: whether it went to a better model after such failures already.
        warm: by labels.
    """

    home: str
    asked: str
    stand_in: str = ""
    last: str = ""
    failures: int = 0
    escalated: bool = False
    warm: dict[str, WarmCache] = msgspec.field(default_factory=dict)

    def cached_tokens(self, label: str, now: float, seconds: float) -> int:
        """What of the conversation is in an upstream's cache, if that lasts for so long.

        >>> talk = Conversation("a", "auto", warm={"a": WarmCache(50, 10.0)})
        >>> talk.cached_tokens("a", 20.0, 60), talk.cached_tokens("a", 90.0, 60)
        (50, 0)
        """
        found = self.warm.get(label)
        return found.tokens if found is not None and now - found.time <= seconds else 0

    def answered(self, label: str, cache: WarmCache, seconds: float) -> Conversation:
        """The same after an answer; caches that are older than `seconds` are forgotten."""
        warm = {at: held for at, held in self.warm.items() if cache.time - held.time <= seconds}
        tokens = min(cache.tokens, MAX_TOKENS)
        warm[label] = WarmCache(tokens, cache.time)
        return msgspec.structs.replace(self, last=label, warm=warm)


class Conversations:
    """Remembers conversations.

    Args:
        state: what is shared with other workers.
        seconds: for how long after an answer.
    """

    def __init__(self, state: SharedState, seconds: float) -> None:
        self._state = state
        self.seconds = seconds

    async def find(self, identity: str) -> Conversation | None:
        """What is remembered of a conversation; None for nothing."""
        held = await self._state.model_of(identity)
        try:
            return None if held is None else msgspec.json.decode(held, type=Conversation)
        except msgspec.DecodeError:  # of an older version
            return None

    async def note(self, identity: str, conversation: Conversation) -> None:
        """Remember a conversation."""
        held = msgspec.json.encode(conversation).decode()
        await self._state.note_model(identity, held, self.seconds)
