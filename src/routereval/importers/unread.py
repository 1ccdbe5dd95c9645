"""Why a source is of no known format: what it resembles, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.rows import files_in, peek
from routereval.importers.table import layout_of

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
_DEPTHS = tuple("*/" * depth for depth in range(6))


@dataclass(frozen=True)
class _Shape:
    """A shape that is known, but not read."""

    what: str
    pattern: str
    is_it: Callable[[Path], bool]
    remedy: str


def _has(*words: str) -> Callable[[Path], bool]:
    return lambda file: all(word in peek(file) for word in words)


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
    _Shape("LiteLLM's spend log", "*.csv", _has("call_type", "spend"), _NO_SCORE),
    _Shape("OpenRouter's activity", "*.csv", _has("generation_id"), _NO_SCORE),
    _Shape("OpenRouter's activity", "*.csv", _has("tokens_prompt"), _NO_SCORE),
)


def nearest_reason(path: Path) -> str:
    """What a source that no importer recognises resembles, and what to do; empty if not known."""
    for shape in _SHAPES:
        files = files_in(path, *(f"{above}{shape.pattern}" for above in _DEPTHS))
        if any(map(shape.is_it, files[:20])):
            return f"it looks like {shape.what}, which {shape.remedy}"
    unknown = files_in(path, *(f"{above}*{end}" for above in _DEPTHS[:2] for end in _REMEDIES))
    try:
        layout_of(path)
    except DataError as error:
        why = str(error).removeprefix(f"{path}: ").removeprefix(f"{path}/")
        return f"{why}; {_remedy(unknown[0])}" if unknown else why
    return _remedy(unknown[0]) if unknown else ""


def _remedy(file: Path) -> str:
    return f"{file.name} is of a kind that is not read: {_REMEDIES[file.suffix.lower()]}"
