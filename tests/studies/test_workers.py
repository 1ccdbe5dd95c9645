from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from routereval.cli.run import run as run_command
from routereval.errors import DataError, MissingDependencyError
from routereval.records import Records
from routereval.results import Results
from routereval.studies import dask_client
from routereval.studies.run import run
from routereval.studies.workers import DaskWorkers, LocalWorkers, workers_at
from tests.dask_cluster import foreign_server, kill_one, two_workers, wait_for_both
from tests.made import made

pytestmark = pytest.mark.slow  # processes of Dask are started

if TYPE_CHECKING:
    from distributed import LocalCluster

SMALL: dict[str, Any] = {
    "host": "127.0.0.1",
    "n_workers": 1,
    "threads_per_worker": 1,
    "processes": False,
    "protocol": "tcp",
    "dashboard_address": "127.0.0.1:0",
}
PATIENCE = dask_client.TIMEOUT  # before the fixtures raise it
ROUTERS = ("random", "best_single", "knn(k=3)", "cluster", "noisy_oracle(p=0.5)", "oracle")


@pytest.fixture(scope="module")
def dask() -> Iterator[LocalCluster]:
    with two_workers() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records")
    for name, missing in (("one", 0.0), ("two", 0.1)):
        made(name, 90, 6, missing=missing, costs=True, seed=3).save(path / name)
    return path


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Results:
    return run([folder], ROUTERS, [3], n_jobs=1)


def bare(results: Results) -> list[str]:
    """The cells, without the one part of them that the clock decides."""
    return [replace(cell, seconds={}).to_json() for cell in results.cells]


def same(found: Results, expected: Results) -> bool:
    assert bare(found) == bare(expected)
    assert found.notes == expected.notes
    assert found.outcomes.keys() == expected.outcomes.keys()
    for key, outcome in expected.outcomes.items():
        assert np.array_equal(found.outcomes[key].rows, outcome.rows)
        columns = found.outcomes[key].evidence.columns()
        for name, column in outcome.evidence.columns().items():
            np.testing.assert_array_equal(columns[name], column)
    return True


def double(number: int) -> int:
    return 2 * number


def slow_double(number: int) -> int:
    time.sleep(0.1)
    return 2 * number


def process(_: int) -> int:
    return os.getpid()


def fatal(_: int) -> None:
    os._exit(1)


def astray(_: int) -> None:
    raise ModuleNotFoundError("No module named 'mine'", name="mine")


@pytest.mark.slow
def test_dask_workers_find_what_this_machine_does(
    dask: LocalCluster, folder: Path, tmp_path: Path, undisturbed: Results
) -> None:
    there = run([folder], ROUTERS, [3], scheduler=dask.scheduler_address, out=tmp_path / "out")
    assert same(there, undisturbed)
    again = run([folder], ROUTERS, [3], out=tmp_path / "out", n_jobs=1)
    assert [c.to_json() for c in again.cells] == [c.to_json() for c in there.cells]  # seconds too


@pytest.mark.slow
def test_killed_worker_changes_no_result(
    dask: LocalCluster, folder: Path, undisturbed: Results
) -> None:
    killed: list[int] = []

    def kill_halfway(what: str, done: int, total: int) -> None:
        if what == "cells" and done >= total // 2 and not killed:
            killed.append(kill_one(dask))

    address = dask.scheduler_address
    there = run([folder], ROUTERS, [3], scheduler=address, progress=kill_halfway)
    assert killed
    assert same(there, undisturbed)


@pytest.mark.slow
def test_order_is_kept_and_what_a_killed_worker_had_in_hand_is_done_again(
    dask: LocalCluster,
) -> None:
    wait_for_both(dask)
    with workers_at(dask.scheduler_address) as workers:
        assert isinstance(workers, DaskWorkers)
        found = workers.map(slow_double, range(20), ordered=True)
        first = [next(found) for _ in range(6)]
        kill_one(dask)
        assert [*first, *found] == list(range(0, 40, 2))
        assert sorted(workers.map(double, range(50))) == list(range(0, 100, 2))
        assert os.getpid() not in set(workers.map(process, range(20)))


def test_worker_that_does_not_see_the_records_says_so(dask: LocalCluster, tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"tcp://127.* does not see .*elsewhere; put it where all"),
        workers_at(dask.scheduler_address) as workers,
    ):
        list(workers.map(double, [1], needs=[tmp_path / "elsewhere"]))


def test_worker_of_another_version_says_so(
    dask: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_client, "__version__", "9.9")
    with (
        pytest.raises(DataError, match=r"runs routereval .*, not 9\.9; install the same"),
        workers_at(dask.scheduler_address) as workers,
    ):
        list(workers.map(double, [1]))


