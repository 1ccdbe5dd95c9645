"""Where imports, embeddings and downloads are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where imports and embeddings are kept: ROUTEREVAL_CACHE, else the user's cache folder."""
    chosen = os.environ.get("ROUTEREVAL_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "routereval"
