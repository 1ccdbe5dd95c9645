"""lighteval: the details of each sample, ``details_<task>_<time>.parquet``.

``details/<model>/<time>/`` (locally), or the root of a ``details_<org>__<model>`` repository, holds
a file per task. Since 0.10 its columns are ``doc``, ``metric`` and ``model_response``, before
``example``, ``full_prompt``, ``choices``, ``gold_index`` and ``metrics`` (an object, or the text of
one), as in the first Open LLM Leaderboard. ``results_<time>.json`` says how the model was run.
Repository: ``huggingface/lighteval``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import down_to, first_files, names_of
from routereval.importers.importer import Importer
from routereval.importers.long_parquet import reading
from routereval.importers.metric_choice import choose_metrics
from routereval.importers.rows import RowError, json_file, some_files, text_of
from routereval.importers.run_answers import Answer, drafts_of_runs, file_in, folder_above, part_of
from routereval.importers.scale import Rescale
from routereval.importers.source_files import parquet_scan, parquet_schema
from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl

METRICS = (
    *("extractive_match", "exact_match", "em", "qem", "prompt_level_strict_acc", "acc_norm", "acc"),
    *("truthfulqa_mc2", "mc2", "f1", "rougeL", "bleu"),
)
"""Which metric of a sample is the score: the first of these that all runs of its task have."""

_PATTERNS = down_to(6, "details_*.parquet")
_NAME = re.compile(r"details_(.+?)(?:_(\d{4}-\d\d-\d\dT[\d:.-]+))?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.-]+")
_PART = 5_000
_LONGEST_METRICS = 10_000
_PLAIN = ("example", "full_prompt", "choices", "gold_index", "metrics")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most six folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, metric: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per task; what follows a colon in its name (``mmlu:anatomy``) is a subset.

    Args:
        path: such a file, or a folder with some at most six folders down.
        metric: which metric is the score, in order of preference; by default `METRICS`.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or a file cannot be read.
    """
    files = some_files(path, "details of lighteval (details_<task>_<time>.parquet)", *_PATTERNS)
    runs = list(map(_run, files))
    choice = choose_metrics(runs, _metrics, names_of(metric), METRICS, rescale)
    yield from drafts_of_runs(
        path,
        runs,
        lambda run, _: _rows(run.file),
        partial(_answers, choice.metric_of),
        unscored="run lighteval with --save-details",
        rescale=rescale,
        licence="MIT",
        facts=choice.facts,
        warnings=choice.warnings,
    )


def _is_ours(file: Path) -> bool:
    try:
        columns = set(_schema(file))
    except DataError:
        return False
    return {"doc", "metric"} <= columns or ("metrics" in columns and bool(columns & {*_PLAIN[:2]}))


def _schema(file: Path) -> Mapping[str, pl.DataType]:
    """The columns of a file; the marks around their names, as in ``__doc__``, are left out."""
    with reading(file):
        return {name.strip("_"): kind for name, kind in parquet_schema(file).items()}


def _run(file: Path) -> Run:
    name = _NAME.fullmatch(file.stem)
    task, stamp = (name[1], name[2] or "") if name else (file.stem, "")
    model = _model(file)
    parts = (text_of(task) or "task").split("|")
    # suite|task|shots, or task|shots
    shots = {"num_fewshot": parts[-1]} if len(parts) > 1 and parts[-1].isdigit() else {}
    kept = parts[:-1] if shots else parts
    config = part_of(_results(file, model, stamp), "config_general", "model_config")
    settings = flat(part_of(config, "generation_parameters"))
    return Run(file, model, kept[-1].strip() or "task", stamp, settings, shots)


def _model(file: Path) -> str:
    """The model by the folders above: ``details/<model>/<time>``, or ``details_<org>__<name>``."""
    folders = [text_of(part) or "" for part in file.absolute().parts[1:-1]]
    while folders and _TIME.fullmatch(folders[-1]):
        folders.pop()
    if "details" in folders[:-1]:
        last = len(folders) - 1 - folders[::-1].index("details")
        return "/".join(folders[last + 1 :]) or "model"
    name = folders[-1] if folders else "model"
    return name.removeprefix("details_").removesuffix("_private").replace("__", "/") or "model"


def _results(file: Path, model: str, stamp: str) -> object:
    """The results of the same run, None where they are not found."""
    name = f"results_{stamp}.json"
    root = folder_above(file, 3 + model.count("/") + 1)
    found = stamp and (
        file_in(folder_above(file, 1), name)
        or file_in(folder_above(file, 2), name)
        or file_in(root, "results", *model.split("/"), name)
    )
    return json_file(found) if found else None


