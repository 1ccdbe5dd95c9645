"""How many damaged inputs each importer is tried on."""

from __future__ import annotations

import os

FUZZ = int(os.environ.get("ROUTEREVAL_FUZZ", "1"))
"""A factor; at 1 the inputs are the same every time, above it they are drawn anew."""

BRIEF = "ROUTEREVAL_BRIEF" in os.environ
"""Whether a fifth of the inputs will do, as where only dependencies are others than before."""


def examples(usual: int) -> int:
    """The usual number of inputs, times the factor."""
    return usual // 5 if BRIEF else usual * FUZZ
