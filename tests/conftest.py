"""What holds for every test: none touches the user's own cache, and none fails by the clock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from hypothesis import settings

from tests.fuzzing import FUZZ

# A first call pays for imports, and a busy machine for its other work: time decides no test.
settings.register_profile("routereval", deadline=None, derandomize=FUZZ == 1)
settings.load_profile("routereval")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, so that what is slow to make is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _private_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(shared_cache))


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
