"""The APIs by name: where they are asked, and how answers and streams are recognised."""

from __future__ import annotations

import re
from typing import NamedTuple

_STRING = rb'"\s*:\s*"((?:[^"\\]|\\.)*+)"'
_CHAT_TEXT = rb'"(?:content|text|reasoning|reasoning_content|thinking|refusal|arguments)'


class Api(NamedTuple):
    """One API.

    Attributes:
        name: as an upstream declares it.
        title: as a sentence says it.
        path: behind the base URL.
        holds: the field without which an answer is none.
        mark: what stands in every event that `finished` finds.
        text: the texts in a stream's events, of which tokens are counted.
        finished: what stands in a stream that has come to its end.
        failed: what stands in an event that is an error.
    """

    name: str
    title: str
    path: str
    holds: str
    mark: bytes
    text: re.Pattern[bytes]
    finished: re.Pattern[bytes]
    failed: re.Pattern[bytes]


CHAT = Api(
    "chat",
    "chat completions",
    "/chat/completions",
    "choices",
    b'finish_reason"',
    re.compile(_CHAT_TEXT + _STRING),
    re.compile(rb'"finish_reason"\s*:\s*"'),
    re.compile(rb'"error"\s*:\s*[{"]'),
)
MESSAGES = Api(
    "messages",
    "the Messages API",
    "/messages",
    "content",
    b"stop",
    re.compile(rb'"(?:text|thinking|partial_json)' + _STRING),
    re.compile(rb'"stop_reason"\s*:\s*"|"type"\s*:\s*"message_stop"'),
    re.compile(rb'"type"\s*:\s*"error"'),
)
RESPONSES = Api(
    "responses",
    "the Responses API",
    "/responses",
    "output",
    b'"response.',
    re.compile(rb'"delta' + _STRING),
    re.compile(rb'"type"\s*:\s*"response\.(?:completed|incomplete|failed)"'),
    re.compile(rb'"type"\s*:\s*"(?:error|response\.failed)"'),
)
EMBEDDINGS = Api(
    "embeddings",
    "embeddings",
    "/embeddings",
    "data",
    CHAT.mark,
    CHAT.text,
    CHAT.finished,
    CHAT.failed,
)
COUNTS = MESSAGES._replace(path="/messages/count_tokens", holds="input_tokens")
APIS = {api.name: api for api in (CHAT, MESSAGES, RESPONSES, EMBEDDINGS)}
_BY_PATH = {f"/v1{api.path}": api for api in APIS.values()}


def api_of(path: str) -> Api:
    """The API that a path belongs to; chat completions for all that have none of their own.

    >>> api_of("/v1/messages").name, api_of("/v1/messages/count_tokens").name, api_of("/x").name
    ('messages', 'messages', 'chat')
    """
    found = _BY_PATH.get(path)
    if found is None:
        found = MESSAGES if path.startswith("/v1/messages/") else CHAT
    return found
