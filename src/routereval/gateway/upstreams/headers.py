"""Which headers pass between clients and upstreams, in both directions.

Whatever is not named here passes unchanged: a relay does not know what its two ends agreed on.
"""

from __future__ import annotations

from collections.abc import Iterable

from routereval.gateway.protocols import Headers

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
# The client's credentials are the gateway's affair, and so is where the client is.
_PRIVATE = {
    b"authorization",
    b"api-key",
    b"cookie",
    b"forwarded",
    b"via",
    b"x-api-key",
    b"x-goog-api-key",
    b"x-real-ip",
}
# Compressed events could be neither counted nor followed by an error.
_REPLACED = {b"accept-encoding", b"content-length", b"expect", b"host"}
_NOT_UP = _HOP_BY_HOP | _PRIVATE | _REPLACED
_NOT_DOWN = _HOP_BY_HOP | {b"content-length", b"date", b"server", b"set-cookie", b"alt-svc"}
_OURS = (b"x-routereval-", b"x-forwarded-")


def headers_up(headers: Iterable[tuple[bytes, bytes]], key: str) -> list[tuple[str, str]]:
    """What goes upstream of a client's headers, with the upstream's own key.

    >>> headers_up([(b"authorization", b"Bearer mine"), (b"openai-beta", b"x")], "theirs")
    [('openai-beta', 'x'), ('accept-encoding', 'identity'), ('authorization', 'Bearer theirs')]
    """
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in _NOT_UP and not name.startswith(_OURS)
    ]
    passed.append(("accept-encoding", "identity"))
    if key:
        passed.append(("authorization", f"Bearer {key}"))
    return passed


def headers_down(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What goes to the client of an upstream's headers.

    >>> headers_down([(b"X-RateLimit-Limit", b"9"), (b"Set-Cookie", b"a=b")])
    [(b'x-ratelimit-limit', b'9')]
    """
    lowered = ((name.lower(), value) for name, value in headers)
    return [
        (name, value)
        for name, value in lowered
        if name not in _NOT_DOWN and not name.startswith(_OURS)
    ]
