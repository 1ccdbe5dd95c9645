"""LLMRouter's data: routing records as JSON Lines or CSV, and the lists made for RouterDC.

Routing records, ``default_routing_*_data``: ``task_name``, ``query``, ``model_name``,
``performance`` and, at times, ``cost`` or ``input_tokens`` and ``output_tokens``. RouterDC's
``train.json`` and ``test.json``: lists of ``{"question", "scores": {model: score}}``.
Repository: ``ulab-uiuc/LLMRouter``, folder ``data``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routereval.errors import DataError
from routereval.importers.axis_fields import axes_in
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable, Numbered
from routereval.importers.rows import (
    BadRows,
    RowError,
    csv_header,
    csv_rows,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_file,
    json_objects,
    json_records,
    name_in,
    name_of,
    some_files,
    text_of,
)
from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl


_BENCHMARK = "llmrouter"
_ROUTING = {"query", "model_name", "performance"}
_RECORDS = tuple(
    f"{folder}*routing*{end}"
    for folder, end in product(
        ("", "routing_data/", "default_data/", "example_data/routing_data/"), (".jsonl", ".csv")
    )
)
_LISTS = ("*.json", "dcrouter_preprocessed/*.json")
_DATA = tuple(f"{folder}{form}" for folder, form in product(("", "data/"), (*_RECORDS, *_LISTS)))
_PER = 1e6

_Row = Mapping[str, Any]


def recognise(path: Path) -> bool:
    """True for such a file, a folder of them, or the repository's folders above."""
    return bool(_files(path, most=20))


def read(path: Path) -> Iterator[Draft]:
    """One draft per task; RouterDC's lists name none, but the repository's queries do.

    In the routing records a task may hold a question twice, with an answer of each model to either:
    they are two prompts. Costs are those of the records, else tokens times the prices in
    ``default_llm.json``, if that lies near.

    Args:
        path: a file or a folder, as `recognise` describes it. Where there are both forms, the
            records are read.

    Raises:
        DataError: if there is neither form, or a row cannot be read.
    """
    files = _files(path) or some_files(path, "LLMRouter data", *_DATA)
    bad, table = BadRows(), LongTable()
    prices = _prices(path)
    if files[0].suffix == ".json":
        tasks = _tasks(path, bad)
        for file in files:
            _read_list(file, table, bad, tasks)
    else:
        numbered = Numbered()
        for file in files:
            _read_records(file, table, bad, numbered, prices)
    bad.check()
    yield from table.drafts(f"LLMRouter, {path.name}", "MIT", _info(prices))


def _files(path: Path, most: int | None = None) -> list[Path]:
    """The records, else the lists; JSON Lines rather than CSV, which hold the same.

    Args:
        path: a file, or the folder to look in.
        most: how many files of each form to look at.
    """
    if path.is_file():
        return [path] if _is_records(path) or _is_list(path) else []
    for end, test in ((".jsonl", _is_records), (".csv", _is_records), (".json", _is_list)):
        files = [file for file in files_in(path, *_DATA) if file.suffix == end]
        found = [file for file in files[:most] if test(file)]
        folders = list(dict.fromkeys(file.parent for file in found))
        if found:  # the repository keeps more than one copy
            return [file for file in found if file.parent == folders[0]]
    return []


def _is_records(file: Path) -> bool:
    if file.suffix == ".csv":
        return set(csv_header(file)) >= _ROUTING
    return file.suffix == ".jsonl" and set(first_object(file)) >= _ROUTING


def _is_list(file: Path) -> bool:
    first = first_object(file)
    return "question" in first and isinstance(first.get("scores"), dict)


def _read_list(file: Path, table: LongTable, bad: BadRows, tasks: Mapping[str, str]) -> None:
    for number, row in json_records(file, bad):
        with bad.row(file, number):
            question = name_in(row, "question")
            scores = field_in(row, "scores")
            if not isinstance(scores, dict) or not scores:
                raise RowError("'scores' should be an object of model: score")
            task = tasks.get(question, _BENCHMARK)
            prompt_id = f"{_BENCHMARK}/{file.stem}/{number - 1}"
            for model, score in scores.items():
                table.add(task, prompt_id, name_of(model, "the model"), score, text=question)


