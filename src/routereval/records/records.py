"""`Records`: one benchmark's performance records, on disk and in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.number_of import number_of
from routereval.records.atomic import atomic_folder
from routereval.records.draft import Draft
from routereval.records.files import check_digest, digest_of, npy_bytes, parquet_bytes
from routereval.records.groups import GROUP, groups_of, numbered_by_first
from routereval.records.import_report import ImportReport
from routereval.records.layers import layer_bytes, layer_files
from routereval.records.manifest import write_manifest
from routereval.records.matrix import BinaryMatrix, Index, RealMatrix, score_matrix
from routereval.records.tables import model_table, prompt_table
from routereval.records.trials import Trials

if TYPE_CHECKING:
    import polars as pl


UNNAMED = "current"
"""What a judge or a date is called that was not named, where another one takes its place."""

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
    """The records of one benchmark: a prompts × models matrix of scores, with what is known.

    Attributes:
        name: the benchmark.
        scores: the score matrix, (n_prompts, n_models).
        models: names of the models, in column order.
        prompts: one row per prompt: ``prompt_id``, ``subset``, ``text``, ``chance`` and extras.
        model_info: one row per model, in column order: ``model`` and whatever is known of it.
        costs: (n_models, n_prompts) USD per call, NaN where unknown; None if unknown throughout.
        features: precomputed vectors by name, each (n_prompts, d).
        signals: what a call reveals besides its score, by name, each (n_models, n_prompts) and NaN
            where unknown: ``answer`` codes, of which equal ones on a prompt mean equal answers, and
            ``length``, how long the answer is.
        axes: numbers beside the score, each (n_models, n_prompts) and NaN where unknown:
            ``latency_ms``, ``tokens_in``, ``tokens_out``, ``tokens_cached`` and others by name.
        trials: the repeated runs of each cell, whose mean is its score; None if each is one run.
        judges: what other judges say of the same answers, by judge; see `scored_by`.
        versions: the same cells measured at other times, by date; see `at`.
        meta: the rest of the manifest: source, licence, reference, simulated, published, import.
        path: the folder that they were read from, or None.

    >>> records = Records.from_arrays("toy", [[1.0, 0.0], [0.0, 1.0]], ["a", "b"], ["one?", "two?"])
    >>> records
    Records('toy', 2 prompts × 2 models, binary)
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
    axes: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    trials: Trials | None = None
    judges: Mapping[str, BinaryMatrix | RealMatrix] = field(default_factory=dict)
    versions: Mapping[str, BinaryMatrix | RealMatrix] = field(default_factory=dict)
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
        axes: Mapping[str, NDArray[np.floating]] | None = None,
        trials: NDArray[np.floating] | None = None,
    ) -> Records:
        """Records from a score matrix in memory.

        Args:
            name: the benchmark.
            scores: (n_prompts, n_models) in [0, 1], NaN where not observed.
            models: names of the models.
            texts: the prompts' texts.
            subsets: the subset of each prompt.
            costs: USD per call, of the shape of scores.
            features: the prompts' vectors, (n_prompts, d).
            signals: what calls reveal, such as ``answer``, each of the shape of scores.
            axes: numbers such as ``latency_ms`` and ``tokens_in``, each of the shape of scores.
            trials: (n_trials, n_prompts, n_models) the runs that the scores are means of.

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
        usd = None if costs is None else np.asarray(costs)
        draft = Draft(name, models, matrix, prompts, costs=usd, features=vectors)
        more, numbers = _arrays(signals), _arrays(axes)
        return cls.from_draft(replace(draft, signals=more, axes=numbers, trials=trials))

    @classmethod
    def from_draft(cls, draft: Draft) -> Records:
        """Records of a draft, in memory."""
        draft.checked()
        report = ImportReport(draft.format, draft.facts, draft.warnings)
        published = draft.published and json.loads(json.dumps(draft.published, default=_json_value))
        return cls(
            name=draft.name,
            scores=_matrix(draft),
            models=tuple(draft.models),
            prompts=prompt_table(draft.prompts),
            model_info=model_table(draft.models, draft.model_info),
            costs=None if draft.costs is None else np.ascontiguousarray(draft.costs.T, np.float32),
            features={k: np.ascontiguousarray(v, np.float32) for k, v in draft.features.items()},
            signals={k: np.ascontiguousarray(v.T, np.float32) for k, v in draft.signals.items()},
            axes={k: np.ascontiguousarray(v.T, np.float32) for k, v in draft.axes.items()},
            trials=(
                None if draft.trials is None else Trials.of(draft.trials, numbered=draft.numbered)
            ),
            judges={name: score_matrix(held) for name, held in draft.judges.items()},
            versions={name: score_matrix(held) for name, held in draft.versions.items()},
            meta={
                "source": draft.source,
                "licence": draft.licence,
                "reference": draft.reference,
                "simulated": draft.simulated,
                "published": published or None,
                **({"judge": draft.judge} if draft.judge else {}),
                **({"version": draft.version} if draft.version else {}),
                **({"import": report.as_json()} if draft.format else {}),
            },
        )

    @property
    def n_prompts(self) -> int:
        """Number of prompts."""
        return self.scores.shape[0]

    @property
    def n_models(self) -> int:
        """Number of models."""
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
        """True if no real model was asked."""
        return bool(self.meta.get("simulated"))

    @property
    def judge(self) -> str:
        """Whose scores these are, "" if it is not said."""
        return str(self.meta.get("judge") or "")

    @property
    def version(self) -> str:
        """When these scores were measured, "" if it is not said."""
        return str(self.meta.get("version") or "")

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
        return digest_of(stored)

    def verify(self) -> None:
        """Check every file of the folder that they were read from against its sha256.

        Files of up to 1 MiB were checked on opening. Large ones are checked here, which `hash`
        calls, so that no result names records whose files are not those that were written.

        Raises:
            DataError: naming the file that is missing or damaged.
        """
        if self.path is not None:
            for name in self.meta["files"]:
                check_digest(self.path / name, self.meta["files"])

    def dense(self) -> NDArray[np.float64]:
        """All scores as a (n_prompts, n_models) float matrix, NaN where not observed."""
        return self.scores.dense()

    def select(
        self,
        prompts: Sequence[int] | Index | None = None,
        models: Sequence[str] | Sequence[int] | Index | None = None,
        *,
        keep_groups: bool = False,
    ) -> Records:
        """The records of some prompts and some models, in that order.

        Args:
            prompts: rows, or None for all.
            models: names or columns, or None for all.
            keep_groups: prompts stay in the groups that they have among all prompts, which need
                not be found anew: what counts as a template is decided among all, too.

        Raises:
            DataError: if a model is not in the records.
        """
        rows = None if prompts is None else np.asarray(prompts, dtype=np.int64)
        columns = None if models is None else self.columns(models)
        info = self.model_info if columns is None else self.model_info[columns]
        part = replace(
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
            axes={name: _cut(values, rows, columns) for name, values in self.axes.items()},
            trials=None if self.trials is None else self.trials.select(rows, columns),
            judges={name: held.select(rows, columns) for name, held in self.judges.items()},
            versions={name: held.select(rows, columns) for name, held in self.versions.items()},
            meta={k: v for k, v in self.meta.items() if k not in {"files", "published"}},
            path=None,
        )
        if keep_groups:
            codes = self.groups if rows is None else self.groups[rows]
            vars(part)["groups"] = numbered_by_first(codes)
        return part

    def scored_by(self, judge: str) -> Records:
        """These records with the scores of another judge; those of today's are kept beside them.

        Trials are left out, as they are of the judge whose scores they make up.

        Raises:
            DataError: if there is no such judge.

        >>> import polars as pl
        >>> from routereval.records.draft import Draft
        >>> prompts = prompt_table(pl.DataFrame({"prompt_id": ["q"]}))
        >>> two = Draft("toy", ["a"], np.array([[1.0]]), prompts, judge="man")
        >>> records = Records.from_draft(replace(two, judges={"machine": np.array([[0.5]])}))
        >>> records.scored_by("machine").dense(), list(records.scored_by("machine").judges)
        (array([[0.5]]), ['man'])
        """
        if judge == self.judge:
            return self
        if judge not in self.judges:
            raise DataError(f"{self.name}: {unknown('judge', judge, self._judges_known())}")
        others = {name: held for name, held in self.judges.items() if name != judge}
        return self._rescored(
            self.judges[judge],
            "judge",
            judge,
            judges={(self.judge or UNNAMED): self.scores, **others},
        )

    def at(self, version: str) -> Records:
        """These records as they were at another date; those of today are kept beside them.

        Trials, costs and axes are left out, as they are of the answers of today.

        Raises:
            DataError: if nothing was measured then.
        """
        if version == self.version:
            return self
        if version not in self.versions:
            known = [*([self.version] if self.version else []), *self.versions]
            raise DataError(f"{self.name}: {unknown('version', version, known)}")
        others = {date: held for date, held in self.versions.items() if date != version}
        swapped = self._rescored(
            self.versions[version],
            "version",
            version,
            versions={(self.version or UNNAMED): self.scores, **others},
        )
        return replace(swapped, costs=None, axes={}, signals={}, judges={})

    def _judges_known(self) -> list[str]:
        return [*([self.judge] if self.judge else []), *self.judges]

    def _rescored(
        self,
        scores: BinaryMatrix | RealMatrix,
        what: str,
        name: str,
        **beside: Any,  # noqa: ANN401
    ) -> Records:
        meta = {k: v for k, v in self.meta.items() if k != "files"}
        return replace(
            self, scores=scores, trials=None, meta={**meta, what: name}, path=None, **beside
        )

    def columns(self, models: Sequence[str] | Sequence[int] | Index) -> Index:
        """Column numbers of models given by name or by number."""
        if not len(models) or not isinstance(models[0], str):
            return np.asarray(models, dtype=np.int64)
        where = {name: column for column, name in enumerate(self.models)}
        for name in models:
            if name not in where:
                raise DataError(f"{self.name}: {unknown('model', str(name), self.models)}"[:500])
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
            f"Records({self.name!r}, {number_of(self.n_prompts, 'prompt')} × "
            f"{number_of(self.n_models, 'model')}, {self.kind}{simulated})"
        )


def _arrays(cells: Mapping[str, Any] | None) -> dict[str, NDArray[np.floating]]:
    return {name: np.asarray(held) for name, held in (cells or {}).items()}


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
        **_axes_facts(records),
        **{k: records.meta.get(k) for k in ("source", "licence", "reference", "simulated")},
        "published": records.meta.get("published"),
    }
    if records.meta.get("cost_unit"):
        facts["cost_unit"] = records.meta["cost_unit"]
    if records.meta.get("import"):
        facts["import"] = records.meta["import"]
    write_manifest(folder, facts, files)


def _axes_facts(records: Records) -> dict[str, Any]:
    """What a manifest says of the axes beside the scores; nothing of those that are not there."""
    trials = records.trials
    found = {
        "signals": list(records.signals),
        "axes": list(records.axes),
        "trials": trials and {"n": trials.n_trials, "numbered": trials.numbered},
        "judge": records.judge,
        "judges": list(records.judges),
        "version": records.version,
        "versions": list(records.versions),
    }
    return {key: value for key, value in found.items() if value}


def _payloads(records: Records) -> dict[str, bytes]:
    """The files of records, by name."""
    files = {
        "prompts.parquet": parquet_bytes(records.prompts),
        "models.parquet": parquet_bytes(records.model_info),
    }
    files |= layer_bytes(records.scores, "scores.npy", "observed.npy")
    if records.costs is not None:
        files["costs.npy"] = npy_bytes(records.costs)
    files |= {f"features-{name}.npy": npy_bytes(value) for name, value in records.features.items()}
    files |= {f"signal-{name}.npy": npy_bytes(value) for name, value in records.signals.items()}
    files |= {f"axis-{name}.npy": npy_bytes(value) for name, value in records.axes.items()}
    if records.trials is not None:
        files |= layer_bytes(records.trials.matrix, *layer_files("trials"))
    # Names of judges are anybody's: the manifest has them, in the order of the files.
    for kind, layers in (("judge", records.judges), ("version", records.versions)):
        for number, matrix in enumerate(layers.values()):
            files |= layer_bytes(matrix, *layer_files(f"{kind}-{number}"))
    return files


def _matrix(draft: Draft) -> BinaryMatrix | RealMatrix:
    """The scores; means of trials as float32, as the trials themselves keep every digit."""
    if draft.trials is None:
        return score_matrix(draft.scores)
    return score_matrix(draft.scores.astype(np.float32))


def _cut(values: NDArray[Any], rows: Index | None, columns: Index | None) -> NDArray[Any]:
    """Some models and some prompts of a (n_models, n_prompts) array."""
    values = values if columns is None else values[columns]
    return values if rows is None else values[:, rows]


def _json_value(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