def _metrics(run: Run) -> list[str]:
    import polars as pl

    schema = _schema(run.file)
    kind = schema.get("metric", schema.get("metrics"))
    if isinstance(kind, pl.Struct):
        return [field.name for field in kind.fields]
    first = next(iter(_rows(run.file)), None)
    return [] if first is None else list(_values(first[1]))


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a file without the answers, a part at a time."""
    with reading(file):
        scan, n_rows = parquet_scan(file)
        schema = {name.strip("_"): (name, kind) for name, kind in scan.collect_schema().items()}
    wanted = _wanted(schema)
    if not wanted:
        raise DataError(f"{file} holds no details of lighteval")
    for start in range(0, n_rows, _PART):
        with reading(file):
            part = scan.slice(start, _PART).select(wanted).collect()
        for number, row in enumerate(part.iter_rows(named=True), start):
            yield number + 1, {**row, "number": number}


def _wanted(schema: Mapping[str, tuple[str, pl.DataType]]) -> list[pl.Expr]:
    """What is read of a file: metrics, the sample, and how many tokens there were."""
    import polars as pl

    found = [pl.col(schema[name][0]).alias(name) for name in _PLAIN if name in schema]
    if "metric" in schema:
        found.append(pl.col(schema["metric"][0]).alias("metric"))
    doc = _fields(schema, "doc")
    found += [
        doc[name][0].alias(f"doc.{name}")
        for name in ("id", "query", "choices", "gold_index")
        if name in doc
    ]
    response = _fields(schema, "model_response")
    for axis, name in {"tokens_in": "input_tokens", "tokens_out": "output_tokens"}.items():
        if name in response:
            found.append(_n_tokens(*response[name]).alias(axis))
    return found


def _n_tokens(tokens: pl.Expr, kind: object) -> pl.Expr:
    """How many tokens a list of them holds, or the lists in it together."""
    import polars as pl

    if not isinstance(kind, pl.List):
        return pl.lit(None)
    if isinstance(kind.inner, pl.List):
        return tokens.list.eval(pl.element().list.len()).list.sum()
    return tokens.list.len()


def _fields(
    schema: Mapping[str, tuple[str, pl.DataType]], column: str
) -> dict[str, tuple[pl.Expr, Any]]:
    """The fields of a column that holds objects, and their kinds."""
    import polars as pl

    name, kind = schema.get(column, ("", None))
    fields = kind.fields if isinstance(kind, pl.Struct) else ()
    return {field.name: (pl.col(name).struct.field(field.name), field.dtype) for field in fields}


def _values(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metrics of a row; before 0.10 they may be the text of a Python dict."""
    values = row.get("metric", row.get("metrics"))
    if isinstance(values, str):
        if len(values) > _LONGEST_METRICS:
            raise RowError("'metrics' is too long to be metrics")
        try:
            values = ast.literal_eval(values)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            raise RowError(f"'metrics' is {ascii(values)[:40]}, which is no dict") from None
    return values if isinstance(values, dict) else {}


def _answers(metric_of: Mapping[str, str], row: Mapping[str, Any], run: Run) -> Iterator[Answer]:
    benchmark, _, subset = run.task.partition(":")
    name = text_of(row.get("doc.id")) or ""
    text = text_of(row.get("doc.query")) or text_of(row.get("example"))
    number = name.strip() or str(row["number"])
    yield Answer(
        f"{subset}/{number}" if subset else number,
        _values(row).get(metric_of[run.task]),
        benchmark=benchmark,
        text=text or text_of(row.get("full_prompt")),
        asked=text,
        subset=subset or None,
        chance=_chance(row),
        axes={axis: row.get(axis) for axis in ("tokens_in", "tokens_out")},
    )


def _chance(row: Mapping[str, Any]) -> float | None:
    """One over the number of options, where one of them is right."""
    options = row.get("doc.choices", row.get("choices"))
    gold = row.get("doc.gold_index", row.get("gold_index"))
    n_options = len(options) if isinstance(options, list) else 0
    one = not isinstance(gold, list) or len(gold) == 1
    return 1 / n_options if n_options > 1 and one else None


SAMPLE = {
    f"details/org/{model}/2025-06-01T10-00-00/details_mmlu:law|5_2025-06-01T10-00-00.parquet": [
        {
            "doc": {
                "query": f"Is it {number}?",
                "choices": ["A", "B"],
                "gold_index": 0,
                "id": str(number),
                "task_name": "mmlu:law|5",
            },
            "metric": {"acc": score},
            "model_response": {
                "text": ["A"],
                "input_tokens": [1, 2, 3],
                "output_tokens": [[4], [5]],
            },
        }
        for number, score in enumerate(scores)
    ]
    for model, scores in {"a": (1.0, 0.0), "b": (0.0, 1.0)}.items()
}

IMPORTER = Importer(
    name="lighteval",
    summary="lighteval's details: a Parquet file per model and task, details_<task>_<time>",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
