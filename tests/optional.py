"""Libraries that may be absent, and take seconds to import: asked for without importing them."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def skip_without(*names: str) -> None:
    """Skip this whole module where a library is not installed; its tests import what they use."""
    for name in names:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed", allow_module_level=True)
