"""Whether what the gateway runs on is installed."""

from __future__ import annotations

import importlib.util
import sys

from routereval.errors import MissingDependencyError

PACKAGES = (
    "aiohappyeyeballs",
    "httptools",
    "msgspec",
    "prometheus_client",
    "starlette",
    "uvicorn",
    "uvloop",
)


def check_installed() -> None:
    """Refuse to serve on a slower loop or parser than the one that was asked for.

    Raises:
        MissingDependencyError: if a package is missing.
    """
    for name in PACKAGES:
        needed = name != "uvloop" or sys.platform != "win32"
        if needed and importlib.util.find_spec(name) is None:
            raise MissingDependencyError.of(name, "serve")
