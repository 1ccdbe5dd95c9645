"""``GET /metrics`` and ``POST /v1/feedback``."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.app import Endpoint, authorization_of, body_of
from routereval.gateway.observe.decision_log import DecisionLog
from routereval.gateway.observe.feedback import MAX_BYTES, read_feedback
from routereval.gateway.observe.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def metrics_endpoint(metrics: Metrics) -> Endpoint:
    """The metrics: for everybody where there are no keys, else for those `[access]` names."""

    async def answer(request: Request) -> Response:
        from starlette.responses import Response

        relay = request.app.state.relay
        key = (await authorization_of(request)).key
        if key and key not in relay.config.access.metrics:
            sentence = f"key {key!r} may not read metrics; [access] metrics names those that may"
            raise ApiError(403, sentence, code="not_allowed")
        now = asyncio.get_running_loop().time()
        metrics.gauges(relay.upstreams.resting(now), relay.in_flight)
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})

    return answer


def feedback_endpoint(log: DecisionLog | None, metrics: Metrics) -> Endpoint:
    """Where clients say how good an answer was; only with a log to keep it in."""

    async def answer(request: Request) -> Response:
        from starlette.responses import JSONResponse

        key = (await authorization_of(request)).key
        if log is None:
            raise ApiError(404, "this gateway keeps no log of decisions", code="no_log")
        async with body_of(request, MAX_BYTES) as body:
            feedback = read_feedback(body)
        log.feedback(feedback.request_id, feedback.score, key, time.time())
        metrics.feedback(feedback.score)
        return JSONResponse({"object": "feedback", **feedback._asdict()})

    return answer
