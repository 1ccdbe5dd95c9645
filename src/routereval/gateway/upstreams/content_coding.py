"""Answers that come compressed although they were asked for as they are.

What is compressed could not be searched for the upstream's key, nor counted, nor followed by an
error. So it is decompressed, a part at a time, and what cannot be is no answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from routereval.gateway.upstreams.errors import UpstreamError

PART_BYTES = 1 << 18
"""The most that one look at compressed bytes gives, however much they hold."""
_GZIP_OR_ZLIB, _RAW = 47, -15  # as zlib names its formats
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


class Decoder:
    r"""Decompresses an answer in gzip or deflate.

    >>> decoder = Decoder("deflate")
    >>> decoder.feed(zlib.compress(b"as it is"))
    >>> decoder.part(), decoder.part(), decoder.finished
    (b'as it is', b'', True)
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._state = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._fed = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take more of the answer, once `part` has given all of it that came before."""
        self._fed += data

    def part(self) -> bytes:
        """The next `PART_BYTES` at most of what it becomes; none where more has to come.

        Raises:
            UpstreamError: if it is damaged.
        """
        while True:
            if self._state.eof:
                if not self._fed:
                    return b""
                self._state = zlib.decompressobj(_GZIP_OR_ZLIB)  # gzip may go on with another
            found = self._decompressed()
            if found or not self._state.eof:
                return found

    @property
    def finished(self) -> bool:
        """Whether the answer is whole, as far as its compression tells."""
        return self._state.eof and not self._fed

    def _decompressed(self) -> bytes:
        try:
            found = self._state.decompress(self._fed, PART_BYTES)
        except zlib.error:
            if self._begun or self._coding != "deflate":
                detail = f"answered in {self._coding} that is damaged"
                raise UpstreamError("garbage", detail, billed=True) from None
            self._state = zlib.decompressobj(_RAW)  # as some services take the name
            self._begun = True
            return self._decompressed()
        self._begun = self._begun or bool(found)
        self._fed = self._state.unconsumed_tail or self._state.unused_data
        return found


def decoder_of(codings: Iterable[str]) -> Decoder | None:
    """What decompresses an answer; None where that is not compressed.

    Args:
        codings: the values of its headers ``content-encoding``.

    Raises:
        UpstreamError: if it is compressed in another way.

    >>> decoder_of(["identity"]) is None, decoder_of(["GZip"]) is None
    (True, False)
    """
    names = [name.strip().lower() for value in codings for name in value.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names:
        return None
    if len(names) > 1 or names[0] not in _KNOWN:
        detail = f"compressed its answer ({', '.join(names)[:40]}) although asked not to"
        raise UpstreamError("garbage", detail, billed=True)
    return Decoder(names[0])
