"""Compositions that read naturally work, or fail with a sentence; what they return is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import routereval as rv
from routereval.errors import DataError, SpecError
from routereval.routers import mean_scores
from tests.made import made

POOL = rv.Pool("all-strong", size=3)


@pytest.fixture(scope="module")
def records() -> rv.Records:
    return made("one", n_prompts=150, costs=True, texts=True)


@pytest.fixture(scope="module")
def task(records: rv.Records) -> rv.Task:
    return rv.Task(records, pool=POOL)


@pytest.fixture(scope="module")
def results(records: rv.Records) -> rv.Results:
    routers = ["best_single", "knn(k=5)", "linear"]
    return rv.run([records], routers=routers, sizes=[3], seeds=[42, 43], n_jobs=1)


def test_a_router_may_be_named_where_it_is_evaluated(task: rv.Task) -> None:
    fitted = rv.make_router("knn(k=5)").fit(task.train.X, task.train.scores)
    assert rv.evaluate("knn(k=5)", task).metrics == pytest.approx(
        rv.evaluate(fitted, task).metrics, nan_ok=True
    )


class Half:
    """A router of one's own: it predicts half of each model's mean."""

    def fit(self, X: Any, scores: Any) -> Half:  # noqa: ANN401 - as its owner wrote it
        self.means = mean_scores(np.asarray(scores)) / 2
        return self

    def predict_scores(self, X: Any) -> Any:  # noqa: ANN401
        return np.tile(self.means, (len(X), 1))


def test_a_router_of_ones_own_is_evaluated_as_it_is(task: rv.Task) -> None:
    assert rv.evaluate(Half(), task).metrics["mu"] == rv.evaluate("best_single", task).metrics["mu"]
    with pytest.raises(SpecError, match="is no router; a router has fit"):
        rv.evaluate(object(), task)


def test_a_trained_router_is_evaluated_on_the_models_it_knows(
    records: rv.Records, task: rv.Task
) -> None:
    trained = rv.train(records, "knn(k=5)", pool=list(task.models))
    found = rv.evaluate(trained, task)
    alike = rv.Task(records, pool=list(task.models), embedder="tfidf")
    assert found.metrics["mu"] == rv.evaluate("knn(k=5)", alike).metrics["mu"]
    with pytest.raises(DataError, match=r"train it with pool=task\.models"):
        rv.evaluate(rv.train(records, "knn(k=5)"), task)
    other = rv.Task(records, pool=list(task.models), split=rv.Split("clean", seed=7))
    with pytest.raises(DataError, match=r"trained under clean\(seed=42\) and may know"):
        rv.evaluate(trained, other)


def test_a_pool_without_a_size_says_what_it_needs() -> None:
    with pytest.raises(SpecError, match=r"give its size, as in all-strong\(size=5\)"):
        rv.Pool("all-strong")


def test_a_trained_router_saves_itself(records: rv.Records, tmp_path: Path) -> None:
    trained = rv.train(records, "knn(k=5)")
    trained.save(tmp_path / "mine")
    texts = ["prove the lemma of rings", "cite the statute"]
    again = rv.load_router(tmp_path / "mine")
    assert [d.model for d in again.decide(texts)] == [d.model for d in trained.decide(texts)]


def test_a_bare_router_cannot_be_saved(task: rv.Task, tmp_path: Path) -> None:
    router = rv.make_router("knn").fit(task.train.X, task.train.scores)
    with pytest.raises(DataError, match="save what train"):
        rv.save_router(router, tmp_path / "bare")  # type: ignore[arg-type]
    assert not (tmp_path / "bare").exists()


@pytest.mark.slow
def test_results_are_shown_and_hold_all_numbers(results: rv.Results) -> None:
    assert "2 seeds" in str(results)
    assert "knn(k=5)" in results._repr_html_()
    assert r"\begin{tabular}" in results.to_latex()
    assert "| knn(k=5) |" in results.to_markdown()
    frame = results.to_polars()
    assert frame.equals(pl.read_csv(results.to_csv().encode()).select(frame.columns))
    assert len(repr(results)) < 100


@pytest.mark.slow
def test_each_value_has_every_format(results: rv.Results, task: rv.Task) -> None:
    for value in (rv.compare(results, "knn(k=5)", "linear"), rv.evaluate("random", task), results):
        for name in ("table", "markdown", "latex", "html"):
            assert len(value.render(name)) > 100
        assert value.to_polars().height > 0
        assert value.to_csv().count("\n") == value.to_polars().height + 1
        assert value.to_json().startswith(("{", "["))


def test_a_report_is_one_page_that_reads_nothing_else(results: rv.Results, tmp_path: Path) -> None:
    verdict = rv.compare(results, "knn(k=5)", "linear")
    path = rv.report([results, verdict], tmp_path / "report.html")
    page = path.read_text(encoding="utf-8")
    assert verdict.sentence.split(".")[0][:40] in page
    assert "knn(k=5)" in page
    assert not re.search(r"https?:|<script|src=|url\(", page)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(DataError, match="make the folder"):
        rv.report(results, tmp_path / "none" / "report.html")
    with pytest.raises(DataError, match="none holds no results of routereval run"):
        rv.report(tmp_path / "none", tmp_path / "none" / "report.html")
    with pytest.raises(DataError, match="something to show"):
        rv.report([], path)


def test_report_is_a_function_whatever_was_imported_before() -> None:
    import routereval.report.page

    assert callable(rv.report)
    assert callable(routereval.report)
