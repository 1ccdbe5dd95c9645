"""A real Dask scheduler on loopback with two worker processes, for the tests that need one."""

from __future__ import annotations

import os
import signal
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from routereval.studies import dask_client

if TYPE_CHECKING:
    from distributed import LocalCluster

N_WORKERS = 2


@contextmanager
def two_workers() -> Iterator[LocalCluster]:
    """A running `LocalCluster`; a worker that is killed is started again, as on a real cluster."""
    from distributed import LocalCluster

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(dask_client, "TIMEOUT", 600)  # a busy machine may be slow to answer
        # Worker processes of an earlier test that were killed leave sockets to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with LocalCluster(  # type: ignore[no-untyped-call]
            host="127.0.0.1",
            n_workers=N_WORKERS,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
        ) as running:
            yield running


def kill_one(running: LocalCluster) -> int:
    """Kill one of the worker processes outright and return its number."""
    nanny = next(iter(running.workers.values()))
    pid = int(nanny.process.process.pid)
    os.kill(pid, signal.SIGKILL)
    return pid


def wait_for_both(running: LocalCluster) -> None:
    """Wait until the scheduler knows of both workers again."""
    while len(running.scheduler_info["workers"]) < N_WORKERS:
        time.sleep(0.05)


@contextmanager
def foreign_server(greeting: bytes) -> Iterator[str]:
    """The address of a server that is no Dask scheduler: it greets its first caller like that."""
    from threading import Thread

    def serve(server: socket.socket) -> None:
        caller, _ = server.accept()
        with caller:
            caller.sendall(greeting)
            while caller.recv(1024):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, args=[server], daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)
