"""The body of a request as an upstream is sent it."""

from __future__ import annotations

import asyncio

from routereval.gateway.dialects.apis import CHAT, EMBEDDINGS, MESSAGES, Api
from routereval.gateway.http.chat_request import with_effort, with_fields, with_model, with_usage
from routereval.gateway.protocols import ChatRequest
from routereval.gateway.upstreams.errors import Reply
from routereval.gateway.upstreams.provider_error import stands_in
from routereval.gateway.upstreams.upstream import Upstream

LARGE_BODY_BYTES = 1 << 16


def spoken_api(upstream: Upstream, request: ChatRequest) -> Api:
    """The API in which an upstream is asked."""
    return upstream.spoken(request.api) or request.api


async def body_for(
    upstream: Upstream, request: ChatRequest, body: bytes, *, ask_usage: bool = True
) -> bytes:
    """A body with the upstream's own name of the model, and asked for usage.

    A large one is made by a thread.

    Args:
        upstream: that is asked.
        request: what the body asks for.
        body: the client's; or what was made of it where its readers could disagree.
        ask_usage: whether a stream may be asked for its usage.
    """
    if len(body) > LARGE_BODY_BYTES:
        return await asyncio.to_thread(_made_body, upstream, request, body, ask_usage=ask_usage)
    return _made_body(upstream, request, body, ask_usage=ask_usage)


def _made_body(upstream: Upstream, request: ChatRequest, body: bytes, *, ask_usage: bool) -> bytes:
    served_as = upstream.served_as
    config, api = upstream.config, spoken_api(upstream, request)
    made = body if api is request.api else request.forms[api.name].body
    made = made if served_as == request.model else with_model(made, served_as)
    if api is MESSAGES is not request.api:
        made = with_fields(made, {"max_tokens": upstream.answer_limit}, {}, ())
    if (config.effort or config.thinking is not None or config.set) and api is not EMBEDDINGS:
        made = with_effort(made, api, config.effort, config.thinking, config.set)
    if config.params or config.rename or config.drop:
        made = with_fields(made, config.params, config.rename, config.drop)
    return with_usage(made) if ask_usage and _is_asked_usage(upstream, request) else made


def may_refuse_usage(reply: Reply, upstream: Upstream, request: ChatRequest, body: bytes) -> bool:
    """Whether a service may not know the field by which it was asked for its usage.

    An error may repeat the words of the request, so one that has this word itself proves nothing.
    """
    asked = reply.status in {400, 422} and _is_asked_usage(upstream, request)
    return asked and b"stream_options" in reply.body and not stands_in(b"stream_options", body)


def _is_asked_usage(upstream: Upstream, request: ChatRequest) -> bool:
    """Whether a stream is asked for its usage although its client did not ask."""
    asks = request.streamed and not request.usage_asked and upstream.tells_usage
    return asks and spoken_api(upstream, request) is CHAT
