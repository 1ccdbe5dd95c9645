"""Cross-validation: every prompt is tested once, by a router that did not learn from its group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.results import Results, read_results
from routereval.results.common_prompts import stacked
from routereval.results.comparison import compare
from routereval.results.standings import winner
from routereval.routers import make_router
from routereval.studies.evaluate import evaluate
from routereval.studies.run import run
from routereval.studies.run_plan import Defaults, defaults_for
from routereval.studies.train import fit
from routereval.tasks import Split, Task
from tests.made import made

RULE = "cv(k=4)"


@pytest.fixture(scope="module")
def records() -> Records:
    return made("mine", 60, 4, costs=True, n_subsets=2)


@pytest.fixture(scope="module")
def results(records: Records, tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("cv") / "out"
    rule = f"{RULE[:-1]}, repeats=2)"
    run([records], ["knn(k=5)", "best_single"], protocol=rule, n_boot=50, out=out, n_jobs=1)
    return read_results(out)


def test_every_prompt_is_tested_once_by_a_fit_on_other_folds(records: Records) -> None:
    task = Task(records, list(records.models), RULE)
    tested = [fold.test.rows for fold in task.folds]
    assert sorted(np.concatenate(tested).tolist()) == list(range(60))
    for fold in task.folds:
        assert not np.intersect1d(fold.train.rows, fold.test.rows).size
        assert len(fold.train.rows) == 45
        assert not len(fold.val.rows)


def test_groups_of_equal_prompts_stay_in_one_fold() -> None:
    scores = np.random.default_rng(0).random((40, 2))
    records = Records.from_arrays(
        "twice", scores, ["a", "b"], [f"case {n % 20}" for n in range(40)]
    )
    for fold in Task(records, ["a", "b"], "cv(k=5)").folds:
        assert not np.intersect1d(fold.train.groups, fold.test.groups).size


def test_out_of_fold_choices_are_those_of_the_fits(records: Records) -> None:
    task = Task(records, list(records.models), RULE)
    found = evaluate("knn(k=5)", task, n_boot=50)
    assert found.rows.tolist() == list(range(60))
    assert found.fold is not None
    for number, fold in enumerate(task.folds):
        router = fit(make_router("knn(k=5)"), fold)
        alone = evaluate(router, fold, n_boot=50).evidence
        here = found.fold == number
        assert found.rows[here].tolist() == fold.test.rows.tolist()
        assert found.evidence.choice[here].tolist() == alone.choice.tolist()
        assert found.evidence.best_single[here].tolist() == alone.best_single.tolist()
    assert found.metrics["mu"] == pytest.approx(found.evidence.quality.mean())
    assert found.evidence.curve is not None


def test_a_fitted_router_is_refused(records: Records) -> None:
    task = Task(records, list(records.models), RULE)
    router = fit(make_router("knn(k=5)"), task.folds[0])
    with pytest.raises(DataError, match="give its spec"):
        evaluate(router, task)


def test_results_keep_folds_and_repeats_are_seeds(results: Results) -> None:
    assert [cell.seed for cell in results.of("best_single")] == [42, 43]
    assert {cell.protocol for cell in results.cells} == {RULE}
    assert {(cell.n_train, cell.n_test) for cell in results.cells} == {(45, 60)}
    folds = [results.outcomes[cell.key].fold for cell in results.of("knn(k=5)")]
    assert [np.bincount(fold).tolist() for fold in folds if fold is not None] == [[15] * 4] * 2
    assert str(folds[0]) != str(folds[1])


def test_the_fits_of_a_comparison_are_the_folds(results: Results) -> None:
    verdict = compare(results, "knn(k=5)", "best_single")
    assert verdict.over_fits is not None
    assert verdict.over_fits.n_fits == 8
    assert verdict.over_fits.method == "resampled_t"
    assert verdict.test.n_prompts == 60
    assert verdict.over_fits.deviation > 0


def test_the_interval_over_folds_is_the_corrected_one(results: Results) -> None:
    """Bouckaert and Frank's, from the mean difference within each fold, by hand."""
    found = compare(results, "knn(k=5)", "best_single").over_fits
    assert found is not None
    each = []
    for cell in results.of("knn(k=5)"):
        outcome = results.outcomes[cell.key]
        gain = outcome.evidence.quality - outcome.evidence.best_single
        assert outcome.fold is not None
        each += [gain[outcome.fold == fold].mean() for fold in range(4)]
    error = np.std(each, ddof=1) * np.sqrt(1 / 8 + 1 / 3)
    assert found.difference == pytest.approx(np.mean(each))
    assert found.deviation == pytest.approx(error)
    assert found.high - found.low == pytest.approx(2 * t.ppf(0.975, 7) * error)


