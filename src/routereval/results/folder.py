"""The folder of a run: what is finished in it, and how cells are added."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.results.prompts import PromptsFolder
from routereval.results.results import Cell, Outcome, Results
from routereval.whole_files import part_of, write_whole

_CELLS = "results.jsonl"
_RUN = "run.json"
_OUTCOMES = "outcomes"
_PROMPTS = "prompts"


class ResultsFolder:
    """The folder that a run fills: a cell is there once its line is.

    ``outcomes/KEY.npz`` is written first, then the line of ``results.jsonl``; a line cut short by a
    kill is dropped, and its cell computed again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = False

    def finished(self) -> dict[str, Cell]:
        """The finished cells by key; nothing is written before there is one more.

        Raises:
            DataError: if the folder holds something else than results.
        """
        nearest = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
        if not nearest.is_dir():
            raise DataError(f"{nearest} is a file; give a folder for the results")
        if not os.access(nearest, os.W_OK):
            raise DataError(f"{nearest} cannot be written to; choose another folder")
        there = {child.name for child in self.path.iterdir()} if self.path.is_dir() else set()
        if _RUN not in there and there - {part_of(self.path / _RUN).name}:
            raise DataError(f"{self.path} is not empty and holds no results; choose another folder")
        return {c.key: c for c in self.read_cells() if self._outcome(c.key).exists()}

    def begin(self, info: Mapping[str, Any], finished: Iterable[Cell]) -> None:
        """Make the folder, ``run.json`` first, and mend the last line; once is enough."""
        if not self._begun:
            self.path.mkdir(parents=True, exist_ok=True)
            self.note_run(info)
            (self.path / _OUTCOMES).mkdir(exist_ok=True)
            self._rewrite(finished)
            self._begun = True

    def read_cells(self) -> list[Cell]:
        """All whole lines of ``results.jsonl``."""
        file = self.path / _CELLS
        return list(_whole_lines(file)) if file.exists() else []

    def note_run(self, info: Mapping[str, Any]) -> None:
        """Write ``run.json``."""
        write_whole(self.path / _RUN, json.dumps(info, indent=1, ensure_ascii=False) + "\n")

    def add(self, cell: Cell, outcome: Outcome) -> None:
        """Keep a finished cell."""
        outcome.save(self._outcome(cell.key))
        with (self.path / _CELLS).open("a", encoding="utf-8") as file:
            file.write(cell.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, cells: Sequence[Cell]) -> None:
        """Put the lines into the order of the run; those of earlier runs follow."""
        places, keys = {cell.place for cell in cells}, {cell.key for cell in cells}
        older = [c for c in self.read_cells() if c.place not in places and c.key not in keys]
        self._rewrite([*cells, *older])

    def load(self, keys: Iterable[str]) -> dict[str, Outcome]:
        """The outcomes of cells."""
        return {key: Outcome.load(self._outcome(key)) for key in keys}

    @property
    def prompts(self) -> PromptsFolder:
        """The test prompts that were kept."""
        return PromptsFolder(self.path / _PROMPTS)

    def info(self) -> dict[str, Any]:
        """What ``run.json`` says.

        Raises:
            DataError: if there is none, or it is damaged.
        """
        held: object = None
        with suppress(OSError, ValueError):
            held = json.loads((self.path / _RUN).read_text(encoding="utf-8"))
        if not isinstance(held, dict):
            raise DataError(f"{self.path} holds no results of routereval run")
        return held

    def _outcome(self, key: str) -> Path:
        return self.path / _OUTCOMES / f"{key}.npz"

    def _rewrite(self, cells: Iterable[Cell]) -> None:
        write_whole(self.path / _CELLS, "".join(cell.to_json() + "\n" for cell in cells))


def read_results(path: str | Path) -> Results:
    """The results that `run` left in a folder.

    Raises:
        DataError: if the folder holds none.
    """
    folder = ResultsFolder(Path(path))
    info = folder.info()
    cells = folder.read_cells()
    outcomes = folder.load(cell.key for cell in cells)
    return Results(cells, outcomes, info.get("notes", ()), info, folder.prompts)


def _whole_lines(file: Path) -> Iterator[Cell]:
    # Not splitlines, which also cuts at characters that may stand in a name.
    for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            yield Cell.from_json(line)
        except (ValueError, KeyError, TypeError):
            continue  # cut short by a kill: its cell will be computed again
