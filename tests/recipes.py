"""The recipes of `CONTRIBUTING.md`: which files each writes, and the check that it names.

``python -m tests.recipes`` prints how many files and lines each takes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"

_SECTION = re.compile(r"^## (.*?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_FENCE = r"\n\n```(\w+)\n(.*?)^```$"
_STEP = re.compile(
    r"^`([^`\n]+)`(?:, after (`+)(.+?)\2|(, at the end))?:" + _FENCE,
    re.MULTILINE | re.DOTALL,
)
_CHECK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


END = "the end"


class Step(NamedTuple):
    """Some lines to write.

    Attributes:
        path: the file, seen from the root of the tree.
        after: the start of the line after which they stand, or `END`; empty for a new file.
        text: the lines.
    """

    path: str
    after: str
    text: str

    @property
    def n_lines(self) -> int:
        """How many lines are not blank."""
        return sum(bool(line.strip()) for line in self.text.splitlines())

    def write(self, tree: Path) -> None:
        """Write them.

        Raises:
            ValueError: if the new file is there already, or no line or several start so.
        """
        file = tree / self.path
        if not self.after:
            if file.exists():
                raise ValueError(f"{self.path} exists already")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text, encoding="utf-8")
            return
        lines = file.read_text("utf-8").splitlines(keepends=True)
        if self.after == END:
            file.write_text("".join([*lines, self.text]), encoding="utf-8")
            return
        found = [at for at, line in enumerate(lines) if line.strip().startswith(self.after)]
        if len(found) != 1:
            raise ValueError(f"{self.path}: {len(found)} lines start with {self.after!r}, not 1")
        lines.insert(found[0] + 1, self.text)
        file.write_text("".join(lines), encoding="utf-8")


class Recipe(NamedTuple):
    """What to write, and the commands that check it."""

    title: str
    steps: tuple[Step, ...]
    checks: tuple[str, ...]

    @property
    def n_files(self) -> int:
        """How many files are new or changed."""
        return len({step.path for step in self.steps})

    @property
    def n_lines(self) -> int:
        """How many lines are written, blank ones left out."""
        return sum(step.n_lines for step in self.steps)


def recipes() -> list[Recipe]:
    """All recipes, in the order of the page."""
    found = []
    for title, inside in _SECTION.findall(PAGE.read_text("utf-8")):
        steps = tuple(
            Step(path, END if end else after.strip(), text)
            for path, _, after, end, _, text in _STEP.findall(inside)
        )
        checks = tuple(line for block in _CHECK.findall(inside) for line in block.splitlines())
        if steps:
            found.append(Recipe(title, steps, checks))
    return found


if __name__ == "__main__":
    for recipe in recipes():
        print(f"{recipe.title}: {recipe.n_files} files, {recipe.n_lines} lines")  # noqa: T201
