"""`Records`: one benchmark's performance records, on disk and in memory."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records.bits import n_words
from routereval.records.draft import Draft
from routereval.records.groups import GROUP, groups_of
from routereval.records.manifest import MANIFEST, damaged, read_manifest, write_manifest
from routereval.records.matrix import BinaryMatrix, Index, RealMatrix, score_matrix

if TYPE_CHECKING:
    import polars as pl

_PROMPT_KINDS = {"prompt_id": "String", "subset": "String", "text": "String", "chance": "Float64"}
_WIDTHS = {"u": (8,), "f": (4, 8)}
_LONGEST_NAME = 60
_ORDER = "collection.json"
CHECKED_ON_OPEN = 2**20
"""Bytes: smaller files are checked against their sha256 on opening, larger ones by `verify`."""
_Value = TypeVar("_Value")


class Deferred(Generic[_Value]):
    """A field given as its value, or as a function that is called for it on first use."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = f"_{name}"

    def __get__(self, obj: object, owner: type | None = None) -> _Value:
        if obj is None:
            raise AttributeError(self._key)  # so that a dataclass sees no default
        value = obj.__dict__[self._key]
        if callable(value):
            value = obj.__dict__[self._key] = value()
        return cast("_Value", value)

    def __set__(self, obj: object, value: _Value | Callable[[], _Value]) -> None:
        obj.__dict__[self._key] = value


