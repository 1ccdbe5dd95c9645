"""A whole answer of an upstream that speaks chat completions, as the client's API has it."""

from __future__ import annotations

from routereval.gateway.dialects.chat_answer import AnswerError
from routereval.gateway.dialects.errors import translated_error
from routereval.gateway.dialects.translation import translated_answer
from routereval.gateway.protocols import ChatRequest
from routereval.gateway.upstreams.errors import Reply, UpstreamError


def translated_reply(reply: Reply, request: ChatRequest, identity: str) -> Reply:
    """An answer, or an error, in the API of its request.

    Args:
        reply: of chat completions.
        request: that it answers.
        identity: of the request; what ids are made of.

    Raises:
        UpstreamError: if it is no answer that could be translated.
    """
    compressed = any(name == b"content-encoding" for name, _ in reply.headers)
    if reply.status >= 400:
        headers = [header for header in reply.headers if header[0] != b"content-encoding"]
        body = b"the upstream says no" if compressed else reply.body
        return Reply(reply.status, headers, translated_error(reply.status, body, request.api))
    if compressed:
        raise UpstreamError("garbage", "compressed its answer although asked not to", billed=True)
    try:
        body = translated_answer(reply.body, request.api, identity, request.echo)
    except AnswerError as error:
        raise UpstreamError("garbage", str(error), billed=True) from None
    return Reply(reply.status, reply.headers, body)
