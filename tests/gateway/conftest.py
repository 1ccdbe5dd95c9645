"""The gateway's packages are an extra: without them its tests are left out, and this says so."""

from __future__ import annotations

from importlib.util import find_spec

MISSING = [name for name in ("aiohttp", "starlette", "uvicorn") if find_spec(name) is None]
collect_ignore_glob = ["*.py"] if MISSING else []


def pytest_report_header() -> list[str]:
    return [f"no gateway tests: {', '.join(MISSING)} not installed"] if MISSING else []
