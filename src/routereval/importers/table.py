"""Plain tables, one row per record (long) or one row per prompt (wide), in any common file.

Long: columns ``model``, ``prompt_id`` and ``score``. Wide: ``prompt_id`` and one column of scores
per model. JSON rows may hold the scores in an object or in a list; a folder may hold a file per
model. Other names are mapped: ``columns="model=llm_name, score=correct"``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

from routereval.errors import DataError, MissingDependencyError
from routereval.importers.arms import efforts_named
from routereval.importers.benchmark_columns import Repeats, TwoScoresError
from routereval.importers.column_warnings import half_empty
from routereval.importers.column_words import sums_up
from routereval.importers.examined import listed_names
from routereval.importers.importer import Importer
from routereval.importers.long_parquet import LongParquet, different_in, parquet_header
from routereval.importers.long_table import LongTable
from routereval.importers.metric_choice import LOWER_IS_BETTER
from routereval.importers.prompt_texts import PromptTexts
from routereval.importers.rows import (
    BadRows,
    RowError,
    name_in,
)
from routereval.importers.scale import Rescale, Scale
from routereval.importers.source_files import parquet_schema
from routereval.importers.table_files import (
    decimal_comma,
    first_rows,
    has_end,
    read_as_windows_text,
    rows_of,
)
from routereval.importers.table_folders import (
    columns_of_all,
    model_of,
    refuse_runs,
    runs_as_benchmarks,
    table_files,
    table_name,
    tables_of_other_kinds,
)
from routereval.importers.table_layout import Layout, refuse_metrics
from routereval.importers.table_roles import ROLES, column_names
from routereval.importers.table_row import Row, RowReader, error_of_column, label_in
from routereval.importers.telling_columns import what_tells_apart
from routereval.importers.workbook import lost_cells
from routereval.importers.workbook_sheets import unread_sheets
from routereval.records.axes import AXIS_ROLES
from routereval.records.draft import Draft

_SAMPLE = 100
_MOST_OTHERS = 20
_MANY = 20_000  # rows
_LESS_IS_BETTER = {*LOWER_IS_BETTER, "error", "errors", "error_rate", "wrong", "failed"}
_NAMES = ("model", "prompt_id", "benchmark")


def recognise(path: Path) -> bool:
    """True for a file, or a folder of such files, whose columns are those of a long or wide table.

    Only the columns and the first rows are looked at.
    """
    try:
        return layout_of(path) is not None
    except DataError:
        return False


def layout_of(path: Path) -> Layout | None:
    """What the columns of a table are for; None if there is no file that may hold one.

    Raises:
        DataError: if it is no table of scores.
    """
    files = table_files(path)
    return _Source(path, files, {}).layout(files[0]) if files else None


def read(
    path: Path,
    *,
    columns: str | Mapping[str, str] | None = None,
    rescale: Rescale = False,
    repeats: Repeats = "refuse",
) -> Iterator[Draft]:
    """One draft per benchmark; without a column for it, one named like the file or folder.

    Parquet is read part by part; what is kept is a byte per score while all are 0 or 1.

    Args:
        path: a file, or a folder of parts of one table, or of a file per model.
        columns: role=column pairs where the names differ from `table_roles.ROLES`; ``ignore=a|b``
            names columns to leave out, ``models=a|b`` those of a wide table that are models.
        rescale: the scale of the scores, or True for the range that is observed.
        repeats: what to do with several scores of a model on a prompt: ``refuse`` them if they
            differ, take each for one of the ``trials``, keep the ``max``, or their ``mean``. Rows
            that name their trial, seed or run are trials anyway.

    Raises:
        DataError: if a column is missing or a row cannot be read, with up to 20 rows listed.
        SpecError: if `columns` is not of that form.
    """
    named = column_names(columns)
    files = table_files(path)
    if not files:
        raise DataError(
            f"{path} holds no table; give a .csv, .tsv, .jsonl, .json, .xlsx or .parquet file, or "
            "a folder"
        )
    n_drafts = 0
    for draft in _Source(path, files, named, rescale, repeats).drafts():
        if not draft.models:
            raise DataError(
                f"{path}: no cell of {draft.name} holds a score; name the column that does "
                "(--columns score=COLUMN), or those of the models (--columns 'models=a|b')"
            )
        n_drafts += 1
        yield draft
    if not n_drafts:
        raise DataError(f"{path} holds no rows of prompts, only what sums them up")


class _Source:
    """The files of one table, with what was asked of them."""

    def __init__(
        self,
        path: Path,
        files: Sequence[Path],
        named: Mapping[str, str],
        rescale: Rescale = False,
        repeats: Repeats = "refuse",
    ) -> None:
        self.path, self.files, self.named = path, files, named
        self.rescale, self.repeats = rescale, repeats
        self.benchmark = table_name(path.absolute()) if path.is_file() else path.absolute().name
        self.bad = BadRows()
        others = tables_of_other_kinds(path, files)[:_MOST_OTHERS]
        self.others = list(filter(_holds_table, others))
        self.kind = ""
        self._times = Counter[tuple[str, ...]]()

    def drafts(self) -> Iterator[Draft]:
        if all(has_end(file, ".parquet") for file in self.files) and self.repeats == "refuse":
            layouts = [self.layout(file) for file in self.files]
            if all(map(_is_plain, self.files, layouts)):
                yield from self._parquet(layouts)
                return
        table = LongTable(rescale=self.rescale, repeats=self.repeats, one_of_judges=True)
        texts = PromptTexts()
        for file in self.files:
            self._rows(file, table, texts)
        self.bad.check()
        try:
            drafts = list(table.drafts(str(self.path)))
        except TwoScoresError as error:
            raise DataError("\n".join(filter(None, [str(error), self._telling()]))) from None
        for draft in drafts:
            named = efforts_named(texts.without_answers(draft))
            yield replace(named, warnings=[*named.warnings, *half_empty(named)])

    def _telling(self) -> str:
        """What tells apart the rows that give a model two scores on a prompt; empty if nothing."""
        return what_tells_apart(islice(chain.from_iterable(map(self._cells, self.files)), _MANY))

    def _cells(self, file: Path) -> Iterator[tuple[tuple[str, ...], str, Row]]:
        """The model and prompt of each row of a file that names one, and its other columns."""
        layout = self.layout(file)
        reader = RowReader(layout, model_of(file, self.files), decimal_comma(file))
        if layout.nested or layout.listed or layout.objects or layout.models:
            return
        used = {*layout.roles.values()}
        for _, row in _unfolded(rows_of(file, self.bad), self._of_all(file)):
            of = [str(row.get(layout.roles.get(role, ""), "")) for role in ("benchmark", "trial")]
            prompt_id, _ = reader.prompt(row)
            rest = {name: cell for name, cell in row.items() if name not in used}
            for cell in reader.cells(row):
                yield (*of, prompt_id, cell.model), file.name, rest

    def layout(self, file: Path) -> Layout:
        """What the columns of one of the files are for."""
        layout = _layout(file, self.named, self._of_all(file), several_files=self._are_several())
        self._refuse_runs(layout)
        return layout

    def _refuse_runs(self, layout: Layout) -> None:
        if layout.per_file and "ignore" not in self.named:  # else the user chose files' names
            refuse_runs(self.path, self.files)

    def _are_several(self) -> bool:
        return len(self.files) + len(self.others) > 1

    def _of_all(self, file: Path) -> Mapping[str, str]:
        return columns_of_all(file, self.path, self.files)

    def _unread_files(self) -> Iterator[str]:
        if self.others:
            yield (
                "not read, as a folder's tables are of one kind: "
                f"{listed_names(file.name for file in self.others)}; bring all to one kind"
            )

    def _parquet(self, layouts: Sequence[Layout]) -> Iterator[Draft]:
        table = LongParquet(self.benchmark, self.bad, rescale=self.rescale)
        for file, layout in zip(self.files, layouts, strict=True):
            if layout.metric is not None:
                refuse_metrics(file, layout.metric, different_in(file, layout.metric))
            table.read(file, layout.roles, list(layout.models), self._of_all(file))
        self.bad.check()
        for draft in table.drafts(str(self.path)):
            warnings = [*layouts[0].warnings, *self._of_score(layouts[0]), *draft.warnings]
            warnings += self._unread_files()
            warnings += half_empty(draft)
            noted = replace(draft, facts=layouts[0].facts, warnings=warnings)
            yield _without_sums(noted)

    def _of_score(self, layout: Layout) -> Iterator[str]:
        """A warning of a score that is the better the lower it is, unless the scale inverts it."""
        column = layout.roles.get("score", "")
        inverted = isinstance(self.rescale, Scale) and self.rescale.low > self.rescale.high
        if column.lower() in _LESS_IS_BETTER and not inverted:
            yield (
                f"column {column!r} is the better the lower it is, by its name; --scale WORST,BEST "
                "(the higher number first) inverts it"
            )

    def _rows(self, file: Path, table: LongTable, texts: PromptTexts) -> None:
        rows = _unfolded(rows_of(file, self.bad), self._of_all(file))
        sample = list(islice(rows, _SAMPLE))
        if not sample:
            self.bad.check()
            raise DataError(f"{file} holds no rows")
        first = [row for _, row in sample]
        header = dict.fromkeys(key for row in first for key in row)
        layout = _layout_of(file, first, self.named, several_files=self._are_several())
        self._refuse_other_kind(file, layout)
        others = unread_sheets(file) if has_end(file, ".xlsx") else []
        if others:
            table.warnings.append(
                f"{file.name}: only the first sheet is read, not {listed_names(others)}; save what "
                "holds scores as files of their own"
            )
        facts = [*layout.facts, *(["encoding: Windows-1252"] if read_as_windows_text(file) else ())]
        table.facts += [fact for fact in facts if fact not in table.facts]
        warnings = [*layout.warnings, *self._of_score(layout), *self._unread_files()]
        warnings += runs_as_benchmarks(self.files) if "benchmark" in self._of_all(file) else ()
        warnings += lost_cells(file) if has_end(file, ".xlsx") else []
        table.warnings += [warning for warning in warnings if warning not in table.warnings]
        metric, metrics = layout.metric, dict[str, None]()
        reader = RowReader(layout, model_of(file, self.files), decimal_comma(file))
        for line, row in chain(sample, rows):
            why = None  # as `bad.row`, without its generator for each of millions of rows
            try:
                if layout.models and not row.keys() <= header.keys():
                    late = next(key for key in row if key not in header)
                    raise RowError(
                        f"has {late!r}, which the first {_SAMPLE} rows lack; give each row all keys"
                    )
                self._add(row, table, reader, texts)
            except RowError as error:
                why = str(error)
            if why is not None:
                self.bad.add(file, line, why)
            if metric and (name := str(row.get(metric) or "")) not in metrics:
                metrics[name] = None
                refuse_metrics(file, metric, metrics)

    def _refuse_other_kind(self, file: Path, layout: Layout) -> None:
        """Refuse a file that is a run's, or not of the kind of those before it."""
        self._refuse_runs(layout)
        kind = _kind(layout)
        self.kind = self.kind or kind
        if kind != self.kind:
            raise DataError(
                f"{file}: holds {kind}, but {self.files[0].name} {self.kind}; take it out of the "
                "folder if it holds no score of each prompt, or give it by itself"
            )

    def _run(self, label: str | None, *of: str) -> str | None:
        """What names a run; where repeats are runs, one whose name came before has a number."""
        if label is None or self.repeats not in {"trials", "mean"}:
            return label
        self._times[(label, *of)] += 1
        times = self._times[(label, *of)]
        return label if times == 1 else f"{label} ({times})"

    def _add(self, row: Row, table: LongTable, reader: RowReader, texts: PromptTexts) -> None:
        layout, roles = reader.layout, reader.layout.roles
        name = _benchmark(row, roles["benchmark"]) if "benchmark" in roles else self.benchmark
        prompt_id, known = reader.prompt(row)
        if reader.sums_up(prompt_id):
            table.warn(name, _left_out_sum(prompt_id))
            return
        texts.check(name, prompt_id, known.get("text"), roles.get("prompt"))
        texts.check_subset(name, prompt_id, known.get("subset"), roles.get("subset"))
        trial, judge = label_in(row, roles.get("trial")), label_in(row, roles.get("judge"))
        for cell in reader.cells(row):
            try:
                table.add(
                    name,
                    prompt_id,
                    cell.model,
                    cell.score,
                    cost=cell.cost,
                    axes=reader.axes(cell, table.forms(name)) if cell.axes else None,
                    trial=self._run(trial, name, prompt_id, cell.model, judge or ""),
                    judge=judge,
                    column=cell.column,
                    cost_column=cell.cost_column,
                    comma=reader.comma,
                    **known,
                )
            except RowError as error:
                raise (
                    error_of_column(cell.where, error, layout) if cell.where else error
                ) from None


