"""One upstream's answer to a request, asked in the API that it speaks."""

from __future__ import annotations

from routereval.gateway.dialects.apis import CHAT, MESSAGES, Api
from routereval.gateway.dialects.translation import Frame, TranslatedStream, translated_stream
from routereval.gateway.http.connection import Connection
from routereval.gateway.http.sent_body import body_for, may_refuse_usage, spoken_api
from routereval.gateway.http.translated_reply import translated_reply
from routereval.gateway.http.usage import usage_of_reply
from routereval.gateway.protocols import NOTHING, ChatRequest, Headers, Usage
from routereval.gateway.upstreams.client import Client, Stream
from routereval.gateway.upstreams.errors import Reply, UpstreamError
from routereval.gateway.upstreams.upstream import Upstream


async def answer_of(
    client: Client,
    connection: Connection,
    request: ChatRequest,
    upstream: Upstream,
    body: bytes,
    until: float,
) -> tuple[Reply | Stream, Usage]:
    """The answer of an upstream, and the usage of a whole one.

    A whole answer is in the client's API, a stream in the one that the upstream speaks.

    Raises:
        UpstreamError: if there is none.
    """
    api = spoken_api(upstream, request)
    own_path = connection.entry.path.removeprefix("/v1")
    path = own_path if api is request.api else api.path

    frame, translates = frame_of(connection, request, upstream), api is not request.api
    headers = with_version(connection.headers, api if translates else CHAT)

    async def answer(sent: bytes) -> Reply | Stream:
        streamed = request.streamed
        try:
            return await client.send(
                upstream.target, path, sent, headers, until, streamed=streamed, api=api
            )
        except UpstreamError as error:
            if error.reply is not None and translates:
                error.reply = translated_reply(error.reply, frame)
            raise

    connection.dropped = request.forms[api.name].dropped if translates else ()
    found = await answer(await body_for(upstream, request, body))
    if isinstance(found, Reply) and may_refuse_usage(found, upstream, request, body):
        found = await answer(await body_for(upstream, request, body, ask_usage=False))
        upstream.tells_usage = not isinstance(found, Stream)
    if isinstance(found, Stream):
        return found, NOTHING
    usage = usage_of_reply(found, request, upstream.prompt_size(request).usual)
    if translates:
        found = translated_reply(found, frame)
    return found, usage


def clients_events(
    connection: Connection, request: ChatRequest, upstream: Upstream
) -> TranslatedStream | None:
    """What makes the client's events of the upstream's; None where they are the same."""
    if not upstream.translates(request):
        return None
    return translated_stream(frame_of(connection, request, upstream))


def frame_of(connection: Connection, request: ChatRequest, upstream: Upstream) -> Frame:
    """What is known of an answer before it comes."""
    entry, api = connection.entry, spoken_api(upstream, request)
    echo = {**request.echo, "store": True} if connection.turn is not None else request.echo
    return Frame(
        request.api,
        api,
        entry.request_id,
        echo,
        upstream.config.name,
        int(entry.time),
        request.usage_asked,
    )


def with_version(headers: Headers, api: Api) -> Headers:
    """A client's headers, for the Messages API with the version that it wants.

    >>> with_version([], MESSAGES)
    [(b'anthropic-version', b'2023-06-01')]
    """
    if api is not MESSAGES:
        return headers
    name, version = b"anthropic-version", b"2023-06-01"
    known = any(key == name for key, _ in headers)
    return headers if known else [*headers, (name, version)]
