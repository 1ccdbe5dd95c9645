"""RouterEval's ready-made layout: pools already chosen, prompts already split.

``BENCHMARK_router_dataset.pkl`` is ``{"easy" and "hard": {size: {group: {"data": {"train_score",
"val_score", "test_score"}, "model": names}}}}`` with ``split_index`` (the rows of each split in
the benchmark's own order), ``embedding`` and ``prompt``. A file of one pool, with ``data`` and
``model`` at its top, is read too. Whatever else a file has is left aside; so is ``train_label``,
which the scores tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.importer import Importer
from routereval.importers.routereval_raw import (
    as_many,
    prompt_frame,
    stacked,
    vectors_in,
)
from routereval.importers.safe_pickle import load, mapping_in, matrix_in, texts_in
from routereval.records.draft import Draft
from routereval.records.routereval import REFERENCE, canonical

_END = "_router_dataset"
_SPLITS = ("train", "val", "test")
_LAST_ROW = 2**31
_GROUPS = ("all_strong", "all_weak", "strong_to_weak")


def recognise(path: Path) -> bool:
    """True for a ``*_router_dataset.pkl``, a folder of them, or one that holds ``router_dataset/``.

    A folder may hold the raw layout as well, which has more in it: ask `routereval_raw` first.
    """
    return bool(_files(path))


def read(path: Path) -> Iterator[Draft]:
    """One draft per file: its rows in the benchmark's own order, its models those of all its pools.

    The split and the pools are kept as ``published``. Models stand in the order in which pools of
    growing size first name them. Where a file has no ``split_index``, its training prompts come
    first, then validation, then test.

    Args:
        path: as `recognise` describes it, or one file of any name.

    Raises:
        DataError: if a file is damaged or unsafe, or its parts do not fit together.
    """
    files = [path] if path.is_file() else _files(path)
    if not files:
        raise DataError(f"{path} holds no *{_END}.pkl; give such a file or its folder")
    for file in files:
        yield _draft(file)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.name.endswith(f"{_END}.pkl") else []
    folders = (path, path / "router_dataset", path / "data" / "router_dataset")
    found = (sorted(folder.glob(f"*{_END}.pkl")) for folder in folders)
    return next((files for files in found if files), [])


_Split = dict[str, NDArray[np.int64]]
"""The rows of train, val and test, in the benchmark's own order of prompts."""


@dataclass(frozen=True)
class _Pool:
    """One pool as published: its models and, by split, their (n_prompts, n_models) scores."""

    models: list[str]
    scores: dict[str, NDArray[np.floating]]
    size: str
    group: str


def _draft(file: Path) -> Draft:
    content = mapping_in(load(file), str(file))
    benchmark = canonical(file.stem.removesuffix(_END))
    pools = _pools(content, file)
    split = _split(content, {name: len(part) for name, part in pools[0].scores.items()}, file)
    n_prompts = sum(map(len, split.values()))
    models, scores = _union(pools, split, file)
    return Draft(
        name=benchmark,
        models=models,
        scores=scores,
        prompts=prompt_frame(benchmark, {benchmark: n_prompts}, _texts(content, split, file)),
        features=_features(content, split, file),
        reference=REFERENCE.get(benchmark),
        published={"split": split, "pools": _published(pools)},
        source=f"RouterEval, {file.name}",
    ).checked()


def _pools(content: dict[Any, Any], file: Path) -> list[_Pool]:
    """Every pool of the file, smallest first, in RouterEval's order of groups."""
    if "data" in content and "model" in content:
        return [_pool(content, "", "", str(file))]
    pools = [
        _pool(pool, str(size), str(group), f"pool {size} {group} in {file}")
        for level in ("easy", "hard")
        for size, groups in mapping_in(content.get(level, {}), f"{level!r} in {file}").items()
        for group, pool in mapping_in(groups, f"size {size} in {file}").items()
    ]
    if not pools:
        raise DataError(f"{file} holds no pools, neither under 'easy' or 'hard' nor at its top")
    return sorted(pools, key=lambda pool: _rank(pool, file))


def _rank(pool: _Pool, file: Path) -> tuple[int, int, str]:
    if not re.fullmatch("[0-9]{1,9}", pool.size):
        raise DataError(f"{file}: pool size {pool.size!r} is not a count of models")
    known = _GROUPS.index(pool.group) if pool.group in _GROUPS else len(_GROUPS)
    return int(pool.size), known, pool.group


def _pool(content: object, size: str, group: str, what: str) -> _Pool:
    pool = mapping_in(content, what)
    models = texts_in(pool.get("model"), f"'model' of {what}")
    data = mapping_in(pool.get("data"), f"'data' of {what}")
    scores = {
        name: matrix_in(data.get(f"{name}_score"), f"'{name}_score' of {what}") for name in _SPLITS
    }
    for name, part in scores.items():
        if part.shape[1] != len(models):
            raise DataError(
                f"'{name}_score' of {what} has {part.shape[1]} columns for {len(models)} models"
            )
    return _Pool(models, scores, size, group)


