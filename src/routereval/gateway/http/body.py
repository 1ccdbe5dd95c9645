"""Reading the body of a request, within bounds of size and time."""

from __future__ import annotations

import asyncio

from routereval.gateway.api_error import ApiError
from routereval.gateway.deadline import Within
from routereval.gateway.http.asgi import Receive
from routereval.gateway.protocols import Headers


class ClientGoneError(Exception):
    """The client left before its request was whole."""


class BodyMemory:
    """The bytes of all bodies that are being read or served, within a bound.

    >>> memory = BodyMemory(100)
    >>> memory.hold(60)
    >>> memory.hold(60)
    Traceback (most recent call last):
    routereval.gateway.api_error.ApiError: the gateway holds all the bodies it can; try again soon
    >>> memory.free(60), memory.held
    (None, 0)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def hold(self, size: int) -> None:
        """Take on more bytes.

        Raises:
            ApiError: 503 if that is more than the bound.
        """
        if self.held + size > self._most:
            sentence = "the gateway holds all the bodies it can; try again soon"
            raise ApiError(503, sentence, code="overloaded", retry_after=1.0)
        self.held += size

    def free(self, size: int) -> None:
        """Let go of bytes."""
        self.held -= size


async def read_body(
    receive: Receive, headers: Headers, most: int, seconds: float, memory: BodyMemory
) -> bytes:
    """The whole body of a request.

    Args:
        receive: of ASGI.
        headers: of the request.
        most: bytes.
        seconds: until it must be there.
        memory: which holds the bytes that are returned, until the caller frees them.

    Raises:
        ApiError: 413 if it is too large, 408 if it is too slow, 415 if it is compressed, 503 if
            there is no memory for it.
        ClientGoneError: if the client leaves meanwhile.
    """
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise _too_large_error(most)
        if name == b"content-encoding" and value.lower() != b"identity":
            raise ApiError(415, "send the body uncompressed", code="unsupported_encoding")
    try:
        until = asyncio.get_running_loop().time() + seconds
        return await Within(until, _all_parts(receive, most, memory))
    except TimeoutError:
        raise ApiError(408, "the body came too slowly", code="request_timeout") from None


async def _all_parts(receive: Receive, most: int, memory: BodyMemory) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    try:
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part = message.get("body", b"")
            if size + len(part) > most:
                raise _too_large_error(most)
            memory.hold(len(part))
            parts.append(part)
            size += len(part)
            more = message.get("more_body", False)
    except BaseException:
        memory.free(size)  # nobody gets them
        raise
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large_error(most: int) -> ApiError:
    return ApiError(413, f"the body is larger than {most} bytes", code="request_too_large")
