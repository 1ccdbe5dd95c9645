"""The recipes of `CONTRIBUTING.md`, followed to the letter in a copy of the tree."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipes import Recipe, Step, recipes

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
COPIED = ("src", "tests", "docs", "examples", "benchmarks", "pyproject.toml", "README.md")
RECIPES = {recipe.title.split()[-1]: recipe for recipe in recipes()}
BIN = Path(sys.executable).parent
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a recipe may change."""
    for name in (*COPIED, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CITATION.cff"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT_OUT)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(line: str, tree: Path) -> str:
    """Run a command of a recipe with this environment's programs and the tree's package.

    What it installs goes to a folder of the tree, so that nothing is changed here.
    """
    words = shlex.split(line)
    if words[1:3] == ["pip", "install"]:
        if not (BIN / "uv").exists():
            pytest.skip("needs uv")
        options = ["--quiet", "--no-deps", "--python", sys.executable, "--target", "site"]
        words[3:] = [*options, f"./{words[-1]}"]
    words[0] = str(BIN / Path(words[0]).name)
    paths = os.pathsep.join([str(tree / "src"), str(tree / "site"), str(tree)])
    ran = subprocess.run(  # noqa: S603 - our own recipes
        words,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{line}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    return ran.stdout


def run_all(recipe: Recipe, tree: Path) -> None:
    """Run its check; each line of it must have found tests (pytest fails where there are none)."""
    for line in recipe.checks:
        run(line, tree)


def test_there_are_five() -> None:
    assert list(RECIPES) == ["family", "metric", "importer", "command", "plugin"]
    assert all(recipe.checks for recipe in RECIPES.values())


def test_a_router_family_takes_20_lines() -> None:
    assert RECIPES["family"].steps[0].n_lines <= 20


def test_a_step_that_does_not_fit_is_told(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a\nb\na\n")
    with pytest.raises(ValueError, match="there exists already"):
        Step("there", "", "x\n").write(tmp_path)
    with pytest.raises(ValueError, match="2 lines start with 'a'"):
        Step("there", "a", "x\n").write(tmp_path)
    Step("there", "b", "x\n").write(tmp_path)
    assert (tmp_path / "there").read_text() == "a\nb\nx\na\n"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_a_recipe_passes_its_check(recipe: Recipe, tree: Path) -> None:
    for step in recipe.steps:
        step.write(tree)
    run_all(recipe, tree)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forgotten", "sentence"),
    [("registry.py", "add it to the table of its registry"), ("docs/routers.md", "assert named")],
)
def test_what_is_forgotten_is_told(forgotten: str, sentence: str, tree: Path) -> None:
    for step in RECIPES["family"].steps:
        if not step.path.endswith(forgotten):
            step.write(tree)
    with pytest.raises(AssertionError, match=sentence):
        run_all(RECIPES["family"], tree)


@pytest.mark.slow
def test_all_recipes_together_pass_the_checks_of_the_house(tree: Path) -> None:
    for recipe in RECIPES.values():
        for step in recipe.steps:
            step.write(tree)
    run(".venv/bin/ruff format --check .", tree)
    run(".venv/bin/ruff check .", tree)
    run(".venv/bin/mypy", tree)
