"""On a terminal of any width, no number of a command's tables is cut and none is missing."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console

from routereval.records import Records
from routereval.report import Document, draw, to_text
from routereval.studies.run import run
from tests.conftest import CommandLine
from tests.made import made

WIDTHS = (80, 100, 120, 160)
NUMBER = re.compile(r"[-+±]?\d[\d,]*(?:\.\d+)?%?")
LEFT_OUT = re.compile(r"Intervals are left out: they do not fit into \d+ columns\.")
LONG = "org-of-a-long-name/model-with-a-long-name-72b-instruct-int4-2026"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records with costs of twelve benchmarks, results of a run on two of them, and choices."""
    home = tmp_path_factory.mktemp("widths")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTEREVAL_CACHE", str(home / "cache"))
        names = [f"benchmark-{n}" for n in range(12)]
        records = [made(name, 40, 5, costs=True, seed=n) for n, name in enumerate(names)]
        for one in records:
            one.save(home / "records" / one.name)
        routers = ["knn(k=5)", "cheapest", f"{LONG}=linear"]
        run(records[:2], routers, [4], ["all-strong"], out=home / "out", n_jobs=1)
    scores = np.eye(6)[np.arange(90) % 6][:, :4]
    models = [LONG, "通义千问/一个很长的名字的模型-72b", "a", "b"]
    Records.from_arrays("long", scores, models).save(home / "long")
    chosen = {
        "prompt_id": [str(n) for n in range(40)],
        "ours": [f"org/model_{n % 5}" for n in range(40)],
    }
    pl.DataFrame(chosen).write_csv(home / "choices.csv")
    return home


CALLS = (
    ("show", "out"),
    ("compare", "out"),
    ("compare", "out", "knn(k=5)", "cheapest"),
    ("check", "out", "--require", "oracle > random", "--require", "knn(k=5) > 0.1"),
    ("info", "records"),
    ("info", "long"),
    ("advise", "records/benchmark-0", "--max-models", 2, "-r", "knn(k=5)"),
    ("referee", "choices.csv", "records/benchmark-0"),
    ("list", "metrics"),
    ("list", "routers"),
    ("list", "formats"),
    ("prices", "show"),
)


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    """What commands draw."""
    drawn: list[Document] = []
    monkeypatch.setattr("routereval.report.draw", lambda document, _: drawn.append(document))
    return drawn


def on_terminal(document: Document, width: int) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    draw(document, console)
    return file.getvalue()


def numbers(text: str) -> Counter[str]:
    return Counter(NUMBER.findall(text))


def assert_whole(text: str, full: str, width: int) -> None:
    """Nothing of the full text is cut or missing, and no line is too wide."""
    assert max(map(cell_len, text.splitlines())) <= width
    assert not LEFT_OUT.search(text)
    assert numbers(full) - numbers(text) == Counter()
    assert text.count("…") == full.count("…")


@pytest.mark.parametrize("words", CALLS, ids=lambda words: " ".join(map(str, words[:3])))
def test_no_number_is_cut_and_no_column_is_missing(
    words: tuple[object, ...],
    folder: Path,
    documents: list[Document],
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    answer = command_line(*words, "-q")
    assert (answer.status, answer.err) == (0, "")
    [document] = documents
    full = to_text(document)
    assert numbers(full) or words[0] == "list"
    for width in WIDTHS:
        text = on_terminal(document, width)
        assert_whole(text, full, width)
        # of a table that is turned, the names are heads, and their own head is not needed
        heads = {
            column.head for table in document.tables for column in table.columns[table.names :]
        }
        parts = {word for head in heads for word in head.split()}
        assert {part for part in parts if part not in " ".join(text.split())} == set()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("width", [80, 160])
def test_a_real_terminal_shows_the_same(width: int, folder: Path) -> None:
    import fcntl
    import pty
    import subprocess
    import termios

    words = [sys.executable, "-m", "routereval", "show", str(folder / "out"), "-q"]
    full = subprocess.run(words, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    environment |= {"TERM": "xterm-256color"}
    seen = b""
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment) as process:  # noqa: S603
        os.close(theirs)
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the terminal is closed
                break
            if not piece:
                break
            seen += piece
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode().replace("\r\n", "\n"))
    assert_whole(text, full, width)
