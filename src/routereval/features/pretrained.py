"""Models that others trained, from a folder or a model hub."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from routereval.errors import DataError


def files_of(model: object) -> str:
    """A hash of the names, sizes and times of a model's files; nothing for one of a hub.

    >>> files_of("org/name")
    ''
    """
    folder = Path(str(model))
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for file in sorted(filter(Path.is_file, folder.rglob("*"))):  # ties: no path stands twice
        state = file.stat()
        digest.update(f"{file.relative_to(folder)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def cannot_load(owner: str, model: object, error: Exception) -> DataError:
    """The error for a model that cannot be loaded, in one line."""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return DataError(
        f"{owner}: {model!r} cannot be loaded; give a folder that holds a model, or the name of "
        f"one on the hub ({type(error).__name__}: {reason[:200]})"
    )


@contextmanager
def silent() -> Iterator[None]:
    """No progress bars, warnings or log lines of transformers inside."""
    import warnings

    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
