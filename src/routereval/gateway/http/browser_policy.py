"""What pages in a browser may ask of the gateway.

A browser sends requests for any page that it shows. Where the gateway asks for no key, a page could
so spend its owner's money, or read answers by a name of its own that it lets point to this machine
(DNS rebinding). Pages of other origins are let in by ``[server] origins`` (CORS).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from routereval.errors import DataError
from routereval.gateway.api_error import ApiError
from routereval.gateway.config import ServerConfig
from routereval.gateway.protocols import Headers

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SHOWN = (
    b"x-routereval-request-id, x-routereval-model, x-routereval-reason, x-routereval-score, "
    b"x-routereval-unfamiliar, x-request-id, retry-after"
)


class Sender(NamedTuple):
    """What the headers of a request say of where it comes from; empty for nothing."""

    host: str = ""
    origin: str = ""
    site: str = ""


class BrowserPolicy:
    """Whether a request may come from where it does, and who may read its answer.

    Args:
        server: its ``hosts`` and ``origins``.
        keyless: whether everybody may ask.

    Raises:
        DataError: for an origin that is none, or all of them where there are no keys.

    >>> policy = BrowserPolicy(ServerConfig(origins=("https://chat.example",)), keyless=True)
    >>> policy.refusal("POST", Sender("127.0.0.1:8080", "https://evil.example")).code
    'origin_not_allowed'
    >>> policy.refusal("GET", Sender("rebound.evil.example")).code
    'host_not_allowed'
    >>> policy.refusal("POST", Sender("localhost:8080", "https://chat.example")) is None
    True
    """

    def __init__(self, server: ServerConfig, *, keyless: bool) -> None:
        self._hosts = frozenset(host.lower() for host in server.hosts)
        self._origins = frozenset(map(_checked_origin, server.origins))
        self._keyless = keyless
        if keyless and "*" in self._origins:
            raise DataError(
                '[server]: origins = ["*"] lets every page spend your money; '
                "name the pages, or give the gateway [access] keys"
            )

    def refusal(self, method: str, sender: Sender) -> ApiError | None:
        """Why a request is refused; None if it is not."""
        if (self._keyless or self._hosts) and not self._is_own(sender.host):
            sentence = f"the host {sender.host[:100]!r} is not known; add it to [server] hosts"
            return ApiError(403, sentence, code="host_not_allowed")
        if not self._keyless or method in _READING:
            return None
        foreign = sender.site in {"cross-site", "same-site"}
        if sender.origin:
            foreign = sender.origin.partition("://")[2] != sender.host
        if foreign and not self.allows(sender.origin):
            sentence = (
                f"pages of {sender.origin[:100] or 'another site'!r} may not ask; "
                "add them to [server] origins"
            )
            return ApiError(403, sentence, code="origin_not_allowed")
        return None

    def allows(self, origin: str) -> bool:
        """Whether pages of another origin may ask, and read the answers."""
        return bool(origin) and (origin.lower() in self._origins or "*" in self._origins)

    def answer_headers(self, origin: str) -> Headers:
        """What lets a page of this origin read an answer; nothing for others."""
        if not self.allows(origin):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _SHOWN),
            (b"vary", b"Origin"),
        ]

    def preflight_headers(self, asked: str) -> Headers:
        """The answer to what a browser asks before it sends a page's request.

        Args:
            asked: the headers that it would send.
        """
        return [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", asked.encode("latin-1")),
            (b"access-control-max-age", b"600"),
        ]

    def _is_own(self, host: str) -> bool:
        """Whether a host may be ours: given, an address, or a name that no page can have."""
        if not host:
            return True
        name = host.lower().rpartition(":")[0] if ":" in host and host[-1] != "]" else host.lower()
        if name in self._hosts or host.lower() in self._hosts:
            return True
        return "." not in name or name.endswith(".localhost") or _is_address(name.strip("[]"))


def sender_of(headers: Iterable[tuple[bytes, bytes]]) -> Sender:
    """What headers say of where a request comes from."""
    host = origin = site = b""
    for name, value in headers:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
        elif name == b"sec-fetch-site":
            site = value
    return Sender(host.decode("latin-1"), origin.decode("latin-1"), site.decode("latin-1"))


def _checked_origin(origin: str) -> str:
    lowered = origin.lower()
    scheme, mark, rest = lowered.partition("://")
    if origin != "*" and not (scheme and mark and rest and "/" not in rest):
        raise DataError(f"[server]: origins must be like https://chat.example or *, not {origin!r}")
    return lowered


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
