"""BFCL: the scores of the Berkeley Function-Calling Leaderboard, with the results beside them.

``score/<model>/[<group>/]BFCL_v4_<category>_score.json`` is JSON Lines: ``{accuracy, correct_count,
total_count}``, then only what failed. Which samples there were stands in
``result/<model>/[<group>/]BFCL_v4_<category>_result.json``, with latency and tokens, so both are
needed, or the data set's own ``BFCL_v4_<category>.json``, which has the questions as well.
Repository: ``ShishirPatil/gorilla``, ``berkeley-function-call-leaderboard``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.importers.arms import Run
from routereval.importers.eval_logs import down_to, first_files, prompt_text
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    files_in,
    first_object,
    json_objects,
    name_in,
    some_files,
    text_of,
)
from routereval.importers.run_answers import (
    Answer,
    digest_of,
    drafts_of_runs,
    file_in,
    milliseconds,
    part_of,
)
from routereval.records.draft import Draft

_NAME = re.compile(r"(BFCL_v\d+)_(.+)_score")
_PATTERNS = down_to(5, "BFCL_*_score.json")
_GROUPS = {
    *("non_live", "live", "multi_turn", "agentic", "format_sensitivity", "memory", "web_search"),
    *("kv", "vector", "rec_sum"),
}
_ERROR = "Error during inference"


def recognise(path: Path) -> bool:
    """True for a file of scores, or a folder with one at most five folders down."""
    return any("total_count" in first_object(file) for file in first_files(path, *_PATTERNS))


def read(path: Path, *, entries: str | None = None) -> Iterator[Draft]:
    """One draft per version of the leaderboard, a category being a subset.

    Args:
        path: the folder that holds ``score`` and ``result``, or one of scores.
        entries: the data set's ``BFCL_v4_<category>.json``, or the folder of them, which name the
            samples where there are no results, and give their texts.

    Raises:
        DataError: if the samples are not known, or lines cannot be read, with up to 20 listed.
    """
    files = some_files(path, "scores of BFCL (BFCL_v4_<category>_score.json)", *_PATTERNS)
    data = {} if entries is None else _data(Path(entries))
    yield from drafts_of_runs(
        path,
        map(_run, files),
        lambda run, bad: _rows(run, bad, data),
        _answers,
        unscored="run bfcl evaluate, which writes the scores",
        licence="Apache-2.0",
        digest=_digest,
    )


def _run(file: Path) -> Run:
    name = _NAME.fullmatch(file.stem)
    version, category = (name[1], name[2]) if name else ("BFCL", file.stem)
    task = f"{version.lower()}:{text_of(category) or 'category'}"
    return Run(file, text_of(_model_folder(file).name) or "model", task, str(file))


def _model_folder(file: Path) -> Path:
    """The folder that is named by the model."""
    folder = file.absolute().parent
    while folder.name in _GROUPS and folder.parent != folder:
        folder = folder.parent
    return folder


@dataclass
class _Sample:
    """What is known of a sample."""

    valid: bool = True
    text: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


def _rows(
    run: Run, bad: BadRows, data: Mapping[str, Mapping[str, str | None]]
) -> Iterator[tuple[int, tuple[str, _Sample]]]:
    """The samples by name, those that failed and those that did not."""
    lines = list(json_objects(run.file, bad))
    if not lines:
        return
    (_, header), *failures = lines
    samples = _samples(run, bad, data)
    if samples is None:
        bad.add(run.file, 0, _WHY_NOT.format(n=header.get("total_count")))
        return
    for line, failure in failures:
        with bad.row(run.file, line):
            sample = samples.setdefault(name_in(failure, "id"), _Sample())
            sample.valid = bool(failure.get("valid"))
            sample.text = sample.text or _question(failure.get("prompt"))
    n_right = sum(sample.valid for sample in samples.values())
    if (header.get("correct_count"), header.get("total_count")) != (n_right, len(samples)):
        bad.add(
            run.file,
            0,
            f"says that {header.get('correct_count')} of {header.get('total_count')} were right, "
            f"but with its results that makes {n_right} of {len(samples)}: they are of two runs",
        )
        return
    yield from enumerate(samples.items(), 1)


_WHY_NOT = (
    "lists only what failed, and not which {n} samples there were; give the folder that holds "
    "both score/ and result/, or the data set with -O entries=FOLDER"
)


def _samples(
    run: Run, bad: BadRows, data: Mapping[str, Mapping[str, str | None]]
) -> dict[str, _Sample] | None:
    """The samples of a run, by its results or else by the data set; None if neither is there."""
    category = run.task.partition(":")[2]
    texts = data.get(category)
    file = _result_file(run.file)
    if file is None:
        return None if texts is None else {n: _Sample(text=text) for n, text in texts.items()}
    found: dict[str, _Sample] = {}
    for line, row in json_objects(file, bad):
        with bad.row(file, line):
            name = name_in(row, "id")
            found[name] = _Sample(text=(texts or {}).get(name), result=row)
    return found


def _digest(run: Run) -> str | None:
    """What tells the answers of a run from a rerun's: its results, latencies left out."""
    file = _result_file(run.file)
    if file is None:
        return None
    answers = {row.get("id"): row.get("result") for _, row in json_objects(file, BadRows())}
    return digest_of(sorted((str(name), answer) for name, answer in answers.items()))


