"""OpenCompass: the results that ``--dump-eval-details`` writes, with details for each sample.

``<time>/results/<model>/<dataset>.json`` holds the measures and ``details``: an object by the
sample's number, ``{prompt, predictions, references, correct}``, or a list, whose fields then hold a
value for each repetition. What a judging model evaluated holds its words, ``{origin_prompt,
prediction, gold}``. ``<time>/predictions/<model>/<dataset>.json`` has the prompts as well.
Repository: ``open-compass/opencompass``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run
from routereval.importers.eval_logs import down_to, first_files, names_of
from routereval.importers.importer import Importer
from routereval.importers.metric_choice import choose_metrics
from routereval.importers.rows import BadRows, json_file, peek, some_files, text_of
from routereval.importers.run_answers import (
    Answer,
    drafts_of_runs,
    family_of,
    file_in,
    folder_above,
    object_in,
    part_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

METRICS = ("correct", "is_correct", "cascade_correct", "llm_correct", "score", "acc", "exact_match")
"""Which field of a sample's details is the score: the first of these."""

FAMILIES = (
    *("lukaemon_mmlu", "mmlu_pro", "mmlu_redux", "mmlu", "cmmlu", "ceval", "bbh", "bbeh"),
    *("agieval", "GaokaoBench", "GPQA", "LongBench", "leval", "openai_mmmlu_lite", "mmmlu_lite"),
)
"""Beginnings of data sets that belong together, each data set then being a subset."""

