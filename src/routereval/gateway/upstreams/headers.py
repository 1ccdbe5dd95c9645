"""Which headers pass between clients and upstreams, in both directions.

Only those named here pass, and those of ``[headers]``: a header may choose who is billed, name a
tenant, or tell how the operator's account stands, and nobody knows all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from routereval.errors import DataError
from routereval.gateway.config import HeadersConfig
from routereval.gateway.protocols import Headers
from routereval.gateway.upstream_config import UpstreamConfig
from routereval.gateway.upstreams.upstream_key import NO_KEY, UpstreamKey

UP = frozenset(
    {
        b"accept",
        b"anthropic-beta",
        b"anthropic-version",
        b"content-type",
        b"idempotency-key",
        b"openai-beta",
        b"traceparent",
        b"tracestate",
        b"user-agent",
        b"x-client-request-id",
        b"x-request-id",
    }
)
DOWN = frozenset(
    {
        b"cache-control",
        b"content-language",
        b"content-type",
        b"openai-processing-ms",
        b"openai-version",
        b"request-id",
        b"retry-after",
        b"retry-after-ms",
        b"x-request-id",
        b"x-should-retry",
    }
)
_UP_PREFIXES = (b"x-stainless-",)
_DOWN_PREFIXES = (b"x-ratelimit-", b"anthropic-ratelimit-")
# What no configuration lets pass: it belongs to the connection, or to the gateway itself.
_NEVER = frozenset(
    {
        b"accept-encoding",
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"date",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_UNCOMPRESSED = (b"accept-encoding", b"identity")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class HeaderFilter:
    """What passes of headers, whose names are in small letters.

    Args:
        config: what else passes.

    Raises:
        DataError: for a name that is none, or that must not pass.

    >>> passing = HeaderFilter(HeadersConfig(up=("X-Team",)))
    >>> passing.up([(b"x-team", b"red"), (b"x-other", b"1"), (b"accept", b"*/*")], {b"accept"})
    [(b'x-team', b'red'), (b'accept-encoding', b'identity')]
    >>> passing.down([(b"x-ratelimit-limit", b"9"), (b"openai-organization", b"acme")])
    [(b'x-ratelimit-limit', b'9')]
    """

    def __init__(self, config: HeadersConfig) -> None:
        self._up = UP | _names(config.up, "up")
        self._down = DOWN | _names(config.down, "down")

    def up(self, headers: Headers, own: Collection[bytes]) -> Headers:
        """What goes upstream of a client's headers.

        Answers are not to be compressed: such events could be neither counted nor followed by an
        error.

        Args:
            headers: the client's.
            own: the names of those that the upstream has itself.
        """
        passed = [
            header
            for header in headers
            if (header[0] in self._up or header[0].startswith(_UP_PREFIXES))
            and header[0] not in own
        ]
        passed.append(_UNCOMPRESSED)
        return passed

    def down(self, headers: Iterable[tuple[bytes, bytes]], key: UpstreamKey = NO_KEY) -> Headers:
        """What goes to the client of an upstream's headers, which have no key then."""
        return [
            (name, key.removed_from(value))
            for name, value in headers
            if name in self._down or name.startswith(_DOWN_PREFIXES)
        ]


def with_safe_type(headers: Headers, body: bytes) -> Headers:
    """The headers of a whole answer, with no type that a browser would show or run.

    >>> with_safe_type([(b"content-type", b"text/html")], b"<script>")
    [(b'content-type', b'text/plain; charset=utf-8')]
    """
    kinds = [value for name, value in headers if name == b"content-type"]
    if len(kinds) == 1 and kinds[0].partition(b";")[0].strip().lower() == b"application/json":
        return headers
    kind = (
        b"application/json" if body.lstrip()[:1] in (b"{", b"[") else b"text/plain; charset=utf-8"
    )
    return [*(h for h in headers if h[0] != b"content-type"), (b"content-type", kind)]


def own_headers(config: UpstreamConfig, key: str) -> dict[str, str]:
    """What an upstream is sent with every request: its headers, and its key.

    Raises:
        DataError: for a header that cannot be sent.

    >>> azure = UpstreamConfig("m", "https://x", key_header="api-key", headers={"X-Title": "us"})
    >>> own_headers(azure, "secret")
    {'x-title': 'us', 'api-key': 'secret'}
    """
    found = {name.lower(): value for name, value in config.headers.items()}
    if key:
        name = config.key_header.lower()
        found[name] = f"Bearer {key}" if name == "authorization" else key
    for name, value in found.items():
        own = name == config.key_header.lower()
        if not _NAME.fullmatch(name) or (name.encode() in _NEVER and not own):
            raise DataError(f"upstream {config.name!r}: header {name!r} cannot be sent")
        if not value.isprintable() or not value.isascii():
            raise DataError(f"upstream {config.name!r}: header {name!r} must be printable ASCII")
    return found


def _names(names: Iterable[str], direction: str) -> frozenset[bytes]:
    found = set()
    for name in names:
        lowered = name.lower().encode("ascii", "replace")
        if not _NAME.fullmatch(name):
            raise DataError(f"[headers] {direction}: {name!r} is not the name of a header")
        if lowered in _NEVER or lowered.startswith(b"x-routereval-"):
            raise DataError(f"[headers] {direction}: {name!r} cannot pass; leave it out")
        found.add(lowered)
    return frozenset(found)
