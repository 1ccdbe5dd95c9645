"""The recipe for a family on the page of routers: few lines, and it holds to all checks at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.routers import Router, Scores, check_router, make_router
from routereval.routers.base import Training

PAGE = Path(__file__).parents[2] / "docs" / "routers.md"


def recipe() -> str:
    section = PAGE.read_text("utf-8").partition("### A family")[2]
    found = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found
    return found.group(1)


@pytest.fixture(scope="module")
def kernel() -> type[Any]:
    space: dict[str, Any] = {}
    exec(recipe(), space)  # noqa: S102 - our own page, which runs check_router itself
    kind: type[Any] = space["Kernel"]
    return kind


def test_a_family_takes_twenty_lines_at_most() -> None:
    body = recipe().partition("class Kernel")[2].partition("rv.check_router")[0]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_the_recipe_holds_to_all_checks(kernel: type[Any]) -> None:
    check_router(kernel())
    check_router(kernel(width=0.1))


def test_the_template_checks_its_parameters_and_rounds(kernel: type[Any]) -> None:
    X, scores = np.eye(6, dtype=np.float32), np.eye(6)[:, :2]
    with pytest.raises(SpecError, match="kernel: width must be a positive number, not 0"):
        kernel(width=0).fit(X, scores)
    found = kernel().fit(X, scores).predict_scores(X)
    assert np.array_equal(found, np.round(found, 12))


def test_what_a_router_does_not_take_is_refused() -> None:
    X, scores = np.eye(3), np.eye(3)
    with pytest.raises(DataError, match="cluster takes no validation; leave them out"):
        make_router("cluster(k=2)").fit(X, scores, validation=(X, scores))
    with pytest.raises(DataError, match=r"groups has shape \(2,\) but there are 3 prompts"):
        make_router("knn(k=1)").fit(X, scores, groups=np.zeros(2, dtype=np.int64))


class ByLength(Router):
    """Reads texts."""

    reads = "texts"

    def _fit(self, data: Training) -> None:
        self.longest_ = max(map(len, data.X))

    def _predict(self, X: list[str]) -> Scores:
        return np.array([[len(text), self.longest_] for text in X], dtype=np.float64)


def test_features_are_not_taken_for_texts() -> None:
    X, scores = np.eye(2), np.eye(2)
    assert ByLength().fit(["a", "bb"], scores).predict_scores(["a"]).tolist() == [[1, 2]]
    with pytest.raises(DataError, match=r"bylength reads the texts of prompts.*ndarray.*inputs\("):
        ByLength().fit(X, scores)
    with pytest.raises(DataError, match="reads the texts of prompts; it was given float"):
        ByLength().fit(["a", "bb"], scores).predict_scores([0.5])
