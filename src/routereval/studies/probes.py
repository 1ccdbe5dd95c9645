"""Probe prompts: which few prompts to put to a new model, so that they tell most about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.observed import column_means
from routereval.records import Records
from routereval.routers.linear_extension import likeness

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

SCORE = "score"
"""The column that is left empty, for the scores of the new model."""

FIELDS = ("prompt_id", "subset", "text")
FEWEST = 8
LEVELS = 8
MOST_MODELS = 200
SUFFIXES = (".csv", ".parquet", ".jsonl")


@dataclass(frozen=True, eq=False)
class Probes:
    """Prompts to put to a new model, and how well such prompts tell the mean score of a model.

    Attributes:
        benchmark: where they are from.
        table: a prompt per row: ``prompt_id``, ``subset``, ``text``, an empty ``score``, and the
            score of each known model under its name, null where not observed.
        models: the known models.
        n_prompts: how many prompts they were chosen from.
        error: by how much the mean score of a known model, left out when they were chosen, is
            missed by such probes, as root mean square; NaN of a single model.
        random_error: the same, expected of the plain mean over as many random prompts.
    """

    benchmark: str
    table: pl.DataFrame
    models: tuple[str, ...]
    n_prompts: int
    error: float
    random_error: float

    def write(self, path: str | Path) -> Path:
        """Write the table to a file: ``.csv``, ``.parquet`` or ``.jsonl``.

        Raises:
            DataError: if the file is of another kind.
        """
        path = Path(path)
        if path.suffix not in SUFFIXES:
            raise DataError(f"{path}: probes are written to {', '.join(SUFFIXES)}")
        if path.suffix == ".csv":
            self.table.write_csv(path)
        elif path.suffix == ".parquet":
            self.table.write_parquet(path)
        else:
            self.table.write_ndjson(path)
        return path


def probes(records: Records, k: int = 64) -> Probes:
    """Choose probe prompts, and measure on the known models how much they tell.

    Args:
        records: one benchmark, or several mixed to one stream.
        k: how many.

    Raises:
        DataError: if there are fewer different prompts than that, or a model is named as one of
            the other columns.

    >>> rng = np.random.default_rng(0)
    >>> skill = np.repeat([[0.95], [0.05]], 100, axis=0)
    >>> scores = (rng.random((200, 6)) < skill).astype(float)
    >>> found = probes(Records.from_arrays("toy", scores, list("abcdef")), 20)
    >>> len(found.table), found.error < found.random_error
    (20, True)
    """
    spaced = np.linspace(0, records.n_models - 1, min(records.n_models, MOST_MODELS))
    columns = np.unique(spaced.astype(np.int64))
    models = tuple(records.models[at] for at in columns.tolist())
    taken = sorted({*FIELDS, SCORE} & set(models))
    if taken:
        raise DataError(
            f"{records.name}: a model is called {taken[0]!r}, as a column of the probes"
        )
    rows = _first_of_each_group(records)
    scores = records.scores.dense(rows, columns)
    seen = ~np.isnan(scores).all(axis=1)
    rows, scores = rows[seen], scores[seen]
    if not FEWEST <= k <= len(rows):
        raise DataError(
            f"{records.name}: of {len(rows):,} different prompts, {FEWEST} to all can be probes, "
            f"not {k:,}"
        )
    table = records.prompts[rows.tolist()]
    lengths = table["text"].str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    subsets = records.subsets[rows]
    chosen = spread(scores, subsets, lengths, k)
    return Probes(
        records.name,
        _table(table[chosen.tolist()], scores[chosen], models),
        models,
        len(rows),
        _error_left_out(scores, subsets, lengths, k),
        _error_of_random(scores, k),
    )


def spread(scores: Floats, subsets: Codes, lengths: Codes, k: int) -> Codes:
    """The rows of k prompts that are spread evenly over how hard prompts are and what they are.

    A systematic sample (Madow and Madow 1944): prompts are put in order by their mean score over
    the known models, in 8 levels; within a level by subset, forwards and backwards by turns; within
    a subset by the length of the text. Each k-th part of that order gives its middle. So probes
    show each level and each subset in proportion, and their plain mean is that of all prompts.

    Args:
        scores: (n_prompts, n_known), NaN where not observed.
        subsets: (n_prompts,) codes.
        lengths: (n_prompts,) of the texts, in characters.
        k: how many.

    >>> easy = np.repeat([[1.0], [0.0]], 50, axis=0)
    >>> spread(easy, np.zeros(100, int), np.arange(100), 4).tolist()
    [12, 37, 62, 87]
    """
    level = _levels(scores)
    by_turns = np.where(level % 2, -subsets, subsets)
    order = np.lexsort((lengths, by_turns, level))
    middles = (2 * np.arange(k) + 1) * len(order) // (2 * k)
    return np.sort(order[middles], kind="stable")


def _levels(scores: Floats) -> Codes:
    """(n_prompts,) how hard each is: of several more than 8 values, which eighth of the prompts."""
    centred = scores - np.nan_to_num(column_means(scores))
    known = np.maximum((~np.isnan(centred)).sum(axis=1), 1)
    means = np.round(np.nansum(centred, axis=1) / known, 9)
    values, codes = np.unique(means, return_inverse=True)
    if len(values) <= LEVELS:
        return np.asarray(codes, dtype=np.int64)
    below = np.searchsorted(np.sort(means, kind="stable"), means)
    return np.asarray(below * LEVELS // len(means), dtype=np.int64)


def _first_of_each_group(records: Records) -> Codes:
    """The rows of the prompts but for those equal to an earlier one."""
    first = np.unique(records.groups, return_index=True)[1]
    return np.sort(first, kind="stable").astype(np.int64)


def _table(prompts: pl.DataFrame, scores: Floats, models: tuple[str, ...]) -> pl.DataFrame:
    fields = prompts.select(FIELDS).with_columns(pl.lit(None, pl.Float64).alias(SCORE))
    known = pl.DataFrame(scores, schema=list(models)).fill_nan(None)
    return fields.hstack(known)


def _error_left_out(scores: Floats, subsets: Codes, lengths: Codes, k: int) -> float:
    """Root mean square error of the mean score of each model, known by the others and probes."""
    errors = []
    for column in range(scores.shape[1] if scores.shape[1] > 1 else 0):
        seen = ~np.isnan(scores[:, column])
        new, known = scores[seen, column], np.delete(scores[seen], column, axis=1)
        if len(new) < max(k, FEWEST):
            continue
        rows = spread(known, subsets[seen], lengths[seen], k)
        found = likeness(known[rows], new[rows])
        means = np.nan_to_num(column_means(known))
        errors.append(float(found(means[None])[0]) - float(new.mean()))
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else float("nan")


def _error_of_random(scores: Floats, k: int) -> float:
    """The same, expected of plain means over prompts drawn at random without replacement."""
    n = np.maximum((~np.isnan(scores)).sum(axis=0), 2)
    variance = np.nansum((scores - np.nan_to_num(column_means(scores))) ** 2, axis=0) / (n - 1)
    errors = variance / k * np.maximum(1 - k / n, 0)
    return float(np.sqrt(errors.mean()))
