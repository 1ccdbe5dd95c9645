"""Reading the body of a request, within bounds of size and time."""

from __future__ import annotations

import asyncio

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.asgi import Receive
from routereval.gateway.protocols import Headers


class ClientGoneError(Exception):
    """The client left before its request was whole."""


async def read_body(receive: Receive, headers: Headers, most: int, seconds: float) -> bytes:
    """The whole body of a request.

    Args:
        receive: of ASGI.
        headers: of the request.
        most: bytes.
        seconds: until it must be there.

    Raises:
        ApiError: 413 if it is too large, 408 if it is too slow.
        ClientGoneError: if the client leaves meanwhile.
    """
    length = next((value for name, value in headers if name == b"content-length"), b"")
    if length.isdigit() and int(length) > most:
        raise _too_large_error(most)
    try:
        async with asyncio.timeout(seconds):
            return await _all_parts(receive, most)
    except TimeoutError:
        raise ApiError(408, "the body came too slowly", code="request_timeout") from None


async def _all_parts(receive: Receive, most: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _too_large_error(most)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large_error(most: int) -> ApiError:
    return ApiError(413, f"the body is larger than {most} bytes", code="request_too_large")
