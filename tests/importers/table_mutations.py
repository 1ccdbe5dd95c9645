"""What the tests of the table-like importers share: damaged files, and drafts compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import RouterEvalError
from routereval.records.draft import Draft
from routereval.records.records import Records

SHARED = Path(__file__).parents[3] / "shared" / "data"
"""Real files, where they are there."""


class Importer(Protocol):
    def recognise(self, path: Path) -> bool: ...

    def read(self, path: Path) -> Iterator[Draft]: ...


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A way to damage a file: cut short, bytes changed, a part doubled or left out."""
    kind = draw(st.sampled_from(["cut", "flip", "double", "drop", "insert"]))
    places = draw(st.lists(st.floats(0, 1), min_size=2, max_size=6))
    junk = draw(
        st.binary(min_size=1, max_size=4) | st.sampled_from([b'"', b"\n", b",", b"{", b"-9"])
    )

    def damage(data: bytes) -> bytes:
        at = sorted(int(place * len(data)) for place in places)
        first, second = at[0], at[1]
        if kind == "cut":
            return data[:first]
        if kind == "double":
            return data[:second] + data[first:]
        if kind == "drop":
            return data[:first] + data[second:]
        if kind == "insert":
            return data[:first] + junk + data[first:]
        changed = bytearray(data)
        for n, place in enumerate(at):
            if place < len(changed):
                changed[place] = junk[n % len(junk)]
        return bytes(changed)

    return damage


def ends_well(importer: Importer, path: Path) -> None:
    """The source becomes Records or one of our errors; anything else fails the test."""
    assert importer.recognise(path) in {True, False}
    with suppress(RouterEvalError):
        for draft in importer.read(path):
            Records.from_draft(draft)


def cells(draft: Draft) -> dict[tuple[str, str], float]:
    """The observed scores by prompt and model."""
    return _by_name(draft, draft.scores)


def costs(draft: Draft) -> dict[tuple[str, str], float]:
    """The known costs by prompt and model."""
    assert draft.costs is not None
    return _by_name(draft, draft.costs)


def _by_name(draft: Draft, matrix: NDArray[np.floating]) -> dict[tuple[str, str], float]:
    prompts = draft.prompts["prompt_id"].to_list()
    return {
        (prompts[row], draft.models[column]): float(matrix[row, column])
        for row, column in np.argwhere(~np.isnan(matrix)).tolist()
    }


def same(one: Iterable[Draft], other: Iterable[Draft]) -> None:
    """Both are the same drafts, but for their sources and the width of their numbers."""
    for left, right in zip(list(one), list(other), strict=True):
        assert left.name == right.name
        assert list(left.models) == list(right.models)
        np.testing.assert_array_equal(left.scores, right.scores)
        assert (left.costs is None) == (right.costs is None)
        if left.costs is not None and right.costs is not None:
            np.testing.assert_array_equal(left.costs, right.costs)
        assert left.prompts.equals(right.prompts)


def equals_neutral(drafts: Iterable[Draft], folder: Path) -> int:
    """Every score of the neutral folder is that of the drafts.

    Returns:
        How many scores there were.
    """
    import polars as pl

    wide = pl.read_parquet(folder / "scores.parquet")
    found = {key: score for draft in drafts for key, score in cells(draft).items()}
    long = wide.unpivot(index="prompt_id", variable_name="model", value_name="score")
    rows = long.with_columns(pl.col("score").fill_nan(None)).drop_nulls().rows()
    for prompt_id, model, score in rows:
        assert abs(found[prompt_id, model] - score) < 1e-6, (prompt_id, model)
    return len(rows)
