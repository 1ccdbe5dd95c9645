"""Long and wide Parquet files of any length, read part by part into one matrix a benchmark.

Names become numbers as they are read, a score takes one byte while all of them are 0 or 1, and no
more than `PART` cells are unpacked at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.benchmark_columns import refuse_sparse, same_again
from routereval.importers.parquet_grid import COST, KNOWN, Codes, Grid
from routereval.importers.prompt_texts import PromptTexts
from routereval.importers.rows import HIGHEST_COST, BadRows
from routereval.importers.scale import REMEDY, Rescale
from routereval.importers.source_files import parquet_scan, parquet_schema
from routereval.records.axes import AXIS_ROLES, axis_of
from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl

PART = 1_000_000
_ROW = "\0row"
_MODEL, _SCORE = "\0model", "\0score"


def parquet_header(file: Path) -> dict[str, bool]:
    """Whether each column of a Parquet file holds numbers (or truth values), by name.

    Raises:
        DataError: if it is no Parquet file.
    """
    import polars as pl

    with reading(file):
        schema = parquet_schema(file)
    return {
        name: kind.is_numeric() or isinstance(kind, (pl.Boolean, pl.Null))
        for name, kind in schema.items()
    }


def different_in(file: Path, column: str) -> list[object]:
    """The different values of a column.

    Raises:
        DataError: if it is no Parquet file.
    """
    import polars as pl

    with reading(file):
        scan, _ = parquet_scan(file)
        values = scan.select(pl.col(column).unique(maintain_order=True)).collect()
    return list(values[column].to_list())


class LongParquet:
    """Collects the records of Parquet files.

    Args:
        benchmark: the benchmark of rows that name none.
        bad: where rows are noted that cannot be read.
        rescale: the scale of the scores, or True for the range that is observed.
    """

    def __init__(self, benchmark: str, bad: BadRows, *, rescale: Rescale = False) -> None:
        self._benchmark = benchmark
        self._bad = bad
        self._rescale = rescale
        self._names: dict[str, dict[str, int]] = {"benchmark": {}, "model": {}, "prompt_id": {}}
        self._grids: dict[int, Grid] = {}
        self._n_rows = 0
        self._wrong: dict[str, int] = {}
        self._texts = PromptTexts()

    def read(
        self,
        file: Path,
        roles: Mapping[str, str],
        models: Sequence[str] = (),
        of_all: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Add the records of a file.

        Args:
            file: where they stand.
            roles: column by role, as in `table_roles.ROLES`.
            models: the columns that are models if it is a wide table.
            of_all: what holds for all rows, by a column that the file itself lacks.

        Raises:
            DataError: if the file is damaged or a column is of a kind that its role cannot be.
        """
        import polars as pl

        with reading(file):
            schema = {**dict.fromkeys(of_all, pl.String()), **parquet_schema(file)}
        # A conversation in place of the text: nothing to show, but no reason to refuse the scores.
        if "prompt" in roles and schema[roles["prompt"]].is_nested():
            roles = {role: column for role, column in roles.items() if role != "prompt"}
        _refuse_kinds(file, roles, schema)
        for part in _parts(file, roles, models, of_all):
            self._n_rows += part.height
            with reading(file):
                self._add(file, part, {**roles, "model": _MODEL, "score": _SCORE})

    def drafts(self, source: str) -> Iterator[Draft]:
        """One draft per benchmark, in the order in which they first came; nothing is left after."""
        models, prompts = list(self._names["model"]), list(self._names["prompt_id"])
        names = list(self._names["benchmark"])
        for code in list(self._grids):
            grid = self._grids.pop(code)
            draft = grid.draft(names[code], models, prompts, source, self._rescale)
            warnings = [
                *same_again(grid.n_again),
                *(
                    f"{axis}: {n:,} cells hold a negative or infinite number; they are left empty"
                    for axis, n in self._wrong.items()
                ),
            ]
            yield self._texts.without_answers(replace(draft, warnings=warnings))

    def _add(self, file: Path, part: pl.DataFrame, roles: Mapping[str, str]) -> None:
        codes = {
            role: self._codes(file, part, roles[role], role) for role in ("model", "prompt_id")
        }
        codes["benchmark"] = (
            self._codes(file, part, roles["benchmark"], "benchmark")
            if "benchmark" in roles
            else np.full(
                part.height, self._names["benchmark"].setdefault(self._benchmark, 0), dtype=np.int64
            )
        )
        scores = self._numbers(file, part, _SCORE, "score")
        sound = ~np.isinf(scores)
        for role_codes in codes.values():
            sound &= role_codes >= 0
        beside = self._beside(file, part, roles)
        for code in _present(codes["benchmark"]):
            rows = np.flatnonzero(sound & (codes["benchmark"] == code))
            grid = self._grids.setdefault(code, Grid())
            self._fill(file, part, rows, roles, grid, codes, scores, beside)

    def _fill(  # noqa: PLR0917 - the columns of one part
        self,
        file: Path,
        part: pl.DataFrame,
        rows: Codes,
        roles: Mapping[str, str],
        grid: Grid,
        codes: Mapping[str, Codes],
        scores: NDArray[np.float64],
        beside: Mapping[str, NDArray[np.float64]],
    ) -> None:
        prompts = grid.prompts.of(codes["prompt_id"][rows])
        for role in KNOWN:
            if role in roles:
                column = self._knowledge(file, part, roles[role], role)
                for at in grid.know(role, prompts, column, rows).tolist():
                    row, known = int(rows[at]), grid.known(role, int(prompts[at]))
                    benchmark = self._name_of("benchmark", codes["benchmark"], rows)
                    prompt = self._name_of("prompt_id", codes["prompt_id"], rows[at:])
                    with self._bad.row(file, int(part[_ROW][row]) + 1):
                        for text in (known, column[row]):
                            self._texts.check_role(role, benchmark, prompt, str(text), roles[role])
        observed = ~np.isnan(scores[rows])
        rows, prompts = rows[observed], prompts[observed]
        models = grid.models.of(codes["model"][rows])
        refuse_sparse(
            self._name_of("benchmark", codes["benchmark"], rows),
            self._n_rows,
            len(grid.prompts),
            len(grid.models),
        )
        for at, before in grid.put(models, prompts, scores[rows]):
            row = int(rows[at])
            what = f"model {self._name_of('model', codes['model'], rows[at:])!r} on prompt " + repr(
                self._name_of("prompt_id", codes["prompt_id"], rows[at:])
            )
            self._bad.add(
                file,
                int(part[_ROW][row]) + 1,
                f"{what} has score {scores[row]:g}, and {before:g} elsewhere",
            )
        for name, numbers in beside.items():
            grid.put_beside(name, models, prompts, numbers[rows])

    def _beside(
        self, file: Path, part: pl.DataFrame, roles: Mapping[str, str]
    ) -> dict[str, NDArray[np.float64]]:
        """Costs and axes of a part, by name."""
        import polars as pl

        found = {}
        if "cost" in roles:
            found[COST] = self._numbers(file, part, roles["cost"], "cost")
        for role in AXIS_ROLES:
            alias = axis_of(role)
            if role not in roles or alias is None or alias.axis in found:
                continue
            numbers = part[roles[role]].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            wrong = (numbers < 0) | np.isinf(numbers)
            if wrong.any():
                self._wrong[alias.axis] = self._wrong.get(alias.axis, 0) + int(wrong.sum())
                numbers = np.where(wrong, np.nan, numbers)
            found[alias.axis] = numbers * alias.factor
        return found

    def _name_of(self, role: str, codes: Codes, rows: Codes) -> str:
        return list(self._names[role])[codes[rows[0]]] if len(rows) else ""

    def _codes(self, file: Path, part: pl.DataFrame, column: str, role: str) -> Codes:
        """The number of each row's name, by first appearance; -1 where there is none."""
        import polars as pl

        names = part[column]
        if not isinstance(names.dtype, (pl.Categorical, pl.Enum)):
            names = names.cast(pl.String).cast(pl.Categorical)
        different = names.unique(maintain_order=True).drop_nulls()
        known = self._names[role]
        missing = names.is_null().to_numpy()
        codes = np.full(len(names), -1, dtype=np.int64)
        if len(different):
            texts = different.cast(pl.String).to_list()
            # A name's number in polars depends on its version; only that it is one number does not.
            of = np.full(int(different.to_physical().max()) + 1, -1, dtype=np.int64)  # type: ignore[arg-type]
            of[different.to_physical().to_numpy()] = [
                known.setdefault(name, len(known)) if (name := text.strip()) else -1
                for text in texts
            ]
            codes = of[names.to_physical().fill_null(0).to_numpy()]
            codes[missing] = -1
        for row in np.flatnonzero(codes < 0).tolist():
            self._bad.add(file, int(part[_ROW][row]) + 1, f"there is no {role}")
        return codes

    def _knowledge(self, file: Path, part: pl.DataFrame, column: str, role: str) -> pl.Series:
        import polars as pl

        if role != "chance":
            return part[column].cast(pl.String)
        return pl.Series(self._numbers(file, part, column, role)).fill_nan(None)

    def _numbers(
        self, file: Path, part: pl.DataFrame, column: str, what: str
    ) -> NDArray[np.float64]:
        """The numbers of a column, NaN where there is none, ±inf where it is a bad row."""
        import polars as pl

        numbers = part[column].cast(pl.Float64).fill_null(float("nan")).to_numpy(writable=True)
        low, high = 0.0, HIGHEST_COST if what == "cost" else 1.0
        if what == "score" and self._rescale:
            low, high = -np.inf, np.inf
        wrong = (numbers < low) | (numbers > high) | np.isinf(numbers)
        if wrong.any():
            for row in np.flatnonzero(wrong).tolist():
                why = f"{what} {numbers[row]:g} lies outside [{low:g}, {high:g}]"
                if what == "score":
                    why = f"model {str(part[_MODEL][row])[:100]!r}: {why}; {REMEDY}"
                self._bad.add(file, int(part[_ROW][row]) + 1, why)
            numbers[wrong] = np.inf
        return numbers


