"""LLMRouterBench's results: ``results/bench/<dataset>/<split>/<model>/<...>-<time>.json``.

A file is one run: ``dataset_name``, ``split``, ``model_name``, ``demo`` and ``records``. Of a
record are read ``index``, ``score``, ``cost`` (USD), ``prompt_tokens``, ``completion_tokens`` and
``prompt``, else ``origin_query``. Several runs of a model on a split are trials; runs marked as
``demo`` are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.axis_fields import axes_in
from routereval.importers.eval_logs import (
    SamePrompts,
    first_files,
    mean_in,
    noting,
    prompt_text,
    refuse_unscored,
    reruns,
)
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    files_in,
    json_file,
    name_in,
    peek,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

_RUN = "*/*/*/*.json"
_PATTERNS = ("*.json", "*/*.json", "*/*/*.json", _RUN, f"bench/{_RUN}", f"results/bench/{_RUN}")
_STAMP = re.compile(r"-?(\d{8}_\d{6})$")


def recognise(path: Path) -> bool:
    """True for a result or a folder of them, by the beginning of the first file."""
    return any(_is_result(file) for file in first_files(path, *_PATTERNS))


def read(path: Path, *, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per dataset, its splits the subsets.

    A record without a score was not observed (LLMRouterBench itself counts it as 0).

    Args:
        path: a result, a folder of results at most three deep, or the repository.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or a file or its records cannot be read, with up to 20
            listed.
    """
    files = [path] if path.is_file() else list(filter(_is_result, files_in(path, *_PATTERNS)))
    if not files:
        raise DataError(f"{path} holds no results of LLMRouterBench; give its folder results/bench")
    bad, asked, n_scores = BadRows(), SamePrompts(), 0
    table = LongTable(rescale=rescale, repeats="trials")
    for runs in _by_run(files):
        for file in runs:
            result = _result(file)
            if result.get("demo") is not True:
                n_scores += _add(table, file, result, asked, bad)
    bad.check()
    refuse_unscored(path, n_scores, files, "LLMRouterBench's evaluators put it in 'score'")
    yield from table.drafts(str(path), licence="MIT")


def _is_result(file: Path) -> bool:
    head = peek(file) if file.suffix == ".json" else ""
    return all(f'"{key}"' in head for key in ("model_name", "dataset_name", "split", "counts"))


def _by_run(files: Sequence[Path]) -> Iterator[list[Path]]:
    """The files of each dataset, split and model, the oldest first."""
    stamped = []
    for file in files:
        stamp = _STAMP.search(file.stem)
        name = file.stem[: stamp.start()] if stamp else file.stem
        stamped.append(((file.parent, name), stamp[1] if stamp else "", file))
    yield from reruns(stamped)


def _result(file: Path) -> Mapping[str, Any]:
    result = json_file(file)
    if not isinstance(result, dict) or not isinstance(result.get("records"), list):
        raise DataError(f"{file} is no result of LLMRouterBench: it holds no list 'records'")
    return result


def _add(
    table: LongTable,
    file: Path,
    result: Mapping[str, Any],
    asked: SamePrompts,
    bad: BadRows,
) -> int:
    """Add a run's records; how many of them have a score."""
    n_scores = 0
    with bad.row(file, 0):
        dataset, split, model = (
            name_in(result, name) for name in ("dataset_name", "split", "model_name")
        )
        for number, record in enumerate(result["records"]):
            with noting(bad, file, f"record {number}"):
                prompt_id = f"{split}/{_index(record)}"
                query = prompt_text(record.get("origin_query"))
                asked.check(dataset, prompt_id, query)
                n_scores += table.add(
                    dataset,
                    prompt_id,
                    model,
                    mean_in(field_in(record, "score")),
                    cost=record.get("cost"),
                    text=prompt_text(record.get("prompt")) or query,
                    subset=split,
                    axes=axes_in(record),
                )
    return n_scores


def _index(record: object) -> str:
    if not isinstance(record, dict):
        raise RowError("is not a JSON object")
    return name_in(record, "index")


SAMPLE = {
    f"results/bench/aime/test/{model}/aime-test-{model}-20250801_101010.json": {
        "performance": 0.5,
        "counts": 2,
        "model_name": model,
        "dataset_name": "aime",
        "split": "test",
        "demo": False,
        "records": [
            {
                "index": number,
                "origin_query": f"Q{number}?",
                "prompt": f"Answer: Q{number}?",
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "cost": 0.001,
                "score": score,
            }
            for number, score in enumerate(scores)
        ],
    }
    for model, scores in {"a": (1.0, 0.0), "b": (0.25, 1.0)}.items()
}

IMPORTER = Importer(
    name="llmrouterbench",
    summary="LLMRouterBench's results: a JSON file per dataset and model, with scores and costs",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
