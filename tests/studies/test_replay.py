from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.studies.replay import Line, Replay, _full_information, replay
from tests.made import made


def records(n: int = 1500) -> Records:
    """Two models, each right where the other is wrong, as the features tell; and a middling one."""
    rng = np.random.default_rng(n)
    vectors = rng.normal(size=(n, 3))
    left = vectors[:, :1] < 0
    chance = np.where(left, [0.9, 0.3, 0.55], [0.3, 0.9, 0.55])
    scores = (rng.random((n, 3)) < chance).astype(float)
    return Records.from_arrays("sides", scores, list("abc"), features=vectors)


def line(found: Replay, name: str) -> Line:
    return next(line for line in found.lines if line.name == name)


@pytest.fixture(scope="module")
def found() -> Replay:
    [one] = replay([records()], ["linucb", "epsilon_greedy(epsilon=1)"], pool=POOL, orders=4)
    return one


POOL = "models(names=[a, b, c])"


def test_a_bandit_comes_to_what_full_information_scores(found: Replay) -> None:
    learned, full = line(found, "linucb"), line(found, "linear")
    assert learned.flattens
    assert learned.last.mean < 0.1
    assert learned.score.mean > line(found, "best_single").score.mean + 0.1
    assert list(full.total) == [0, 0, 0]
    assert full.score.mean > learned.score.mean


def test_one_that_only_explores_does_as_random_does(found: Replay) -> None:
    explores, chance = line(found, "epsilon_greedy(epsilon=1)"), line(found, "random")
    assert not explores.flattens
    assert explores.score.mean == pytest.approx(chance.score.mean, abs=0.02)


def test_the_curve_ends_at_the_total(found: Replay) -> None:
    for one in found.lines:
        assert one.at[-1] == found.n_prompts
        assert one.regret[-1].tolist() == list(one.total)
        assert one.total.low <= one.total.mean <= one.total.high


def test_regret_and_score_are_the_same_thing_told_twice(found: Replay) -> None:
    full = line(found, "linear").score.mean
    for one in found.lines:
        assert one.total.mean == pytest.approx(found.n_prompts * (full - one.score.mean))


@pytest.mark.parametrize("against", ["best_single", "oracle"])
def test_against_another_yardstick(against: str, found: Replay) -> None:
    [other] = replay([records()], ["linucb"], pool=POOL, orders=2, against=against)
    best = line(other, "best_single")
    if against == "best_single":
        assert list(best.total) == [0, 0, 0]
    else:
        assert all(one.total.low > 0 for one in other.lines)
    assert best.score.mean == pytest.approx(line(found, "best_single").score.mean)


def test_full_information_does_not_know_the_answer() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 100))
    scores = (rng.random((300, 4)) < 0.5).astype(float)
    assert _full_information(X, scores, np.arange(len(X))).mean() == pytest.approx(0.5, abs=0.08)


def test_the_same_study_twice() -> None:
    one, other = (
        replay([records(200)], ["thompson"], pool=POOL, orders=2)[0].lines for _ in range(2)
    )
    assert [line.total for line in one] == [line.total for line in other]


def test_prompts_with_gaps_are_left_out() -> None:
    holed = made(n_prompts=200, n_models=4, missing=0.1)
    [found] = replay([holed], ["linucb"], pool="all-strong(size=3)", orders=2)
    assert found.n_prompts < 160


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"routers": ["knn"]}, "router 'knn' is no bandit; choose of linucb"),
        ({"routers": []}, "a replay needs a bandit"),
        ({"against": "linaer"}, "unknown yardstick 'linaer'; did you mean 'linear'"),
        ({"orders": 1}, "at least 2 orders"),
    ],
)
def test_what_cannot_be_replayed(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        replay([records(100)], **arguments)  # type: ignore[arg-type]


def test_too_few_prompts() -> None:
    with pytest.raises(DataError, match="sides: only 24 training prompts were put to every model"):
        replay([records(30)], pool=POOL)
