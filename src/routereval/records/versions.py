"""Scores that the same cells had at another date, kept beside a collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date as Date  # noqa: N812 - a version has a date of its own

import numpy as np

from routereval.errors import DataError
from routereval.records.draft import Draft
from routereval.records.merge import BenchmarkUnion, Matrix, SourcePart, merge_records
from routereval.records.records import Records


def with_version(now: Sequence[Records], then: Sequence[Records], date: str) -> Iterator[Draft]:
    """A collection with the scores that the same cells had at another date, kept beside its own.

    Models and prompts are matched as by `merge_records`. Prompts and models that `now` lacks are
    left out; benchmarks that `then` lacks stay as they are.

    Args:
        now: the collection whose scores stay.
        then: the same benchmarks as they were measured then.
        date: when that was, as YYYY-MM-DD.

    Raises:
        DataError: if `date` is no date, the collections share no cell, or there is a version of
            that date already.

    >>> now = Records.from_arrays("toy", [[1.0], [0.0]], ["a"])
    >>> then = Records.from_arrays("toy", [[0.0], [0.0]], ["a"])
    >>> next(with_version([now], [then], "2026-01-01")).versions["2026-01-01"].tolist()
    [[0.0], [0.0]]
    """
    try:
        Date.fromisoformat(date)
    except ValueError:
        raise DataError(f"{date!r} is no date; write YYYY-MM-DD") from None
    before = {records.name: records for records in then}
    shared = 0
    for records in now:
        if date in {records.version, *records.versions}:
            raise DataError(f"{records.name}: there is a version of {date} already")
        (draft,) = merge_records([[records]])
        if records.name in before:
            found = _scores_as_then(records, before[records.name])
            n_cells = int((~np.isnan(found) & ~np.isnan(draft.scores)).sum())
            shared += n_cells
            if n_cells:
                draft = replace(draft, versions={**draft.versions, date: found})
        yield draft
    if not shared:
        raise DataError(f"no cell was measured in both: nothing to keep of {date}")


def _scores_as_then(now: Records, then: Records) -> Matrix:
    """(prompts, models) of `now`: the scores of `then`, NaN where it has none."""
    parts = [SourcePart.of(now), SourcePart.of(then)]
    union = BenchmarkUnion.of(now.name, parts, list(parts[0].models))
    rows = union.rows[1]
    known = rows < now.n_prompts
    place = {model: column for column, model in enumerate(parts[0].models)}
    own = np.array([n for n, m in enumerate(parts[1].models) if m in place], dtype=np.int64)
    found = np.full((now.n_prompts, now.n_models), np.nan)
    if len(own) and known.any():
        columns = np.array([place[parts[1].models[n]] for n in own])
        found[np.ix_(rows[known], columns)] = then.scores.dense(np.flatnonzero(known), own)
    return found
