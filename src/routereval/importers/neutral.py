"""The neutral folder: ``prompts.parquet``, wide ``scores.parquet``, optional ``costs.parquet``.

``prompts.parquet`` has a row per prompt: ``prompt_id``, ``benchmark``, ``prompt`` (its text) and
further columns; ``scores.parquet`` has ``prompt_id`` and a column per model, null or NaN where not
measured; ``costs.parquet`` is like it, in USD per call; ``models.parquet`` has a row per model.
What calls reveal besides their score may be there too, in tables like it: ``answers.parquet``,
whatever tells one answer from another, and ``output_chars.parquet``, how long each is. Other
tables like it are axes, by their name: ``latency_ms.parquet``, ``tokens_in.parquet``, …
``trials.parquet`` has a row per run: ``prompt_id``, ``model``, ``trial``, ``score``;
``judges.parquet`` and ``versions.parquet`` likewise, per score of another judge or date.
Each value of ``benchmark`` becomes one Records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.neutral_axes import Beside, read_beside
from routereval.importers.rows import RowError, json_of
from routereval.importers.scale import Rescale, Scale
from routereval.importers.source_files import contents, parquet_table
from routereval.records.draft import Draft
from routereval.records.export import ABOUT, SIGNAL_TABLES
from routereval.records.routereval import reference_of

if TYPE_CHECKING:
    import polars as pl


_FACTS: Mapping[str, Callable[[Any], bool]] = {
    "reference": lambda v: v is None or (type(v) in {int, float} and 0 < v <= 1),
    "source": lambda v: v is None or isinstance(v, str),
    "licence": lambda v: v is None or isinstance(v, str),
    "simulated": lambda v: isinstance(v, bool),
    "judge": lambda v: isinstance(v, str),
    "version": lambda v: isinstance(v, str),
    "numbered": lambda v: isinstance(v, bool),
}
_SUBSET_COLUMNS = ("subset", "subject", "category")
_TEXT_COLUMNS = ("prompt", "text")

_INDEX = "__index_level_0__"  # which pandas adds
_TABLES = (
    *("prompts.parquet", "scores.parquet", "costs.parquet", "models.parquet"),
    *SIGNAL_TABLES.values(),
)


def recognise(path: Path) -> bool:
    """True for a folder with both files."""
    return (path / "prompts.parquet").is_file() and (path / "scores.parquet").is_file()


def read(path: Path, *, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per benchmark.

    Args:
        path: the folder.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if a file is missing or damaged, or scores are not numbers in [0, 1].
    """
    folder = _Folder.of(path)
    benchmarks = folder.prompts["benchmark"]
    for benchmark in benchmarks.unique(maintain_order=True).to_list():
        yield folder.draft(benchmark, np.flatnonzero((benchmarks == benchmark).to_numpy()), rescale)


@dataclass(frozen=True)
class _Folder:
    """The tables of a folder, rows in the order of prompts.parquet."""

    path: Path
    models: list[str]
    prompts: pl.DataFrame
    scores: NDArray[np.floating]
    costs: NDArray[np.floating] | None
    info: pl.DataFrame | None
    about: Mapping[str, Mapping[str, Any]]
    signals: Mapping[str, NDArray[np.floating]]
    beside: Beside

    @classmethod
    def of(cls, path: Path) -> _Folder:
        prompts, wide = _labelled(path / "prompts.parquet"), _keyed(path / "scores.parquet")
        costs = _costs(path / "costs.parquet", wide.columns)
        info = (
            parquet_table(path / "models.parquet") if (path / "models.parquet").is_file() else None
        )
        models = [name for name in wide.columns if name != "prompt_id"]
        scores = _wide(path / "scores.parquet", wide, prompts)
        signals = {
            name: _wide(path / file, _signal(path / file, wide.columns), prompts)
            for name, file in SIGNAL_TABLES.items()
            if (path / file).is_file()
        }
        usd = None if costs is None else _wide(path / "costs.parquet", costs, prompts)
        about = _about(path / ABOUT)
        beside = read_beside(path, _TABLES, prompts["prompt_id"], models, scores)
        return cls(path, models, prompts, scores, usd, info, about, signals, beside)

    def draft(self, benchmark: str, rows: NDArray[np.int64], rescale: Rescale) -> Draft:
        scores = self.scores[rows]
        asked = np.flatnonzero(~np.isnan(scores).all(axis=0))
        scores = scores[:, asked]
        about = self.about.get(benchmark, {})
        beside, cells = self.beside, np.ix_(rows, asked)
        return Draft(
            name=benchmark,
            models=[self.models[column] for column in asked],
            scores=_scaled(benchmark, scores, rescale),
            prompts=_prompts(self.path / "prompts.parquet", benchmark, self.prompts[rows]),
            model_info=_of_benchmark(self.info, benchmark),
            costs=_costs_if_any(None if self.costs is None else self.costs[cells]),
            signals={name: all_[cells] for name, all_ in self.signals.items()},
            reference=about.get("reference", reference_of(benchmark, len(rows))),
            source=about.get("source") or str(self.path),
            licence=about.get("licence") or "",
            simulated=about.get("simulated", False),
            axes=_known(beside.axes, cells),
            trials=_trials(benchmark, beside.trials, cells, rescale),
            numbered=beside.numbered and about.get("numbered", True),
            judge=about.get("judge") or "",
            judges={
                name: _scaled(f"{benchmark}, judge {name!r}", held, rescale)
                for name, held in _known(beside.judges, cells).items()
            },
            version=about.get("version") or "",
            versions={
                date: _scaled(f"{benchmark}, {date}", held, rescale)
                for date, held in _known(beside.versions, cells).items()
            },
            facts=beside.facts,
            warnings=beside.warnings,
        )


