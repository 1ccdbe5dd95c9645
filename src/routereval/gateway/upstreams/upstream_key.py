"""The key of an upstream, and its removal from whatever comes down."""

from __future__ import annotations

SHORTEST_SECRET = 12
"""Characters of the shortest key that is a secret; local services take ``x``, or ``ollama``."""
REMOVED = b"***"


class UpstreamKey:
    r"""What an upstream is sent as its key.

    Args:
        text: the key; empty for none.

    Attributes:
        longest: bytes of the longest way to write it.

    >>> key = UpstreamKey("sk-ab/cd-0123456789")
    >>> key.removed_from(b'{"you sent": "sk-ab\\/cd-0123456789"}')
    b'{"you sent": "***"}'
    >>> UpstreamKey("ollama").removed_from(b"ollama serves it")
    b'ollama serves it'
    """

    __slots__ = ("_forms", "longest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        raw = text.encode() if len(text) >= SHORTEST_SECRET else b""
        forms = {raw, raw.replace(b"/", rb"\/"), raw.replace(b"/", rb"\u002f")} - {b""}
        self._forms = tuple(sorted(forms))
        self.longest = max(map(len, self._forms), default=0)

    def removed_from(self, data: bytes) -> bytes:
        """The bytes without the key."""
        for form in self._forms:
            if form in data:
                data = data.replace(form, REMOVED)
        return data


NO_KEY = UpstreamKey("")
