"""Plain tables: CSV, JSON Lines or Parquet, one row per record (long) or one row per prompt (wide).

Long: columns ``model``, ``prompt_id`` and ``score``. Wide: ``prompt_id`` and one column of numbers
a model. Either may have ``prompt`` (its text), ``benchmark``, ``subset``, ``chance``; the long form
``cost`` too. Other names are mapped: ``columns="model=llm_name, score=correct"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from routereval.errors import DataError, SpecError, unknown
from routereval.importers.importer import Importer
from routereval.importers.long_parquet import LongParquet, parquet_header
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    csv_header,
    csv_rows,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_objects,
    name_in,
    score_in,
    text_of,
)
from routereval.importers.table_format import about
from routereval.records.draft import Draft

ROLES: Mapping[str, tuple[str, ...]] = {
    "model": ("model", "model_name", "model_id", "llm"),
    "prompt_id": ("prompt_id", "question_id", "sample_id", "id"),
    "score": ("score", "correct", "accuracy", "label", "performance"),
    "cost": ("cost", "cost_usd", "total_cost"),
    "prompt": ("prompt", "text", "question", "query"),
    "benchmark": ("benchmark", "dataset", "task", "task_name", "eval_name"),
    "subset": ("subset", "subject", "category"),
    "chance": ("chance",),
}
"""What a column can be for, and the names by which it is known without being told."""

_NO_LLM = {"", "index", "Unnamed: 0", "__index_level_0__", "split", "answer", "ignore"}
_ENDS = (".parquet", ".csv", ".jsonl")
_SAMPLE = 100

_Row = tuple[int, Mapping[str, Any]]


def recognise(path: Path) -> bool:
    """True for a file, or a folder of such files, whose columns are those of a long or wide table.

    Only the columns and the first rows are looked at.
    """
    try:
        file = next(iter(_files(path)), None)
        return file is not None and _recognised(file)
    except DataError:
        return False


def read(
    path: Path,
    *,
    columns: str | Mapping[str, str] | None = None,
    rescale: bool = False,
) -> Iterator[Draft]:
    """One draft per benchmark; without a column for it, one named like the file or folder.

    Parquet is read part by part; what is kept is a byte per score while all are 0 or 1.

    Args:
        path: a file, or a folder of parts of one table (Parquet, else CSV, else JSON Lines).
        columns: role=column pairs where the names differ from `ROLES`; ``ignore=a|b`` names
            columns of a wide table that are no models.
        rescale: map each benchmark's range of scores onto [0, 1].

    Raises:
        DataError: if a column is missing or a row cannot be read, with up to 20 rows listed.
        SpecError: if `columns` is not of that form.
    """
    named = column_names(columns)
    files = _files(path)
    if not files:
        raise DataError(f"{path} holds no table; give a .csv, .jsonl or .parquet file, or a folder")
    benchmark = path.absolute().stem if path.is_file() else path.absolute().name
    bad = BadRows()
    if files[0].suffix == ".parquet":
        yield from _read_parquet(files, benchmark, named, rescale, bad, str(path))
        return
    table = LongTable(rescale=rescale)
    for file in files:
        _read_rows(file, benchmark, named, table, bad)
    bad.check()
    yield from table.drafts(str(path))


def column_names(columns: str | Mapping[str, str] | None) -> dict[str, str]:
    """Column by role, from ``"role=column, role=column"`` or such a mapping.

    Raises:
        SpecError: if a role is unknown, or the text is of another form.

    >>> column_names("model=llm_name, score=correct")
    {'model': 'llm_name', 'score': 'correct'}
    """
    if not isinstance(columns, str):
        pairs = list((columns or {}).items())
    else:
        parts = [part.split("=", 1) for part in columns.split(",") if part.strip()]
        if any(len(part) < 2 for part in parts):
            raise SpecError(
                f"cannot read the columns {columns!r}; write role=column, as in model=llm_name"
            )
        pairs = [(role.strip(), column.strip()) for role, column in parts]
    for role, _ in pairs:
        if role not in ROLES and role != "ignore":
            raise unknown("column role", role, [*ROLES, "ignore"])
    return dict(pairs)


@dataclass(frozen=True)
class Layout:
    """What the columns of one table are for.

    Attributes:
        roles: column by role.
        models: the columns that are models, in a wide table; empty in a long one.
    """

    roles: Mapping[str, str]
    models: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        file: Path,
        header: Iterable[str],
        named: Mapping[str, str],
        is_number: Callable[[str], bool],
    ) -> Layout:
        """The layout of a table with that header.

        Args:
            file: named in errors.
            header: all its columns.
            named: column by role, as the user gives it.
            is_number: whether a column holds numbers.

        Raises:
            DataError: if it is neither a long nor a wide table.
        """
        names = list(header)
        roles = _roles(file, names, named)
        _require(file, roles, names, "prompt_id")
        if "model" in roles:
            _require(file, roles, names, "score")
            return cls(roles)
        # A number beside a prompt may be a year or a key: names known for other roles are no
        # models.
        other = {alias for aliases in ROLES.values() for alias in aliases} | _NO_LLM
        other |= {*roles.values(), *named.get("ignore", "").split("|")}
        models = tuple(name for name in names if name not in other and is_number(name))
        if not models:
            raise DataError(
                f"{file}: there is neither a column for the model nor one of numbers per model; "
                f"name it, as in --columns model={_example(names)}"
            )
        return cls({role: column for role, column in roles.items() if role != "score"}, models)


def _roles(file: Path, names: list[str], named: Mapping[str, str]) -> dict[str, str]:
    for role, column in named.items():
        if role != "ignore" and column not in names:
            shown = ", ".join(names[:20])
            raise DataError(f"{file}: there is no column {column!r} for {role}; it has: {shown}")
    found = {
        role: next((alias for alias in aliases if alias in names), None)
        for role, aliases in ROLES.items()
    }
    found |= {role: column for role, column in named.items() if role != "ignore"}
    return {role: column for role, column in found.items() if column is not None}


def _require(file: Path, roles: Mapping[str, str], names: list[str], role: str) -> None:
    if role not in roles:
        raise DataError(
            f"{file}: there is no column for {role} ({', '.join(ROLES[role])}); "
            f"name it, as in --columns {role}={_example(names)}"
        )


def _example(names: list[str]) -> str:
    return next((name for name in names if name.strip()), "NAME")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix in _ENDS else []
    found = (files_in(path, f"*{end}") for end in _ENDS)
    return next((files for files in found if files), [])


def _recognised(file: Path) -> bool:
    if file.suffix == ".parquet":
        kinds = parquet_header(file)
        return bool(Layout.of(file, kinds, {}, lambda name: kinds[name]))
    if file.suffix == ".csv":
        return _is_table_csv(file, csv_header(file))
    first = first_object(file)
    return bool(Layout.of(file, first, {}, lambda name: _is_number(first[name])))


def _is_table_csv(file: Path, header: list[str]) -> bool:
    """Whether the first rows of a CSV file tell a layout."""
    if not header:
        return False
    sample = [row for _, row in islice(csv_rows(file, BadRows(most=2)), 3)]
    return bool(sample and Layout.of(file, header, {}, lambda name: _are_numbers(sample, name)))


def _read_parquet(
    files: list[Path],
    benchmark: str,
    named: Mapping[str, str],
    rescale: bool,
    bad: BadRows,
    source: str,
) -> Iterator[Draft]:
    table = LongParquet(benchmark, bad, rescale=rescale)
    for file in files:
        kinds = parquet_header(file)
        layout = Layout.of(file, kinds, named, kinds.__getitem__)
        table.read(file, layout.roles, layout.models)
    bad.check()
    yield from table.drafts(source)


def _read_rows(
    file: Path, benchmark: str, named: Mapping[str, str], table: LongTable, bad: BadRows
) -> None:
    rows: Iterator[_Row] = csv_rows(file, bad) if file.suffix == ".csv" else json_objects(file, bad)
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        bad.check()
        raise DataError(f"{file} holds no rows")
    first = [row for _, row in sample]
    header = dict.fromkeys(key for row in first for key in row)
    layout = Layout.of(file, header, named, lambda name: _are_numbers(first, name))
    add = _add_wide if layout.models else _add_long
    for line, row in chain(sample, rows):
        with bad.row(file, line):
            add(table, row, layout, benchmark, header)


def _add_long(
    table: LongTable,
    row: Mapping[str, Any],
    layout: Layout,
    benchmark: str,
    _: Mapping[str, None],
) -> None:
    roles = layout.roles
    cost = row.get(roles["cost"]) if "cost" in roles else None
    name, prompt_id, known = _prompt(row, roles, benchmark)
    model, score = name_in(row, roles["model"]), field_in(row, roles["score"])
    table.add(name, prompt_id, model, score, cost=cost, **known)


def _add_wide(
    table: LongTable,
    row: Mapping[str, Any],
    layout: Layout,
    benchmark: str,
    header: Mapping[str, None],
) -> None:
    name, prompt_id, known = _prompt(row, layout.roles, benchmark)
    late = next((key for key in row if key not in header), None)
    if late is not None:
        raise RowError(f"has {late!r}, which the first {_SAMPLE} rows lack; give each row all keys")
    for model in layout.models:
        with about(model):
            table.add(name, prompt_id, model, row.get(model), **known)


def _prompt(
    row: Mapping[str, Any], roles: Mapping[str, str], benchmark: str
) -> tuple[str, str, dict[str, Any]]:
    """Benchmark, prompt_id and what else is known of the prompt."""
    name = name_in(row, roles["benchmark"]) if "benchmark" in roles else benchmark
    known: dict[str, Any] = {}
    if "prompt" in roles:
        known["text"] = text_of(row.get(roles["prompt"]))
    if "subset" in roles and not _is_empty(row.get(roles["subset"])):
        known["subset"] = name_in(row, roles["subset"])
    if "chance" in roles:
        chance = score_in(row.get(roles["chance"]), "chance")
        known["chance"] = None if chance != chance else chance  # noqa: PLR0124 - NaN
    return name, name_in(row, roles["prompt_id"]), known


def _are_numbers(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    cells = [row.get(name) for row in rows]
    return not all(map(_is_empty, cells)) and all(map(_is_number, cells))


def _is_empty(cell: object) -> bool:
    return cell is None or cell == ""


def _is_number(cell: object) -> bool:
    try:
        finite_in(cell, "")
    except RowError:
        return False
    return True


SAMPLE = {
    "mine.csv": (
        "model,prompt_id,score,cost,prompt\n"
        "a,1,1,0.01,Why?\nb,1,0,0.02,Why?\na,2,0.5,0.01,How?\nb,2,1,0.02,How?\n"
    )
}

IMPORTER = Importer(
    name="table",
    summary="plain CSV, JSONL or Parquet: a row per record, or per prompt with a column per model",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
