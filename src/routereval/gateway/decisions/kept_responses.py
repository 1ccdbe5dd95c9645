"""Which upstream keeps which answer of the Responses API, so that it can be gone on from."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

from routereval.gateway.api_error import ApiError
from routereval.gateway.shared_state import SharedState

KEPT_S = 7 * 86_400.0
_ID = re.compile(rb'"id"\s*:\s*"(resp_[^"\\]{1,200})"')


class KeptResponse(NamedTuple):
    """Where an answer is kept: its upstream, by its label, and the conversation it is part of."""

    label: str
    conversation: str


class KeptResponses:
    """Remembers for `KEPT_S` which upstream gave an answer; each key has its own.

    Args:
        state: what is shared with other workers.
    """

    def __init__(self, state: SharedState) -> None:
        self._state = state

    async def note(self, key: str, data: bytes, kept: KeptResponse) -> None:
        """Remember the answer whose id stands in some bytes of it, if one does."""
        found = _ID.search(data)
        if found is not None:
            value = f"{kept.label}\n{kept.conversation}"
            await self._state.note_model(
                kept_place("response", key, found[1].decode("latin-1")), value, KEPT_S
            )

    async def find(self, key: str, identity: str) -> KeptResponse:
        """Where an answer is kept.

        Raises:
            ApiError: 400 if it is not known to this key.
        """
        held = await self._state.model_of(kept_place("response", key, identity))
        if held is None:
            raise not_found_error(identity)
        label, _, conversation = held.partition("\n")
        return KeptResponse(label, conversation)


def not_found_error(identity: str) -> ApiError:
    """The error for an answer that cannot be gone on from."""
    sentence = (
        f"Previous response with id {identity[:200]!r} not found; no upstream is known to keep it, "
        "so send the whole conversation as input"
    )
    code, param = "previous_response_not_found", "previous_response_id"
    return ApiError(400, sentence, code=code, param=param)


def kept_place(kind: str, key: str, identity: str) -> str:
    """Where something that a key may go on from stands in the shared state.

    Args:
        kind: what is kept.
        key: the name of the key.
        identity: the id of what is kept.
    """
    text = f"{kind}\n{key}\n{identity}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
