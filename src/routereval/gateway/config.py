"""``gateway.toml``: which upstreams there are, where to listen, and what to do when things fail."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from routereval.errors import DataError, unknown
from routereval.gateway.rule_config import RuleConfig, read_rules
from routereval.gateway.tables import Above0, AtLeast0, Count, CountOr0, Seconds, Table, read_table
from routereval.gateway.upstream_config import AUTO, UpstreamConfig, read_upstreams

Port = Annotated[int, Meta(ge=0, le=65535)]


class ServerConfig(Table, frozen=True):
    """Where to listen. Only this machine reaches the gateway unless `host` says otherwise.

    Attributes:
        hosts: names by which it is reached; without keys, only addresses and local names are
            known beside them.
        origins: of pages that may ask, such as ``https://chat.example``; ``*`` for all.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    drain_s: AtLeast0 = 30.0
    page: bool = True
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class LimitsConfig(Table, frozen=True):
    """How much the gateway takes on before it says no.

    Attributes:
        in_flight: requests at a time.
        body_mb, body_s: the largest and the slowest body.
        bodies_mb: all bodies together that are being read or served.
        request_s: the longest request, all attempts together.
        connections: of clients, at a time.
        address_share: the share of them that one address may have.
        head_kb: the longest head of a request.
        head_s: how long a connection may be without a whole head of a request.
    """

    in_flight: Count = 1024
    body_mb: Above0 = 20.0
    body_s: Seconds = 30.0
    bodies_mb: Above0 = 256.0
    request_s: Seconds = 900.0
    connections: Count = 4096
    address_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    head_kb: Above0 = 64.0
    head_s: Seconds = 20.0


class RoutingConfig(Table, frozen=True):
    """What of a conversation is routed, and what is remembered.

    Attributes:
        p95_s: seconds within which 95 % of a model's answers must begin; 0 for no limit.
        sticky_s: how long a conversation stays with its model after an answer; 0 for not at all.
        escalate_after: failed results of tools after which a conversation goes to a better model,
            once; 0 for never.
        keep_s: how long turns of the Responses API are kept that upstreams of other APIs answered;
            0 for not at all.
        allow_network: the hosts that a trained router may ask, as `load_router` takes them.
    """

    lam: AtLeast0 = 0.0
    context_chars: CountOr0 = 1000
    prompt_chars: Annotated[int, Meta(ge=100)] = 32_000
    cache: CountOr0 = 10_000
    sticky_s: AtLeast0 = 300.0
    p95_s: AtLeast0 = 0.0
    escalate_after: CountOr0 = 3
    keep_s: AtLeast0 = 3600.0
    allow_network: tuple[str, ...] = ()


class FailoverConfig(Table, frozen=True):
    """When another upstream is asked, and when one is left alone."""

    attempts: Count = 3
    failures: Count = 3
    cooldown_s: AtLeast0 = 5.0
    longest_cooldown_s: AtLeast0 = 120.0
    quota_cooldown_s: AtLeast0 = 300.0
    retry_ratio: AtLeast0 = 0.5
    retry_burst: CountOr0 = 50


class AccessConfig(Table, frozen=True):
    """Who may ask.

    Attributes:
        keys: the store of keys, a file or ``redis://…``; everybody may ask if empty.
        metrics: the names of the keys that may read ``/metrics``.
    """

    keys: str = ""
    metrics: tuple[str, ...] = ()


class LogConfig(Table, frozen=True):
    """The decision log.

    Attributes:
        folder: where it is written; there is none if empty.
        texts: whether prompts are logged as texts; else as hashes.
        file_mb: the size at which a new file is begun.
        access: whether a line about each request goes to standard output.
    """

    folder: str = ""
    texts: bool = False
    file_mb: Above0 = 64.0
    access: bool = False


class TelemetryConfig(Table, frozen=True):
    """Spans for OpenTelemetry.

    Attributes:
        endpoint: of a collector that takes OTLP over HTTP; no spans are made if empty.
        service: what the gateway is called there.
    """

    endpoint: str = ""
    service: str = "routereval"


class ExperimentConfig(Table, frozen=True):
    """What is learned from live traffic.

    Attributes:
        explore: the share of choices that are drawn evenly.
        router: the folder of a second trained router, which has a share of the conversations.
        share: how large that is.
        shadows: folders of trained routers whose decisions are only logged.
    """

    explore: AtLeast0 = 0.0
    router: str = ""
    share: AtLeast0 = 0.5
    shadows: tuple[str, ...] = ()


class HeadersConfig(Table, frozen=True):
    """Headers that pass beside those that always do.

    Attributes:
        up: of clients, to upstreams.
        down: of upstreams, to clients.
    """

    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()


class VirtualModel(Table, frozen=True):
    """A name that clients may ask for, and what it stands for.

    Attributes:
        lam: the score to give up for the price of the dearest model.
        models: those that it may choose from; all where empty.
        p95_s: seconds within which 95 % of a model's answers must begin; 0 for that of
            ``[routing]``.
    """

    lam: AtLeast0 = 0.0
    models: tuple[str, ...] = ()
    p95_s: AtLeast0 = 0.0