def _kind(layout: Layout) -> str:
    """What the rows of a table are."""
    if layout.per_file:
        return "the scores of one model"
    if layout.nested or layout.listed or layout.objects or layout.models:
        return "the scores of several models in each row"
    return "a model in each row"


def _without_sums(draft: Draft) -> Draft:
    """The draft without rows that sum up the others, by the names of their prompts."""
    ids = draft.prompts["prompt_id"].to_list()
    sums = [name for name in ids if sums_up(name)]
    if not sums:
        return draft
    kept = np.array([name not in sums for name in ids])
    return replace(
        draft,
        scores=draft.scores[kept],
        costs=None if draft.costs is None else draft.costs[kept],
        axes={axis: held[kept] for axis, held in draft.axes.items()},
        prompts=draft.prompts.filter(kept),
        warnings=[*draft.warnings, *map(_left_out_sum, sums)],
    )


def _left_out_sum(prompt_id: str) -> str:
    return (
        f"rows of prompt {prompt_id!r} hold what sums up the others, by its name: they are left out"
    )


def _benchmark(row: Row, column: str) -> str:
    if row.get(column) in {"", None}:
        raise RowError(
            f"{column!r} is empty; fill it in, or --columns ignore={column} takes all for one"
        )
    return name_in(row, column)