def _known(
    layers: Mapping[str, NDArray[np.floating]], cells: tuple[Any, ...]
) -> dict[str, NDArray[np.floating]]:
    """What is known of a benchmark's cells; layers that tell nothing of them are left out."""
    found = {name: held[cells] for name, held in layers.items()}
    return {name: held for name, held in found.items() if not np.isnan(held).all()}


def _trials(
    benchmark: str, trials: NDArray[np.floating] | None, cells: tuple[Any, ...], rescale: Rescale
) -> NDArray[np.floating] | None:
    """A benchmark's trials; None if none of its cells has two."""
    if trials is None:
        return None
    held = np.stack([run[cells] for run in trials])
    held = held[~np.isnan(held).all(axis=(1, 2))]
    return _scaled(f"{benchmark}, trials", held, rescale) if len(held) > 1 else None


def _about(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """What is known of each benchmark beside its tables; nothing if there is no such file."""
    if not path.is_file():
        return {}
    try:
        about: dict[str, dict[str, Any]] = json_of(contents(path))
    except RowError as error:
        raise DataError(f"{path}: cannot be read as JSON (it {error}); mend or remove it") from None
    fits = isinstance(about, dict) and all(
        isinstance(facts, dict) and all(_FACTS[k](v) for k, v in facts.items() if k in _FACTS)
        for facts in about.values()
    )
    if not fits:
        raise DataError(
            f"{path}: what a benchmark has there is {', '.join(_FACTS)}, each of its kind"
        )
    return about


def _costs_if_any(costs: NDArray[np.floating] | None) -> NDArray[np.floating] | None:
    """The costs; None if not a single one is known on this benchmark."""
    return None if costs is None or np.isnan(costs).all() else costs


def _keyed(path: Path) -> pl.DataFrame:
    """A table whose prompt_ids are text."""
    table = parquet_table(path)
    if "prompt_id" not in table.columns:
        raise DataError(f"{path}: there is no column prompt_id")
    table = table.drop(_INDEX, strict=False).with_columns(_as(path, table, "prompt_id"))
    if table["prompt_id"].null_count():
        raise DataError(f"{path}: a prompt_id is missing; give each prompt its own")
    return table


def _labelled(path: Path) -> pl.DataFrame:
    """The prompts, each with its benchmark: the folder's name where there is no such column."""
    import polars as pl

    prompts = _keyed(path)
    if "benchmark" not in prompts.columns:
        return prompts.with_columns(benchmark=pl.lit(path.absolute().parent.name))
    prompts = prompts.with_columns(_as(path, prompts, "benchmark"))
    if prompts["benchmark"].null_count():
        raise DataError(f"{path}: a prompt has no benchmark; name one")
    return prompts


def _costs(path: Path, columns: list[str]) -> pl.DataFrame | None:
    """The costs in the order of those columns; None where there is no such file."""
    if not path.is_file():
        return None
    costs = _keyed(path)
    if set(costs.columns) != set(columns):
        raise DataError(f"{path}: its models are not those of scores.parquet")
    return costs.select(columns)


def _signal(path: Path, columns: list[str]) -> pl.DataFrame:
    """A table of what calls reveal, in the order of those columns; texts as their codes."""
    import polars as pl

    table = _keyed(path)
    if set(table.columns) != set(columns):
        raise DataError(f"{path}: its models are not those of scores.parquet")
    texts = [name for name in columns if name != "prompt_id" and table[name].dtype == pl.String]
    if texts:
        every = pl.concat([table[name].rename("") for name in texts]).drop_nulls().unique().sort()
        codes = {text: float(code) for code, text in enumerate(every)}
        table = table.with_columns(
            pl.col(name).replace_strict(codes, default=None, return_dtype=pl.Float64)
            for name in texts
        )
    return table.select(columns)


def _as(path: Path, table: pl.DataFrame, column: str, kind: str = "String") -> pl.Series:
    """The column as text or another kind."""
    import polars as pl

    try:
        return table[column].cast(getattr(pl, kind))
    except pl.exceptions.PolarsError:
        raise DataError(
            f"{path}: column {column!r} holds {table[column].dtype}; it cannot be read as {kind}"
        ) from None


def _wide(path: Path, table: pl.DataFrame, prompts: pl.DataFrame) -> NDArray[np.floating]:
    """The numbers of a wide table, in the order of the prompts."""
    import polars as pl

    for column in table.columns:
        if column != "prompt_id" and not (
            table[column].dtype.is_numeric() or table[column].dtype in {pl.Null, pl.Boolean}
        ):
            raise DataError(
                f"{path}: column {column!r} holds {table[column].dtype}, not numbers; "
                f"{path.stem} are numbers, or null where not measured"
            )
    if not table["prompt_id"].equals(prompts["prompt_id"]):
        table = _aligned(path, table, prompts)
    numbers = table.drop("prompt_id").cast(pl.Float64, strict=True).fill_null(float("nan"))
    return numbers.to_numpy()


def _aligned(path: Path, table: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    # A prompt without a row was not measured; a row without a prompt is a mistake.
    missing = set(table["prompt_id"]) - set(prompts["prompt_id"])
    if missing or table["prompt_id"].n_unique() < table.height:
        which = f"{min(missing)!r} is none of them" if missing else "some occur twice"
        raise DataError(f"{path}: its prompt_ids are not those of prompts.parquet: {which}")
    return prompts.select("prompt_id").join(
        table, on="prompt_id", how="left", maintain_order="left"
    )


def _prompts(path: Path, benchmark: str, prompts: pl.DataFrame) -> pl.DataFrame:
    """The prompts under the names that `Draft` asks for; further columns stay."""
    import polars as pl

    def first(names: tuple[str, ...], kind: str) -> pl.Series:
        for name in names:
            if name in prompts.columns:
                return _as(path, prompts, name, kind)
        return pl.Series([None] * prompts.height, dtype=getattr(pl, kind))

    rest = prompts.drop("prompt", "text", "subset", "chance", "benchmark", strict=False)
    return rest.with_columns(
        first(_SUBSET_COLUMNS, "String").fill_null(benchmark).alias("subset"),
        first(_TEXT_COLUMNS, "String").alias("text"),
        first(("chance",), "Float64").alias("chance"),
    )


def _of_benchmark(info: pl.DataFrame | None, benchmark: str) -> pl.DataFrame | None:
    import polars as pl

    if info is None or "model" not in info.columns:
        return None
    info = info.with_columns(pl.col("model", "^benchmark$").cast(pl.String))
    if "benchmark" in info.columns:
        return info.filter(pl.col("benchmark") == benchmark).drop("benchmark")
    return info


def _scaled(benchmark: str, scores: NDArray[np.floating], rescale: Rescale) -> NDArray[np.floating]:
    if isinstance(rescale, Scale):
        return rescale.matrix(scores, benchmark)
    return _rescaled(benchmark, scores) if rescale else scores


def _rescaled(benchmark: str, scores: NDArray[np.floating]) -> NDArray[np.floating]:
    known = scores[np.isfinite(scores)]
    if not known.size or np.isinf(scores).any() or (known.min() >= 0 and known.max() <= 1):
        return scores  # in range, or for `Draft.checked` to refuse
    low, high = known.min(), known.max()
    if low == high:
        raise DataError(f"{benchmark}: every score is {low:.6g}; there is no range to rescale")
    return np.asarray(np.clip((scores - low) / (high - low), 0, 1))


SAMPLE = {
    "prompts.parquet": {
        "prompt_id": ["a1", "a2", "b1"],
        "benchmark": ["a", "a", "b"],
        "prompt": ["Why?", "How?", "Who?"],
    },
    "scores.parquet": {"prompt_id": ["a1", "a2", "b1"], "m": [1.0, 0.0, 0.5], "n": [0.0, 1.0, 1.0]},
}

IMPORTER = Importer(
    name="neutral",
    summary="a folder of prompts.parquet and wide scores.parquet (one column per model)",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
