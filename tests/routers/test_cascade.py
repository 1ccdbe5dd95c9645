from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.routers import make_router
from routereval.routers.call_ledger import CallLedger
from routereval.routers.cascade import Cascade
from routereval.routers.persistence import dump, restore
from routereval.sources import open_records
from routereval.studies.evaluate import evaluate
from routereval.studies.run import run
from routereval.studies.train import fit
from routereval.tasks import Task
from tests.made import Floats

RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 3))
CHEAP = (RNG.random(N) < 0.6).astype(float)
SCORES = np.stack([CHEAP, (RNG.random(N) < 0.9).astype(float)], axis=1)
COSTS = np.tile([0.001, 0.01], (N, 1))
TELLING = {"length": np.stack([np.where(CHEAP, 10.0, 500.0), np.full(N, 50.0)], axis=1)}
SILENT = {"length": np.full((N, 2), 50.0)}


def called(
    router: Cascade, signals: dict[str, Floats], lam: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    ledger = CallLedger(signals, SCORES.shape)
    return router.calls(X, ledger, lam), ledger.called


def test_a_cascade_stops_where_the_answer_looks_right() -> None:
    router = Cascade().fit(X, SCORES, COSTS, signals=TELLING)
    assert router.chain_.tolist() == [0, 1]
    choice, made = called(router, TELLING)
    assert (choice == np.where(CHEAP, 0, 1)).mean() > 0.97
    assert np.array_equal(made[:, 1], choice == 1)
    assert made[:, 0].all()


def test_without_anything_to_look_at_it_calls_one_model() -> None:
    for signals in ({}, SILENT):
        router = Cascade().fit(np.zeros((N, 1)), SCORES, COSTS, signals=signals)
        ledger = CallLedger(signals, SCORES.shape)
        assert (router.calls(np.zeros((N, 1)), ledger) == 1).all()
        assert ledger.called.tolist() == [[False, True]] * N


def test_what_is_not_called_is_not_seen() -> None:
    ledger = CallLedger({"length": np.array([[1.0, 2.0], [3.0, 4.0]])}, (2, 2))
    assert {k: v.tolist() for k, v in ledger.call(np.array([1]), 1).items()} == {"length": [4.0]}
    assert ledger.called.tolist() == [[False, False], [False, True]]
    # the second model's answers change nothing where it was not called
    router = Cascade().fit(X, SCORES, COSTS, signals=TELLING)
    other = {"length": TELLING["length"] * np.array([1.0, 7.0])}
    assert np.array_equal(called(router, TELLING)[0], called(router, other)[0])


def test_the_dearer_a_dollar_the_less_is_spent() -> None:
    router = Cascade().fit(X, SCORES, COSTS, signals=TELLING)
    spent = [(called(router, TELLING, lam)[1] * COSTS).sum() for lam in (0.0, 10.0, 1e5)]
    assert spent == sorted(spent, reverse=True)
    assert spent[-1] == pytest.approx(COSTS[:, 0].sum())


def test_thresholds_hold_on_prompts_that_were_not_seen() -> None:
    half = N // 2
    shown = {"length": TELLING["length"][:half]}
    router = Cascade().fit(X[:half], SCORES[:half], COSTS[:half], signals=shown)
    ledger = CallLedger({"length": TELLING["length"][half:]}, (half, 2))
    choice = router.calls(X[half:], ledger)
    mu = SCORES[half:][np.arange(half), choice].mean()
    cost = (ledger.called * COSTS[half:]).sum(axis=1).mean()
    assert mu > SCORES[half:].mean(axis=0).max()
    assert cost < COSTS[0, 1]


ANSWERS = np.array([[1.0, 1, 2, 3], [1, 2, 2, 1], [1, 2, 3, 4], [np.nan, np.nan, 5, 5]])
MEANS = np.array([[0.1, 0.4, 0.6, 0.5]])


@pytest.mark.parametrize(
    ("votes", "choice", "calls"),
    [(2, [0, 1, 2, 2], [2, 3, 4, 4]), (3, [2] * 4, [4] * 4), (1, [0, 0, 0, 2], [1, 1, 1, 3])],
)
def test_agreement(votes: int, choice: list[int], calls: list[int]) -> None:
    costs = np.array([[1.0, 2, 3, 4]])
    router = Cascade(rule="agreement", length=9, votes=votes)
    router.fit(np.zeros((1, 1)), MEANS, costs, signals={"answer": ANSWERS[:1]})
    ledger = CallLedger({"answer": ANSWERS}, ANSWERS.shape)
    assert router.calls(np.zeros((4, 1)), ledger).tolist() == choice
    assert ledger.called.sum(axis=1).tolist() == calls


def test_agreement_with_earlier_answers_is_learned_from() -> None:
    right = RNG.random((N, 3)) < np.array([0.6, 0.65, 0.7])
    scores = right.astype(float)
    answer = np.where(right, 0, RNG.integers(1, 50, (N, 3))).astype(float)
    router = Cascade().fit(X, scores, None, signals={"answer": answer})
    ledger = CallLedger({"answer": answer}, scores.shape)
    choice = router.calls(X, ledger)
    assert scores[np.arange(N), choice].mean() > scores.mean(axis=0).max() + 0.05


def test_the_order_without_costs_and_what_is_left_out() -> None:
    scores = np.tile([[0.5, 0.2, 0.9, 0.4, 0.7]], (N, 1))
    assert Cascade(length=6).fit(X, scores).chain_.tolist() == [1, 3, 0, 4, 2]
    assert Cascade().fit(X, scores).chain_.tolist() == [1, 0, 2]
    costs = np.tile([[1.0, 2.0, 3.0, np.nan, 2.0]], (N, 1))  # 1 is no better than the cheaper 0
    assert Cascade(length=6).fit(X, scores, costs).chain_.tolist() == [0, 4, 2]
    assert Cascade(length=1).fit(X, scores, costs).chain_.tolist() == [2]


def test_saved_and_loaded_it_calls_the_same() -> None:
    router = Cascade().fit(X, SCORES, COSTS, signals=TELLING)
    choice, made = called(restore(dump(router)), TELLING)
    assert np.array_equal(choice, called(router, TELLING)[0])
    assert np.array_equal(made, called(router, TELLING)[1])


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (Cascade(rule="vote"), "unknown rule of cascade 'vote'; known: agreement, learned"),
        (Cascade(length=0), "cascade: length must be a positive whole number, not 0"),
        (Cascade(length=7), "tries all lists of models, so length is at most 6, not 7"),
        (Cascade(rule="agreement", votes=0), "cascade: votes must be a positive whole number"),
    ],
)
def test_parameters_out_of_range(router: Cascade, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        router.fit(X, SCORES)


def test_agreement_needs_answers() -> None:
    with pytest.raises(DataError, match="needs the answers of the models, and these"):
        Cascade(rule="agreement").fit(X, SCORES, signals=TELLING)
    with pytest.raises(DataError, match=r"costs has shape \(400, 1\)"):
        Cascade().fit(X, SCORES, COSTS[:, :1])


def records() -> Records:
    return Records.from_arrays(
        "toy", SCORES, ["small", "big"], features=X, costs=COSTS, signals=TELLING
    )


def test_a_cascade_pays_for_all_its_calls() -> None:
    task = Task(records(), ["small", "big"])
    router = fit(make_router("cascade"), task)
    found = evaluate(router, task, n_boot=20)
    assert np.array_equal(task.test.signals["length"], TELLING["length"][task.test.rows])
    assert set(found.evidence.choice) == {0, 1}
    assert np.allclose(found.evidence.cost, 0.001 + 0.01 * (found.evidence.choice == 1))
    curve = found.evidence.curve
    assert curve is not None
    cost, quality = curve.points
    assert np.isclose(cost.max(), found.metrics["cost"])
    assert np.isclose(quality.max(), found.metrics["mu"])
    assert np.isclose(cost.min(), 0.001)


class Cheat(Cascade):
    """Returns the answer of a model that it did not call."""

    def calls(self, X: Floats, ledger: CallLedger, lam: float = 0.0) -> np.ndarray:
        return 1 - super().calls(X, ledger, lam)


def test_an_answer_must_have_been_paid_for() -> None:
    task = Task(records(), ["small", "big"])
    with pytest.raises(DataError, match="the answer of a model that it did not call"):
        evaluate(fit(Cheat(), task), task, n_boot=20)


def test_cascades_in_a_run() -> None:
    results = run([records()], ["cascade", "cascade(rule=agreement)"], [2], n_jobs=1)
    assert results.routers == ["cascade"]
    assert any("needs the answers of the models" in note for note in results.notes)


def test_signals_are_kept_with_the_records(tmp_path: Path) -> None:
    kept = open_records(records().save(tmp_path / "toy"))
    assert {name: values.shape for name, values in kept.signals.items()} == {"length": (2, N)}
    part = kept.select([3, 1], ["big"])
    assert np.array_equal(part.signals["length"], TELLING["length"][[3, 1], 1][None])
    assert (
        kept.hash
        != open_records(
            Records.from_arrays("toy", SCORES, ["small", "big"], features=X, costs=COSTS).save(
                tmp_path / "other"
            )
        ).hash
    )
    with pytest.raises(DataError, match=r"answer is 1 × 1 but there are 400 prompts × 2 models"):
        Records.from_arrays("toy", SCORES, ["a", "b"], signals={"answer": np.ones((1, 1))})