def _split(content: dict[Any, Any], sizes: dict[str, int], file: Path) -> _Split:
    starts = np.cumsum([0, *sizes.values()])
    if "split_index" not in content:
        return {n: np.arange(sizes[n]) + start for n, start in zip(sizes, starts, strict=False)}
    what = f"'split_index' in {file}"
    table = mapping_in(content["split_index"], what)
    split = {
        name: _rows(table.get(f"{name}_indices"), f"'{name}_indices' of {what}") for name in sizes
    }
    for name, rows in split.items():
        if len(rows) != sizes[name]:
            raise DataError(f"{what} has {len(rows)} {name} prompts; the scores have {sizes[name]}")
    if not np.array_equal(np.sort(np.concatenate(list(split.values()))), np.arange(starts[-1])):
        raise DataError(f"{what} does not name each of the {starts[-1]} prompts exactly once")
    return split


def _rows(value: object, what: str) -> NDArray[np.int64]:
    if isinstance(value, (list, tuple)) and all(isinstance(row, int) for row in value):
        value = np.array([min(max(row, -1), _LAST_ROW) for row in value], dtype=np.int64)
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "iu":
        raise DataError(f"{what} should be a list of row numbers")
    return value.astype(np.int64)


def _union(pools: list[_Pool], split: _Split, file: Path) -> tuple[list[str], NDArray[np.floating]]:
    """The models of all pools and their (n_prompts, n_models) scores."""
    column = {model: i for i, model in enumerate(dict.fromkeys(m for p in pools for m in p.models))}
    kind = np.result_type(*(part for pool in pools for part in pool.scores.values()))
    scores = np.empty((sum(map(len, split.values())), len(column)), dtype=kind)
    filled = np.zeros(len(column), dtype=bool)
    for pool in pools:
        _refuse_misfit(pool, split, file)
        columns = np.array([column[model] for model in pool.models], dtype=np.int64)
        for name, rows in split.items():
            old = np.flatnonzero(filled[columns])
            same = _same(scores[np.ix_(rows, columns[old])], pool.scores[name][:, old])
            if not same.all():
                raise DataError(
                    f"{file}: {pool.models[old[same.argmin()]]!r} has other scores in pool "
                    f"{pool.size} {pool.group} than in an earlier one; drop one of the two pools"
                )
            scores[np.ix_(rows, columns)] = pool.scores[name]
        filled[columns] = True
    return list(column), scores


def _same(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.bool_]:
    """For each column, whether the two agree; missing agrees with missing."""
    return np.asarray(((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=0))


def _refuse_misfit(pool: _Pool, split: _Split, file: Path) -> None:
    if len(set(pool.models)) < len(pool.models):
        raise DataError(f"{file}: pool {pool.size} {pool.group} names a model twice")
    for name, rows in split.items():
        if len(pool.scores[name]) != len(rows):
            raise DataError(
                f"{file}: pool {pool.size} {pool.group} has {len(pool.scores[name])} {name} "
                f"prompts and another pool {len(rows)}; pools of a file share their prompts"
            )


def _texts(content: dict[Any, Any], split: _Split, file: Path) -> list[str] | None:
    if "prompt" not in content:
        return None
    what = f"'prompt' in {file}"
    table = mapping_in(content["prompt"], what)
    texts = [""] * sum(map(len, split.values()))
    for name, rows in split.items():
        part = texts_in(table.get(f"{name}_prompt"), f"'{name}_prompt' of {what}")
        for row, text in zip(rows, as_many(part, len(rows), f"{name} of {what}"), strict=True):
            texts[row] = text
    return texts


def _features(
    content: dict[Any, Any], split: _Split, file: Path
) -> dict[str, NDArray[np.floating]]:
    if "embedding" not in content:
        return {}
    what = f"'embedding' in {file}"
    table = mapping_in(content["embedding"], what)
    parts = [
        vectors_in(table.get(f"{name}_embed"), len(rows), f"'{name}_embed' of {what}")
        for name, rows in split.items()
    ]
    order = np.argsort(np.concatenate(list(split.values())), kind="stable")
    return {"embedding": stacked(parts, what)[order]}


def _published(pools: list[_Pool]) -> dict[str, dict[str, list[str]]]:
    """The pools by size and group; a file of one nameless pool publishes none."""
    named: dict[str, dict[str, list[str]]] = {}
    for pool in pools:
        if pool.group:
            named.setdefault(pool.size, {})[pool.group.replace("_", "-")] = pool.models
    return named


SAMPLE = {
    "gsm8k_router_dataset.pkl": {
        "easy": {
            3: {
                "all_strong": {
                    "data": {
                        "train_score": np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
                        "val_score": np.array([[1.0, 1.0, 0.0]]),
                        "test_score": np.array([[0.0, 0.0, 1.0]]),
                    },
                    "model": ["a", "b", "c"],
                }
            }
        },
        "split_index": {
            "train_indices": np.array([2, 0]),
            "val_indices": np.array([1]),
            "test_indices": np.array([3]),
        },
    }
}

IMPORTER = Importer(
    name="routereval-dataset",
    summary="RouterEval's ready-made layout: *_router_dataset.pkl, or a folder of them",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
