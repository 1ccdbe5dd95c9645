"""How soon an answer must begin: what a client asks for, or its virtual model, or the gateway."""

from __future__ import annotations

import math

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import RoutingConfig, VirtualModel

LIMIT_HEADER = b"x-routereval-p95-s"


def latency_limit(virtual: VirtualModel | None, routing: RoutingConfig, asked: str) -> float:
    """The limit on the 95th percentile of seconds that a request has; 0 for none.

    Args:
        virtual: the virtual model that it is for; None for a model by name, which has no limit.
        routing: of the gateway.
        asked: the client's header, which goes before what is configured; empty without.

    Raises:
        ApiError: 400 if that is no number of seconds.

    >>> latency_limit(VirtualModel(), RoutingConfig(p95_s=9.0), "2.5")
    2.5
    >>> latency_limit(VirtualModel(p95_s=3.0), RoutingConfig(p95_s=9.0), "")
    3.0
    """
    if virtual is None:
        return 0.0
    if not asked:
        return virtual.p95_s or routing.p95_s
    try:
        seconds = float(asked)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        sentence = f"the header {LIMIT_HEADER.decode()} holds seconds above 0, not {asked[:40]!r}"
        raise ApiError(400, sentence, code="invalid_request")
    return seconds
