"""What headers say of a client, and text as it may stand in them."""

from __future__ import annotations

from collections.abc import Iterable


def plain_ascii(text: str) -> bytes:
    r"""Text as it may stand in a header.

    >>> plain_ascii("größe")
    b'gr\\xf6\\xdfe'
    """
    return text.replace("\n", " ").replace("\r", " ").encode("ascii", "backslashreplace")


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key behind ``Authorization: Bearer``, or in ``x-api-key`` or ``api-key``; None without.

    >>> bearer([(b"authorization", b"Bearer abc")]), bearer([])
    ('abc', None)
    """
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip().decode("latin-1")
        if name in (b"x-api-key", b"api-key"):
            return value.strip().decode("latin-1")
    return None