def _unfolded(
    rows: Iterable[tuple[int, Row]], of_all: Mapping[str, str]
) -> Iterator[tuple[int, Row]]:
    """Rows with what holds for all; those of one record with ``outer.inner`` of their objects."""
    models = frozenset(ROLES["model"])
    for line, row in rows:
        inner = {}
        if dict in map(type, row.values()) and not models.isdisjoint(row):
            inner = {
                f"{name}.{key}": value
                for name, cell in row.items()
                if isinstance(cell, dict)
                for key, value in cell.items()
            }
        yield line, {**of_all, **row, **inner} if inner or of_all else row


def _holds_table(file: Path) -> bool:
    """Whether a file beside those that are read looks like a table too."""
    try:
        return bool(_layout(file, {}, {}, several_files=True).roles)
    except (DataError, MissingDependencyError):
        return False


def _layout(
    file: Path, named: Mapping[str, str], of_all: Mapping[str, str], *, several_files: bool
) -> Layout:
    if has_end(file, ".parquet"):
        kinds = parquet_header(file)
        # A column of numbers whose first cells are empty is one of numbers all the same.
        rows = first_rows(file, _SAMPLE)
        numbers = [name for name, is_number in kinds.items() if is_number]
        empty = {name: 0 for name in numbers if all(row.get(name) is None for row in rows)}
        rows = [{**of_all, **row} for row in ({**dict.fromkeys(kinds), **empty}, *rows)]
        return _layout_of(file, rows, named, several_files=several_files)
    rows = [row for _, row in _unfolded(enumerate(first_rows(file, _SAMPLE)), of_all)]
    if not rows:
        raise DataError(f"{file} holds no rows of a table")
    return _layout_of(file, rows, named, several_files=several_files)


