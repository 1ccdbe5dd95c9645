"""The rooms of the gateway import one another in one direction only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from routereval import gateway

SRC = Path(gateway.__file__).parent
ALLOWED: dict[str, set[str]] = {
    "dialects": set(),
    "upstreams": {"dialects"},
    "access": set(),
    "decisions": set(),
    "http": {"dialects", "upstreams", "decisions"},
    "observe": {"http"},
}


def imported_rooms(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[:2] == ["routereval", "gateway"] and len(parts) > 2:
                yield parts[2]


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_its_row_allows(room: str) -> None:
    for file in sorted((SRC / room).glob("*.py")):
        found = set(imported_rooms(file)) & set(ALLOWED)
        assert found <= ALLOWED[room] | {room}, file
        assert not set(imported_rooms(file)) & {"build", "server", "plugins"}, file


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in SRC.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ALLOWED)


def test_every_public_name_resolves() -> None:
    assert sorted(gateway.__all__) == sorted(set(gateway.__all__))
    for name in gateway.__all__:
        assert getattr(gateway, name) is not None