def test_module_that_workers_lack_is_named(dask: LocalCluster) -> None:
    with (
        pytest.raises(DataError, match="a Dask worker lacks the module mine; install on every"),
        workers_at(dask.scheduler_address) as workers,
    ):
        list(workers.map(astray, [1, 2]))


@pytest.mark.parametrize("ordered", [False, True])
def test_lost_scheduler_ends_the_run(ordered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(dask_client, "TIMEOUT", 5)
    with (  # noqa: PT012 - it is lost while the work goes on
        LocalCluster(**SMALL) as lost,  # type: ignore[no-untyped-call]
        pytest.raises(DataError, match=r"the Dask scheduler at .* was lost; start it anew"),
        workers_at(lost.scheduler_address) as workers,
    ):
        for _ in workers.map(slow_double, range(40), ordered=ordered):
            lost.close()


def test_errors_of_the_run_are_those_of_a_local_one(dask: LocalCluster, tmp_path: Path) -> None:
    path = made("small", 30, 4).save(tmp_path / "small")
    with pytest.raises(DataError) as here:
        run([path], sizes=[50], n_jobs=1)
    with pytest.raises(DataError) as there:
        run([path], sizes=[50], scheduler=dask.scheduler_address)
    assert str(there.value) == str(here.value)


def test_records_in_memory_are_lent_to_workers_on_this_machine(dask: LocalCluster) -> None:
    records: Records = made("lent", 60, 4)
    there = run([records], ["best_single"], [3], scheduler=dask.scheduler_address)
    assert same(there, run([records], ["best_single"], [3], n_jobs=1))


def test_command_takes_a_scheduler(dask: LocalCluster, tmp_path: Path) -> None:
    path = made("told", 60, 4).save(tmp_path / "told")
    args = [str(path), "-r", "best_single", "--sizes", "3", "--format", "csv"]
    there = CliRunner().invoke(run_command, [*args, "--scheduler", dask.scheduler_address])
    here = CliRunner().invoke(run_command, [*args, "--jobs", "1"])
    assert there.exit_code == here.exit_code == 0
    assert there.stdout == here.stdout
    assert "best_single" in there.stdout


def test_work_that_ends_every_worker_is_given_up(
    dask: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask.scheduler, "allowed_failures", 0)
    with (
        pytest.raises(DataError, match="the same piece of work ended 1 Dask worker"),
        workers_at(dask.scheduler_address) as workers,
    ):
        list(workers.map(fatal, [1]))


@pytest.mark.parametrize(
    "address", ["nonsense", "", "http://127.0.0.1:80", "tcp://127.0.0.1", "tls://127.0.0.1:4"]
)
def test_address_that_is_none_is_refused_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        dask_client, "TIMEOUT", 1e6
    )  # it would not end if an answer were waited for
    with pytest.raises(DataError, match="no Dask scheduler answers"), workers_at(address):
        pass


def test_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert PATIENCE <= 10
    monkeypatch.setattr(dask_client, "TIMEOUT", 0.5)
    with pytest.raises(DataError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        run([folder], scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-made", b""])
def test_server_of_another_kind(monkeypatch: pytest.MonkeyPatch, greeting: bytes) -> None:
    monkeypatch.setattr(dask_client, "TIMEOUT", 0.5)
    with (
        foreign_server(greeting) as address,
        pytest.raises(DataError, match="no Dask scheduler answers"),
        workers_at(address),
    ):
        pass


def test_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    wait = Client.wait_for_workers

    def briefly(client: Client, n_workers: int, timeout: float) -> None:
        wait(client, n_workers, timeout=0.5)

    monkeypatch.setattr(dask_client, "TIMEOUT", 600)
    monkeypatch.setattr(Client, "wait_for_workers", briefly)
    with (
        LocalCluster(**{**SMALL, "n_workers": 0}) as empty,  # type: ignore[no-untyped-call]
        pytest.raises(DataError, match="has no workers; start some: dask worker tcp://127"),
        workers_at(empty.scheduler_address),
    ):
        pass


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'routereval\[dask\]'"):
        run([folder], scheduler="tcp://127.0.0.1:1")


def test_without_a_scheduler_the_work_stays_here() -> None:
    with workers_at(None, 1) as workers:
        assert isinstance(workers, LocalWorkers)
        assert list(workers.map(process, [1, 2])) == [os.getpid()] * 2
    with workers_at(None, 2) as workers:
        numbers = range(-8, 0)
        assert list(workers.map(abs, numbers, ordered=True)) == list(map(abs, numbers))
        assert sorted(workers.map(abs, numbers)) == list(range(1, 9))
