"""Embeddings on disk, by the content they were made of."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routereval.features.base import Pretrained
from routereval.features.concat import Concat
from routereval.features.embedder import embedder_name, make_embedder


def embed(
    spec: object,
    texts: Sequence[str],
    train: NDArray[np.int64],
    folder: Path | None = None,
) -> NDArray[np.float32]:
    """Vectors of all texts, by an embedder fit on the training texts only.

    Args:
        spec: the embedder, as `make_embedder` takes it.
        texts: all texts.
        train: which of them the embedder may learn from.
        folder: where vectors are kept between runs; None keeps none.

    Returns:
        (n_texts, d), memory-mapped where it comes from the folder.
    """
    embedder = make_embedder(spec)
    if isinstance(embedder, Concat):  # each part is kept on its own
        blocks = [embed(part, texts, train, folder) for part in embedder.parts]
        return embedder.scale([block[train] for block in blocks]).join(blocks)
    if folder is None:
        return _embed(spec, texts, train)
    path = folder / f"{_key(spec, texts, train)}.npy"
    found = _kept(path)
    if found is None:
        made = _embed(spec, texts, train)
        _keep(path, made)
        kept = _kept(path)
        return made if kept is None else kept
    return found


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


def _embed(spec: object, texts: Sequence[str], train: NDArray[np.int64]) -> NDArray[np.float32]:
    return make_embedder(spec).fit([texts[row] for row in train]).transform(texts)


def _key(spec: object, texts: Sequence[str], train: NDArray[np.int64]) -> str:
    """A hash of all that decides the vectors; the split is no part of it if nothing is learned."""
    embedder = make_embedder(spec)
    digest = hashlib.sha256(f"{embedder_name(spec)} {embedder.source()}".encode())
    if not isinstance(embedder, Pretrained):  # whose vectors may have cost hours, or money
        digest.update(_code(type(embedder)))
    if embedder.learns:
        digest.update(np.ascontiguousarray(train, dtype=np.int64).tobytes())
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _code(kind: type) -> bytes:
    """What our own embedders are made of, and one that another package brings."""
    import sklearn

    digest = hashlib.sha256(f"{sklearn.__version__} {np.__version__}".encode())
    theirs = getattr(sys.modules.get(kind.__module__), "__file__", None)
    # ties: sorted below
    modules = {*Path(__file__).parent.glob("*.py"), *([Path(theirs)] if theirs else [])}
    for module in sorted(modules):
        digest.update(module.read_bytes())
    return digest.digest()
