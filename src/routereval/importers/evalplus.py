"""HumanEval, EvalPlus, BigCodeBench: which samples of generated code passed their tests.

HumanEval's ``evaluate_functional_correctness`` writes ``<samples>.jsonl_results.jsonl``, a line
``{task_id, completion, result, passed}`` per sample. EvalPlus's ``<samples>_eval_results.json`` is
``{"eval": {task_id: [{base_status, plus_status, …}]}}``, formerly with ``base`` and ``plus`` as
lists of ``[status, details]``; BigCodeBench's has one ``status`` per sample. The model is what
files or folders are named.
Repositories: ``openai/human-eval``, ``evalplus/evalplus``, ``bigcode-project/bigcodebench``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    first_object,
    json_file,
    json_objects,
    name_in,
    name_of,
    peek,
    some_files,
    text_of,
)
from routereval.importers.run_answers import Answer, digest_of, drafts_of_runs, object_in, part_of
from routereval.records.draft import Draft

_ENDS = ("*_results.jsonl", "*eval_results.json")
_PATTERNS = down_to(3, *_ENDS)
_SUFFIX = re.compile(r"(?:_samples)?(?:\.jsonl)?[._]?(?:eval_)?results$")
_BACKEND = re.compile(r"(.+?)_([a-z]+)_temp_([\d.]+)")
_BIGCODE = re.compile(
    r"(?P<model>.+?)(?:--skip_prefill)?(?:--[^-]+)?--(?P<set>bigcodebench(?:-hard)?-[a-z]+)--"
    r"(?P<backend>[a-z0-9_]+)-(?P<temperature>[\d.]+)-\d+.*"
)
"""``<org>--<model>--<revision>--bigcodebench-instruct--vllm-0-1-sanitized_calibrated``."""
_PLAIN = {"", "samples", "eval", "results", "humaneval", "mbpp", "completions", "generations"}
_STATUS = {
    "pass": 1.0,
    "success": 1.0,
    "fail": 0.0,
    "failed": 0.0,
    "timeout": 0.0,
    "timed out": 0.0,
}


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most three folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, problems: str | None = None) -> Iterator[Draft]:
    """One draft per set of problems, and one more for EvalPlus's additional tests.

    Args:
        path: such a file, or a folder with some at most three folders down.
        problems: JSON Lines with ``task_id`` and ``prompt``, which give the texts.

    Raises:
        DataError: if there is no sample, or samples cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "results of HumanEval", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(f"{path} holds no results of HumanEval or EvalPlus")
    yield from drafts_of_runs(
        path,
        _runs(files),
        _rows,
        partial(_answers, {} if problems is None else _texts(Path(problems))),
        unscored="run the evaluation, which writes whether a sample passed",
        licence="MIT",
        digest=_digest,
    )


def _is_ours(file: Path) -> bool:
    if file.suffix == ".jsonl":
        keys = set(first_object(file))
        return {"task_id", "passed"} <= keys and not keys & {"model", "model_name"}
    head, marks = peek(file), ("base_status", "base", "nfiles")
    bigcode = all(f'"{mark}"' in head for mark in ("task_id", "solution", "status"))
    return '"eval"' in head and (bigcode or any(f'"{mark}"' in head for mark in marks))


def _runs(files: Sequence[Path]) -> Iterator[Run]:
    """Runs by the names of their files, or of their folders where those say nothing."""
    stems = [_SUFFIX.sub("", file.stem) for file in files]
    same = len(set(stems)) == 1 and len(files) > 1
    for file, stem in zip(files, stems, strict=True):
        plain = same or stem.lower() in _PLAIN
        name = text_of(file.absolute().parent.name if plain else stem) or ""
        bigcode = _BIGCODE.fullmatch(name)
        if bigcode is not None:
            yield _bigcode_run(file, bigcode)
            continue
        parts = _BACKEND.fullmatch(name)
        settings = {"backend": parts[2], "temperature": parts[3]} if parts else {}
        model = (parts[1] if parts else name).replace("--", "/").strip() or "model"
        yield Run(file, model, "humaneval", str(file), settings)


def _bigcode_run(file: Path, name: re.Match[str]) -> Run:
    settings = {"backend": name["backend"], "temperature": name["temperature"]}
    return Run(file, name["model"].replace("--", "/"), name["set"], str(file), settings)


