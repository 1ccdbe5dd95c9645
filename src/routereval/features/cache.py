"""Embeddings on disk, by the content they were made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routereval.features.embedder import make_embedder


def embed(
    spec: str,
    texts: Sequence[str],
    train: NDArray[np.int64],
    folder: Path | None = None,
) -> NDArray[np.float32]:
    """Vectors of all texts, by an embedder fit on the training texts only.

    Args:
        spec: the embedder.
        texts: all texts.
        train: which of them the embedder may learn from.
        folder: where vectors are kept between runs; None keeps none.

    Returns:
        (n_texts, d), memory-mapped where it comes from the folder.
    """
    if folder is None:
        return _embed(spec, texts, train)
    path = folder / f"{_key(spec, texts, train)}.npy"
    found = _kept(path)
    if found is None:
        _keep(path, _embed(spec, texts, train))
        found = _kept(path)
    return _embed(spec, texts, train) if found is None else found


def _kept(path: Path) -> NDArray[np.float32] | None:
    """What the file holds; None if there is none, or it is damaged."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None


def _keep(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.save(file, vectors)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _embed(spec: str, texts: Sequence[str], train: NDArray[np.int64]) -> NDArray[np.float32]:
    embedder = make_embedder(spec).fit([texts[row] for row in train])
    return embedder.transform(texts)


def _key(spec: str, texts: Sequence[str], train: NDArray[np.int64]) -> str:
    import sklearn

    digest = hashlib.sha256(f"{spec} {sklearn.__version__} {np.__version__}".encode())
    digest.update(np.ascontiguousarray(train, dtype=np.int64).tobytes())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
