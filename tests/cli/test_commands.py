"""A command, its module and its study have one name."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import routereval.cli
import routereval.studies
from routereval.cli.main import cli

# Commands that are no study: the module of another station that does the work.
ELSEWHERE = {
    "report": "report.page",
    "show": "report.page",
    "check": "results.requirement",
    "compare": "results.comparison",
    "curves": "report.curve_figure",
    "download": "importers.hub",
    "experiment": "studies.experiment",  # a group of commands
    "export": "records.export",
    "import": "importers",
    "info": "records",
    "inspect": "routers.inspection",
    "keys": "gateway.access.keys",
    "leaderboard": "studies.leaderboard",  # a group of commands
    "list": "cli.catalogue",
    "merge": "records.merge",
    "prices": "records.prices",
    "route": "routers",
    "serve": "gateway",
    "simulate": "simulation.leaderboard",
}
COMMAND = re.compile(r"^@click\.(command|group)\((?!context_settings)", re.MULTILINE)
NO_COMMAND = {"evaluate", "dominated", "log_drift"}  # of Python alone, or part of another command
STUDIES = sorted(set(cli.commands) - set(ELSEWHERE))


def module_of(command: str) -> Path:
    """Python's own words take an underscore."""
    folder = Path(routereval.cli.__path__[0])
    return next(p for p in (folder / f"{command}.py", folder / f"{command}_.py") if p.exists())


def imported(file: Path) -> set[str]:
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}


def test_every_command_stands_in_the_module_of_its_name() -> None:
    files = Path(routereval.cli.__path__[0]).glob("*.py")
    holding = {file.stem.rstrip("_") for file in files if COMMAND.search(file.read_text("utf-8"))}
    assert holding == set(cli.commands)


@pytest.mark.parametrize("command", STUDIES)
def test_a_study_stands_in_the_module_of_its_command(command: str) -> None:
    home = f"routereval.studies.{command}"
    assert callable(getattr(import_module(home), command))
    assert home in imported(module_of(command))


@pytest.mark.parametrize("command", ELSEWHERE)
def test_other_commands_lead_to_one_module_of_a_station(command: str) -> None:
    assert f"routereval.{ELSEWHERE[command]}" in imported(module_of(command))


def test_every_verb_among_the_studies_is_a_command() -> None:
    folder = Path(routereval.studies.__path__[0])
    names = {p.stem for p in folder.iterdir() if p.suffix == ".py" or p.is_dir()} - {"__init__"}
    names = {name for name in names if not name.startswith("_")}
    verbs = {n for n in names if hasattr(import_module(f"routereval.studies.{n}"), n)}
    assert verbs == {*STUDIES, *NO_COMMAND}
