"""Requests are stripped of mail addresses before anything else sees them."""

from __future__ import annotations

import re

from routereval.gateway import ClientRequest, LogEntry

_ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+(\.[\w-]+)+")


class MaskEmails:
    """Replaces mail addresses in requests, and counts requests by the model that answered.

    Args:
        by: what stands in their place.
    """

    def __init__(self, by: str = "[mail]") -> None:
        self.by = by.encode()
        self.answered: dict[str, int] = {}

    async def before_request(self, request: ClientRequest) -> None:
        """Look at a request before it is decided on; what is left in its body goes upstream."""
        request.body = _ADDRESS.sub(self.by, request.body)

    def record(self, entry: LogEntry) -> None:
        """Take note of a request that is over."""
        self.answered[entry.model] = self.answered.get(entry.model, 0) + 1