def test_folds_of_a_benchmark_that_lacks_one_count_in_full() -> None:
    """Three prompts have no fourth fold: the mean within it is that of the other benchmark."""
    some = [made("many", 40, 3), made("few", 3, 3, seed=2)]
    found = run(some, ["random", "best_single"], protocol="cv(k=4)", n_boot=50, n_jobs=1)
    sums = [stacked(found, ("random", "best_single"), fold=fold).weight.sum() for fold in range(4)]
    assert sums == pytest.approx([1.0] * 4)


def test_a_run_ends_with_who_won(results: Results) -> None:
    sentence = winner(results)
    assert sentence.split(":")[0] in {"Winner", "No winner"}
    assert "on 60 prompts" in sentence
    assert results.render("table", 100).replace("\n", " ").startswith(sentence[:60])


def test_the_winner_is_named_with_the_difference() -> None:
    vectors = np.random.default_rng(1).normal(size=(80, 1))
    scores = np.hstack([vectors > 0, vectors <= 0]) * 1.0
    records = Records.from_arrays("halves", scores, ["a", "b"], features=vectors)
    found = run([records], ["knn(k=3)", "best_single"], protocol="cv(k=4)", n_boot=50, n_jobs=1)
    assert winner(found).startswith("Winner: knn(k=3), a learned router; it beats the best single")
    rows = [row.cells[0] for row in found.document().parts[1].rows]
    assert rows == ["knn(k=3)", "best_single"]


def test_few_models_are_one_pool(records: Records, tmp_path: Path) -> None:
    usual = defaults_for([records])
    assert (usual.protocol, usual.groups) == ("cv(k=10)", ("all",))
    assert usual.routers[:3] == ("best_single", "cheapest", "knn")
    assert defaults_for([made("many", 20, 9)]) == Defaults()
    assert defaults_for([records], protocol="faithful") == Defaults()
    assert defaults_for([records], sizes=[3]) == Defaults()
    assert defaults_for([records], protocol="clean").protocol == "clean"
    results = run([records], ["knn(k=5)"], n_boot=50, n_jobs=1)
    assert [(c.size, c.group, c.protocol) for c in results.cells] == [(4, "all", "cv(k=10)")]
    assert "fewer than 2,000 prompts" in results.notes[0]


def test_equal_pools_are_run_once() -> None:
    results = run([made("mine", 60, 4)], ["random"], [4], n_boot=50, n_jobs=1)
    assert [cell.group for cell in results.cells] == ["all-strong"]
    assert "holds the models of all-strong(size=4)" in results.notes[0]


@pytest.mark.parametrize("rule", ["cv(k=1)", "cv(k=5, fold=5)", "cv(repeats=0)", "cv(k=true)"])
def test_senseless_folds_are_refused(rule: str) -> None:
    with pytest.raises(SpecError, match="cv: "):
        Split.parse(rule)


def test_too_few_prompts_for_the_folds() -> None:
    with pytest.raises(DataError, match="tiny: 6 prompts are too few for 10 folds"):
        Task(made("tiny", 6, 3), ["org/model_0"], "cv")
