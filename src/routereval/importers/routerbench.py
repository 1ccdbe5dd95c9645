"""RouterBench: its wide table as CSV or as the published pickled frame, and its long form.

Wide: ``sample_id``, ``prompt``, ``eval_name`` and, per model, its score under its name, its cost
under ``NAME|total_cost`` (unknown without) and its answer under ``NAME|model_response``. Long:
``sample_id``, ``prompt``, ``eval_name``, ``model_name``, ``performance`` and ``cost``. Hub: dataset
``withmartian/routerbench``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, csv_header, csv_rows, name_in, some_files, text_of
from routereval.importers.source_files import opened
from routereval.importers.table_format import Cell, Place, Row, TableFormat, long_cells
from routereval.records.draft import Draft

_COST = "|total_cost"
_RESPONSE = "|model_response"
_KEYS = {"sample_id", "eval_name"}
_LONG = {"model_name", "performance", "cost"}
_PICKLE = ".pkl"
_HEAD_BYTES = 4096


def _is_ours(file: Path) -> bool:
    if file.suffix == _PICKLE:
        try:
            with opened(file) as stream:
                head = stream.read(_HEAD_BYTES)
        except OSError:
            return False
        return b"pandas" in head and b"DataFrame" in head and b"BlockManager" in head
    header = csv_header(file)
    return set(header) >= _KEYS and bool(_models(header) or set(header) >= _LONG)


def _models(header: Iterable[str]) -> list[str]:
    names = list(header)
    called = {name.partition("|")[0] for name in names if name.endswith((_COST, _RESPONSE))}
    return [name for name in names if name in called]


def _rows(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    return _pickled_rows(file) if file.suffix == _PICKLE else csv_rows(file, bad)


FORMAT = TableFormat(
    title="RouterBench",
    kind="CSV file or pickled frame",
    forms=("*.csv", f"*{_PICKLE}"),
    is_ours=_is_ours,
    licence="MIT",
    rows=_rows,
    wide=True,
)
recognise = FORMAT.recognise


def read(path: Path) -> Iterator[Draft]:
    """One draft per value of ``eval_name``, with costs in USD per call.

    A prompt may stand in several rows, each with the scores of some models, as in the published
    data.

    Args:
        path: a file, or a folder of CSV files or of one pickled frame.

    Raises:
        DataError: if a file is damaged or unsafe, a column is missing, or a row cannot be read.
    """
    files = some_files(path, FORMAT.kind, *FORMAT.forms)
    if len(files) > 1 and any(file.suffix == _PICKLE for file in files):
        raise DataError(
            f"{path} holds {len(files)} tables, such as {files[0].name} and {files[-1].name}, "
            "which may tell of the same prompts; give one of them"
        )
    yield from FORMAT.read(path, _cells, files=files)


def _cells(row: Row, place: Place) -> Iterable[Cell]:
    if missing := _KEYS - set(row):
        what = f"there is no column {min(missing)!r}"
        raise DataError(f"{place.file}: {what}; is it RouterBench's table?")
    if models := _models(row):
        return _wide_cells(row, models)
    if set(row) >= _LONG:
        return _LONG_CELLS(row, place)
    raise DataError(
        f"{place.file}: there are neither columns such as 'NAME{_COST}' nor model_name, "
        "performance, cost; is it RouterBench's table?"
    )


def _wide_cells(row: Row, models: list[str]) -> Iterator[Cell]:
    benchmark, prompt_id = name_in(row, "eval_name"), name_in(row, "sample_id")
    text = prompt_text(row.get("prompt"))
    for model in models:
        yield Cell(benchmark, prompt_id, model, row[model], row.get(model + _COST), text)


def _pickled_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    from routereval.importers.pandas_pickle import load_frame

    columns = load_frame(file)
    wanted = {name: cells for name, cells in columns.items() if not name.endswith("_response")}
    left_out = dict.fromkeys(name for name in columns if name not in wanted)  # their names count
    for number, cells in enumerate(zip(*wanted.values(), strict=True), 1):
        yield number, {**left_out, **dict(zip(wanted, cells, strict=True))}


_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_LIST = re.compile(rf"\s*\[\s*(?:(?:{_QUOTED})\s*(?:,\s*|(?=\])))+\]\s*", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


def prompt_text(cell: object) -> str | None:
    r"""The text of a prompt, whose turns RouterBench keeps as a list or as Python prints one.

    >>> prompt_text("['Be brief.', \"What's 1 + 1?\"]")
    "Be brief.\nWhat's 1 + 1?"
    """
    if isinstance(cell, (list, tuple)):
        return text_of("\n".join(turn for turn in cell if isinstance(turn, str)))
    if isinstance(cell, str) and _LIST.fullmatch(cell):
        turns = [_ESCAPE.sub(_unescaped, turn[1:-1]) for turn in re.findall(_QUOTED, cell, re.S)]
        return text_of("\n".join(turns))
    return text_of(cell)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        point = int(code[1:], 16)
        return chr(point) if point <= 0x10FFFF else "\ufffd"
    return _PLAIN.get(code, code)


_LONG_CELLS = long_cells(
    benchmark_column="eval_name",
    prompt_id="sample_id",
    model=("model_name",),
    score="performance",
    cost="cost",
    text=prompt_text,
)

SAMPLE = {
    "routerbench_0shot.csv": (
        "sample_id,prompt,eval_name,a,b,a|total_cost,b|total_cost,oracle_model_to_route_to\n"
        "arc.1,\"['Be brief.', 'Why?']\",arc,1.0,0.0,0.001,0.002,a\n"
        "arc.2,How?,arc,0.25,1.0,0.001,0.002,b\n"
    )
}

IMPORTER = Importer(
    name="routerbench",
    summary="RouterBench: CSV or the pickled frame, with NAME|total_cost columns, or its long form",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