def _parts(
    file: Path, roles: Mapping[str, str], models: Sequence[str], of_all: Mapping[str, str]
) -> Iterator[pl.DataFrame]:
    """The rows of a file in parts, with model, score and row number under fixed names."""
    import polars as pl

    with reading(file):
        scan, n_rows = parquet_scan(file)
        known = scan.collect_schema()
    scan = scan.with_columns(
        pl.lit(of_all[name]).alias(name) for name in of_all if name not in known
    )
    wanted = list(dict.fromkeys([*roles.values(), *models]))
    step = PART if not models else max(1, PART // len(models))
    for start in range(0, n_rows, step):
        with reading(file):
            part = scan.select(wanted).slice(start, step).collect()
        if part.height != min(step, n_rows - start):
            raise DataError(f"{file} holds fewer rows than it says; is it cut short?")
        numbered = part.with_columns(
            pl.Series(_ROW, np.arange(start, start + part.height, dtype=np.int64))
        )
        yield (
            _melted(numbered, models)
            if models
            else numbered.with_columns(
                pl.col(roles["model"]).alias(_MODEL), pl.col(roles["score"]).alias(_SCORE)
            )
        )


def _melted(part: pl.DataFrame, models: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    of_models = set(models)
    kept = [column for column in part.columns if column not in of_models]
    return part.with_columns(pl.col(list(models)).cast(pl.Float64)).unpivot(
        on=list(models), index=kept, variable_name=_MODEL, value_name=_SCORE
    )


def _refuse_kinds(file: Path, roles: Mapping[str, str], schema: Mapping[str, pl.DataType]) -> None:
    import polars as pl

    for role, column in roles.items():
        kind = schema[column]
        number = kind.is_numeric() or isinstance(kind, (pl.Boolean, pl.Null))
        text = isinstance(kind, (pl.String, pl.Categorical, pl.Enum, pl.Null))
        counts = role in {"score", "cost", "chance", *AXIS_ROLES}
        if not (number if counts else text or kind.is_integer()):
            what = "numbers" if counts else "names"
            raise DataError(f"{file}: column {column!r} holds {kind}; {role} should be {what}")


class reading:  # noqa: N801 - reads as a verb
    """Turns what polars raises on a damaged file into our error."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import polars as pl

        if isinstance(error, (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)):
            lines = str(error).splitlines() or [type(error).__name__]
            raise DataError(
                f"{self.file}: cannot be read as Parquet ({lines[0][:200]}); is it cut short?"
            ) from None


def _present(codes: Codes) -> list[int]:
    """The codes that occur, in the order in which they first do; without -1."""
    if len(codes) and (codes == codes[0]).all():
        return [int(codes[0])] if codes[0] >= 0 else []
    different, first = np.unique(codes, return_index=True)
    return [int(code) for code in different[np.argsort(first, kind="stable")] if code >= 0]