PRESETS = {"cheap": VirtualModel(1.0), "balanced": VirtualModel(0.3), "best": VirtualModel(0.0)}


class Config(Table, frozen=True):
    """All of a ``gateway.toml``; each table has a default but for the upstreams."""

    upstreams: tuple[UpstreamConfig, ...]
    server: ServerConfig = ServerConfig()
    limits: LimitsConfig = LimitsConfig()
    routing: RoutingConfig = RoutingConfig()
    failover: FailoverConfig = FailoverConfig()
    access: AccessConfig = AccessConfig()
    log: LogConfig = LogConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    headers: HeadersConfig = HeadersConfig()
    experiment: ExperimentConfig = ExperimentConfig()
    virtual: Mapping[str, VirtualModel] = msgspec.field(default_factory=lambda: dict(PRESETS))
    plugins: Mapping[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    rules: tuple[RuleConfig, ...] = ()

    def resolve(self, asked: str) -> VirtualModel | None:
        """What the name of a virtual model stands for; None for another name.

        >>> config = Config(())
        >>> config.resolve("auto:lam=0.3"), config.resolve("auto:cheap").lam, config.resolve("x")
        (VirtualModel(lam=0.3, models=(), p95_s=0.0), 1.0, None)
        """
        head, colon, tail = asked.partition(":")
        if head != AUTO:
            return None
        if not colon:
            return VirtualModel(self.routing.lam)
        if tail.startswith("lam="):
            lam = _number(tail.removeprefix("lam="))
            return None if lam is None else VirtualModel(lam)
        return self.virtual.get(tail)

    def at_port(self, port: int) -> Config:
        """The same with another port to listen at; 0 for one that is free."""
        return replace(self, server=replace(self.server, port=port))

    def key_of(self, upstream: UpstreamConfig, environ: Mapping[str, str] = os.environ) -> str:
        """The upstream's key.

        Raises:
            DataError: if its variable is not set.
        """
        if not upstream.key_env:
            return ""
        key = environ.get(upstream.key_env, "")
        if not key.isascii() or not key.isprintable():
            raise DataError(f"{upstream.key_env} holds what no key is made of; set it anew")
        if not key:
            raise DataError(
                f"upstream {upstream.name!r}: the environment variable {upstream.key_env} is not "
                "set; export it before the gateway starts"
            )
        return key


TABLES: dict[str, type[Table]] = {
    "server": ServerConfig,
    "limits": LimitsConfig,
    "routing": RoutingConfig,
    "failover": FailoverConfig,
    "access": AccessConfig,
    "log": LogConfig,
    "telemetry": TelemetryConfig,
    "headers": HeadersConfig,
    "experiment": ExperimentConfig,
}


def read_config(path: str | Path) -> Config:
    """Read a ``gateway.toml``.

    Args:
        path: the file.

    Raises:
        DataError: if it cannot be read, or a value is missing or wrong; the sentence names file,
            table and key.
        SpecError: for a table or a key that is not known.
    """
    try:
        held = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give the file with -c") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is not TOML: {error}") from None
    return make_config(held, str(path))


def make_config(held: Mapping[str, object], where: str = "gateway.toml") -> Config:
    """The configuration of a mapping, as a file holds it; see `read_config`.

    >>> local = {"name": "llama", "base_url": "http://127.0.0.1:11434/v1"}
    >>> make_config({"upstream": [local]}).upstreams[0].concurrency
    64
    """
    for name in held:
        if name not in (known := [*TABLES, "upstream", "virtual", "plugins", "rule"]):
            raise unknown(f"table in {where}", name, known)
    tables: dict[str, Any] = {
        name: read_table(kind, held[name], f"{where}: [{name}]")
        for name, kind in TABLES.items()
        if name in held
    }
    upstreams = read_upstreams(held.get("upstream"), where)
    models = {upstream.name for upstream in upstreams}
    virtual = _virtual(held.get("virtual", {}), where, models)
    plugins = _plugins(held.get("plugins", {}), where)
    tags = {tag for upstream in upstreams for tag in upstream.tags}
    rules = read_rules(held.get("rule", ()), where, models, tags)
    return Config(upstreams, virtual=virtual, plugins=plugins, rules=rules, **tables)


def _virtual(held: object, where: str, known: set[str]) -> dict[str, VirtualModel]:
    if not isinstance(held, Mapping):
        raise DataError(f"{where}: [virtual] must be a table such as cheap = 1.0, not {held!r}")
    found = dict(PRESETS)
    for name, value in held.items():
        at = f"{where}: [virtual.{name}]"
        table = value if isinstance(value, Mapping) else {"lam": value}
        found[str(name)] = read_table(VirtualModel, table, at)
        for model in found[str(name)].models:
            if model not in known:
                raise unknown(f"model in {at}", model, known)
    return found


def _plugins(held: object, where: str) -> dict[str, Mapping[str, Any]]:
    """The parameters of each plugin; the plugins themselves check them."""
    if not isinstance(held, Mapping):
        raise DataError(f"{where}: [plugins] must be a table, not {held!r}")
    for name, parameters in held.items():
        if not isinstance(parameters, Mapping):
            raise DataError(f"{where}: [plugins.{name}] must be a table, not {parameters!r}")
    return dict(held)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
