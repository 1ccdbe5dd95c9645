"""Where a request may go, and the errors for one that may go nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import VirtualModel
from routereval.gateway.http.holding import Holding
from routereval.gateway.protocols import ChatRequest
from routereval.gateway.upstreams.errors import UpstreamError
from routereval.gateway.upstreams.pool import UpstreamPool


@dataclass(slots=True)
class RoutingPlan:
    """Where a request may go.

    Attributes:
        request: what it asks for.
        names: the models that may serve it.
        virtual: what its virtual model stands for; None if the client named an upstream's.
        upstreams: those that rules permit; nothing else is ever asked.
        text: what is routed.
        conversation: what the request is a part of.
        holding: how its conversation is held; None before that is looked up.
        sticks: whether it goes where the conversation went before.
        client: who asks: the name of the key, or the address where there are no keys.
        pinned: the only upstream that may be asked, by its label; empty for none such.
        preferred: the upstream that the conversation was with, by its label.
        tried: the upstreams that were asked, by their labels, and their errors.
        last_resort: whether the one that was asked rested, as all did.
        p95_s: seconds within which 95 % of an upstream's answers must begin; 0 for no limit.
    """

    request: ChatRequest
    names: list[str]
    virtual: VirtualModel | None
    upstreams: UpstreamPool
    text: str = ""
    conversation: str = ""
    holding: Holding | None = None
    sticks: bool = False
    client: str = ""
    pinned: str = ""
    preferred: str = ""
    tried: dict[str, UpstreamError] = field(default_factory=dict)
    last_resort: bool = False
    p95_s: float = 0.0


def conversation_digest(request: ChatRequest, key: str, named: str = "") -> str:
    """What stands for the conversation of a request, the same in all of its requests.

    Args:
        request: which the first messages of the conversation are in.
        key: the name of the client's key: keys share no conversations.
        named: what the client calls it; empty for nothing.
    """
    text = f"{key}\n{named or request.opening}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def unknown_model_error(asked: str, names: Sequence[str]) -> ApiError:
    """The error for a name that no model has."""
    import difflib

    near = difflib.get_close_matches(asked[:200], names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; see GET /v1/models"
    sentence = f"there is no model {asked[:200]!r}{hint}"
    return ApiError(404, sentence, code="model_not_found", param="model")


def forbidden_error(asked: str, rules: Sequence[str]) -> ApiError:
    """The error for a request that rules keep from all upstreams."""
    which = ", ".join(map(repr, rules))
    sentence = f"no upstream of {asked!r} is permitted by the gateway's rules for this: {which}"
    return ApiError(403, sentence, code="rule_forbids", param="model")


def no_embeddings_error(asked: str) -> ApiError:
    """The error for embeddings of a virtual model."""
    sentence = f"name the model of embeddings instead of {asked!r}: those of two do not compare"
    return ApiError(400, sentence, code="model_needed", param="model")
