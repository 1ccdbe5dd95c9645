"""The gateway as a process: its server, how it drains, and how it reads its configuration anew."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import uvicorn

from routereval.errors import DataError, RouterEvalError
from routereval.gateway.build import Kept, models_without_upstream, upstreams_without_model
from routereval.gateway.config import Config, LimitsConfig
from routereval.gateway.http.client_connections import ClientConnections
from routereval.gateway.http.http_protocol import protocol_factory
from routereval.gateway.reloading import Load, ReloadingGateway, tune_memory
from routereval.gateway.shared_state import SqliteState
from routereval.gateway.supervisor import UP, Ready, Supervisor, listening_socket
from routereval.grouped import grouped
from routereval.routers.networked import contacts
from routereval.routers.trained import TrainedRouter

CLOSE_CONNECTIONS_S = 0.5
LAST_REQUESTS_S = 0.2
OTHER_FILES = 64

log = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """A server that bounds its connections, and announces their end before it closes them.

    A client may just be sending its next request on a connection that the server closes. So for
    `CLOSE_CONNECTIONS_S` each answer says that its connection closes after it, and only then the
    server ends. SIGHUP reads the configuration anew.

    Args:
        app: what is served.
        config: where, and within which bounds.
        supervised: whether a supervisor hands signals on, so that those of a terminal, which all
            of its processes get, are left to it.
        ready: called with the port as soon as requests are taken.
    """

    _draining: tuple[float, int, FrameType | None] | None = None

    def __init__(
        self,
        app: ReloadingGateway,
        config: Config,
        *,
        supervised: bool = False,
        ready: Ready | None = None,
    ) -> None:
        self.app = app
        self._ready = ready
        self.connections = ClientConnections(_with_room_for_files(config.limits))
        self._supervised = supervised
        self._reloads: set[asyncio.Task[None]] = set()
        http = protocol_factory(self.connections, int(config.limits.head_kb * 1000))
        settings = _uvicorn_settings(config)
        super().__init__(uvicorn.Config(cast("Any", app), http=cast("Any", http), **settings))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins to drain, another one ends at once."""
        if self._supervised and sig == signal.SIGINT:
            return
        if self._draining is not None:
            super().handle_exit(sig, frame)
            self.force_exit = True
            return
        self.app.drain()
        self._draining = (time.monotonic() + CLOSE_CONNECTIONS_S, sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen to SIGHUP, too, and say when requests are taken."""
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready(int(self.servers[0].sockets[0].getsockname()[1]))

    async def on_tick(self, counter: int) -> bool:
        """Called ten times per second."""
        self.connections.sweep(asyncio.get_running_loop().time())
        if self._draining is not None and time.monotonic() >= self._draining[0]:
            super().handle_exit(*self._draining[1:])
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, read the requests that are on their way, then end."""
        for listener in self.servers:
            for held in listener.sockets if sys.platform != "win32" else ():
                await self._take_last_connections(os.dup(held.fileno()), listener)
        await asyncio.sleep(LAST_REQUESTS_S)
        await super().shutdown(sockets)
        if self.force_exit:  # uvicorn leaves all as it is then; what was spent is to be written
            tasks = list(self.server_state.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.lifespan.shutdown()

    async def _take_last_connections(self, fd: int, listener: asyncio.Server) -> None:
        """Take those that the system has made already: closing the socket would reset them."""
        loop, config = asyncio.get_running_loop(), self.config

        def protocol() -> asyncio.Protocol:
            kind = cast("Any", config.http_protocol_class)
            made: asyncio.Protocol = kind(
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            )
            return made

        with socket.socket(fileno=fd) as last:
            last.listen(0)  # further ones are refused a little later
            last.setblocking(False)
            listener.close()
            await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while True:
                    connection, _ = last.accept()
                    connection.setblocking(False)
                    await loop.connect_accepted_socket(protocol, connection)

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self._reloaded())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reloaded(self) -> None:
        if await self.app.reload():
            tune_memory()


def serve(load: Load, trained: TrainedRouter, config: Config, ready: Ready | None = None) -> None:
    """Serve in this process until a signal ends it.

    Args:
        load: reads router and configuration anew, after each SIGHUP.
        trained: the first router.
        config: the first configuration.
        ready: called with the port as soon as requests are taken.

    Raises:
        DataError: if no model of the pool has an upstream, the key of one is not set, or nobody can
            listen there.
    """
    listening_socket(config).close()  # of an address that is taken uvicorn says no sentence
    app = ReloadingGateway(load, trained, config)
    tune_memory()
    DrainingServer(app, config, ready=ready).run()


def serve_many(load: Load, config: Config, workers: int, ready: Ready | None = None) -> None:
    """Serve in several processes until a signal ends them.

    Args:
        load: reads router and configuration in each of them; it must be picklable.
        config: where to listen.
        workers: how many.
        ready: called with the port as soon as each of them takes requests.

    Raises:
        DataError: if nobody can listen there, or the workers cannot serve.
    """
    if not Supervisor(partial(_work, load), workers, config, ready).run():
        raise DataError("a worker ended as soon as it was started; its messages say why")


def _work(load: Load, listener: socket.socket, state: Path) -> None:
    """What a worker does until it is ended, or its supervisor dies."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # there is nothing to read anew yet
    try:
        trained, config = load()
        app = ReloadingGateway(load, trained, config, Kept(state=SqliteState(state)))
    except RouterEvalError as error:
        log.error("a worker cannot serve: %s", error)
        sys.exit(1)
    tune_memory()
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    up = state.parent / f"{os.getpid()}{UP}"
    server = DrainingServer(app, config, supervised=True, ready=lambda _: up.touch())
    server.run([listener])


def _end_with_supervisor() -> None:
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        wait([supervisor.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def overview(trained: TrainedRouter, config: Config) -> list[str]:
    """What is served, in a few lines for the terminal."""
    missing = models_without_upstream(trained, config)
    pool, where = len(trained.models), config.server
    lines = [f"{pool - len(missing)} of the router's {pool} models have an upstream"]
    if missing:
        lines.append(f"never chosen, for want of an upstream: {', '.join(missing)}")
    others = upstreams_without_model(trained, config)
    if others:
        lines.append(f"unknown to the router, so asked by name only: {', '.join(others)}")
    blank = without_address(config)
    if blank:
        lines.append(f"still without an address (base_url): {', '.join(blank)}")
    lines += _counting(config)
    hosts = sorted({found.host for found in contacts(trained)}) if config.rules else []
    if hosts:
        lines.append(f"rules do not cover {', '.join(hosts)}: the router asks there first")
    return [*lines, f"base_url for clients: {address(config, where.port)}/v1"]


def without_address(config: Config) -> list[str]:
    """The upstreams whose address is still to be filled in."""
    return [one.name for one in config.upstreams if _is_nowhere(one.base_url)]


def _counting(config: Config) -> list[str]:
    """By which tokenizers prompts are counted; nothing where there are none."""
    held = grouped(config.upstreams, lambda upstream: upstream.tokenizer)
    by_file = {file: [one.label for one in own] for file, own in held.items()}
    estimated = by_file.pop("", [])
    lines = [f"prompts of {', '.join(names)} are counted by {f}" for f, names in by_file.items()]
    if lines and estimated:
        lines.append(f"prompts of {', '.join(estimated)} are estimated by script")
    return lines


def _is_nowhere(url: str) -> bool:
    """Whether no host can have this name (RFC 2606): an address that is to be filled in."""
    return (urlsplit(url).hostname or "").endswith(".invalid")


def greeting(config: Config, port: int) -> str:
    """What is said once requests are taken: where, and where the chat page is.

    >>> from routereval.gateway.config import Config
    >>> greeting(Config(()), 8080)
    'Up: clients ask http://127.0.0.1:8080/v1; the chat page is http://127.0.0.1:8080/'
    """
    where = address(config, port)
    page = f"; the chat page is {where}/" if config.server.page else ""
    return f"Up: clients ask {where}/v1{page}"


def address(config: Config, port: int) -> str:
    """Where the gateway is on its own machine, without a path."""
    host = config.server.host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


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
