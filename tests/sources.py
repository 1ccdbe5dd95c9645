"""The source of the package, read and parsed once for all tests of one process that look at it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import routereval

SRC = Path(routereval.__file__).parent


@cache
def imports(file: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The import statements of a file, those inside functions too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return tuple(n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
