"""Matrices of scores as files: the scores themselves, those of trials, a judge, a date."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from routereval.records.files import npy_bytes
from routereval.records.matrix import BinaryMatrix, RealMatrix


def layer_files(stem: str) -> tuple[str, str]:
    """The files of a layer: its scores, and which cells of binary ones were observed."""
    return f"{stem}.npy", f"{stem}-observed.npy"


def layer_bytes(matrix: BinaryMatrix | RealMatrix, scores: str, observed: str) -> dict[str, bytes]:
    """The bytes of a layer's files, by name; that of observed cells is there if not all were."""
    if isinstance(matrix, RealMatrix):
        return {scores: npy_bytes(matrix.values)}
    seen = {} if matrix.seen is None else {observed: npy_bytes(matrix.seen)}
    return {scores: npy_bytes(matrix.words), **seen}


def layer_of(
    scores: NDArray[Any], observed: NDArray[Any] | None, n_prompts: int
) -> BinaryMatrix | RealMatrix:
    """The layer that files hold: packed where they are words."""
    if scores.dtype.kind == "u":
        return BinaryMatrix(scores, n_prompts, observed)
    return RealMatrix(scores)
