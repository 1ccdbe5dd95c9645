"""Tallies: a file per model, a line per prompt: its score, a tab, its text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from routereval.importers import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import BadRows, RowError, files_in, some_files, text_lines
from routereval.records.draft import Draft


def recognise(path: Path) -> bool:
    """True for a folder that holds such files."""
    return bool(files_in(path, "*.tally"))


def read(path: Path) -> Iterator[Draft]:
    """One draft; what cannot be read is listed with file and line.

    Args:
        path: the folder.

    Raises:
        DataError: if there is no such file, or a line cannot be read.
    """
    table, bad = LongTable(), BadRows()
    for file in some_files(path, "tally", "*.tally"):
        for number, line in text_lines(file, bad):
            with bad.row(file, number):
                score, tab, prompt = line.rstrip("\r\n").partition("\t")
                if not tab:
                    raise RowError("there is no tab between score and prompt")
                table.add("tally", prompt, file.stem, score, text=prompt)
    bad.check()
    yield from table.drafts(f"tallies in {path.name}")


TALLY = Importer(
    name="tally",
    summary="Tallies: a file per model, a line per prompt: score, tab, text",
    recognise=recognise,
    read=read,
    sample={
        "model-a.tally": "1\tWho wrote Faust?\n0\tIs 91 prime?\n",
        "model-b.tally": "0.5\tWho wrote Faust?\n1\tIs 91 prime?\n",
    },
)
