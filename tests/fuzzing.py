"""How many damaged inputs each importer is tried on."""

from __future__ import annotations

import os

FUZZ = int(os.environ.get("ROUTEREVAL_FUZZ", "1"))
"""A factor; at 1 the inputs are the same every time, above it they are drawn anew."""


def examples(usual: int) -> int:
    """The usual number of inputs, times the factor."""
    return usual * FUZZ
