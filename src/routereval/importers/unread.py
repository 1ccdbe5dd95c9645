"""Why a source is of no known format: what it resembles, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.rows import files_in, peek
from routereval.importers.table import layout_of

_TABLE = (
    "is not read; write a table of its samples with the columns model, prompt_id, score (and "
    "prompt, cost), which `table` reads"
)
_FAILED = (
    "lists only what failed, and not what was asked; write a table of all its samples with the "
    "columns model, prompt_id, score, which `table` reads"
)
_NO_SCORE = (
    "has no scores: join them with what each answer was worth, in a column 'score' per model and "
    "prompt"
)
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
        "results of lm-evaluation-harness without its samples",
        "results*.json",
        _has('"results"', '"model_name"'),
        "has no score per prompt: run the harness with --log_samples",
    ),
    _Shape("OpenCompass's details", "*.json", _has('"details"', '"predictions"'), _TABLE),
    _Shape("OpenCompass's predictions", "*.json", _has('"origin_prompt"', '"prediction"'), _TABLE),
    _Shape("EvalScope's reviews", "*.jsonl", _has('"sample_score"'), _TABLE),
    _Shape("BFCL's scores", "BFCL_*_score.json", _has('"accuracy"'), _FAILED),
    _Shape("lighteval's details", "details_*.parquet", lambda _: True, _TABLE),
    _Shape("LiteLLM's spend log", "*.csv", _has("call_type", "spend"), _NO_SCORE),
    _Shape("OpenRouter's activity", "*.csv", _has("generation_id"), _NO_SCORE),
    _Shape("OpenRouter's activity", "*.csv", _has("tokens_prompt"), _NO_SCORE),
)


def unread_table(path: Path) -> str:
    """As `nearest_reason`, of what resembles a plain table but is none; empty for all else."""
    bfcl = next(shape for shape in _SHAPES if shape.what.startswith("BFCL"))
    files = files_in(path, *(f"{above}{bfcl.pattern}" for above in _DEPTHS))
    return f"it looks like {bfcl.what}, which {bfcl.remedy}" if files else ""


def nearest_reason(path: Path) -> str:
    """What a source that no importer recognises resembles, and what to do; empty if not known."""
    for shape in _SHAPES:
        files = files_in(path, *(f"{above}{shape.pattern}" for above in _DEPTHS))
        if any(map(shape.is_it, files[:20])):
            return f"it looks like {shape.what}, which {shape.remedy}"
    try:
        layout_of(path)
    except DataError as error:
        return str(error).removeprefix(f"{path}: ").removeprefix(f"{path}/")
    return ""
