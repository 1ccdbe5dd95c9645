"""Which logs lm-evaluation-harness left: whose model each is, on which task, and how it was run.

Since 0.4.3 a log is ``<model>/samples_<task>_<time>.jsonl``, of which ``results_<time>.json`` tells
how it came about; before, ``<model args>_<task>.jsonl`` with ``results.json`` beside it. lmms-eval,
which is made from it, writes ``<model>/<time>_samples_<task>.jsonl`` and ``<time>_results.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import first_files
from routereval.importers.rows import files_in, json_file, peek, some_files, text_of
from routereval.importers.run_answers import file_in, part_of

_FOLDERS = ("", "*/", "*/*/", "*/*/*/")
_PATTERNS = tuple(
    f"{above}{name}"
    for above in _FOLDERS
    for name in ("samples_*.jsonl", "samples_*.json", "*_samples_*.jsonl")
)
_OLD_RESULTS = tuple(f"{above}results.json" for above in _FOLDERS)
_NAME = re.compile(r"samples_(.+?)(?:_(\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl?")
_LMMS_NAME = re.compile(r"(\d{8}_\d{6})_samples_(.+)\.jsonl")
_NAMING = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Arguments that name the model: the first of them that is given."""
_WHERE = {
    *("pretrained", "model", "base_url", "device", "device_map", "batch_size", "max_batch_size"),
    *("parallelize", "tensor_parallel_size", "data_parallel_size", "gpu_memory_utilization"),
    *("trust_remote_code", "cache_dir", "tokenizer", "num_concurrent", "max_retries", "timeout"),
    *("peft", "delta", "path", "engine", "swap_space", "max_num_seqs", "tokenizer_backend"),
}
"""Arguments of a model that say which it is and where it ran, not how."""
_DIGITS = 8


def holds_logs(path: Path) -> bool:
    """Whether a file is a log, or a folder holds one at most three folders down."""
    named = (file for file in first_files(path, *_PATTERNS) if _named(file))
    if any('"doc_id"' in peek(file) for file in named):
        return True
    if path.is_file():
        return any(run.file == path for run in _old_runs(path.parent / "results.json"))
    return any(True for file in files_in(path, *_OLD_RESULTS) for _ in _old_runs(file))


def runs_in(path: Path) -> list[Run]:
    """The runs whose logs a folder holds at most three folders down; that of a file.

    Raises:
        DataError: if there are none.
    """
    results = [path.parent / "results.json"] if path.is_file() else files_in(path, *_OLD_RESULTS)
    old = [
        run for file in results for run in _old_runs(file) if path in (run.file, *run.file.parents)
    ]
    if old and not (path.is_dir() and files_in(path, *_PATTERNS)):
        return old
    files = some_files(path, "sample logs (samples_<task>_<time>.jsonl)", *_PATTERNS)
    return [*old, *_runs(files)]


def _runs(files: list[Path]) -> Iterator[Run]:
    results: dict[tuple[Path, str], Mapping[str, Any]] = {}
    for file in files:
        task, stamp = _named(file) or (file.stem, "")
        task = text_of(task) or ""  # a file may be named by bytes that are no text
        run = file.absolute().parent, stamp
        if run not in results:
            results[run] = _results(*run)
        known = text_of(results[run].get("model_name")) or ""
        model = known if known.strip() else (text_of(run[0].name) or "model").replace("__", "/")
        yield _run(file, model, task, stamp, results[run])


def _named(file: Path) -> tuple[str, str] | None:
    """The task and the time that a log is named by; None if it is named otherwise."""
    if name := _LMMS_NAME.fullmatch(file.name):
        return name[2], name[1]
    name = _NAME.fullmatch(file.name)
    return None if name is None else (name[1], name[2] or "")


def _run(file: Path, model: str, task: str, stamp: str, results: Mapping[str, Any]) -> Run:
    n_shot = part_of(results, "n-shot", task)
    return Run(file, model, task, stamp, _settings(results), flat({"num_fewshot": n_shot}))


def _results(folder: Path, stamp: str) -> Mapping[str, Any]:
    """The results of the run with that stamp, which tell the model's name; empty without them."""
    patterns = (f"*_{stamp}.json", f"{stamp}_results.json") if stamp else ()
    for file in (file for pattern in patterns for file in sorted(folder.glob(pattern))):
        results = {} if file.name.startswith("samples_") else json_file(file)
        if isinstance(results, dict) and results.get("model_name"):
            return results
    return {}


def _old_runs(file: Path) -> Iterator[Run]:
    """The runs of a version before 0.4.3, by the tasks and arguments that its results name."""
    if not (file.is_file() and '"model_args"' in peek(file) and '"results"' in peek(file)):
        return
    whole = json_file(file)
    tasks, given = part_of(whole, "results"), part_of(whole, "config", "model_args")
    args = _arguments(given)
    model = next((args[key] for key in _NAMING if args.get(key)), "model")
    for task in tasks if isinstance(tasks, dict) else ():
        begin = re.sub(r'["<>:/|\\?*\[\]=]+', "__", given) if isinstance(given, str) else ""
        name = f"{begin}_{task}.jsonl"
        log = file_in(file.parent, name) if "/" not in name and len(name) < 256 else None
        if log is not None and '"doc_id"' in peek(log):
            yield _run(log, text_of(model) or "model", text_of(task) or "", "", whole)


def _settings(results: Mapping[str, Any]) -> dict[str, str]:
    """How the model was run, without what says where."""
    config = results.get("config")
    found: dict[str, str] = {}
    for part in ("model_args", "gen_kwargs"):
        found |= _arguments(part_of(config, part))
    template = text_of(results.get("chat_template_sha"))
    asked = {
        "chat_template": template[:_DIGITS] if template else None,
        "fewshot_as_multiturn": results.get("fewshot_as_multiturn") or None,
        "system_instruction": text_of(results.get("system_instruction")),
    }
    return {key: value for key, value in found.items() if key not in _WHERE} | flat(asked)


def _arguments(given: object) -> dict[str, str]:
    """Arguments as they are given, or as ``name=value,…``."""
    if isinstance(given, str):
        pairs = (pair.partition("=") for pair in given.split(","))
        given = {key.strip(): value for key, _, value in pairs if value}
    return flat(given)
