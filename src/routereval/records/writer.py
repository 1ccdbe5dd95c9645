"""`RecordsWriter`: one benchmark written a block of models at a time, never all of it in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import bits
from routereval.records.draft import refuse_repeats
from routereval.records.files import parquet_bytes
from routereval.records.manifest import write_manifest
from routereval.records.tables import model_table, prompt_table

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class About:
    """What is known of a benchmark before its first score; see `Draft` for the meaning.

    Attributes:
        name: the benchmark.
        models: names of the models, in the order in which their scores will come.
        prompts: one row per prompt, as in a draft.
        model_info: what is known of the models, or None.
        binary: True if every score is 0 or 1; they are packed, else stored as float32.
        reference: the score of the fixed strong model, or None.
        source: where the scores come from.
        licence: their licence, as far as known.
        simulated: True if no real model was asked.
    """

    name: str
    models: Sequence[str]
    prompts: pl.DataFrame
    model_info: pl.DataFrame | None = None
    binary: bool = True
    reference: float | None = None
    source: str = ""
    licence: str = ""
    simulated: bool = False


class RecordsWriter:
    """Writes the files that `Records.save` would, from blocks of models; every cell is observed.

    Use it as a context manager, inside `atomic_folder` where the folder is to appear whole or not
    at all: the manifest is written last, and only if no exception passes.

    >>> import tempfile
    >>> import polars as pl
    >>> from routereval.records.folder import read_records
    >>> about = About("toy", ["a", "b"], pl.DataFrame({"prompt_id": ["x", "y", "z"]}))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with RecordsWriter(Path(folder), about) as writer:
    ...         writer.append(np.array([[True, False, True]]))
    ...         writer.append(np.array([[False, False, True]]))
    ...     read_records(Path(folder)).dense().T
    array([[1., 0., 1.],
           [0., 0., 1.]])
    """

    def __init__(self, folder: Path, about: About) -> None:
        self._folder = folder
        self._about = about
        self._written = 0

    def __enter__(self) -> Self:
        """Write the tables and the header of the scores.

        Raises:
            DataError: if there is no prompt or no model, or a name occurs twice.
        """
        shape = self._about.prompts.height, len(self._about.models)
        width = bits.n_words(shape[0]) if self._about.binary else shape[0]
        if 0 in shape:
            raise DataError(
                f"{self._about.name}: no records: {shape[0]} prompts × {shape[1]} models"
            )
        refuse_repeats(self._about.name, "model", self._about.models)
        refuse_repeats(self._about.name, "prompt_id", self._about.prompts["prompt_id"].to_list())
        tables = {
            "prompts.parquet": parquet_bytes(prompt_table(self._about.prompts)),
            "models.parquet": parquet_bytes(
                model_table(self._about.models, self._about.model_info)
            ),
        }
        for name, payload in tables.items():
            (self._folder / name).write_bytes(payload)
        self._files = {name: hashlib.sha256(data).hexdigest() for name, data in tables.items()}
        kind: type[np.generic] = np.uint64 if self._about.binary else np.float32
        self._scores = _NpyStream(self._folder / "scores.npy", (shape[1], width), np.dtype(kind))
        return self

    def append(self, block: NDArray[np.bool_] | NDArray[np.floating]) -> None:
        """Write the scores of the next few models.

        Args:
            block: (n_llms, n_prompts), model-major; truth values if the benchmark is binary, else
                numbers in [0, 1].

        Raises:
            DataError: if the block has another number of prompts, or more models than are left, or
            a
                score lies outside [0, 1].
        """
        n_prompts, n_models = self._about.prompts.height, len(self._about.models)
        left = n_models - self._written
        if block.ndim != 2 or block.shape[1] != n_prompts or len(block) > left:
            raise DataError(
                f"{self._about.name}: a block of {' × '.join(map(str, block.shape))} models × "
                f"prompts; {left} models × {n_prompts} prompts are left to write"
            )
        if not self._about.binary and not ((block >= 0) & (block <= 1)).all():
            raise DataError(f"{self._about.name}: a score lies outside [0, 1]")
        rows = bits.pack(block.astype(np.bool_, copy=False)) if self._about.binary else block
        self._scores.append(rows)
        self._written += len(block)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the scores; write the manifest if all went well.

        Raises:
            DataError: if the scores of some models never came.
        """
        digest = self._scores.close()
        if kind is not None:
            return
        if self._written < len(self._about.models):
            missing = len(self._about.models) - self._written
            raise DataError(
                f"{self._about.name}: the scores of the last {missing} models are missing"
            )
        facts: dict[str, Any] = {
            "name": self._about.name,
            "kind": "binary" if self._about.binary else "real",
            "n_prompts": self._about.prompts.height,
            "n_models": len(self._about.models),
            "features": [],
            "source": self._about.source,
            "licence": self._about.licence,
            "reference": self._about.reference,
            "simulated": self._about.simulated,
            "published": None,
        }
        write_manifest(self._folder, facts, {**self._files, "scores.npy": digest})


class _NpyStream:
    """An ``.npy`` file written row by row, with the sha256 of what went into it."""

    def __init__(self, path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._digest = hashlib.sha256()
        self._file: BinaryIO = path.open("wb")
        self._write(_npy_header(shape, dtype))

    def append(self, rows: NDArray[Any]) -> None:
        self._write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())

    def _write(self, payload: bytes) -> None:
        self._digest.update(payload)
        self._file.write(payload)

    def close(self) -> str:
        self._file.close()
        return self._digest.hexdigest()


def _npy_header(shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    buffer = BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()