def _texts(file: Path) -> dict[str, str]:
    """The problems' prompts by their ids."""
    bad, found = BadRows(), dict[str, str]()
    for line, row in json_objects(file, bad):
        with bad.row(file, line):
            found[name_in(row, "task_id")] = text_of(row.get("prompt")) or ""
    bad.check()
    return found


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each sample as ``{"task_id": …, "base": status, "plus": status or None}``."""
    if run.file.suffix == ".jsonl":
        for line, row in json_objects(run.file, bad):
            yield line, {"task_id": row.get("task_id"), "passed": row.get("passed")}
        return
    tasks = part_of(json_file(run.file), "eval")
    if not isinstance(tasks, dict):
        raise DataError(f"{run.file} holds no results of EvalPlus, which stand under 'eval'")
    for number, (task, samples) in enumerate(tasks.items(), 1):
        with bad.row(run.file, number):
            for base, plus in _statuses(samples):
                yield number, {"task_id": task, "base": base, "plus": plus}


def _digest(run: Run) -> str | None:
    """What tells the code of a run from a rerun's; None where the file does not hold the code."""
    if run.file.suffix == ".jsonl":
        rows = [row for _, row in json_objects(run.file, BadRows())]
        code = [[row.get("task_id"), row.get("completion")] for row in rows]
    else:
        tasks = part_of(json_file(run.file), "eval")
        found = tasks.items() if isinstance(tasks, dict) else ()
        code = [
            [task, part_of(sample, "solution")]
            for task, samples in found
            for sample in (samples if isinstance(samples, list) else [samples])
        ]
    return digest_of(code) if any(solution is not None for _, solution in code) else None


def _statuses(samples: object) -> Iterator[tuple[object, object]]:
    """The status of each sample by the base tests and by all, in both of their forms."""
    if isinstance(samples, dict):
        base, plus = samples.get("base"), samples.get("plus")
        if not isinstance(base, list):
            raise RowError("'base' is no list of samples")
        more = plus if isinstance(plus, list) and len(plus) == len(base) else [None] * len(base)
        for one, other in zip(base, more, strict=True):
            yield _first(one), _first(other)
        return
    for sample in samples if isinstance(samples, list) else [samples]:
        row = object_in(sample, "the sample")
        base = row["status"] if "status" in row else field_in(row, "base_status")
        yield base, row.get("plus_status")


def _first(pair: object) -> object:
    return pair[0] if isinstance(pair, list) and pair else None


def _answers(texts: Mapping[str, str], row: Mapping[str, Any], run: Run) -> Iterator[Answer]:
    task = name_of(row["task_id"], "'task_id'")
    problems = task.rpartition("/")[0].lower() or "humaneval"
    problems = run.task if run.task.startswith(problems) else problems
    text = texts.get(task)
    if "passed" in row:
        yield Answer(task, row["passed"], problems, text=text)
        return
    base = _score(row["base"])
    yield Answer(task, base, problems, text=text)
    if row["plus"] is not None:
        plus = None if base is None else min(base, _score(row["plus"]) or 0.0)
        yield Answer(task, plus, f"{problems}+", text=text)


def _score(status: object) -> float | None:
    if status is None:
        return None
    if not isinstance(status, str) or status.strip().lower() not in _STATUS:
        raise RowError(f"the status should be pass, fail or timeout, not {ascii(status)[:40]}")
    return _STATUS[status.strip().lower()]


SAMPLE = {
    **{
        f"{model}.jsonl_results.jsonl": [
            {"task_id": f"HumanEval/{n}", "completion": "x", "result": "passed", "passed": right}
            for n, right in enumerate(marks)
        ]
        for model, marks in {"a": (True, False), "b": (False, False)}.items()
    },
    "humaneval/org--c_vllm_temp_0.2_eval_results.json": {
        "date": "2024-05-01 10:00",
        "hash": "0",
        "eval": {
            f"HumanEval/{n}": [
                {
                    "task_id": f"HumanEval/{n}",
                    "solution": "x",
                    "base_status": "pass",
                    "plus_status": plus,
                    "base_fail_tests": [],
                    "plus_fail_tests": [],
                }
            ]
            for n, plus in enumerate(("pass", "fail"))
        },
    },
}

IMPORTER = Importer(
    name="evalplus",
    summary="HumanEval's and EvalPlus's results: which samples of code passed, by task",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
