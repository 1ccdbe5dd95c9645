"""``manifest.json``: what a folder of records says of itself, and how far it is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.records.axes import is_axis_name
from routereval.records.import_report import is_report
from routereval.records.names import is_name
from routereval.regular_files import read_whole

SCHEMA = 1
MANIFEST = "manifest.json"

_SHA256 = re.compile("[0-9a-f]{64}")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a folder, every entry that is used of the kind it should be.

    Raises:
        DataError: if there is none, or it is damaged or of another schema.
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(read_whole(file))
    except FileNotFoundError:
        raise DataError(f"{path} holds no records: there is no {MANIFEST} in it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(file, str(error)) from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise DataError(f"{path}: not records of schema {SCHEMA}; import them again")
    for key, holds in _RULES.items():
        if not holds(manifest.get(key)):
            raise damaged(file, f"{key} is {manifest.get(key)!r:.50}")
    return manifest


def write_manifest(path: Path, facts: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Write the manifest of a folder, after all else in it.

    Args:
        path: the folder.
        facts: name, kind, shape and the rest of what it says.
        files: the sha256 of each file, by name.
    """
    manifest = {"schema": SCHEMA, **facts, "files": dict(files)}
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (path / MANIFEST).write_text(text, encoding="utf-8")


def damaged(file: Path, reason: str) -> DataError:
    """The error for a file of records that is not as it was written."""
    return DataError(f"{file}: damaged ({reason}); import the records again")


def _is_digests(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in value.values()
    )


def _is_published(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and isinstance(value.get("split"), dict)
        and isinstance(value.get("pools"), dict)
    )


def _is_names(value: object) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(isinstance(name, str) for name in value)
        and len(set(value)) == len(value)
    )


def _is_trials(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and type(value.get("n")) is int
        and value["n"] > 0
        and isinstance(value.get("numbered"), bool)
    )


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str) and is_name(value),
    "import": is_report,
    "kind": lambda value: value in ("binary", "real"),
    "n_prompts": lambda value: isinstance(value, int),
    "n_models": lambda value: isinstance(value, int),
    "features": lambda value: (
        isinstance(value, list) and all(isinstance(name, str) for name in value)
    ),
    "signals": _is_names,
    "axes": lambda value: _is_names(value) and all(map(is_axis_name, value or [])),
    "trials": _is_trials,
    "judge": lambda value: value is None or isinstance(value, str),
    "judges": _is_names,
    "version": lambda value: value is None or isinstance(value, str),
    "versions": _is_names,
    "files": _is_digests,
    "reference": lambda value: value is None or isinstance(value, int | float),
    "published": _is_published,
}
