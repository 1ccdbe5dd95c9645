"""The gateway as a process: its server, how it drains, and its garbage collection."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, cast

import msgspec
import uvicorn
from starlette.applications import Starlette

from routereval.gateway.build import create_app, models_without_upstream
from routereval.gateway.config import Config, LimitsConfig, read_config
from routereval.gateway.http.client_connections import ClientConnections
from routereval.gateway.http.http_protocol import protocol_factory
from routereval.routers.trained import TrainedRouter, load_router

CLOSE_CONNECTIONS_S = 0.5
LAST_REQUESTS_S = 0.2
OTHER_FILES = 64
SWITCH_INTERVAL_S = 0.001
_ROUTER, _CONFIG = "ROUTEREVAL_ROUTER_DIR", "ROUTEREVAL_GATEWAY_TOML"


class DrainingServer(uvicorn.Server):
    """A server that bounds its connections, and announces their end before it closes them.

    A client may just be sending its next request on a connection that the server closes. So for
    `CLOSE_CONNECTIONS_S` each answer says that its connection closes after it, and only then the
    server ends.
    """

    _draining: tuple[float, int, FrameType | None] | None = None

    def __init__(self, app: Starlette, config: Config) -> None:
        self.connections = ClientConnections(_with_room_for_files(config.limits))
        http = protocol_factory(self.connections, int(config.limits.head_kb * 1000))
        settings = _uvicorn_settings(config)
        super().__init__(uvicorn.Config(app, http=cast("Any", http), **settings))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins to drain, another one ends at once."""
        app = self.config.loaded_app
        if self._draining is not None or not isinstance(app, Starlette):
            super().handle_exit(sig, frame)
            return
        app.state.relay.draining = True
        self._draining = (time.monotonic() + CLOSE_CONNECTIONS_S, sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times per second."""
        self.connections.sweep(asyncio.get_running_loop().time())
        if self._draining is not None and time.monotonic() >= self._draining[0]:
            super().handle_exit(*self._draining[1:])
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, read the requests that are on their way, then end."""
        for listener in self.servers:
            listener.close()
        await asyncio.sleep(LAST_REQUESTS_S)
        await super().shutdown(sockets)


def serve(trained: TrainedRouter, config: Config) -> None:
    """Serve in this process until a signal ends it.

    Raises:
        DataError: if no model of the pool has an upstream, or the key of one is not set.
    """
    app = create_app(trained, config)
    tune_memory()
    DrainingServer(app, config).run()


def serve_many(router: Path, config_path: Path, workers: int) -> None:
    """Serve in several processes, each of which makes the application anew."""
    config = read_config(config_path)
    os.environ[_ROUTER], os.environ[_CONFIG] = str(router.absolute()), str(config_path.absolute())
    app = "routereval.gateway.server:worker_app"
    uvicorn.run(app, factory=True, workers=workers, **_uvicorn_settings(config))


def worker_app() -> Starlette:
    """The application of one of several workers."""
    app = create_app(load_router(os.environ[_ROUTER]), read_config(os.environ[_CONFIG]))
    tune_memory()
    return app


def overview(trained: TrainedRouter, config: Config) -> list[str]:
    """What is served, in a few lines for the terminal."""
    missing = models_without_upstream(trained, config)
    pool, where = len(trained.models), config.server
    lines = [f"{pool - len(missing)} of the router's {pool} models have an upstream"]
    if missing:
        lines.append(f"never chosen, for want of an upstream: {', '.join(missing)}")
    host = f"[{where.host}]" if ":" in where.host else where.host
    return [*lines, f"base_url for clients: http://{host}:{where.port}/v1"]


def tune_memory() -> None:
    """Keep the collector from pausing requests.

    What is there now stays for good, so it is not looked at again; what a request makes, reference
    counts free. And a thread that computes gives way to the loop sooner than every 5 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def _with_room_for_files(limits: LimitsConfig) -> LimitsConfig:
    """The limits with no more connections than the system lets this process have files.

    A request may need a connection to an upstream as well, and other files are open, too.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return limits
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems say more than they give
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        most = hard
    if most == resource.RLIM_INFINITY:
        return limits
    most = max(16, (most - OTHER_FILES) // 2)
    return msgspec.structs.replace(limits, connections=min(limits.connections, most))


def _uvicorn_settings(config: Config) -> dict[str, Any]:
    return {
        "host": config.server.host,
        "port": config.server.port,
        "loop": "uvloop" if sys.platform != "win32" else "asyncio",
        "ws": "none",
        "lifespan": "on",
        "log_level": "warning",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": max(1, round(config.server.drain_s)),
    }
