"""What published routers chose: their files, in the shapes that people publish, as one table."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.number_of import number_of
from routereval.records import Draft, Records
from routereval.studies.table_file import SUFFIXES, read_table

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

NONE = -1
"""The choice of a router that named no model."""

NAMES = {
    "prompt_id": ("prompt_id", "task_id", "global index", "global_index", "question_id", "id"),
    "model": ("model", "chosen_model", "prediction", "choice", "selected_model", "model_name"),
    "router": ("router", "method", "policy"),
    "cost": ("cost", "cost_usd"),
    "score": ("score", "accuracy"),
    "benchmark": ("benchmark",),
}
"""What a column may be called, by what it holds; the first that a file has is taken."""

TEXTS = [name for what in ("prompt_id", "benchmark", "model", "router") for name in NAMES[what]]
"""The columns that are texts, even where they look like numbers."""
_NUMBERS = {"cost", "score"}
_MOSTLY = 0.5  # of a column's values that are models, so that it holds the choices of a router
_OTHER_ANSWERS = "for_optimality"  # rows of what other models answered, which were not chosen


@dataclass(frozen=True)
class Choices:
    """What routers chose on the prompts of some records.

    Attributes:
        routers: their names.
        rows: (n_prompts,) which prompts of the records, in their order: those that a router has.
        choice: (n_prompts, n_routers) the column of the model chosen; `NONE` where it named none.
        costs: (n_prompts, n_routers) USD that the file says was paid, NaN where it does not say.
        scores: (n_prompts, n_routers) the score that the file says was reached, likewise.
        notes: what was left out, or read in a way that could be wrong.
    """

    routers: tuple[str, ...]
    rows: NDArray[np.int64]
    choice: NDArray[np.int64]
    costs: Floats
    scores: Floats
    notes: tuple[str, ...]


def read_choices(
    source: str | Path, records: Records, aliases: Mapping[str, str] | None = None
) -> Choices:
    """Read what routers chose, and find it in records.

    Known shapes: a column of prompts and one per router, which name models; a row per prompt and
    router; a row per prompt for a single router, named as the file (so are RouterArena's prediction
    files and CodeRouterBench's decisions); a folder of such files.

    Args:
        source: CSV, JSON Lines, JSON (a list of objects) or Parquet; or a folder of these.
        records: of one benchmark, or a stream of several.
        aliases: what the files call a model, and what the records call it.

    Raises:
        DataError: if it cannot be read, names prompts or models that the records do not hold, or
            a prompt twice.
    """
    path = Path(source)
    files = choice_files(path)
    notes: list[str] = []
    known = {**{model: model for model in records.models}, **(aliases or {})}
    tables = [_long(file, read_table(file, "choices", texts=TEXTS), known, notes) for file in files]
    prompts = rows_by_name(records)
    routers: dict[str, Mapping[int, tuple[int, float, float]]] = {}
    for file, table in zip(files, tables, strict=True):
        for name, own in _by_router(table):
            if name in routers:
                raise DataError(f"{path}: two files hold choices of {name!r}; keep one")
            routers[name] = _found(file, name, own, prompts, records, notes)
    rows = np.array(sorted({row for held in routers.values() for row in held}), np.int64)
    return _arrays(routers, rows, notes)


def own_records(source: str | Path) -> Records:
    """The records that files of choices hold themselves: the score of each answer that they say.

    Where several routers called a model on a prompt, the score is the mean of its answers.

    Raises:
        DataError: if they cannot be read, or say no scores.
    """
    import polars as pl

    path = Path(source)
    tables = [
        _long(file, read_table(file, "choices", texts=TEXTS), {}, []) for file in choice_files(path)
    ]
    cells = pl.concat(tables).filter(pl.col("model").is_not_null() & pl.col("score").is_not_null())
    if cells.is_empty():
        raise DataError(f"{path} says no scores; name the records that the routers chose from")
    mean = cells.group_by("prompt_id", "model", maintain_order=True).agg(
        pl.col("score").mean(), pl.col("cost").mean()
    )
    prompts = mean["prompt_id"].unique(maintain_order=True).to_list()
    models = mean["model"].unique(maintain_order=True).to_list()
    place = {name: row for row, name in enumerate(prompts)}
    column = {name: number for number, name in enumerate(models)}
    scores, costs = (np.full((len(prompts), len(models)), np.nan) for _ in range(2))
    for prompt, model, score, cost in mean.iter_rows():
        scores[place[prompt], column[model]] = score
        costs[place[prompt], column[model]] = _number(cost)
    table = pl.DataFrame({"prompt_id": prompts})
    return Records.from_draft(Draft(path.stem, models, scores, table, costs=costs))


def _arrays(
    routers: Mapping[str, Mapping[int, tuple[int, float, float]]],
    rows: NDArray[np.int64],
    notes: list[str],
) -> Choices:
    empty = (NONE, np.nan, np.nan)
    cells = [[held.get(row, empty) for held in routers.values()] for row in rows.tolist()]
    values = np.array(cells, np.float64).reshape(len(rows), len(routers), 3)
    choice = values[:, :, 0].astype(np.int64)
    for name, column in zip(routers, choice.T, strict=True):
        if n := int((column == NONE).sum()):
            notes.append(f"{name} has no scored model on {n:,} of {len(rows):,} prompts: 0 there")
    return Choices(tuple(routers), rows, choice, values[:, :, 1], values[:, :, 2], tuple(notes))


def choice_files(path: Path) -> list[Path]:
    """The files of choices at a path: itself, or those of a folder by name.

    Raises:
        DataError: if there is none.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{path}: there is no file of choices in it ({', '.join(SUFFIXES)})")
    return found


def _long(
    file: Path, table: pl.DataFrame, known: Mapping[str, str], notes: list[str]
) -> pl.DataFrame:
    """A row per prompt and router, with the columns of `NAMES`; null where the file has none."""
    import polars as pl

    if _OTHER_ANSWERS in table.columns:
        other = pl.col(_OTHER_ANSWERS).cast(pl.Boolean, strict=False).fill_null(value=False)
        kept = table.filter(~other)
        if n := len(table) - len(kept):
            notes.append(f"{file.name}: {n:,} answers of models that were not chosen are left out")
        table = kept
    held = {
        what: next((name for name in names if name in table.columns), None)
        for what, names in NAMES.items()
    }
    if held["prompt_id"] is None:
        raise DataError(f"{file}: no column 'prompt_id'; it has: {', '.join(table.columns)}")
    if held["model"] is None:
        table = _of_wide(file, table, held["prompt_id"], held["benchmark"], known, notes)
        held |= {"model": "model", "router": "router", "cost": None, "score": None}
    elif held["router"] is None:
        table, held["router"] = table.with_columns(router=pl.lit(file.stem)), "router"
    for what in sorted(_NUMBERS):
        if (name := held[what]) is not None:
            table = _numbers(file, table, name, notes)
    columns = [
        (pl.lit(None) if name is None else pl.col(name))
        .cast(pl.Float64 if what in _NUMBERS else pl.String, strict=False)
        .alias(what)
        for what, name in held.items()
    ]
    return table.select(columns).with_columns(pl.col("model").replace(dict(known)))


def _numbers(file: Path, table: pl.DataFrame, column: str, notes: list[str]) -> pl.DataFrame:
    """The table with a column as numbers; those that no cost or score can be are left out."""
    import polars as pl

    given = table[column]
    numbers = given.cast(pl.Float64, strict=False)
    wrong = (given.is_not_null() & numbers.is_null()) | numbers.is_infinite() | (numbers < 0)
    wrong = wrong.fill_null(value=False)
    if n := int(wrong.sum()):
        first = given.filter(wrong)[0]
        notes.append(
            f"{file.name}: {column!r} holds no number from 0 on in {number_of(n, 'row')}, as "
            f"{first!r}; left out"
        )
    return table.with_columns(numbers.set(wrong, None).fill_nan(None).alias(column))


def _of_wide(
    file: Path,
    table: pl.DataFrame,
    prompt: str,
    benchmark: str | None,
    known: Mapping[str, str],
    notes: list[str],
) -> pl.DataFrame:
    """A row per prompt and router, of a table with a column per router."""
    index = [name for name in (prompt, benchmark) if name is not None]
    rest = [name for name in table.columns if name not in index]
    routers = [name for name in rest if _names_models(table[name], known)]
    others = [name for name in rest if name not in routers]
    if not routers:
        raise DataError(
            f"{file}: neither a column 'model' nor a column of choices, whose values are models "
            f"of the records ({', '.join(list(known)[:3])}, …); it has: {', '.join(table.columns)}"
        )
    if others:
        notes.append(f"{file.name}: no choices in {', '.join(others)}; left out")
    return table.unpivot(routers, index=index, variable_name="router", value_name="model")


def _names_models(column: pl.Series, known: Mapping[str, str]) -> bool:
    """Whether most of what a column holds are models."""
    import polars as pl

    if column.dtype != pl.String:
        return False
    values = column.drop_nulls().to_list()
    return sum(value in known for value in values) > _MOSTLY * len(values)


def _by_router(table: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    parts = table.partition_by("router", maintain_order=True)
    return [(str(part["router"][0]), part) for part in parts]


def rows_by_name(records: Records) -> dict[str, list[int]]:
    """The rows of each prompt, by its name, and in a stream by its name within its benchmark."""
    found: dict[str, list[int]] = {}
    names = records.prompts["prompt_id"].to_list()
    benchmarks = (
        records.prompts["benchmark"].to_list()
        if "benchmark" in records.prompts.columns
        else [records.name] * len(names)
    )
    for row, (name, benchmark) in enumerate(zip(names, benchmarks, strict=True)):
        own = name.removeprefix(f"{benchmark}/")
        for key in dict.fromkeys((name, own, f"{benchmark}/{own}")):
            found.setdefault(key, []).append(row)
    return found


def _found(
    file: Path,
    router: str,
    table: pl.DataFrame,
    prompts: Mapping[str, list[int]],
    records: Records,
    notes: list[str],
) -> dict[int, tuple[int, float, float]]:
    """Row of the records: the model's column, and the cost and score that the file says."""
    columns = {model: place for place, model in enumerate(records.models)}
    found: dict[int, tuple[int, float, float]] = {}
    strange: list[str] = []
    for name, benchmark, model, cost, score in table.select(
        "prompt_id", "benchmark", "model", "cost", "score"
    ).iter_rows():
        row = _row(file, prompts, name, benchmark)
        if row is None:
            strange.append(str(name))
            continue
        if row in found:
            raise DataError(f"{file}: {router} chooses twice on prompt {name!r}; keep one")
        found[row] = (columns.get(model, NONE), _number(cost), _number(score))
    if not found:
        raise DataError(f"{file}: no prompt of {router} is in the records, as {strange[0]!r}")
    if strange:
        n = len(strange)
        notes.append(f"{router}: {n:,} prompts are not in the records, as {strange[0]!r}; left out")
    unscored = [name for name in table["model"].drop_nulls().to_list() if name not in columns]
    if len(unscored) > _MOSTLY * len(table):
        raise DataError(f"{file}: {router} chooses {_unscored(unscored, records)}")
    if unscored:
        notes.append(f"{router} chooses {_unscored(unscored, records)}")
    return found


def _row(
    file: Path, prompts: Mapping[str, list[int]], name: str, benchmark: str | None
) -> int | None:
    """The row of a prompt in the records; None if they do not hold it."""
    rows = prompts.get(f"{benchmark}/{name}") if benchmark else None
    rows = rows or prompts.get(name, [])
    if len(rows) > 1:
        raise DataError(
            f"{file}: prompt {name!r} is in several benchmarks; add a column 'benchmark'"
        )
    return rows[0] if rows else None


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _unscored(chosen: Sequence[str], records: Records) -> str:
    """The models of which there are no scores, and on how many prompts they are chosen."""
    names = ", ".join(repr(name) for name in dict.fromkeys(chosen))
    near = difflib.get_close_matches(chosen[0], records.models, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{names} on {len(chosen):,} prompts, which the records hold no scores of{meant}"
