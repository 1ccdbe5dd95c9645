"""What goes between a client of one API and an upstream that speaks another one.

All of it goes by way of chat completions: a request of any API becomes one of these, and that one
of the upstream's API; an upstream's answer becomes theirs, and that the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.answer_stream import ReadChunks
from routereval.gateway.dialects.apis import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Api
from routereval.gateway.dialects.chat_answer import ChatAnswer, read_answer, read_chunks
from routereval.gateway.dialects.chat_parts import parts_of_chat, parts_of_embeddings
from routereval.gateway.dialects.completion_answer import CompletionStream, completion_of_answer
from routereval.gateway.dialects.messages_answer import MessagesStream, message_of_answer
from routereval.gateway.dialects.messages_of_chat import messages_of_chat
from routereval.gateway.dialects.messages_request import chat_of_messages, parts_of_messages
from routereval.gateway.dialects.messages_upstream import MessagesChunks, answer_of_message
from routereval.gateway.dialects.request_parts import RequestParts, TranslatedRequest
from routereval.gateway.dialects.responses_answer import ResponsesStream, response_of_answer
from routereval.gateway.dialects.responses_of_chat import responses_of_chat
from routereval.gateway.dialects.responses_request import chat_of_responses, parts_of_responses
from routereval.gateway.dialects.responses_upstream import ResponsesChunks, answer_of_response

READ: Mapping[str, Callable[[Mapping[str, Any]], RequestParts]] = {
    CHAT.name: parts_of_chat,
    EMBEDDINGS.name: parts_of_embeddings,
    MESSAGES.name: parts_of_messages,
    RESPONSES.name: parts_of_responses,
}
"""What reads a request of an API."""

_Translate = Callable[[Mapping[str, Any]], TranslatedRequest]


def _unchanged(held: Mapping[str, Any]) -> TranslatedRequest:
    return TranslatedRequest(dict(held))


_TO_CHAT: Mapping[str, _Translate] = {
    CHAT.name: _unchanged,
    MESSAGES.name: chat_of_messages,
    RESPONSES.name: chat_of_responses,
}
_FROM_CHAT: Mapping[str, _Translate] = {
    CHAT.name: _unchanged,
    MESSAGES.name: messages_of_chat,
    RESPONSES.name: responses_of_chat,
}
_ANSWERS: Mapping[str, Callable[[bytes], ChatAnswer]] = {
    CHAT.name: read_answer,
    MESSAGES.name: answer_of_message,
    RESPONSES.name: answer_of_response,
}
_CHUNKS: Mapping[str, Callable[[], ReadChunks]] = {
    CHAT.name: lambda: read_chunks,
    MESSAGES.name: MessagesChunks,
    RESPONSES.name: ResponsesChunks,
}


def other_api(api: Api, spoken: tuple[str, ...]) -> Api | None:
    """The API in which a service is asked that does not speak a request's; None if it cannot be.

    Args:
        api: of the request.
        spoken: by the service, by their names.

    >>> other_api(MESSAGES, ("embeddings", "responses", "chat")).name
    'chat'
    >>> other_api(EMBEDDINGS, ("chat",)) is None
    True
    """
    if api.name not in _TO_CHAT:
        return None
    return next((one for one in (CHAT, MESSAGES, RESPONSES) if one.name in spoken), None)


def translated_request(held: Mapping[str, Any], api: Api, spoken: Api) -> TranslatedRequest:
    """A request as another API has it.

    Args:
        held: the body.
        api: that it is of.
        spoken: the other one.

    Raises:
        UntranslatableError: if it asks for what that does not have.
    """
    chat = _TO_CHAT[api.name](held)
    made = _FROM_CHAT[spoken.name](chat.body)
    return TranslatedRequest(made.body, (*chat.dropped, *made.dropped), chat.echo)


class Frame(NamedTuple):
    """What is known of an answer before it comes.

    Attributes:
        api: the client's.
        spoken: by the upstream.
        identity: of the request; what ids are made of.
        echo: what is repeated of the request.
        model: that is named where the upstream names none.
        created: seconds since the epoch, where the upstream does not say.
        usage: whether a stream of chat completions is to end with its usage.
    """

    api: Api
    spoken: Api
    identity: str
    echo: Mapping[str, Any] = {}
    model: str = ""
    created: int = 0
    usage: bool = False


class TranslatedStream(Protocol):
    """Makes a client's events of an upstream's."""

    def take(self, events: bytes) -> bytes:
        """The events that some whole events of the upstream become.

        Raises:
            AnswerError: if they are none of its API.
        """

    def end(self) -> bytes:
        """The events with which the answer ends."""

    def error(self, error: ApiError) -> bytes:
        """An event for an error."""


def translated_answer(body: bytes, frame: Frame) -> bytes:
    """A whole answer as the client's API has it.

    Raises:
        AnswerError: if the body is no answer of the upstream's API.
    """
    answer = _ANSWERS[frame.spoken.name](body)
    if frame.api is MESSAGES:
        return message_of_answer(answer, frame.identity)
    if frame.api is RESPONSES:
        return response_of_answer(answer, frame.identity, frame.echo)
    return completion_of_answer(answer, frame.identity, frame.created)


def translated_stream(frame: Frame) -> TranslatedStream:
    """What makes a stream of the client's API."""
    read = _CHUNKS[frame.spoken.name]()
    if frame.api is MESSAGES:
        return MessagesStream(frame.identity, frame.model, read)
    if frame.api is RESPONSES:
        return ResponsesStream(frame.identity, frame.model, frame.echo, read)
    return CompletionStream(frame.identity, frame.model, frame.created, read, usage=frame.usage)
