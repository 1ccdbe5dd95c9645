"""Why a source is of no known format: what it resembles, and what would mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.examined import listed_names
from routereval.importers.rows import files_in, peek
from routereval.importers.table import layout_of
from routereval.importers.table_folders import table_files, tables_below

_DETAILS = (
    "has no scores: evaluate with --dump-eval-details and give the folder that holds results/, "
    "which `opencompass` reads"
)
_NO_SCORE = (
    "has no scores: join them with what each answer was worth, in a column 'score' per model and "
    "prompt"
)
_AS_CSV = "save it as CSV"
_REMEDIES = {
    **dict.fromkeys((".xls", ".xlsb", ".xlsm", ".ods", ".numbers"), "save it as .xlsx or CSV"),
    **dict.fromkeys((".feather", ".arrow", ".ipc", ".orc", ".avro"), "save it as Parquet"),
    **dict.fromkeys((".zip", ".zst", ".bz2", ".xz", ".7z", ".tar", ".tgz", ".rar"), "unpack it"),
    **dict.fromkeys((".md", ".html", ".htm", ".tex", ".rds", ".rdata", ".sav", ".dta"), _AS_CSV),
    **dict.fromkeys((".pkl", ".pickle", ".npy", ".npz", ".db", ".sqlite", ".duckdb"), _AS_CSV),
    **dict.fromkeys((".txt", ".dat", ".psv", ".log"), "if it is a CSV file, call it .csv"),
    **dict.fromkeys((".yaml", ".yml", ".xml"), "save it as JSON Lines (.jsonl)"),
}
"""What to do with a file that no importer reads, by the end of its name."""
_BESIDE_DATA = (".md", ".html", ".htm", ".tex", ".txt", ".dat", ".log", ".yaml", ".yml", ".xml")
_MAY_HOLD = tuple(end for end in _REMEDIES if end not in _BESIDE_DATA)
"""Of those, which hold data rather than what is said of it."""
_NO_MODEL = (
    "names no model: write the runs of all models into one table with the columns model, prompt "
    "and score, a row per answer, which `table` reads"
)
_MEANS = (
    "has means only: write a table with the columns model, prompt and score, a row per answer, "
    "which `table` reads"
)
_A_TABLE = (
    "is not read as it is: write the columns model, prompt and score of it, which `table` reads"
)
_MODEL = re.compile(r"\bmodel\b")
_VERTEX = re.compile(r"[^\n]*\bresponse\b[^\n]*[a-z]/score\b")
_MOST_FILES = 20
_DEPTHS = tuple("*/" * depth for depth in range(6))


@dataclass(frozen=True)
class _Shape:
    """A shape that is known, but not read."""

    what: str
    pattern: str
    is_it: Callable[[Path], bool]
    remedy: str
    table: bool = False
    """Whether it might pass for a plain table, whose columns of metrics would then be models."""


def _outputs(file: Path) -> bool:
    """Whether cells of a table begin with the outcome of a test, as promptfoo writes them."""
    head = peek(file)
    return (
        any(f"[{outcome}] " in head for outcome in ("PASS", "FAIL")) and "[" in head.split("\n")[0]
    )


def _is_file(file: Path) -> bool:
    return file.is_file()


def _has(*words: str) -> Callable[[Path], bool]:
    return lambda file: all(word in peek(file) for word in words)


def _without(word: str) -> Callable[[Path], bool]:
    """Whether a table has a column of that name, and none of models."""
    return lambda file: word in (head := peek(file).partition("\n")[0]) and not _MODEL.search(head)


_SHAPES = (
    _Shape(
        "results of lighteval without its details",
        "results*.json",
        _has('"results"', '"config_general"'),
        "has no score per prompt: run lighteval with --save-details",
    ),
    _Shape(
        "results of lm-evaluation-harness without its samples",
        "results*.json",
        _has('"results"', '"model_name"'),
        "has no score per prompt: run the harness with --log_samples",
    ),
    _Shape(
        "OpenCompass's predictions", "*.json", _has('"origin_prompt"', '"prediction"'), _DETAILS
    ),
    _Shape(
        "results of simple-evals",
        "*_allresults.json",
        _has('"htmls"', '"convos"'),
        "has no score per prompt but in its pages: write a table with the columns model, prompt "
        "and score from the evaluation's own results, which `table` reads",
    ),
    _Shape(
        "grading reports of MLE-bench",
        "*.json",
        _has('"competition_reports"'),
        "scores competitions on scales of their own: write a table with the columns model, prompt "
        "(the competition) and score (such as any_medal), which `table` reads",
    ),
    _Shape("results of AgentBench", "*.json", _has('"validation"', '"custom"', '"total"'), _MEANS),
    _Shape(
        "an evaluation by Amazon Bedrock",
        "*.jsonl",
        _has('"automatedEvaluationResult"', '"inputRecord"'),
        _A_TABLE,
    ),
    _Shape("calls of W&B Weave", "*.json*", _has('"op_name"', "weave:///"), _A_TABLE),
    _Shape(
        "spans of Phoenix", "*.csv", _has("context.span_id", "attributes."), _A_TABLE, table=True
    ),
    _Shape(
        "an evaluation by Azure AI", "*.json*", _has('"inputs.', '"outputs.'), _NO_MODEL, table=True
    ),
    _Shape("a table of MLflow's evaluation", "*.json", _has("/v1/score"), _NO_MODEL, table=True),
    _Shape("a table of MLflow's evaluation", "*.csv", _without("/v1/score"), _NO_MODEL, table=True),
    _Shape("an experiment of Opik", "*.csv", _without("feedback_scores."), _NO_MODEL, table=True),
    _Shape(
        "an evaluation by Vertex AI",
        "*.csv",
        lambda file: _VERTEX.match(peek(file)) is not None,
        _NO_MODEL,
        table=True,
    ),
    _Shape("an evaluation by Ragas", "*.csv", _has("user_input", "retrieved_contexts"), _NO_MODEL),
    _Shape(
        "judgments of pairs by MT-bench",
        "*.jsonl",
        _has('"model_1"', '"model_2"', '"g1_winner"'),
        "say what was preferred, not how good each answer is: run gen_judgment.py --mode single",
    ),
    _Shape(
        "judgments of Arena-Hard",
        "*.jsonl",
        _has('"games"', '"judge"', '"baseline"'),
        "say what was preferred to a baseline: write a table with the columns model, prompt and "
        "score (1 for B>A, 0.5 for A=B), which `table` reads",
    ),
    _Shape(
        "predictions of SWE-bench",
        "*.json*",
        _has('"model_patch"', '"model_name_or_path"'),
        "has no results: run swebench.harness.run_evaluation on them and give its report",
    ),
    _Shape(
        "HELM's statistics of a run",
        "stats.json",
        _has('"name"', '"split"', '"sum"'),
        "has no score per prompt: give the run's folder with its per_instance_stats.json",
    ),
    _Shape(
        "promptfoo's table of outputs",
        "*.csv",
        _outputs,
        "has no scores as numbers: run promptfoo eval -o results.json, or export that",
    ),
    _Shape("packed logs", "*.json*.gz", _is_file, "are read once they are unpacked with gunzip"),
    _Shape("LiteLLM's spend log", "*.csv", _has("call_type", "spend"), _NO_SCORE),
    _Shape("OpenRouter's activity", "*.csv", _has("generation_id"), _NO_SCORE),
    _Shape("OpenRouter's activity", "*.csv", _has("tokens_prompt"), _NO_SCORE),
)


def table_reason(path: Path) -> str:
    """What a source that looks like a plain table is instead, and what to do; empty if nothing."""
    return next(_reasons(path, [shape for shape in _SHAPES if shape.table]), "")


def _reasons(path: Path, shapes: Iterable[_Shape]) -> Iterator[str]:
    shapes = list(shapes)
    patterns = dict.fromkeys(shape.pattern for shape in shapes)
    known = files_in(path, *(f"{above}{pattern}" for pattern in patterns for above in _DEPTHS))
    for shape in shapes:
        files = (file for file in known if fnmatchcase(file.name, shape.pattern))
        if any(map(shape.is_it, islice(files, _MOST_FILES))):
            yield f"it looks like {shape.what}, which {shape.remedy}"


def nearest_reason(path: Path) -> str:
    """What a source that no importer recognises resembles, and what to do; empty if not known."""
    if reason := next(_reasons(path, _SHAPES), ""):
        return reason
    try:
        layout_of(path)
    except DataError as error:
        why = str(error).removeprefix(f"{path}: ").removeprefix(f"{path}/")
        packed = files_in(path, *(f"{above}*{end}" for above in _DEPTHS[:2] for end in _MAY_HOLD))
        return f"{why}{_of_one_file(path)}{f'; {_remedy(packed[0])}' if packed else ''}"
    if below := tables_below(path) if path.is_dir() else []:
        return _of_folders(path, below)
    unknown = files_in(path, *(f"{above}*{end}" for above in _DEPTHS[:2] for end in _REMEDIES))
    return _remedy(unknown[0]) if unknown else ""


def _of_one_file(path: Path) -> str:
    """That a folder has several tables, of which the reason tells of one; empty if it has not."""
    n_files = len(table_files(path))
    if path.is_file() or n_files < 2:
        return ""
    return f"; it is one of {n_files:,} files of the folder, which are read as one table"


def _of_folders(path: Path, below: Sequence[Path]) -> str:
    """What is to be done where tables lie in several folders below the one that was given."""
    folders = list(dict.fromkeys(str(file.parent.relative_to(path)) for file in below))
    return (
        f"its tables lie in {len(folders):,} folders below it ({listed_names(folders, 3)}): give "
        "one of these; or bring all files into one folder, a model's under its name"
    )


def _remedy(file: Path) -> str:
    return f"{file.name} is of a kind that is not read: {_REMEDIES[file.suffix.lower()]}"
