"""A station imports only what the plan of the house allows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import routereval
from tests.sources import SRC, imports

pytestmark = pytest.mark.once

GROUND = {
    *("errors", "spec", "registry", "parameters", "estimator", "shown", "_version", "observed"),
    *("number_of", "grouped"),
    *("regular_files", "whole_files", "whole_folders"),
}
ALLOWED = {
    "records": set(),
    "importers": {"records"},
    "simulation": {"records"},
    "features": set(),
    "scoring": set(),
    "routers": {"features"},
    "tasks": {"records", "features"},
    "results": {"scoring"},
    "studies": {
        *("records", "importers", "sources", "simulation"),
        *("features", "scoring", "routers", "tasks", "results"),
    },
    "report": {"scoring", "results", "studies"},
    "gateway": {"features", "routers"},
    "cli": {
        *("records", "importers", "sources", "simulation"),
        "features",
        "scoring",
        "routers",
        "tasks",
        "studies",
        "results",
        "report",
        "gateway",
    },
}


def imported_stations(file: Path) -> Iterator[str]:
    for node in imports(file):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "routereval" and len(parts) > 1:
                yield parts[1]


@pytest.mark.parametrize("station", sorted(ALLOWED))
def test_station_imports_only_what_its_row_allows(station: str) -> None:
    files = sorted((SRC / station).rglob("*.py"))
    assert files
    for file in files:
        found = set(imported_stations(file)) - {station}
        assert found <= ALLOWED[station] | GROUND, file


def imports_by_module() -> dict[str, set[str]]:
    """What each module of the package imports of it, inside functions too."""
    files = {
        ".".join(file.relative_to(SRC).with_suffix("").parts): file for file in SRC.rglob("*.py")
    }
    return {module: set(imported_modules(file, set(files))) for module, file in files.items()}


def imported_modules(file: Path, modules: set[str]) -> Iterator[str]:
    for node in imports(file):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("routereval"):
            home = (node.module or "").removeprefix("routereval").removeprefix(".")
            names = [".".join(filter(None, (home, alias.name))) for alias in node.names]
            found = [name if name in modules else home for name in names]
        elif isinstance(node, ast.Import):
            found = [alias.name.removeprefix("routereval.") for alias in node.names]
        else:
            continue
        for name in found:
            yield name if name in modules else ".".join(filter(None, (name, "__init__")))


def reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """The modules that a module imports, and those that these import, and so on."""
    seen: set[str] = set()
    left = [start]
    while left:
        new = arrows.get(left.pop(), set()) - seen
        seen |= new
        left += new
    return seen


def circles(arrows: dict[str, set[str]]) -> set[frozenset[str]]:
    ahead = {module: reached(module, arrows) for module in arrows}
    return {
        frozenset(other for other in ahead[module] if module in ahead.get(other, ()))
        for module in arrows
        if module in ahead[module]
    }


def test_the_search_for_circles_finds_them() -> None:
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a", "d"}}
    assert circles(arrows) == {frozenset("bc"), frozenset("d")}


def test_no_two_files_import_each_other() -> None:
    for found in circles(imports_by_module()):
        pytest.fail(f"these modules import one another: {', '.join(sorted(found))}")


def test_every_folder_is_a_station() -> None:
    folders = {p.name for p in SRC.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(ALLOWED)


def test_library_code_never_prints() -> None:
    for file in SRC.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "cli" in file.parts or "print(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), (
                file
            )


def test_public_names_are_sorted_and_resolve() -> None:
    assert sorted(routereval.__all__) == sorted(set(routereval.__all__))
    for name in routereval.__all__:
        assert getattr(routereval, name) is not None
    assert len(routereval.__all__) <= 25
