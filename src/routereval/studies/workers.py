"""Where the pieces of a run are computed: here, in processes beside it, or on Dask workers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

from routereval.studies.dask_client import at_worker, connected

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

_BATCH = 16  # jobs sent in one message
_ONE_AT_A_TIME = Lock()


class Workers(Protocol):
    """What computes the pieces of a run."""

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        needs: Sequence[Path] = (),
        ordered: bool = False,
    ) -> Iterator[R]:
        """What the function makes of each item, as it comes.

        Args:
            function: a module's own, so that other processes find it by name.
            items: what it is called with, one at a time.
            needs: folders that the process must see.
            ordered: keep the order of the items.

        Raises:
            DataError: if a Dask worker does not see a folder, or runs another version.
        """


@dataclass(frozen=True)
class LocalWorkers:
    """Processes of this machine.

    Attributes:
        n_jobs: how many; 1 for this very process, -1 for one per core.

    >>> list(LocalWorkers(1).map(abs, [-1, 2]))
    [1, 2]
    """

    n_jobs: int = -1

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        needs: Sequence[Path] = (),
        ordered: bool = False,
    ) -> Iterator[R]:
        """What the function makes of each item, as it comes."""
        if self.n_jobs == 1 or len(items) <= 1:
            yield from map(function, items)
            return
        from joblib import Parallel, delayed

        order = "generator" if ordered else "generator_unordered"
        found = Parallel(self.n_jobs, return_as=order)(delayed(function)(item) for item in items)
        try:
            for result in found:  # noqa: UP028 - that would close it for us, with a warning
                yield result
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that work was cut short is known
                found.close()


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of a Dask scheduler; what a lost one had in hand, the others do again.

    Dask's own client, not joblib's backend: that one (joblib 1.6, distributed 2026.8) never returns
    once Dask has given up on a piece of work that ended its workers.

    Attributes:
        client: connected to the scheduler.
    """

    client: Client

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        needs: Sequence[Path] = (),
        ordered: bool = False,
    ) -> Iterator[R]:
        """What the function makes of each item, as it comes."""
        from distributed import as_completed

        call = at_worker(partial(_alone, function), needs)
        futures = self.client.map(call, items, pure=False, batch_size=_BATCH)
        if ordered:
            while futures:
                yield futures.pop(0).result()
            return
        done = as_completed(futures, loop=self.client.loop, with_results=True)  # type: ignore[no-untyped-call]
        del futures  # what was fetched is let go, so that no loss of a worker has it done again
        for _, result in done:
            if isinstance(result, CancelledError):  # given, not raised, if the scheduler is lost
                raise result
            yield result


def _alone(function: Callable[[T], R], item: T) -> R:
    """One piece at a time in a process: the limit on BLAS threads is the whole process's."""
    with _ONE_AT_A_TIME:
        return function(item)


@contextmanager
def workers_at(scheduler: str | None, n_jobs: int = -1) -> Iterator[Workers]:
    """The workers of a Dask scheduler, or of this machine if none is given.

    Args:
        scheduler: its address, such as ``tcp://10.0.0.1:8786``, or None.
        n_jobs: processes on this machine; of no effect with a scheduler.

    Raises:
        DataError: if no scheduler answers, or it has no workers.
        MissingDependencyError: if the package distributed is not installed.
    """
    if scheduler is None:
        yield LocalWorkers(n_jobs)
        return
    with connected(scheduler) as client:
        yield DaskWorkers(client)
