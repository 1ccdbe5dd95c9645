"""SPROUT, of CARROT: Parquet or JSON Lines, one row per prompt, a model's answer in a column.

``key``, ``dataset``, ``prompt`` and, under the model's name, ``{"num_input_tokens",
"num_output_tokens", "response", "score"}``. The files have no prices; give them to have costs.
Hub: dataset ``CARROT-LLM-Routing/SPROUT``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from routereval.errors import DataError, SpecError
from routereval.importers.axis_fields import axes_in
from routereval.importers.importer import Importer
from routereval.importers.long_parquet import reading
from routereval.importers.long_table import Numbered
from routereval.importers.rows import (
    BadRows,
    RowError,
    cost_in,
    finite_in,
    first_object,
    json_file,
    json_records,
    name_in,
    text_of,
)
from routereval.importers.source_files import parquet_scan, parquet_schema
from routereval.importers.table_format import Cell, Place, Row, TableFormat, about
from routereval.records.draft import Draft

_TOKENS = ("num_input_tokens", "num_output_tokens")
_ANSWER = {"score", *_TOKENS}
_PER = 1e6
_PART = 5_000

Prices = Mapping[str, tuple[float, float]]


def _is_ours(file: Path) -> bool:
    try:
        return bool(_structs(file) if file.suffix == ".parquet" else _answers(first_object(file)))
    except DataError:
        return False


def _rows(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Each row as ``{"row": row, "models": those known so far}``."""
    rows = _parquet_rows(file) if file.suffix == ".parquet" else json_records(file, bad)
    models: dict[str, None] = {}
    for line, row in rows:
        models |= dict.fromkeys(_answers(row))
        yield line, {"row": row, "models": list(models)}
    if not models:
        bad.check()
        raise DataError(f"{file}: no column holds a model's score and tokens; is it SPROUT's?")


FORMAT = TableFormat(
    title="SPROUT",
    kind="SPROUT file",
    forms=("*.parquet", "data/*.parquet", "*.jsonl", "*.json"),
    is_ours=_is_ours,
    rows=_rows,
    wide=True,
)
recognise = FORMAT.recognise


def read(
    path: Path,
    *,
    prices: str | Path | Mapping[str, tuple[float, float]] | None = None,
) -> Iterator[Draft]:
    """One draft, whose subsets are the data sets that SPROUT drew its prompts from.

    Args:
        path: a file or a folder of them.
        prices: USD per million tokens in and out by model, or a JSON file of
            ``{model: [in, out]}``. Models without a price have no costs.

    Raises:
        DataError: if a file is damaged, or a row cannot be read.
        SpecError: if prices are no such numbers.
    """
    known = _prices(prices)
    cells = partial(_cells, prices=known, numbered=Numbered())
    yield from FORMAT.read(path, cells, model_info=_info(known))


def _prices(prices: str | Path | Prices | None) -> dict[str, tuple[float, float]]:
    given = json_file(Path(prices)) if isinstance(prices, str | Path) else dict(prices or {})
    if not isinstance(given, dict):
        raise SpecError(f"prices {prices} should be an object of model: [in, out]")
    return {str(model): _price(str(model), pair) for model, pair in given.items()}


def _price(model: str, pair: object) -> tuple[float, float]:
    try:
        read, written = pair if isinstance(pair, list | tuple) else ()
        return cost_in(read), cost_in(written)
    except ValueError:  # also what is no pair
        raise SpecError(f"the price of {model!r} should be [in, out], USD per million") from None


def _info(prices: Prices) -> Any:  # noqa: ANN401 - a frame, or None
    import polars as pl

    if not prices:
        return None
    pairs = list(prices.values())
    return pl.DataFrame(
        {
            "model": list(prices),
            "price_in": [read for read, _ in pairs],
            "price_out": [written for _, written in pairs],
        }
    )


def _answers(row: Row) -> list[str]:
    """The columns that hold a model's answer."""
    return [key for key, value in row.items() if isinstance(value, dict) and set(value) >= _ANSWER]


def _cells(known: Row, _: Place, *, prices: Prices, numbered: Numbered) -> Iterator[Cell]:
    row = known["row"]
    dataset = name_in(row, "dataset") if "dataset" in row else None
    key = name_in(row, "key")
    prompt_id = numbered(f"{dataset}/{key}" if dataset else key)
    text = text_of(row.get("prompt"))
    for model in known["models"]:
        answer = row.get(model)
        with about(model):
            score, cost = _field(answer, "score"), _cost(answer, prices.get(model))
        yield Cell("sprout", prompt_id, model, score, cost, text, dataset, axes_in(answer))


def _field(answer: object, key: str) -> Any:  # noqa: ANN401 - JSON's cells
    if answer is None:
        return None
    if not isinstance(answer, dict):
        raise RowError("the answer should be an object with a score")
    return answer.get(key)


def _cost(answer: object, price: tuple[float, float] | None) -> float | None:
    if price is None or answer is None:
        return None
    read, written = (finite_in(_field(answer, key), key) for key in _TOKENS)
    return (read * price[0] + written * price[1]) / _PER


def _structs(file: Path) -> list[str]:
    """The columns of a Parquet file that hold a model's answer."""
    import polars as pl

    with reading(file):
        schema = parquet_schema(file)
    return [
        name
        for name, kind in schema.items()
        if isinstance(kind, pl.Struct) and {field.name for field in kind.fields} >= _ANSWER
    ]


def _parquet_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a Parquet file, without the answers' texts, a part at a time."""
    import polars as pl

    structs = _structs(file)
    with reading(file):
        scan, n_rows = parquet_scan(file)
        schema = scan.collect_schema()
    plain = [name for name in ("key", "dataset", "prompt") if name in schema]
    wanted = [pl.col(name) for name in plain] + [_short(name, schema[name]) for name in structs]
    for start in range(0, n_rows, _PART):
        with reading(file):
            part = scan.slice(start, _PART).select(wanted).collect()
        if part.height != min(_PART, n_rows - start):
            raise DataError(f"{file} holds fewer rows than it says; is it cut short?")
        yield from enumerate(part.iter_rows(named=True), start + 1)


def _short(name: str, kind: Any) -> Any:  # noqa: ANN401 - polars' dtype and expression
    import polars as pl

    kept = [field.name for field in kind.fields if field.name in _ANSWER]
    return pl.struct(pl.col(name).struct.field(field) for field in kept).alias(name)


SAMPLE = {
    "train.jsonl": [
        {
            "key": f"k{number}",
            "dataset": "math",
            "prompt": f"How many {number}?",
            "llm-a": {
                "num_input_tokens": 9,
                "num_output_tokens": 5,
                "response": "",
                "score": score,
            },
            "llm-b": {"num_input_tokens": 9, "num_output_tokens": 2, "score": 0.25},
        }
        for number, score in enumerate((1.0, None))
    ]
}

IMPORTER = Importer(
    name="sprout",
    summary="SPROUT's Parquet or JSON: per model a column of score, tokens; prices=FILE for costs",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
