"""Several workers that serve one address: started, replaced when they die, and ended together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from routereval.errors import DataError
from routereval.gateway.config import Config

AT_LEAST_S = 2.0
"""A worker that dies sooner than that cannot serve at all: the others are ended, too."""
LATE_S = 10.0
_LOOK_S = 0.2
_METRICS = "PROMETHEUS_MULTIPROC_DIR"

log = logging.getLogger(__name__)

UP = ".up"
"""How the file ends that a worker leaves beside the state when it takes requests."""
Ready = Callable[[int], object]
"""What is called with the port when requests are taken."""
Work = Callable[[socket.socket, Path], None]
"""What a worker does: serve on the socket, and share state in the file."""


class Supervisor:
    """Runs workers on one socket.

    SIGTERM and SIGINT end all of them at the same moment, each after its last answer; a second one
    does not wait for that. SIGHUP makes each read its configuration anew.

    Args:
        work: what each worker does; it must be picklable.
        workers: how many.
        config: where to listen, and how long the last requests may take.
        ready: called with the port as soon as each of them takes requests.
    """

    def __init__(
        self, work: Work, workers: int, config: Config, ready: Ready | None = None
    ) -> None:
        self._ready = ready
        self._work = work
        self._n_workers = workers
        self._config = config
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[BaseProcess, float] = {}
        self._ends_at: float | None = None
        self._failed = False

    def run(self) -> bool:
        """Serve until a signal comes; False if a worker could not serve at all.

        Raises:
            DataError: if nobody can listen there.
        """
        with tempfile.TemporaryDirectory(prefix="routereval-") as folder:
            metrics = os.environ.setdefault(_METRICS, str(Path(folder) / "metrics"))
            Path(metrics).mkdir(parents=True, exist_ok=True)
            handlers = {sig: signal.signal(sig, self._end) for sig in _END}
            if hasattr(signal, "SIGHUP"):
                handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._reload)
            listener = listening_socket(self._config)
            try:
                self._supervise(listener, Path(folder) / "state.sqlite", metrics)
            finally:
                listener.close()
                for sig, handler in handlers.items():
                    signal.signal(sig, handler)
                if os.environ[_METRICS].startswith(folder):
                    del os.environ[_METRICS]
        return not self._failed

    def _supervise(self, listener: socket.socket, state: Path, metrics: str) -> None:
        for _ in range(self._n_workers):
            self._start(listener, state)
        while self._workers:
            if self._ends_at is not None:
                listener.close()  # so that it is closed when the last worker closes it
                if time.monotonic() > self._ends_at:
                    self._signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            wait([worker.sentinel for worker in self._workers], timeout=_LOOK_S)
            self._say_when_up(listener, state.parent)
            for worker in [worker for worker in self._workers if not worker.is_alive()]:
                self._ended(worker, metrics)
                if self._ends_at is None:
                    self._start(listener, state)

    def _say_when_up(self, listener: socket.socket, folder: Path) -> None:
        if self._ready is None or self._ends_at is not None:
            return
        if all((folder / f"{worker.pid}{UP}").exists() for worker in self._workers):
            self._ready(listener.getsockname()[1])
            self._ready = None

    def _start(self, listener: socket.socket, state: Path) -> None:
        worker = self._context.Process(target=self._work, args=(listener, state))
        worker.start()
        self._workers[worker] = time.monotonic()

    def _ended(self, worker: BaseProcess, metrics: str) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        worker.join()
        lived_s = time.monotonic() - self._workers.pop(worker)
        if worker.pid is not None:
            mark_process_dead(worker.pid, metrics)  # type: ignore[no-untyped-call]
        if self._ends_at is not None:
            return
        log.error("worker %s ended with %s", worker.pid, worker.exitcode)
        if lived_s < AT_LEAST_S and (worker.exitcode or 0) > 0:  # not by a signal
            self._failed = True
            self._end(signal.SIGTERM, None)

    def _end(self, sig: int, frame: FrameType | None) -> None:
        self._ends_at = time.monotonic() + self._config.server.drain_s + LATE_S
        self._signal(signal.SIGTERM)

    def _reload(self, sig: int, frame: FrameType | None) -> None:
        self._signal(signal.SIGHUP)

    def _signal(self, sig: int) -> None:
        for worker in self._workers:
            if worker.pid is not None and worker.is_alive():
                os.kill(worker.pid, sig)


_END = (signal.SIGTERM, signal.SIGINT)


def listening_socket(config: Config) -> socket.socket:
    """A socket at the address of a configuration, that all workers take connections from.

    Raises:
        DataError: if nobody can listen there.
    """
    where = config.server
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((where.host, where.port))
    except OSError as error:
        made.close()
        raise DataError(
            f"nobody can listen at {where.host}:{where.port}: {error.strerror}; "
            "choose another [server] port, or --port"
        ) from None
    made.set_inheritable(True)
    return made
