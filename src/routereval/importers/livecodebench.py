"""LiveCodeBench: the graded samples of a model, ``output/<model>/<scenario>_…_eval_all.json``.

A list of ``{question_id, question_title, question_content, platform, contest_date, difficulty,
code_list, graded_list, pass@1, metadata}``, a grade per sample; the file's name tells the scenario,
the number of samples and the temperature. Repository: ``LiveCodeBench/LiveCodeBench``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    json_records,
    name_of,
    some_files,
    text_of,
)
from routereval.importers.run_answers import Answer, digest_of, drafts_of_runs
from routereval.records.draft import Draft

_PATTERNS = down_to(3, "*_eval_all.json")
_NAME = re.compile(r"(?:Scenario\.)?([a-z]+)_(\d+)_([\d.]+)(?:_cot)?_eval_all")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most three folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path) -> Iterator[Draft]:
    """One draft per scenario, the difficulty being the subset; samples of a problem are trials.

    Args:
        path: such a file, or a folder with some at most three folders down.

    Raises:
        DataError: if there is no grade, or problems cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "samples of LiveCodeBench", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(f"{path} holds no graded samples of LiveCodeBench; run it with --evaluate")
    yield from drafts_of_runs(
        path,
        map(_run, files),
        lambda run, bad: json_records(run.file, bad),
        lambda row, _: _answers(row),
        unscored="run it with --evaluate",
        licence="MIT",
        digest=lambda run: digest_of(
            [
                row.get("code_list", row.get("pred_list"))
                for _, row in json_records(run.file, BadRows())
            ]
        ),
    )


def _is_ours(file: Path) -> bool:
    return first_object(file).keys() >= {"question_id", "graded_list"}


def _run(file: Path) -> Run:
    name = _NAME.fullmatch(file.stem)
    scenario = name[1] if name else "codegeneration"
    settings = {"temperature": name[3]} if name else {}
    model = text_of(file.absolute().parent.name) or ""
    return Run(file, model.strip() or "model", f"livecodebench-{scenario}", str(file), settings)


def _answers(row: Mapping[str, Any]) -> Iterator[Answer]:
    graded = field_in(row, "graded_list")
    if not isinstance(graded, list):
        raise RowError("'graded_list' is no list of truth values")
    name = name_of(field_in(row, "question_id"), "'question_id'")
    part = row.get("test_id")
    text = text_of(row.get("question_content"))
    for grade in graded or [None]:
        yield Answer(
            name if part is None else f"{name}/{name_of(part, repr('test_id'))}",
            grade,
            text=text,
            asked=text,
            subset=text_of(row.get("difficulty")),
        )


SAMPLE = {
    f"output/{model}/Scenario.codegeneration_2_0.2_eval_all.json": [
        {
            "question_title": f"Problem {number}",
            "question_content": f"Print {number}.",
            "platform": "leetcode",
            "question_id": str(number),
            "contest_id": "weekly",
            "contest_date": "2025-01-01T00:00:00",
            "starter_code": "",
            "difficulty": "easy",
            "output_list": ["x", "y"],
            "code_list": [f"{model}1", f"{model}2"],
            "graded_list": grades,
            "pass@1": sum(grades) / 2,
            "metadata": ["{}", "{}"],
        }
        for number, grades in enumerate(by_problem)
    ]
    for model, by_problem in {
        "a": ([True, False], [True, True]),
        "b": ([False, False], [False, True]),
    }.items()
}

IMPORTER = Importer(
    name="livecodebench",
    summary="LiveCodeBench: output/<model>/*_eval_all.json, a grade per sample",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
