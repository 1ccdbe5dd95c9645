"""RouterEval's raw layout: every model's score on every prompt, by subset.

``leaderboard_score/leaderboard_KEY.pkl`` is ``{"model": [names], "data": {subset: {"correctness":
(n_prompts, n_models)}}}`` for the keys old, new and mmlu_pro. Beside it may lie
``leaderboard_prompt/leaderboard_KEY_prompt.pkl``, ``{subset: texts}``, and
``leaderboard_embed/leaderboard_KEY_embed/NAME_result.pkl``, ``{subset: (n_prompts, d)}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.safe_pickle import load, mapping_in, matrix_in, texts_in
from routereval.number_of import number_of
from routereval.records.draft import Draft
from routereval.records.routereval import CHANCE, REFERENCE, SUBSETS

if TYPE_CHECKING:
    import polars as pl


_FIRST = "RoBERTa"
_FEATURE_END = "_result.pkl"
_Sized = TypeVar("_Sized", bound=Sized)
_Number = TypeVar("_Number", bound=np.floating)


def recognise(path: Path) -> bool:
    """True for ``leaderboard_score``, the folder that holds it, or the one above with ``data/``."""
    return _data_folder(path) is not None


def read(path: Path) -> Iterator[Draft]:
    """One draft per benchmark, its subsets concatenated in RouterEval's order.

    Scores keep their precision. The reference score is RouterEval's whatever the number of prompts,
    as its own scripts have it. The first feature is RoBERTa where it is there.

    Args:
        path: the folder, as `recognise` describes it.

    Raises:
        DataError: if a file is damaged or unsafe, or a benchmark is there only in part.
    """
    folder = _data_folder(path)
    if folder is None:
        raise DataError(f"{path} holds no leaderboard_score/leaderboard_old.pkl, _new or _mmlu_pro")
    for key in SUBSETS:
        if _score_file(folder, key).is_file():
            yield from _read_key(folder, key)


def prompt_frame(
    benchmark: str, sizes: Mapping[str, int], text: Sequence[str] | None
) -> pl.DataFrame:
    """The prompts of a benchmark: ``prompt_id`` is subset/index.

    Args:
        benchmark: its canonical name, which tells the chance level.
        sizes: the number of prompts by subset, in row order.
        text: the prompts' texts in row order, or None.
    """
    import polars as pl

    n_prompts = sum(sizes.values())
    return pl.DataFrame(
        {
            "prompt_id": [f"{subset}/{index}" for subset, n in sizes.items() for index in range(n)],
            "subset": [subset for subset, n in sizes.items() for _ in range(n)],
            "text": [None] * n_prompts if text is None else list(text),
            "chance": [CHANCE.get(benchmark)] * n_prompts,
        },
        schema={
            "prompt_id": pl.String,
            "subset": pl.String,
            "text": pl.String,
            "chance": pl.Float64,
        },
    )


def _data_folder(path: Path) -> Path | None:
    candidates = [path, path / "data"]
    if path.name == "leaderboard_score":
        candidates.append(path.parent)
    for folder in candidates:
        if any(_score_file(folder, key).is_file() for key in SUBSETS):
            return folder
    return None


def _score_file(folder: Path, key: str) -> Path:
    return folder / "leaderboard_score" / f"leaderboard_{key}.pkl"


@dataclass
class _Key:
    """The files of one key, each read once; what a benchmark takes from them is let go."""

    models: list[str]
    scores: _Table
    texts: _Table | None
    features: dict[str, _Table]


class _Table:
    """A file's dict by subset."""

    def __init__(self, file: Path, by_subset: dict[Any, Any]) -> None:
        self.file = file
        self.by_subset = by_subset

    def holds(self, subsets: Sequence[str]) -> bool:
        """Whether all of a benchmark's subsets are there (True) or none (False).

        Raises:
            DataError: if only some are.
        """
        missing = [subset for subset in subsets if subset not in self.by_subset]
        if missing and len(missing) < len(subsets):
            raise DataError(
                f"{self.file} lacks {missing[0]!r} ({len(missing)} of that benchmark's "
                f"{len(subsets)} subsets are missing); a benchmark is read whole or not at all"
            )
        return not missing

    def take(self, subset: str) -> tuple[Any, str]:
        """What the file has for the subset, which is then forgotten here, and words for it."""
        return self.by_subset.pop(subset), f"{subset!r} in {self.file}"


def _read_key(folder: Path, key: str) -> Iterator[Draft]:
    files = _read_files(folder, key)
    present = [name for name, subsets in SUBSETS[key].items() if files.scores.holds(subsets)]
    if not present:
        example = next(iter(SUBSETS[key].values()))[0]
        raise DataError(
            f"{files.scores.file} holds none of RouterEval's subsets, such as {example!r}; "
            "import other benchmarks from a neutral folder"
        )
    facts = _left_out(files.scores, [one for held in SUBSETS[key].values() for one in held])
    for benchmark in present:
        # No name may hold the draft past the yield: the next benchmark needs its memory.
        yield replace(_draft(files, benchmark, SUBSETS[key][benchmark]), facts=facts)
        facts = []


