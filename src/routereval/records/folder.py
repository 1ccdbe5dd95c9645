"""Records and collections of them as folders: read memory-mapped, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records.atomic import ORDER, atomic_folder, is_records, visible
from routereval.records.bits import n_words
from routereval.records.draft import Draft
from routereval.records.files import check_digest
from routereval.records.layers import layer_files, layer_of
from routereval.records.manifest import damaged, read_manifest
from routereval.records.matrix import BinaryMatrix, RealMatrix
from routereval.records.records import Records, write_into
from routereval.records.tables import PROMPT_KINDS
from routereval.records.trials import Trials
from routereval.regular_files import read_whole, refuse_special

if TYPE_CHECKING:
    import polars as pl

_WIDTHS = {"u": (8,), "f": (4, 8)}
_LONGEST_NAME = 60
LARGEST_TABLE = 1 << 32
"""Bytes of ``prompts.parquet``, which is read whole."""
CHECKED_ON_OPEN = 2**20
"""Bytes: smaller files are checked against their sha256 on opening, larger ones by `verify`."""


def read_records(path: Path) -> Records:
    """The records of a folder, memory-mapped.

    Raises:
        DataError: if the folder does not hold records, or a file of it is damaged.
    """
    manifest = read_manifest(path)
    n_prompts, n_models, stored = manifest["n_prompts"], manifest["n_models"], manifest["files"]
    prompts = _Table.of(path / "prompts.parquet", stored, PROMPT_KINDS, n_prompts)
    info = _Table.of(path / "models.parquet", stored, {"model": "String"}, n_models)
    shape = n_models, n_prompts
    matrix = _layer(path, stored, ("scores.npy", "observed.npy"), shape, manifest["kind"])
    costs = "costs.npy" in stored
    return Records(
        name=manifest["name"],
        scores=matrix,
        models=info.names,
        prompts=prompts.read,
        model_info=info.read,
        costs=_map(path, stored, "costs.npy", "f", shape) if costs else None,
        features={
            name: _map(path, stored, f"features-{name}.npy", "f", (n_prompts, None))
            for name in manifest["features"]
        },
        signals={
            name: _map(path, stored, f"signal-{name}.npy", "f", shape)
            for name in manifest.get("signals") or []
        },
        axes={
            name: _map(path, stored, f"axis-{name}.npy", "f", shape)
            for name in manifest.get("axes") or []
        },
        trials=_trials(path, stored, manifest.get("trials"), shape),
        judges=_layers(path, stored, "judge", manifest.get("judges") or [], shape),
        versions=_layers(path, stored, "version", manifest.get("versions") or [], shape),
        meta=manifest,
        path=path,
    )


def _trials(
    path: Path, stored: Mapping[str, str], trials: Mapping[str, Any] | None, shape: tuple[int, int]
) -> Trials | None:
    if trials is None:
        return None
    rows = trials["n"] * shape[0], shape[1]
    matrix = _layer(path, stored, layer_files("trials"), rows)
    return Trials(matrix, trials["n"], trials["numbered"])


def _layers(
    path: Path,
    stored: Mapping[str, str],
    kind: str,
    names: Sequence[str],
    shape: tuple[int, int],
) -> dict[str, BinaryMatrix | RealMatrix]:
    return {
        name: _layer(path, stored, layer_files(f"{kind}-{number}"), shape)
        for number, name in enumerate(names)
    }


def _layer(
    path: Path,
    stored: Mapping[str, str],
    files: tuple[str, str],
    shape: tuple[int, int],
    kind: str | None = None,
) -> BinaryMatrix | RealMatrix:
    """The scores of two files, (models, prompts), of the kind given, or else of the file's own."""
    scores, observed = files
    packed = shape[0], n_words(shape[1])
    if (kind or _kind(path / scores)) == "real":
        return layer_of(_map(path, stored, scores, "f", shape), None, shape[1])
    seen = _map(path, stored, observed, "u", packed) if observed in stored else None
    return layer_of(_map(path, stored, scores, "u", packed), seen, shape[1])


def _kind(file: Path) -> str:
    from tokenize import TokenError

    try:
        kind = np.lib.format.open_memmap(file, mode="r").dtype.kind
    except (OSError, ValueError, OverflowError, TokenError) as error:
        raise damaged(file, str(error)) from None
    return "real" if kind == "f" else "binary"


def is_collection(path: Path) -> bool:
    """True if the folder holds folders of records."""
    return path.is_dir() and any(is_records(child) for child in visible(path))