_GRADE = "the judging model's grade"
_GRADED = {"prediction", "gold"}
_PATTERNS = (
    *down_to(4, "results/*/*.json"),
    *("*/*.json", "*.json"),
)
_MARKS = ("origin_prediction", "references", "predictions", *METRICS[:3])
_REFERENCES = ("references", "answer", "answers", "gold", "refer", "ref")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with ``results/<model>/<dataset>.json``."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(
    path: Path,
    *,
    metric: str | None = None,
    families: str | None = None,
    rescale: Rescale = False,
) -> Iterator[Draft]:
    """One draft per data set or family of data sets.

    Args:
        path: a result, or a folder of results at most seven folders down.
        metric: which field of the details is the score, in order of preference; by default
            `METRICS`.
        families: beginnings of data sets that are one benchmark; by default `FAMILIES`, and none
            if it is empty.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or details cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "results of OpenCompass", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(
            f"{path} holds no details of OpenCompass; evaluate with --dump-eval-details and give "
            "the folder that holds results/"
        )
    runs = list(map(_run, files))
    choice = choose_metrics(runs, _fields, names_of(metric), (*METRICS, _GRADE), rescale)
    for task, chosen in choice.metric_of.items():
        if chosen == _GRADE:
            choice.facts[task] = [f"score: {_GRADE}: 'A' as right, 'B' as wrong, as by default"]
    grouped = FAMILIES if families is None else names_of(families)
    yield from drafts_of_runs(
        path,
        runs,
        _rows,
        partial(_answers, choice.metric_of, grouped),
        unscored="evaluate with --dump-eval-details",
        rescale=rescale,
        licence="Apache-2.0",
        facts=choice.facts,
        warnings=choice.warnings,
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    graded = all(f'"{mark}"' in head for mark in _GRADED)
    marked = '"details"' in head and (graded or any(f'"{mark}"' in head for mark in _MARKS))
    return marked and (folder_above(file, 2).name == "results" or '"references"' in head)


def _run(file: Path) -> Run:
    model, time = folder_above(file, 1).name, folder_above(file, 3).name
    return Run(file, text_of(model) or "model", text_of(file.stem) or "data", time)


def _details(file: Path) -> list[tuple[str, object]]:
    """The details of each sample with what names it."""
    details = part_of(json_file(file), "details")
    if isinstance(details, list):
        return [(str(number), fields) for number, fields in enumerate(details)]
    if not isinstance(details, dict):
        raise DataError(f"{file} holds no 'details'; evaluate with --dump-eval-details")
    return [(name, fields) for name, fields in details.items() if name != "type"]


def _fields(run: Run) -> list[str]:
    """The fields of a run's details that hold a number or truth value, or a list of those."""
    found: dict[str, None] = {}
    for _, fields in _details(run.file):
        for name, value in fields.items() if isinstance(fields, dict) else ():
            values = value if isinstance(value, list) and value else [value]
            if all(isinstance(one, bool | int | float) for one in values):
                found[name] = None
        if isinstance(fields, dict) and fields.keys() >= _GRADED:
            found[_GRADE] = None
    return list(found)


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The details of each sample, with what its prediction tells."""
    model = folder_above(run.file, 1).name
    file = file_in(folder_above(run.file, 3), "predictions", model, run.file.name)
    predictions = {} if file is None else json_file(file)
    for number, (name, fields) in enumerate(_details(run.file), 1):
        with bad.row(run.file, number):
            details = object_in(fields, f"the details of {name!r}")
            yield number, {"name": name, "fields": details, "sent": part_of(predictions, name)}


def _answers(
    metric_of: Mapping[str, str], families: tuple[str, ...], row: Mapping[str, Any], run: Run
) -> Iterator[Answer]:
    """The answers to a sample, one for each repetition."""
    fields, (family, subset) = row["fields"], family_of(run.task, families)
    chosen = metric_of[run.task]
    score = _grades(fields.get("prediction")) if chosen == _GRADE else fields.get(chosen)
    prompt = fields.get("prompt") or part_of(row["sent"], "origin_prompt")
    axes = {
        "tokens_in": part_of(row["sent"], "all_input_length"),
        "tokens_out": part_of(row["sent"], "res_length"),
    }
    for one in score if isinstance(score, list) and score else [score]:
        yield Answer(
            f"{subset}/{row['name']}" if subset else row["name"],
            one,
            benchmark=family,
            text=_text(prompt),
            asked=_reference(fields),
            subset=subset or None,
            axes=axes,
        )


def _grades(words: object) -> object:
    """What a judging model's words mean, as OpenCompass reads them: the first A or B in them.

    >>> _grades(["A", "It is wrong: B", "C", "?"])
    [1.0, 0.0, 0.0, None]
    """
    if isinstance(words, list):
        return [_grades(word) for word in words]
    found = re.search("[AB]", words) if isinstance(words, str) else None
    if found is not None:
        return float(found[0] == "A")
    return 0.0 if isinstance(words, str) and words.strip() == "C" else None  # not attempted


def _reference(fields: Mapping[str, Any]) -> str | None:
    """What the answer should have been, the same for all models."""
    reference = next((fields[name] for name in _REFERENCES if name in fields), None)
    if isinstance(reference, list) and reference and all(one == reference[0] for one in reference):
        reference = reference[0]
    return None if reference is None else json.dumps(reference, sort_keys=True, default=str)


def _text(prompt: object) -> str | None:
    """The prompt as text; of a list of turns what the human and the system said."""
    if isinstance(prompt, list):
        turns = [part_of(turn, "prompt") if isinstance(turn, dict) else turn for turn in prompt]
        return "\n\n".join(text for turn in turns if (text := text_of(turn))) or None
    return text_of(prompt)


SAMPLE = {
    f"20250101_000000/{kind}/{model}/gsm8k.json": content
    for model, marks in {"a": (True, False), "b": (False, True)}.items()
    for kind, content in {
        "results": {
            "accuracy": 50.0,
            "details": {
                "type": "GEN",
                **{
                    str(number): {
                        "prompt": [{"role": "HUMAN", "prompt": f"How many {number}?"}],
                        "origin_prediction": "It is 4.",
                        "predictions": "4",
                        "references": "4",
                        "correct": mark,
                    }
                    for number, mark in enumerate(marks)
                },
            },
        },
        "predictions": {
            str(number): {"origin_prompt": f"How many {number}?", "prediction": "4", "gold": "4"}
            for number in range(2)
        },
    }.items()
}

IMPORTER = Importer(
    name="opencompass",
    summary="OpenCompass's results with details: results/<model>/<dataset>.json",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
