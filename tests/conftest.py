"""What holds for every test: none touches the user's own cache, and none fails by the clock."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from hypothesis import settings

from tests.fuzzing import BRIEF, FUZZ

# One of several test processes: a thread a core in each of them would only get in each other's way.
# Nothing has imported numpy yet, and the commands that a test starts inherit this.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_threads, "1")

# A first call pays for imports, and a busy machine for its other work: time decides no test.
settings.register_profile(
    "routereval", deadline=None, derandomize=FUZZ == 1, max_examples=20 if BRIEF else 100
)
settings.load_profile("routereval")


# Arithmetic of our own on made data, which no extra and no version of a dependency can change.
ONCE = (
    *("results", "scoring", "simulation", "tasks", "report/test_tables.py"),
    *(f"studies/test_{name}.py" for name in ("advice", "evaluate", "faithful", "offpolicy")),
    *(f"studies/test_{name}.py" for name in ("protocols", "replay", "scaling", "score", "trust")),
    *(f"studies/test_{name}.py" for name in ("cv", "referee", "trials", "verdicts")),
)
TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what need not run again with other dependencies."""
    if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).as_posix().startswith(ONCE):
        item.add_marker("once")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with slow tests first: a long one that starts last keeps one process waiting."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, also of several processes: what is slow is made once."""
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    cache.mkdir(exist_ok=True)
    return cache


@pytest.fixture(autouse=True)
def _private_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(shared_cache))


@pytest.fixture(autouse=True)
def _disk_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of folders are written, and none has to outlive a loss of power."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Answer(NamedTuple):
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str


class CommandLine(Protocol):
    """``routereval`` as a user calls it, in this process."""

    def __call__(self, *arguments: object) -> Answer:
        """Call it with these arguments."""


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """Whatever any library writes to the file descriptors is seen too."""
    from routereval.cli.main import main

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["routereval", *map(str, arguments)])
        capfd.readouterr()
        status: object = 0
        try:
            main()
        except SystemExit as end:
            status = end.code
        out, err = capfd.readouterr()
        return Answer(status if isinstance(status, int) else 0, out, err)

    return call