def read_collection(path: Path) -> list[Records]:
    """All records of a collection, in the order they were written; by name where none is noted."""
    return [read_records(child) for child in _in_order(path)]


def _in_order(path: Path) -> list[Path]:
    folders = sorted(child for child in visible(path) if is_records(child))
    with suppress(OSError, ValueError, TypeError, RecursionError):
        order = {name: n for n, name in enumerate(json.loads((path / ORDER).read_text("utf-8")))}
        folders.sort(key=lambda folder: order.get(folder.name, len(order)))
    return folders


def write_collection(
    drafts: Iterable[Draft | Records], path: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write drafts, or records, as a collection; the folder appears whole or not at all.

    Returns:
        The folders of the records, in the order of the drafts.

    Raises:
        DataError: if there is no draft, two share a name, or the folder exists already.
    """
    folders: dict[str, str] = {}
    with atomic_folder(path, overwrite=overwrite) as folder:
        for draft in drafts:
            if draft.name in folders:
                raise DataError(f"{path}: two benchmarks are named {draft.name!r}")
            name = folders[draft.name] = _folder_name(draft.name, [*folders.values(), ORDER])
            (folder / name).mkdir()
            records = Records.from_draft(draft) if isinstance(draft, Draft) else draft
            write_into(records, folder / name)
            del draft, records  # the next one needs its memory
        if not folders:
            raise DataError(f"{path}: the source holds no records")
        write_order(folder, list(folders.values()))
    return [path / name for name in folders.values()]


def write_order(path: Path, folders: Sequence[str]) -> None:
    """Note the order of a collection's folders."""
    (path / ORDER).write_text(json.dumps(list(folders)), encoding="utf-8")


@dataclass(frozen=True)
class _Table:
    """A table of a folder whose bytes are those that were written; parsed when it is first used."""

    file: Path
    payload: bytes
    height: int

    @classmethod
    def of(
        cls, file: Path, stored: Mapping[str, str], kinds: Mapping[str, str], height: int
    ) -> _Table:
        import polars as pl

        try:
            payload = read_whole(file, LARGEST_TABLE)
            if hashlib.sha256(payload).hexdigest() != stored.get(file.name):
                raise damaged(file, "its sha256 is not the manifest's")
            schema = pl.read_parquet_schema(BytesIO(payload))
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise damaged(file, str(error)) from None
        for column, kind in kinds.items():
            if str(schema.get(column)) != kind:
                raise damaged(file, f"it lacks the column {column} of {kind}")
        return cls(file, payload, height)

    @cached_property
    def _frame(self) -> pl.DataFrame:
        import polars as pl

        try:
            frame = pl.read_parquet(BytesIO(self.payload))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise damaged(self.file, str(error)) from None
        if frame.height != self.height:
            raise damaged(self.file, f"it has {frame.height} rows, the manifest {self.height}")
        return frame

    def read(self) -> pl.DataFrame:
        return self._frame

    def names(self) -> tuple[str, ...]:
        return tuple(self._frame["model"].to_list())


def _map(
    path: Path,
    stored: Mapping[str, str],
    name: str,
    kind: str,
    shape: tuple[int, int | None],
) -> NDArray[Any]:
    """A memory-mapped matrix of the folder, of a kind of number and a shape (None: of any).

    A file of up to `CHECKED_ON_OPEN` bytes is checked against its sha256 in the manifest.
    """
    from tokenize import TokenError

    try:
        refuse_special(path / name)
        array = np.asarray(np.lib.format.open_memmap(path / name, mode="r"))
        if (path / name).stat().st_size <= CHECKED_ON_OPEN:
            check_digest(path / name, stored)
    except (OSError, ValueError, OverflowError, TokenError) as error:
        raise damaged(path / name, str(error)) from None
    fits = array.ndim == len(shape) and shape in (array.shape, (array.shape[0], None))
    if array.dtype.kind != kind or array.itemsize not in _WIDTHS[kind] or not fits:
        raise damaged(path / name, f"it holds {array.shape} of {array.dtype}")
    return array


def _folder_name(name: str, taken: Collection[str]) -> str:
    """A name for the benchmark's folder: no separators, not hidden, short, and not taken."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")
    safe = safe[:_LONGEST_NAME] or "benchmark"
    lower = {other.lower() for other in taken}  # some file systems do not tell case apart
    free = (safe if n == 1 else f"{safe}-{n}" for n in count(1))
    return next(candidate for candidate in free if candidate.lower() not in lower)
