"""A whole answer of an upstream that speaks another API, as the client's has it."""

from __future__ import annotations

from routereval.gateway.dialects.chat_answer import AnswerError
from routereval.gateway.dialects.errors import translated_error
from routereval.gateway.dialects.translation import Frame, translated_answer
from routereval.gateway.upstreams.errors import Reply, UpstreamError


def translated_reply(reply: Reply, frame: Frame) -> Reply:
    """An answer, or an error, in the API of its request.

    Args:
        reply: in the API that the upstream speaks.
        frame: what is known of it.

    Raises:
        UpstreamError: if it is no answer that could be translated.
    """
    if reply.status >= 400:
        body = reply.body or b"the upstream says no"
        return Reply(reply.status, reply.headers, translated_error(reply.status, body, frame.api))
    try:
        body = translated_answer(reply.body, frame)
    except AnswerError as error:
        raise UpstreamError("garbage", str(error), billed=True) from None
    return Reply(reply.status, reply.headers, body)