def _read_records(
    file: Path, table: LongTable, bad: BadRows, numbered: Numbered, prices: Mapping[str, _Price]
) -> None:
    rows: Iterable[tuple[int, _Row]] = (
        csv_rows(file, bad) if file.suffix == ".csv" else json_objects(file, bad)
    )
    for line, row in rows:
        with bad.row(file, line):
            model, query = name_in(row, "model_name"), name_in(row, "query")
            task = name_in(row, "task_name") if "task_name" in row else _BENCHMARK
            # By its text: the numbers of the files' own embeddings differ from file to file.
            digest = hashlib.sha1(query.encode(), usedforsecurity=False).hexdigest()[:12]
            table.add(
                task,
                numbered(f"{task}/{digest}", model),
                model,
                field_in(row, "performance"),
                cost=_cost(row, prices.get(model)),
                text=text_of(query),
                axes=axes_in(row),
            )


class _Price:
    """USD per million tokens in and out."""

    def __init__(self, entry: _Row) -> None:
        self.read = finite_in(entry.get("input_price"), "input_price")
        self.written = finite_in(entry.get("output_price"), "output_price")


def _cost(row: _Row, price: _Price | None) -> object:
    if "cost" in row:
        return row["cost"]
    if price is None or not {"input_tokens", "output_tokens"} <= set(row):
        return None
    read, written = (finite_in(row[key], key) for key in ("input_tokens", "output_tokens"))
    return (read * price.read + written * price.written) / _PER


def _near(path: Path, *forms: str) -> list[Path]:
    """Files of the repository's other folders, as seen from a file or folder of it."""
    folder = path.absolute()
    above = [folder, *list(folder.parents)[:3]] if path.is_dir() else list(folder.parents)[:3]
    roots = chain.from_iterable((root, root / "data") for root in above)
    return next((found for root in roots if (found := files_in(root, *forms))), [])


def _tasks(path: Path, bad: BadRows) -> dict[str, str]:
    """The task of each question, as far as the repository's queries lie near."""
    tasks: dict[str, str] = {}
    for file in _near(path, "example_data/query_data/*query*.jsonl", "query_data/*query*.jsonl"):
        for line, row in json_objects(file, bad):
            with bad.row(file, line):
                tasks.setdefault(name_in(row, "query"), name_in(row, "task_name"))
    return tasks


def _prices(path: Path) -> dict[str, _Price]:
    found = _near(
        path, "llm_candidates/default_llm.json", "example_data/llm_candidates/default_llm.json"
    )
    if not found:
        return {}
    content = json_file(found[0])
    if not isinstance(content, dict):
        raise DataError(f"{found[0]} should be an object of model: prices")
    try:
        return {
            name_of(model, "the model"): _Price(entry)
            for model, entry in content.items()
            if isinstance(entry, dict)
        }
    except RowError as error:
        raise DataError(f"{found[0]}: {error}") from None


def _info(prices: Mapping[str, _Price]) -> pl.DataFrame | None:
    import polars as pl

    if not prices:
        return None
    return pl.DataFrame(
        {
            "model": list(prices),
            "price_in": [price.read for price in prices.values()],
            "price_out": [price.written for price in prices.values()],
        }
    ).with_columns(pl.col("price_in", "price_out").fill_nan(None))


SAMPLE = {
    "train.json": [
        {"question": "Why?", "scores": {"a": 1.0, "b": 0.0}, "cluster_id": 0},
        {"question": "How?", "scores": {"a": 0.5, "b": 1.0}, "cluster_id": 1},
    ]
}

IMPORTER = Importer(
    name="llmrouter",
    summary="LLMRouter's routing records (JSONL, CSV), or the lists made for RouterDC (JSON)",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