@dataclass(frozen=True, eq=False, kw_only=True)
class Records:
    """The records of one benchmark: a prompts × LLMs matrix of scores, with what is known of both.

    Attributes:
        name: the benchmark.
        scores: the score matrix, (n_prompts, n_models).
        models: names of the LLMs, in column order.
        prompts: one row a prompt: ``prompt_id``, ``subset``, ``text``, ``chance`` and extras.
        model_info: one row a model, in column order: ``model`` and whatever is known of it.
        costs: (n_models, n_prompts) USD a call, NaN where unknown; None if unknown throughout.
        features: precomputed vectors by name, each (n_prompts, d).
        signals: what a call reveals besides its score, by name, each (n_models, n_prompts) and NaN
            where unknown: ``answer`` codes, of which equal ones on a prompt mean equal answers, and
            ``length``, how long the answer is.
        meta: the rest of the manifest: source, licence, reference, simulated, published.
        path: the folder that they were read from, or None.

    >>> records = Records.from_arrays("toy", [[1.0, 0.0], [0.0, 1.0]], ["a", "b"], ["one?", "two?"])
    >>> records
    Records('toy', 2 prompts × 2 LLMs, binary)
    >>> records.select(prompts=[1]).dense()
    array([[0., 1.]])
    """

    name: str
    scores: BinaryMatrix | RealMatrix
    models: Deferred[tuple[str, ...]] = Deferred()
    prompts: Deferred[pl.DataFrame] = Deferred()
    model_info: Deferred[pl.DataFrame] = Deferred()
    costs: NDArray[np.floating] | None
    features: Mapping[str, NDArray[np.floating]]
    meta: Mapping[str, Any]
    signals: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    path: Path | None = None

    @classmethod
    def from_arrays(
        cls,
        name: str,
        scores: NDArray[np.floating] | Sequence[Sequence[float]],
        models: Sequence[str],
        texts: Sequence[str] | None = None,
        *,
        subsets: Sequence[str] | None = None,
        costs: NDArray[np.floating] | None = None,
        features: NDArray[np.floating] | None = None,
        signals: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> Records:
        """Records from a score matrix in memory.

        Args:
            name: the benchmark.
            scores: (n_prompts, n_models) in [0, 1], NaN where not observed.
            models: names of the LLMs.
            texts: the prompts' texts.
            subsets: the subset of each prompt.
            costs: USD a call, of the shape of scores.
            features: the prompts' vectors, (n_prompts, d).
            signals: what calls reveal, such as ``answer``, each of the shape of scores.

        Raises:
            DataError: if shapes disagree or a score lies outside [0, 1].
        """
        import polars as pl

        matrix = np.asarray(scores, dtype=np.float64)
        for what, given in (("texts", texts), ("subsets", subsets)):
            if given is not None and len(given) != len(matrix):
                raise DataError(f"{name}: {len(given)} {what} for {len(matrix)} prompts")
        prompts = pl.DataFrame(
            {
                "prompt_id": [f"{name}/{row}" for row in range(len(matrix))],
                "subset": subsets if subsets is not None else [name] * len(matrix),
                "text": pl.Series(
                    texts if texts is not None else [None] * len(matrix), dtype=pl.String
                ),
                "chance": pl.Series([None] * len(matrix), dtype=pl.Float64),
            }
        )
        vectors = {} if features is None else {"given": np.asarray(features)}
        draft = Draft(name, models, matrix, prompts, costs=costs, features=vectors)
        return cls.from_draft(replace(draft, signals=signals or {}))

    @classmethod
    def from_draft(cls, draft: Draft) -> Records:
        """Records of a draft, in memory."""
        draft.checked()
        published = draft.published and json.loads(json.dumps(draft.published, default=_plain))
        return cls(
            name=draft.name,
            scores=score_matrix(draft.scores),
            models=tuple(draft.models),
            prompts=prompt_table(draft.prompts),
            model_info=model_table(draft.models, draft.model_info),
            costs=None if draft.costs is None else np.ascontiguousarray(draft.costs.T, np.float32),
            features={k: np.ascontiguousarray(v, np.float32) for k, v in draft.features.items()},
            signals={k: np.ascontiguousarray(v.T, np.float32) for k, v in draft.signals.items()},
            meta={
                "source": draft.source,
                "licence": draft.licence,
                "reference": draft.reference,
                "simulated": draft.simulated,
                "published": published or None,
            },
        )

    @property
    def n_prompts(self) -> int:
        """Number of prompts."""
        return self.scores.shape[0]

    @property
    def n_models(self) -> int:
        """Number of LLMs."""
        return self.scores.shape[1]

    @property
    def kind(self) -> str:
        """``binary`` or ``real``."""
        return "binary" if isinstance(self.scores, BinaryMatrix) else "real"

    @property
    def reference(self) -> float | None:
        """The score of the fixed strong model, or None where no such number is known."""
        value = self.meta.get("reference")
        return None if value is None else float(value)

    @property
    def simulated(self) -> bool:
        """True if no real LLM was asked."""
        return bool(self.meta.get("simulated"))

    @cached_property
    def subsets(self) -> NDArray[np.int64]:
        """(n_prompts,) the code of each prompt's subset, numbered by first appearance."""
        names = self.prompts["subset"].fill_null("").to_list()
        codes = {name: code for code, name in enumerate(dict.fromkeys(names))}
        return np.array([codes[name] for name in names], dtype=np.int64)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(n_prompts,) the code of each prompt's group, numbered by first appearance.

        Prompts of one group are the same, by `groups_of`, or stand under one name in the column
        ``group`` of the prompt table. Splits, folds and resamples keep groups whole.
        """
        named = self.prompts[GROUP].to_list() if GROUP in self.prompts.columns else None
        return groups_of(self.prompts["text"].to_list(), named)

    @property
    def has_text(self) -> bool:
        """True if every prompt has its text."""
        return self.prompts["text"].null_count() == 0

    @cached_property
    def hash(self) -> str:
        """Sha256 over what the records hold, the same on disk and in memory.

        Raises:
            DataError: if a file is not as it was written.
        """
        stored = self.meta.get("files")
        self.verify()
        if stored is None:
            digest = hashlib.sha256()
            for name, payload in sorted(_payloads(self).items()):
                digest.update(name.encode() + hashlib.sha256(payload).digest())
            return digest.hexdigest()
        return _digest_of(stored)

    def verify(self) -> None:
        """Check every file of the folder that they were read from against its sha256.

        Files of up to 1 MiB were checked on opening. Large ones are checked here, which `hash`
        calls, so that no result names records whose files are not those that were written.

        Raises:
            DataError: naming the file that is missing or damaged.
        """
        if self.path is not None:
            for name in self.meta["files"]:
                _check_digest(self.path / name, self.meta["files"])

    def dense(self) -> NDArray[np.float64]:
        """All scores as a (n_prompts, n_models) float matrix, NaN where not observed."""
        return self.scores.dense()

    def select(
        self,
        prompts: Sequence[int] | Index | None = None,
        models: Sequence[str] | Sequence[int] | Index | None = None,
    ) -> Records:
        """The records of some prompts and some LLMs, in that order.

        Args:
            prompts: rows, or None for all.
            models: names or columns, or None for all.

        Raises:
            DataError: if an LLM is not in the records.
        """
        rows = None if prompts is None else np.asarray(prompts, dtype=np.int64)
        columns = None if models is None else self.columns(models)
        info = self.model_info if columns is None else self.model_info[columns]
        return replace(
            self,
            scores=self.scores.select(rows, columns),
            models=tuple(info["model"].to_list()),
            prompts=self.prompts if rows is None else self.prompts[rows],
            model_info=info,
            costs=None if self.costs is None else _cut(self.costs, rows, columns),
            features=(
                self.features if rows is None else {k: v[rows] for k, v in self.features.items()}
            ),
            signals={name: _cut(values, rows, columns) for name, values in self.signals.items()},
            meta={k: v for k, v in self.meta.items() if k not in {"files", "published"}},
            path=None,
        )

    def columns(self, models: Sequence[str] | Sequence[int] | Index) -> Index:
        """Column numbers of LLMs given by name or by number."""
        if not len(models) or not isinstance(models[0], str):
            return np.asarray(models, dtype=np.int64)
        from routereval.errors import unknown

        where = {name: column for column, name in enumerate(self.models)}
        for name in models:
            if name not in where:
                raise DataError(f"{self.name}: {unknown('LLM', str(name), self.models)}"[:500])
        return np.array([where[str(name)] for name in models], dtype=np.int64)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the records to a folder; it appears whole or not at all.

        Raises:
            DataError: if the folder exists and `overwrite` is not given.
        """
        with atomic_folder(Path(path), overwrite=overwrite) as folder:
            write_into(self, folder)
        return Path(path)

    def __repr__(self) -> str:
        simulated = ", simulated" if self.simulated else ""
        return (
            f"Records({self.name!r}, {self.n_prompts:,} prompts × {self.n_models:,} LLMs, "
            f"{self.kind}{simulated})"
        )


def read_records(path: Path) -> Records:
    """The records of a folder, memory-mapped.

    Raises:
        DataError: if the folder does not hold records, or a file of it is damaged.
    """
    manifest = read_manifest(path)
    n_prompts, n_models, stored = manifest["n_prompts"], manifest["n_models"], manifest["files"]
    prompts = _Table.of(path / "prompts.parquet", stored, _PROMPT_KINDS, n_prompts)
    info = _Table.of(path / "models.parquet", stored, {"model": "String"}, n_models)
    matrix: BinaryMatrix | RealMatrix
    if manifest["kind"] == "binary":
        packed = n_models, n_words(n_prompts)
        seen = _map(path, stored, "observed.npy", "u", packed) if "observed.npy" in stored else None
        matrix = BinaryMatrix(_map(path, stored, "scores.npy", "u", packed), n_prompts, seen)
    else:
        matrix = RealMatrix(_map(path, stored, "scores.npy", "f", (n_models, n_prompts)))
    costs = "costs.npy" in stored
    return Records(
        name=manifest["name"],
        scores=matrix,
        models=info.names,
        prompts=prompts.read,
        model_info=info.read,
        costs=_map(path, stored, "costs.npy", "f", (n_models, n_prompts)) if costs else None,
        features={
            name: _map(path, stored, f"features-{name}.npy", "f", (n_prompts, None))
            for name in manifest["features"]
        },
        signals={
            name: _map(path, stored, f"signal-{name}.npy", "f", (n_models, n_prompts))
            for name in manifest.get("signals") or []
        },
        meta=manifest,
        path=path,
    )


def is_records(path: Path) -> bool:
    """True if the folder holds one benchmark's records."""
    return (path / MANIFEST).is_file()


def is_collection(path: Path) -> bool:
    """True if the folder holds folders of records."""
    return path.is_dir() and any(is_records(child) for child in _visible(path))


def read_collection(path: Path) -> list[Records]:
    """All records of a collection, in the order they were written; by name where none is noted."""
    return [read_records(child) for child in _in_order(path)]


def _in_order(path: Path) -> list[Path]:
    folders = sorted(child for child in _visible(path) if is_records(child))
    with suppress(OSError, ValueError, TypeError, RecursionError):
        order = {name: n for n, name in enumerate(json.loads((path / _ORDER).read_text("utf-8")))}
        folders.sort(key=lambda folder: order.get(folder.name, len(order)))
    return folders


def _visible(path: Path) -> list[Path]:
    """The children without the hidden ones, among which a killed writer leaves its half."""
    return sorted(child for child in path.iterdir() if not child.name.startswith("."))


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
            name = folders[draft.name] = _folder_name(draft.name, [*folders.values(), _ORDER])
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
    (path / _ORDER).write_text(json.dumps(list(folders)), encoding="utf-8")


def write_into(records: Records, folder: Path) -> None:
    """Write the files of records into an existing folder, the manifest last."""
    files = {}
    for name, payload in _payloads(records).items():
        (folder / name).write_bytes(payload)
        files[name] = hashlib.sha256(payload).hexdigest()
    facts = {
        "name": records.name,
        "kind": records.kind,
        "n_prompts": records.n_prompts,
        "n_models": records.n_models,
        "features": list(records.features),
        **({"signals": list(records.signals)} if records.signals else {}),
        **{k: records.meta.get(k) for k in ("source", "licence", "reference", "simulated")},
        "published": records.meta.get("published"),
    }
    if records.meta.get("cost_unit"):
        facts["cost_unit"] = records.meta["cost_unit"]
    write_manifest(folder, facts, files)


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place at the end, or vanishes on an error.

    What a killed process left behind is cleared away by the next one.

    Raises:
        DataError: if `path` exists and is not to be overwritten, or holds anything but records.
    """
    path = path.absolute()
    _refuse_existing(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_stale(path)
    part, old = (path.parent / f".{path.name}.{os.getpid()}.{end}" for end in ("part", "old"))
    part.mkdir()
    try:
        yield part
        if overwrite and path.exists():
            path.rename(old)
        part.rename(path)  # over what another process has put there meanwhile: an OSError
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise DataError(f"{path} exists already; choose another folder, or --overwrite it")
    # Else one slip of the pen, such as the source given as the target, would delete it.
    if not is_records(path) and not (
        path.is_dir() and all(is_records(child) or child.name == _ORDER for child in _visible(path))
    ):
        raise DataError(f"{path} holds more than records; choose another folder, or remove it")


def _clear_stale(path: Path) -> None:
    form = re.compile(rf"\.{re.escape(path.name)}\.([0-9]+)\.(part|old)")
    for child in path.parent.iterdir():  # ties: folders are removed in any order
        match = form.fullmatch(child.name)
        if match and not _alive(int(match[1])):
            shutil.rmtree(child, ignore_errors=True)


def _alive(pid: int) -> bool:
    """True if another process has that number."""
    with suppress(ProcessLookupError, OverflowError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return pid != os.getpid()
    return False


def _payloads(records: Records) -> dict[str, bytes]:
    """The files of records, by name."""
    files = {
        "prompts.parquet": parquet_bytes(records.prompts),
        "models.parquet": parquet_bytes(records.model_info),
    }
    if isinstance(records.scores, BinaryMatrix):
        files["scores.npy"] = _npy(records.scores.words)
        if records.scores.seen is not None:
            files["observed.npy"] = _npy(records.scores.seen)
    else:
        files["scores.npy"] = _npy(records.scores.values)
    if records.costs is not None:
        files["costs.npy"] = _npy(records.costs)
    files |= {f"features-{name}.npy": _npy(value) for name, value in records.features.items()}
    files |= {f"signal-{name}.npy": _npy(value) for name, value in records.signals.items()}
    return files


def _cut(values: NDArray[Any], rows: Index | None, columns: Index | None) -> NDArray[Any]:
    """Some models and some prompts of a (n_models, n_prompts) array."""
    values = values if columns is None else values[columns]
    return values if rows is None else values[:, rows]


def _npy(array: NDArray[Any]) -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """A table as the bytes of its file."""
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


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
            payload = file.read_bytes()
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
        array = np.asarray(np.lib.format.open_memmap(path / name, mode="r"))
        if (path / name).stat().st_size <= CHECKED_ON_OPEN:
            _check_digest(path / name, stored)
    except (OSError, ValueError, OverflowError, TokenError) as error:
        raise damaged(path / name, str(error)) from None
    fits = array.ndim == len(shape) and shape in (array.shape, (array.shape[0], None))
    if array.dtype.kind != kind or array.itemsize not in _WIDTHS[kind] or not fits:
        raise damaged(path / name, f"it holds {array.shape} of {array.dtype}")
    return array


def _check_digest(file: Path, stored: Mapping[str, str]) -> None:
    """Raise if the file is missing, or not the one that was written."""
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise damaged(file, str(error)) from None
    if digest != stored.get(file.name):
        raise damaged(file, "its sha256 is not the manifest's")


def _digest_of(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, file_digest in sorted(files.items()):
        digest.update(name.encode() + bytes.fromhex(file_digest))
    return digest.hexdigest()


def prompt_table(prompts: pl.DataFrame) -> pl.DataFrame:
    """The prompts with the columns that all records have in front, null where not given."""
    import polars as pl

    known = [
        (pl.col(name) if name in prompts.columns else pl.lit(None).alias(name)).cast(
            getattr(pl, kind)
        )
        for name, kind in _PROMPT_KINDS.items()
    ]
    return prompts.select(*known, *[c for c in prompts.columns if c not in _PROMPT_KINDS])


def model_table(models: Sequence[str], info: pl.DataFrame | None) -> pl.DataFrame:
    """One row an LLM, in column order, with what is known of it."""
    import polars as pl

    names = pl.DataFrame({"model": list(models)})
    if info is None:
        return names
    return names.join(
        info.unique("model", keep="first", maintain_order=True),
        on="model",
        how="left",
        maintain_order="left",
    )


def _folder_name(name: str, taken: Collection[str]) -> str:
    """A name for the benchmark's folder: no separators, not hidden, short, and not taken."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")
    safe = safe[:_LONGEST_NAME] or "benchmark"
    lower = {other.lower() for other in taken}  # some file systems do not tell case apart
    free = (safe if n == 1 else f"{safe}-{n}" for n in count(1))
    return next(candidate for candidate in free if candidate.lower() not in lower)


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
