"""What of an upstream stands in every request to it: its address, its path, its own headers."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote, quote_plus, unquote, urlsplit

from routereval.errors import DataError
from routereval.gateway.protocols import Headers
from routereval.gateway.upstream_config import UpstreamConfig
from routereval.gateway.upstreams.errors import UpstreamError
from routereval.gateway.upstreams.headers import own_headers
from routereval.gateway.upstreams.upstream_key import UpstreamKey

_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=-._~?"


class Target:
    """An upstream as the client asks it: its URLs, its key, its timeouts.

    Attributes:
        origin: host, port, and whether it is encrypted.
        headers: the upstream's own, by their names in small letters.
        names: of these.

    Raises:
        DataError: for a host or header that cannot be.

    >>> Target(UpstreamConfig("m", "https://x.example/v1?version=1"), "").url("/chat/completions")
    'https://x.example/v1/chat/completions?version=1'
    """

    def __init__(self, config: UpstreamConfig, key: str) -> None:
        self.config = config
        self.key = UpstreamKey(key)
        self.headers = own_headers(config, key)
        url = urlsplit(config.base_url)
        if url.username and "authorization" not in self.headers:
            pair = unquote(f"{url.username}:{url.password or ''}")
            self.headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        tls = url.scheme == "https"
        self.origin = (_ascii_host(url.hostname or ""), url.port or (443 if tls else 80), tls)
        self.names = frozenset(name.encode() for name in self.headers)
        self._url = url
        self._own = b"".join(_line(n.encode(), v.encode()) for n, v in self.headers.items())
        self._beginnings: dict[str, bytes] = {}

    def url(self, path: str) -> str:
        """The URL of a path."""
        host, _, _ = self.origin
        named = f"[{host}]" if ":" in host else host
        port = (
            f":{self._url.port}" if self._url.port not in (None, _PORTS[self._url.scheme]) else ""
        )
        base = quote(self._url.path.rstrip("/") + path, safe=_SAFE)
        query = f"?{quote_plus(self._url.query, safe=_SAFE)}" if self._url.query else ""
        return f"{self._url.scheme}://{named}{port}{base}{query}"  # Azure's has its api-version

    def head(self, path: str, headers: Headers, length: int) -> bytes:
        """The head of a request.

        Args:
            path: behind the base URL.
            headers: what passes of the client's.
            length: of the body, in bytes.

        Raises:
            UpstreamError: if a header cannot be sent.
        """
        begin = self._beginnings.get(path)
        if begin is None:
            url = urlsplit(self.url(path))
            where = url._replace(scheme="", netloc="").geturl()
            begin = f"POST {where} HTTP/1.1\r\nHost: {url.netloc}\r\n".encode()
            self._beginnings[path] = begin
        passed = b"".join([b"%b: %b\r\n" % header for header in headers])
        lines = len(headers)
        if passed.count(b"\n") > lines or passed.count(b"\r") > lines or b"\0" in passed:
            raise UpstreamError("garbage", "cannot be sent a header with a line break")
        return b"%b%b%bContent-Length: %d\r\n\r\n" % (begin, passed, self._own, length)


def _ascii_host(host: str) -> str:
    """A host as the system looks it up.

    >>> _ascii_host("bücher.example"), _ascii_host("::1")
    ('xn--bcher-kva.example', '::1')
    """
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise DataError(f"there is no host {host!r}; mend the base_url") from None


def _line(name: bytes, value: bytes) -> bytes:
    return b"%b: %b\r\n" % (name, value)
