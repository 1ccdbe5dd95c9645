"""The ASGI application, and what every request passes before its endpoint."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import api_of
from routereval.gateway.dialects.errors import error_body
from routereval.gateway.http.asgi import Message, Receive, Scope, Send
from routereval.gateway.http.browser_policy import BrowserPolicy, sender_of
from routereval.gateway.http.relay import Relay
from routereval.gateway.protocols import Headers

_RELAYED = frozenset(
    {
        *("/v1/chat/completions", "/v1/completions"),
        *("/v1/messages", "/v1/responses", "/v1/embeddings"),
    }
)
_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is answered also when there is no place for another request."""


class GatewayApp(Starlette):
    """An application of Starlette that passes completions to the relay without its help.

    Args:
        relay: what answers them.
        policy: what pages in a browser may ask.
        named: of Starlette.
    """

    def __init__(self, relay: Relay, policy: BrowserPolicy, **named: Any) -> None:  # noqa: ANN401
        super().__init__(**named)
        self.state.relay = relay
        self._relay = relay
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, if it may come from where it does."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        sender, method = sender_of(scope["headers"]), scope["method"]
        if sender.origin:
            send = _with_headers(send, self._policy.answer_headers(sender.origin))
        refusal = self._policy.refusal(method, sender)
        if refusal is not None:
            await _send_error(send, refusal, scope)
        elif method == "OPTIONS" and self._policy.allows(sender.origin):
            await _send_preflight(send, scope, self._policy)
        elif method == "POST" and scope["path"] in _RELAYED:
            await self._relay(scope, receive, send)
        elif scope["path"] in _ALWAYS:
            await super().__call__(scope, receive, send)
        else:
            await self._in_a_place(scope, receive, send)

    async def _in_a_place(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._relay.occupied():
                await super().__call__(scope, receive, send)
        except ApiError as error:
            await _send_error(send, error, scope)


def _with_headers(send: Send, headers: Headers) -> Send:
    """A `send` that adds headers to the answer."""
    if not headers:
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *headers]
        await send(message)

    return sending


async def _send_error(send: Send, error: ApiError, scope: Scope) -> None:
    await _send(send, error.status, error.headers, error_body(error, api_of(scope["path"])))


async def _send_preflight(send: Send, scope: Scope, policy: BrowserPolicy) -> None:
    asked = next((v for n, v in scope["headers"] if n == b"access-control-request-headers"), b"")
    headers = policy.preflight_headers(asked.decode("latin-1"))
    await _send(send, 204, headers, b"")


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": status, "headers": [*headers, *length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
