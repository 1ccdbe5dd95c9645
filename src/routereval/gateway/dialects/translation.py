"""What goes between a client of another API and an upstream that speaks chat completions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Api
from routereval.gateway.dialects.chat_answer import read_answer
from routereval.gateway.dialects.chat_parts import parts_of_chat, parts_of_embeddings
from routereval.gateway.dialects.messages_answer import MessagesStream, message_of_answer
from routereval.gateway.dialects.messages_request import chat_of_messages, parts_of_messages
from routereval.gateway.dialects.request_parts import ChatForm, RequestParts
from routereval.gateway.dialects.responses_answer import ResponsesStream, response_of_answer
from routereval.gateway.dialects.responses_request import chat_of_responses, parts_of_responses

READ: Mapping[str, Callable[[Mapping[str, Any]], RequestParts]] = {
    CHAT.name: parts_of_chat,
    EMBEDDINGS.name: parts_of_embeddings,
    MESSAGES.name: parts_of_messages,
    RESPONSES.name: parts_of_responses,
}
"""What reads a request of an API."""

TO_CHAT: Mapping[str, Callable[[Mapping[str, Any]], ChatForm]] = {
    MESSAGES.name: chat_of_messages,
    RESPONSES.name: chat_of_responses,
}
"""What makes chat completions of a request."""


class TranslatedStream(Protocol):
    """Makes a client's events of an upstream's."""

    def take(self, events: bytes) -> bytes:
        """The events that some whole events of the upstream become.

        Raises:
            AnswerError: if they are none of chat completions.
        """

    def end(self) -> bytes:
        """The events with which the answer ends."""

    def error(self, error: ApiError) -> bytes:
        """An event for an error."""


def translated_answer(body: bytes, api: Api, identity: str, echo: Mapping[str, Any]) -> bytes:
    """A whole answer as the client's API has it.

    Args:
        body: of chat completions.
        api: the client's.
        identity: of the request.
        echo: what is repeated of it.

    Raises:
        AnswerError: if the body is no answer.
    """
    answer = read_answer(body)
    if api is MESSAGES:
        return message_of_answer(answer, identity)
    return response_of_answer(answer, identity, echo)


def translated_stream(
    api: Api, identity: str, model: str, echo: Mapping[str, Any]
) -> TranslatedStream:
    """What makes a stream of the client's API.

    Args:
        api: the client's.
        identity: of the request.
        model: that is named where the upstream names none.
        echo: what is repeated of the request.
    """
    if api is MESSAGES:
        return MessagesStream(identity, model)
    return ResponsesStream(identity, model, echo)
