"""aider's benchmarks (polyglot): ``<run>/<language>/exercises/practice/<exercise>/`` results.

``.aider.results.json`` in each is ``{testcase, model, edit_format, tests_outcomes: [bool per try],
cost, duration, prompt_tokens, completion_tokens, thinking_tokens, reasoning_effort}``, or
``{exception}``. Repository: ``Aider-AI/aider``, ``benchmark/benchmark.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from routereval.errors import DataError, SpecError
from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import down_to
from routereval.importers.importer import Importer
from routereval.importers.rows import RowError, field_in, json_file, text_of
from routereval.importers.run_answers import (
    Answer,
    RowsOfRuns,
    digest_of,
    drafts_of_runs,
    milliseconds,
    object_in,
    part_of,
)
from routereval.importers.source_files import refuse_outside
from routereval.records.draft import Draft
from routereval.regular_files import special_kind

_TASK = "aider"
_FILE = ".aider.results.json"
_PATTERNS = down_to(4, f"exercises/practice/*/{_FILE}")
_MOST_TRIES = 1000
_SETTINGS = ("edit_format", "reasoning_effort", "thinking_tokens", "editor_model")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with exercises at most four folders down."""
    return any(True for _ in islice(_files(path), 1))


def read(path: Path, *, tries: str | None = None) -> Iterator[Draft]:
    """One draft, with a subset per language; several runs of a model are trials.

    Args:
        path: a run, or a folder of runs.
        tries: after how many tries the tests should pass, such as 1; by default all that were made,
            mostly two.

    Raises:
        DataError: if there are no results, or one cannot be read, with up to 20 listed.
        SpecError: if `tries` is no number of tries.
    """
    n_tries = _number(tries)
    results = [(file.absolute(), json_file(file)) for file in _files(path)]
    rows, run_of = RowsOfRuns(), dict[Path, Run]()
    for file, result in sorted(results, key=lambda held: part_of(held[1], "model") is None):
        run = _run(file, result) or run_of.get(_folder(file))
        if run is not None:
            run_of[_folder(file)] = run
            rows.add(run, 0, (file, result))
    if not rows.runs:
        raise DataError(f"{path} holds no results of aider ({_FILE} of an exercise)")
    yield from drafts_of_runs(
        path,
        rows.runs,
        rows.of,
        lambda row, _: [_answer(row[0], row[1], n_tries)],
        unscored="run the benchmark with its unit tests",
        licence="Apache-2.0",
        facts={_TASK: [f"score: whether tests pass after {n_tries or 'all'} tries; -O tries=N"]},
        digest=lambda run: digest_of(
            [part_of(row[1], "chat_hashes") or row[1] for _, row in rows.of(run)]
        ),
    )


def _number(tries: str | None) -> int | None:
    if tries is None:
        return None
    if not str(tries).isdecimal() or not 0 < int(tries) < _MOST_TRIES:
        raise SpecError(f"tries {tries!r} should be a number of tries, such as 1")
    return int(tries)


def _run(file: Path, result: object) -> Run | None:
    """The run that a result belongs to; None where it ended in an exception, which has no model."""
    model = text_of(part_of(result, "model")) or ""
    if not model.strip():
        return None
    settings = flat({key: part_of(result, key) for key in _SETTINGS})
    folder = _folder(file)
    return Run(folder, model, _TASK, text_of(folder.name), settings)


def _folder(file: Path, n: int = 5) -> Path:
    """The n-th folder above a result: of its run, the fifth; of its language, the fourth."""
    return file.parents[min(n, len(file.parents)) - 1]


def _files(path: Path) -> Iterator[Path]:
    """The results of exercises, which are files that begin with a dot."""
    if path.is_file():
        yield from [path] if path.name == _FILE else []
        return
    for pattern in _PATTERNS:
        for file in sorted(path.glob(pattern)):
            refuse_outside(file, path)
            if kind := special_kind(file):
                raise DataError(f"{file} is {kind}, not a file; take it out of the folder")
            yield file


def _answer(file: Path, held: object, tries: int | None) -> Answer:
    result, language = object_in(held, "the result"), text_of(_folder(file, 4).name) or ""
    crashed = "model" not in result
    outcomes = [] if crashed else field_in(result, "tests_outcomes")
    if not isinstance(outcomes, list):
        raise RowError("'tests_outcomes' is no list of truth values")
    counted = outcomes[:tries]
    return Answer(
        f"{language}/{text_of(file.parent.name)}",
        (True in counted) if counted else None,
        failed=crashed,
        cost=result.get("cost"),
        subset=language or None,
        axes={
            "latency_ms": milliseconds(result.get("duration")),
            "tokens_in": result.get("prompt_tokens"),
            "tokens_out": result.get("completion_tokens"),
        },
    )


SAMPLE = {
    f"2026-01-01--{model}/{language}/exercises/practice/bob/{_FILE}": {
        "testdir": "bob",
        "testcase": "bob",
        "model": model,
        "edit_format": "diff",
        "tests_outcomes": outcomes,
        "cost": 0.01,
        "duration": 12.5,
        "prompt_tokens": 900,
        "completion_tokens": 90,
        "chat_hashes": [],
    }
    for model, by_language in {"a": ([True], [False, True]), "b": ([False, False], [True])}.items()
    for language, outcomes in zip(("go", "python"), by_language, strict=True)
}

IMPORTER = Importer(
    name="aider",
    summary="aider's benchmarks (polyglot): .aider.results.json of each exercise",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