def _layout_of(
    file: Path,
    rows: Sequence[Row],
    named: Mapping[str, str],
    *,
    several_files: bool,
) -> Layout:
    names = list(dict.fromkeys(key for row in rows for key in row))
    try:
        return Layout.of(
            file,
            names,
            named,
            lambda name: [row.get(name) for row in rows],
            several_files=several_files,
        )
    except DataError as error:
        others = listed_names(unread_sheets(file) if has_end(file, ".xlsx") else [])
        why = f"{error}; only the first sheet is read, not {others}" if others else str(error)
        raise DataError(why) from None


def _is_plain(file: Path, layout: Layout) -> bool:
    """Whether a Parquet file can be read by `LongParquet`: every column is of the kind it is for.

    The long form needs numbers or truth values as scores, and texts as texts.
    """
    if (
        layout.nested
        or layout.listed
        or layout.objects
        or layout.per_file
        or layout.costs
        or layout.axes
    ):
        return False
    if {"trial", "judge", "effort"} & layout.roles.keys():
        return False
    if any(model != column for model, column in layout.models.items()):
        return False
    if layout.roles["prompt_id"] == layout.roles.get("prompt"):
        return False
    kinds = parquet_header(file)
    numeric = ("score", "cost", "chance", *AXIS_ROLES)
    numbers = [layout.roles[role] for role in numeric if role in layout.roles]
    schema = parquet_schema(file)
    nested = "prompt" in layout.roles and schema[layout.roles["prompt"]].is_nested()
    sound = all(kinds[name] for name in (*numbers, *layout.models))
    ids = [layout.roles[role] for role in _NAMES if layout.roles.get(role) in schema]
    return sound and not nested and not any(schema[name].is_float() for name in ids)


SAMPLE = {
    "mine.csv": (
        "model,prompt_id,score,cost,prompt\n"
        "a,1,1,0.01,Why?\nb,1,0,0.02,Why?\na,2,0.5,0.01,How?\nb,2,1,0.02,How?\n"
    )
}

IMPORTER = Importer(
    name="table",
    summary="plain CSV, JSON, Excel or Parquet: a row per record, or per prompt with a column per "
    "model",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
