"""``[[upstream]]`` of a ``gateway.toml``: the services that are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from routereval.errors import DataError, unknown
from routereval.gateway.tables import Above0, AtLeast0, Count, CountOr0, Seconds, Table, read_table

APIS = ("chat", "messages", "responses", "embeddings")
CAPABILITIES = ("vision", "tools", "json", "audio", "video", "files")
AUTO = "auto"
_OWN_FIELDS = frozenset({"model", "messages", "prompt", "stream", "stream_options"})


class UpstreamConfig(Table, frozen=True):
    """One model of the pool, and who serves it.

    Attributes:
        name: the model, as the router knows it and clients may ask for it.
        deployment: tells the upstreams of one model apart, where there are several.
        weight: the share of the model's requests, beside the weights of its other upstreams.
        base_url: of an OpenAI-compatible service, with its ``/v1``.
        model: what the service calls it; the name unless given.
        key_env: the environment variable that holds the service's key; none if empty.
        key_header: the header that it is sent in, behind ``Bearer`` only in ``authorization``.
        headers: sent with every request, in place of a client's of the same name.
        params: fields that a request gets which does not have them.
        rename: fields by the names that the service has for them.
        drop: fields that the service does not take.
        effort: at which the model answers, whatever a request says.
        thinking: tokens of that, for the Messages API; None to send the word.
        set: fields that every request gets, whatever it says.
        efforts: several, each of which makes an upstream of its own.
        price_in, price_out: USD for a million tokens.
        price_cached, price_cache_write: of the prompt's tokens that are read from a cache or
            written to one; `price_in` unless given.
        price_reasoning: of the answer's tokens that nobody sees; `price_out` unless given.
        answer_tokens: what is put aside for an answer without a limit.
        stream_usage: whether its streams can be asked to tell their usage.
        connect_s: how long to wait for a connection.
        first_byte_s, idle_s, total_s: for the first event of a stream, the next, and the last.
        answer_s: for a plain answer, which is silent until it is whole.
        concurrency: requests at a time.
        context: tokens of prompt and answer together; 0 where unknown.
        tokenizer: a file ``tokenizer.json`` by which prompts are counted; by script if empty.
        capabilities: of `CAPABILITIES`.
        tags: what rules may ask for, such as where it stands.
        apis: of `APIS`, those that its service speaks.
    """

    name: str
    base_url: str
    deployment: str = ""
    weight: Above0 = 1.0
    model: str = ""
    key_env: str = ""
    key_header: str = "authorization"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    params: Mapping[str, Any] = msgspec.field(default_factory=dict)
    rename: Mapping[str, str] = msgspec.field(default_factory=dict)
    drop: tuple[str, ...] = ()
    effort: str = ""
    thinking: CountOr0 | None = None
    set: Mapping[str, Any] = msgspec.field(default_factory=dict)
    efforts: tuple[str, ...] | Mapping[str, CountOr0 | Mapping[str, Any]] = ()
    price_in: AtLeast0 = 0.0
    price_out: AtLeast0 = 0.0
    price_cached: AtLeast0 | None = None
    price_cache_write: AtLeast0 | None = None
    price_reasoning: AtLeast0 | None = None
    answer_tokens: Count = 1000
    stream_usage: bool = True
    connect_s: Seconds = 5.0
    first_byte_s: Seconds = 60.0
    idle_s: Seconds = 60.0
    total_s: Seconds = 600.0
    answer_s: Seconds = 600.0
    concurrency: Count = 64
    context: CountOr0 = 0
    tokenizer: str = ""
    capabilities: tuple[str, ...] = CAPABILITIES
    tags: tuple[str, ...] = ()
    apis: tuple[str, ...] = ("chat", "embeddings")

    @property
    def label(self) -> str:
        """What tells it from all other upstreams: the model, and the deployment if there is one."""
        return f"{self.name}/{self.deployment}" if self.deployment else self.name


def read_upstreams(held: object, where: str) -> tuple[UpstreamConfig, ...]:
    """The upstreams of a configuration, an arm at each of their efforts."""
    if not isinstance(held, list) or not held:
        raise DataError(f"{where} names no upstream; add an [[upstream]] with name and base_url")
    found: list[UpstreamConfig] = []
    for number, table in enumerate(held, 1):
        at = f"{where}: [[upstream]] {number}"
        for upstream in _at_each_effort(read_table(UpstreamConfig, table, at), at):
            _check_upstream(upstream, at)
            _check_name_is_free(upstream, found, at)
            found.append(upstream)
    return tuple(found)


def _at_each_effort(upstream: UpstreamConfig, at: str) -> list[UpstreamConfig]:
    """The arms of a model: one at each of its efforts, by the names that records give them."""
    efforts = upstream.efforts
    if not efforts:
        return [upstream]
    if upstream.effort or upstream.thinking is not None:
        raise DataError(f"{at}: effort and thinking are those of one arm; efforts has them all")
    arms = []
    for effort in efforts:
        held = efforts[effort] if isinstance(efforts, Mapping) else None
        arm = msgspec.structs.replace(
            upstream,
            name=f"{upstream.name} [effort={effort}]",
            model=upstream.model or upstream.name,
            effort="" if isinstance(held, Mapping) else effort,
            thinking=held if isinstance(held, int) else None,
            set={**upstream.set, **(held if isinstance(held, Mapping) else {})},
            efforts=(),
        )
        arms.append(arm)
    return arms


def _check_name_is_free(
    upstream: UpstreamConfig, others: Sequence[UpstreamConfig], at: str
) -> None:
    same = [other for other in others if other.name == upstream.name]
    alone = not all(other.deployment for other in [*same, upstream])
    if (same and alone) or any(other.label == upstream.label for other in others):
        raise DataError(
            f"{at}: the name {upstream.name!r} is taken; give each its own, or to "
            "several upstreams of one model a deployment each"
        )


def _check_names(upstream: UpstreamConfig, at: str) -> None:
    for key, text in (("name", upstream.name), ("deployment", upstream.deployment or "none")):
        if not text or not text.isprintable():
            raise DataError(f"{at}: {key} must be printable text, not {text!r}")
    if upstream.name.partition(":")[0] == AUTO:
        raise DataError(f"{at}: {upstream.name!r} is the name of a virtual model; choose another")


def _check_all_known(found: Sequence[str], known: Sequence[str], kind: str) -> None:
    for name in found:
        if name not in known:
            raise unknown(kind, name, known)


def _check_upstream(upstream: UpstreamConfig, at: str) -> None:
    _check_names(upstream, at)
    _check_all_known(upstream.capabilities, CAPABILITIES, f"capability in {at}")
    _check_all_known(upstream.apis, APIS, f"API in {at}")
    changed = [*upstream.params, *upstream.rename, *upstream.rename.values(), *upstream.drop]
    for name in [*changed, *upstream.set]:
        if name in _OWN_FIELDS:
            raise DataError(f"{at}: the field {name!r} is the gateway's own; leave it alone")
    if not _is_url(upstream.base_url):
        raise DataError(
            f"{at}: base_url must be like https://api.example.com/v1, not {upstream.base_url!r}"
        )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False
