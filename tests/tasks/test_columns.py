from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from routereval.tasks.columns import one_hot


def frame(n: int = 6, **columns: Any) -> pl.DataFrame:  # noqa: ANN401
    ids = [str(i) for i in range(n)]
    return pl.DataFrame({"prompt_id": ids, "subset": ["s"] * n, "text": [None] * n, **columns})


def all_rows(n: int = 6) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(n)


def test_one_column_a_category_and_a_constant() -> None:
    X = one_hot(frame(difficulty=["hard", "easy", "hard", "easy", "easy", "hard"]), all_rows())
    assert X.dtype == np.float32
    assert X[:, 0].tolist() == [1] * 6
    assert X[:, 1:].tolist() == [[0, 1], [1, 0], [0, 1], [1, 0], [1, 0], [0, 1]]  # easy, hard


def test_only_a_constant_where_nothing_varies() -> None:
    assert one_hot(frame(), all_rows()).tolist() == [[1.0]] * 6


@pytest.mark.parametrize("name", ["answer", "correct", "solution", "chance", "model"])
def test_what_may_tell_the_answer_is_not_looked_at(name: str) -> None:
    assert one_hot(frame(6, **{name: list("aabbab")}), all_rows()).shape == (6, 1)


def test_categories_are_those_of_training_prompts() -> None:
    prompts = frame(platform=["x", "y", "x", "y", "new", None])
    X = one_hot(prompts, np.array([0, 1, 2, 3]))
    assert X[:, 1:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [0, 0], [0, 0]]


def test_numbers_and_names_that_hardly_repeat_are_left_out() -> None:
    n = 130
    prompts = frame(n, difficulty=range(n), category=[f"c{i}" for i in range(n)])
    assert one_hot(prompts, all_rows(n)).shape == (n, 1)


def test_several_columns_stand_side_by_side() -> None:
    prompts = frame(subject=list("aabbcc"), language=["en", "de"] * 3).with_columns(
        subset=pl.Series(list("uvuvuv"))
    )
    assert one_hot(prompts, all_rows()).shape == (6, 1 + 2 + 3 + 2)