def _left_out(scores: _Table, subsets: Sequence[str]) -> list[str]:
    """What is said of the subsets of a file that are none of RouterEval's, if there are any."""
    others = [str(subset) for subset in scores.by_subset if subset not in subsets]
    if not others:
        return []
    return [
        f"{scores.file.name} holds {number_of(len(others), 'subset')} that "
        f"{'is' if len(others) == 1 else 'are'} none of RouterEval's, as {others[0]!r}: left out"
    ]


def _read_files(folder: Path, key: str) -> _Key:
    file = _score_file(folder, key)
    content = mapping_in(load(file), str(file))
    text_file = folder / "leaderboard_prompt" / f"leaderboard_{key}_prompt.pkl"
    return _Key(
        models=texts_in(content.get("model"), f"'model' in {file}"),
        scores=_Table(file, mapping_in(content.get("data"), f"'data' in {file}")),
        texts=_table(text_file) if text_file.is_file() else None,
        features=_feature_tables(folder / "leaderboard_embed" / f"leaderboard_{key}_embed"),
    )


def _table(file: Path) -> _Table:
    return _Table(file, mapping_in(load(file), str(file)))


def _feature_tables(folder: Path) -> dict[str, _Table]:
    """By name, RoBERTa first: RouterEval's own baselines read that one."""
    found = sorted(folder.glob(f"*{_FEATURE_END}"))
    files = {file.name.removesuffix(_FEATURE_END): file for file in found}
    return {name: _table(files[name]) for name in sorted(files, key=lambda n: (n != _FIRST, n))}


def _draft(files: _Key, benchmark: str, subsets: Sequence[str]) -> Draft:
    parts = [_scores(*files.scores.take(subset), len(files.models)) for subset in subsets]
    sizes = dict(zip(subsets, map(len, parts), strict=True))
    return Draft(
        name=benchmark,
        models=files.models,
        scores=stacked(parts, benchmark),
        prompts=prompt_frame(benchmark, sizes, _texts(files.texts, sizes)),
        features={
            name: _vectors(table, sizes)
            for name, table in files.features.items()
            if table.holds(subsets)
        },
        reference=REFERENCE[benchmark],
        source=f"RouterEval, {files.scores.file.name}",
    ).checked()


def _scores(part: object, what: str, n_models: int) -> NDArray[np.floating]:
    correctness = mapping_in(part, what).get("correctness")
    matrix = matrix_in(correctness, f"'correctness' of {what}")
    if matrix.shape[1] != n_models:
        raise DataError(f"{what} has {matrix.shape[1]} columns for {n_models} models")
    return matrix


def _texts(table: _Table | None, sizes: Mapping[str, int]) -> list[str] | None:
    if table is None or not table.holds(list(sizes)):
        return None
    texts: list[str] = []
    for subset, size in sizes.items():
        part, what = table.take(subset)
        texts += as_many(texts_in(part, what), size, what)
    return texts


def _vectors(table: _Table, sizes: Mapping[str, int]) -> NDArray[np.float32]:
    parts = []
    for subset, size in sizes.items():
        part, what = table.take(subset)
        parts.append(vectors_in(part, size, what))
    return stacked(parts, str(table.file))


def vectors_in(value: object, n_prompts: int, what: str) -> NDArray[np.float32]:
    """The (n_prompts, d) embeddings as float32.

    Raises:
        DataError: if the value is no such matrix, or a number is not finite in that precision.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        vectors = matrix_in(value, what).astype(np.float32, copy=False)
    if not np.isfinite(vectors).all():
        raise DataError(f"{what} holds a number that is not finite; embed its prompts again")
    return as_many(vectors, n_prompts, what)


def as_many(items: _Sized, size: int, what: str) -> _Sized:
    """The items, if there is one a prompt.

    Raises:
        DataError: otherwise.
    """
    if len(items) != size:
        raise DataError(f"{what} has {len(items)} rows for {size} prompts")
    return items


def stacked(parts: list[NDArray[_Number]], what: str) -> NDArray[_Number]:
    """The matrices one below the other; the list is emptied, so that each is let go once copied.

    Raises:
        DataError: if they differ in width.
    """
    if len(parts) == 1:
        return parts.pop()
    widths = {part.shape[1] for part in parts}
    if len(widths) > 1:
        raise DataError(f"{what}: its subsets differ in their number of columns")
    end = sum(map(len, parts))
    kind = np.result_type(*{part.dtype for part in parts})
    whole = np.empty((end, widths.pop()), dtype=kind)  # ties: there is one width
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole


SAMPLE = {
    "leaderboard_score/leaderboard_new.pkl": {
        "model": ["org__a-details", "org__b-details"],
        "data": {"ifeval": {"correctness": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])}},
    },
    "leaderboard_prompt/leaderboard_new_prompt.pkl": {"ifeval": np.array(["a?", "b?", "c?"])},
}

IMPORTER = Importer(
    name="routereval-raw",
    summary="RouterEval's raw layout: a folder with leaderboard_score/leaderboard_*.pkl",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
