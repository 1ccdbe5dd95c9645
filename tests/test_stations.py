"""A station imports only what the plan of the house allows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import routereval

SRC = Path(routereval.__file__).parent
GROUND = {"errors", "spec", "registry", "_version"}
ALLOWED = {
    "records": set(),
    "features": set(),
    "scoring": set(),
    "routers": {"features"},
    "tasks": {"records", "features"},
    "studies": {"records", "features", "scoring", "routers", "tasks"},
    "report": {"scoring", "studies"},
    "gateway": {"features", "routers"},
    "cli": {
        "records",
        "features",
        "scoring",
        "routers",
        "tasks",
        "studies",
        "report",
        "gateway",
    },
}


def imported_stations(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
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


def test_every_folder_is_a_station() -> None:
    folders = {p.name for p in SRC.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(ALLOWED)


def test_library_code_never_prints() -> None:
    for file in SRC.rglob("*.py"):
        if "cli" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), (
                file
            )


def test_public_names_are_sorted_and_resolve() -> None:
    assert sorted(routereval.__all__) == sorted(set(routereval.__all__))
    for name in routereval.__all__:
        assert getattr(routereval, name) is not None
    assert len(routereval.__all__) <= 30