def _result_file(file: Path) -> Path | None:
    """The results that a file of scores was made from, in ``result`` or beside it."""
    name = file.name.replace("_score.json", "_result.json")
    model = _model_folder(file)
    inside = file.absolute().parent.relative_to(model)
    beside = file_in(file.absolute().parent, name)
    return file_in(model.parent.parent / "result", model.name, *inside.parts, name) or beside


def _data(path: Path) -> dict[str, dict[str, str | None]]:
    """The questions of the data set by category and name."""
    bad, found = BadRows(), dict[str, dict[str, str | None]]()
    for file in [path] if path.is_file() else files_in(path, "BFCL_v*.json"):
        category = re.sub(r"BFCL_v\d+_", "", file.stem)
        held = found.setdefault(category, {})
        for line, row in json_objects(file, bad):
            with bad.row(file, line):
                held[name_in(row, "id")] = _question(row)
    bad.check()
    return found


def _question(entry: object) -> str | None:
    """What the user asks: the turns of a question, each a list of messages."""
    turns = part_of(entry, "question") if isinstance(entry, dict) else entry
    if not isinstance(turns, list):
        return None
    return "\n\n".join(text for turn in turns if (text := prompt_text(turn))) or None


def _answers(row: tuple[str, _Sample], run: Run) -> Iterator[Answer]:
    version, _, category = run.task.partition(":")
    name, sample = row
    answer = sample.result.get("result")
    failed = isinstance(answer, str) and answer.startswith(_ERROR)
    yield Answer(
        name,
        sample.valid,
        benchmark=version,
        failed=failed and not sample.valid,
        text=sample.text,
        asked=sample.text,
        subset=category,
        axes={
            "latency_ms": milliseconds(_total(sample.result.get("latency"))),
            "tokens_in": _total(sample.result.get("input_token_count")),
            "tokens_out": _total(sample.result.get("output_token_count")),
        },
    )


def _total(value: object, depth: int = 2) -> object:
    """A number, or the sum of those in a list of a number per step, or per turn and step."""
    if not isinstance(value, list) or not depth:
        return value
    parts = [_total(part, depth - 1) for part in value]
    numbers = [part for part in parts if isinstance(part, int | float)]
    return sum(numbers) if numbers else None


SAMPLE = {
    f"{kind}/{model}/non_live/BFCL_v4_simple_python_{kind}.json": content
    for model, wrong in {"a-FC": (0,), "b-FC": (0, 1)}.items()
    for kind, content in {
        "score": "".join(
            f"{json.dumps(row)}\n"
            for row in (
                {
                    "accuracy": 1 - len(wrong) / 3,
                    "correct_count": 3 - len(wrong),
                    "total_count": 3,
                },
                *(
                    {
                        "id": f"simple_python_{number}",
                        "model_name": model,
                        "test_category": "simple_python",
                        "valid": False,
                        "error": ["wrong value"],
                        "prompt": {
                            "id": f"simple_python_{number}",
                            "question": [[{"role": "user", "content": f"Compute {number}."}]],
                        },
                    }
                    for number in wrong
                ),
            )
        ),
        "result": "".join(
            f"{json.dumps(row)}\n"
            for row in (
                {
                    "id": f"simple_python_{number}",
                    "result": "f(x=1)",
                    "input_token_count": 90,
                    "output_token_count": [[7, 8], [9]],
                    "latency": 0.5,
                }
                for number in range(3)
            )
        ),
    }.items()
}

IMPORTER = Importer(
    name="bfcl",
    summary="BFCL: score/<model>/ with what failed, and result/<model>/ beside it",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
