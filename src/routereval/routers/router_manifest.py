"""What the folder of a trained router says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval._version import __version__
from routereval.errors import DataError
from routereval.regular_files import read_whole
from routereval.whole_folders import replaced_copy

SCHEMA = 2  # 1 had no reach of the training prompts
MANIFEST = "manifest.json"
_WRITTEN_BY = ("numpy", "scipy", "scikit-learn", "skops")


def manifest_bytes(
    models: Sequence[str],
    costs: NDArray[np.float64],
    about: Mapping[str, Any],
    files: Mapping[str, bytes],
) -> bytes:
    """The manifest of a router's folder.

    Args:
        models: of the pool.
        costs: (n_models,) expected USD per call, NaN where unknown.
        about: what else is kept of it, as JSON.
        files: the other files of the folder, by name.
    """
    facts = {
        "schema": SCHEMA,
        "routereval": __version__,
        "written_with": {name: version(name) for name in _WRITTEN_BY},
        "models": list(models),
        "costs": [float(c) if np.isfinite(c) else None for c in costs],
        "about": dict(about),
        "files": {name: hashlib.sha256(payload).hexdigest() for name, payload in files.items()},
    }
    return (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(path: Path) -> dict[str, Any]:
    """What a router's folder says of itself, each entry of the kind it should be.

    Raises:
        DataError: if there is no manifest, or it is damaged or of another schema.
    """
    try:
        held = json.loads(read_whole(path / MANIFEST))
        if held["schema"] != SCHEMA:
            raise DataError(
                f"{path / MANIFEST} has schema {held['schema']!r}, this version reads {SCHEMA}; "
                "train the router again"
            )
        if not all(is_it(held[key]) for key, is_it in _RULES.items()):
            raise TypeError
    except FileNotFoundError:
        raise DataError(
            f"{path} holds no trained router{replaced_copy(path)}; make one with routereval train"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{path / MANIFEST} is damaged; train the router again") from None
    return dict(held)


def _is_cost(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and abs(value) < _MOST_USD)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_MOST_USD = 1e9
_RULES: Mapping[str, Callable[[Any], bool]] = {
    "models": _are_names,
    "costs": lambda held: isinstance(held, list) and all(map(_is_cost, held)),
    "about": lambda held: isinstance(held, dict),
    "files": lambda held: (
        isinstance(held, dict) and all(isinstance(digest, str) for digest in held.values())
    ),
}
