"""A connection to a Dask scheduler, whose failures are errors of this package."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from routereval._version import __version__
from routereval.errors import DataError, MissingDependencyError

if TYPE_CHECKING:
    from distributed import Client

TIMEOUT = 6
"""Seconds to wait for the scheduler, and again for its first worker."""

R = TypeVar("R")


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the Dask scheduler at an address such as ``tcp://10.0.0.1:8786``.

    What Dask raises while it is in use becomes one of our errors.

    Raises:
        DataError: if nothing of that kind answers within `TIMEOUT` seconds, it has no workers, or
            it or its workers are lost for good.
        MissingDependencyError: if the package distributed is not installed.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise MissingDependencyError.of("distributed", "dask") from None
    _reach(address)
    with Client(address, timeout=TIMEOUT, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        try:
            client.wait_for_workers(1, timeout=TIMEOUT)
        except TimeoutError:
            raise DataError(
                f"the Dask scheduler at {address} has no workers; start some: dask worker {address}"
            ) from None
        try:
            yield client
        except KilledWorker as error:
            raise DataError(
                f"the same piece of work ended {error.allowed_failures + 1} Dask worker(s), one "
                "after the other; have they too little memory? see their logs"
            ) from None
        except CancelledError:
            raise DataError(f"the Dask scheduler at {address} was lost; start it anew") from None
        except ModuleNotFoundError as error:
            raise DataError(
                f"a Dask worker lacks the module {error.name}; install on every worker what is "
                "installed here"
            ) from None


def at_worker(function: Callable[..., R], needs: Sequence[Path]) -> Callable[..., R]:
    """The function as a worker should call it: only where it sees the same files, and same code.

    Args:
        function: what a worker is to do; a module's own, so that workers find it by name.
        needs: files or folders that must be there.
    """
    places = tuple(dict.fromkeys(path.absolute() for path in needs))
    return partial(_at_worker, function, places, __version__)


def _at_worker(
    function: Callable[..., R],
    needs: Sequence[Path],
    version: str,
    *args: Any,  # noqa: ANN401 - whatever the function takes
) -> R:
    if __version__ != version:
        raise DataError(
            f"the Dask worker {_here()} runs routereval {__version__}, not {version}; "
            "install the same version on every worker"
        )
    for path in needs:
        if not path.exists():
            raise DataError(
                f"the Dask worker {_here()} does not see {path}; put it where all workers find it "
                "under the same path, such as a shared file system"
            )
    return function(*args)


def _here() -> str:
    from distributed import get_worker

    return str(get_worker().address)


def _reach(address: str) -> None:
    """Shake hands with a scheduler: Dask's client, where it cannot, is slow and loud to give up."""
    with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has an event loop already
        try:
            thread.submit(asyncio.run, _greeted(address)).result()
        except (OSError, ValueError, MemoryError, TypeError):
            # MemoryError: how long a foreign greeting seems to be; TypeError: tls:// without keys
            raise DataError(
                f"no Dask scheduler answers at {address!r}; give the address that `dask scheduler` "
                "prints, such as tcp://10.0.0.1:8786"
            ) from None


async def _greeted(address: str) -> None:
    from distributed import Security
    from distributed.comm.core import connect

    keys = Security().get_connection_args("client")  # type: ignore[no-untyped-call]
    greeting = connect(address, timeout=TIMEOUT, **keys)  # type: ignore[no-untyped-call]
    comm = await asyncio.wait_for(greeting, TIMEOUT)
    comm.abort()
