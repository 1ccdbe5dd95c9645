"""What is said of how far a command is."""

from __future__ import annotations

import io
import re

import click
import pytest
from rich.console import Console

from routereval.cli.main import cli
from routereval.cli.messages import verbosity_options
from routereval.cli.progress import pace, progress_bar


def reported(*flags: str) -> None:
    """Four steps of eight, in a command that was called with these flags."""
    command = click.Command("work", callback=_work)
    verbosity_options(command)
    command.main(list(flags), standalone_mode=False)


def _work() -> None:
    with progress_bar("Reading") as report:
        for done in range(5):
            report("Cells", done, 8)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard error, as a terminal of 80 columns."""
    file = io.StringIO()

    def console(**_: object) -> Console:
        return Console(file=file, force_terminal=True, width=80, _environ={"TERM": "xterm"})

    monkeypatch.setattr("rich.console.Console", console)
    return file


def test_a_terminal_shows_a_bar_with_its_count(terminal: io.StringIO) -> None:
    reported()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "Cells" in text
    assert "4/8" in text


def test_nothing_is_drawn_where_it_is_quiet(
    terminal: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    reported("-q")
    assert terminal.getvalue() + "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize(
    ("flags", "lines"),
    [((), []), (("-v",), ["Cells: 1 of 8", "Cells: 2 of 8", "Cells: 3 of 8", "Cells: 4 of 8"])],
)
def test_a_pipe_gets_lines_if_asked(
    flags: tuple[str, ...], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    reported(*flags)
    assert capsys.readouterr().err.splitlines() == lines


def test_of_many_steps_a_pipe_gets_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with progress_bar() as report:
            for done in range(1001):
                report("Cells", done, 1000)

    command = click.Command("work", callback=work)
    verbosity_options(command)
    command.main(["-v"], standalone_mode=False)
    assert len(capsys.readouterr().err.splitlines()) == 10


@pytest.mark.parametrize(
    ("speed", "left", "words"),
    [
        (None, None, "1/4"),
        (2.0, 1.5, "1/4 · 2.0/s · 0:01 left"),
        (0.05, 60.0, "1/4 · 20.0 s each · 1:00 left"),
        (0.05, 7260.0, "1/4 · 20.0 s each · 2:01:00 left"),
    ],
)
def test_the_words_beside_a_bar(speed: float | None, left: float | None, words: str) -> None:
    assert pace(1, 4, speed, left) == words


def test_what_is_done_has_no_time_left() -> None:
    assert pace(4, 4, 2.0, 0.0) == "4/4 · 2.0/s"


LONG = ("run", "advise", "train", "trust", "score", "referee", "import", "info", "report")


@pytest.mark.parametrize("name", LONG)
def test_what_takes_longer_says_how_far_it_is(name: str) -> None:
    callback = cli.commands[name].callback
    assert callback is not None
    code = getattr(callback, "__wrapped__").__code__  # noqa: B009 - typed as a plain function
    assert "progress_bar" in {*code.co_names, *code.co_varnames, *code.co_cellvars}
