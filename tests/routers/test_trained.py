from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.features import make_embedder
from routereval.routers import TrainedRouter, choose, make_router
from routereval.routers.base import Scores
from routereval.routers.neighbours import Knn
from routereval.routers.policy import price_of_share

TEXTS = ["prove the lemma", "prove the theorem", "cite the case", "cite the statute"]
SCORES = np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 1.0, 0.5]])
MODELS = ("euclid", "portia", "jack")


def trained(spec: str = "knn(k=2)", costs: tuple[float, ...] = (0.02, 0.04, 0.0)) -> TrainedRouter:
    embedder = make_embedder("tfidf(dims=2)").fit(TEXTS)
    router = make_router(spec)
    read = TEXTS if router.reads == "texts" else embedder.transform(TEXTS)
    return TrainedRouter(router.fit(read, SCORES), MODELS, embedder, np.array(costs))


def test_a_text_goes_to_the_model_of_the_best_predicted_score() -> None:
    for_proofs, for_cases = trained().decide(["prove it", "cite it"])
    assert (for_proofs.model, for_proofs.column) == ("euclid", 0)
    assert for_cases.model == "portia"
    assert for_cases.scores == (0.0, 1.0, 0.5)
    assert for_cases.costs == (0.02, 0.04, 0.0)
    assert for_cases.reason == "predicted score 1.000, next 0.500"


def test_lam_is_the_score_to_give_up_for_the_price_of_the_dearest() -> None:
    router = trained()
    assert router.usd_lam(0.4) == pytest.approx(10)
    assert router.decide(["cite it"], lam=0.4)[0].model == "portia"  # .5 better for 1 of the price
    dear = router.decide(["cite it"], lam=0.6)[0]
    assert dear.model == "jack"
    assert (
        dear.reason
        == "predicted score 0.500 at $0 per 1,000 calls against 1.000 at $40 with lam 0.6"
    )


def test_costs_in_another_unit_change_no_decision() -> None:
    cents = trained(costs=(2.0, 4.0, 0.0))
    for lam in (0.0, 0.3, 0.49, 0.51, 2.0):
        mine = [d.model for d in trained().decide(TEXTS, lam)]
        assert mine == [d.model for d in cents.decide(TEXTS, lam)]


def test_a_model_that_is_not_allowed_is_never_chosen() -> None:
    router = trained()
    assert router.decide(["cite it"], allowed=["euclid", "jack"])[0].model == "jack"
    with pytest.raises(DataError, match="no model of the pool may be chosen; it has euclid"):
        router.decide(["cite it"], allowed=["nobody"])


def test_no_texts_no_decisions() -> None:
    assert trained().decide([]) == []


def test_unknown_costs_are_no_obstacle() -> None:
    nothing = trained(costs=(np.nan, np.nan, np.nan)).decide(["cite it"], lam=0.3)[0]
    assert nothing.model == "portia"
    with pytest.raises(SpecError, match="lam"):
        trained().decide(["cite it"], lam=-1)


def test_a_router_that_draws_sends_a_text_the_same_way_each_time() -> None:
    router = trained("random")
    texts = [f"text {n}" for n in range(300)]
    drawn = [d.model for d in router.decide(texts)]
    assert drawn == [d.model for d in router.decide(texts)]
    assert min(drawn.count(model) for model in MODELS) > 60


def test_costs_that_the_router_predicts_win_over_the_means() -> None:
    class Priced(Knn):
        def predict_costs(self, X: Any) -> Scores:  # noqa: ANN401
            return np.tile([0.01, 0.0, 0.04], (len(X), 1))

    embedder = make_embedder("tfidf(dims=2)").fit(TEXTS)
    router = Priced(k=2).fit(embedder.transform(TEXTS), SCORES)
    priced = TrainedRouter(router, MODELS, embedder, np.array([0.02, 0.04, 0.0]))
    assert priced.decide(["cite it"])[0].costs == (0.01, 0.0, 0.04)
    assert priced.costs_of(["a", "b"]).shape == (2, 3)


@given(
    scores=st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=6),
    lam=st.floats(0, 10),
)
def test_decisions_are_those_of_the_policy(scores: list[list[float]], lam: float) -> None:
    router = trained()
    predicted = np.array(scores)
    costs = np.broadcast_to(router.costs, predicted.shape)
    decisions = router.decided(["x"] * len(predicted), predicted, costs, lam)
    expected = choose(predicted, costs, router.usd_lam(lam))
    assert [d.column for d in decisions] == expected.tolist()


SCORE = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


@given(st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=12), st.floats(0, 1))
def test_a_share_of_calls_is_met_as_nearly_as_the_scores_allow(
    scores: list[tuple[float, float]], share: float
) -> None:
    predicted, costs = np.array(scores), np.array([3.0, 1.0])
    price, got = price_of_share(predicted, costs, 0, share)
    assert got == float((choose(predicted, costs, price) == 0).mean())
    gaps = np.sort(np.maximum((predicted[:, 0] - predicted[:, 1]) / 2, 0))
    possible = {float((choose(predicted, costs, lam) == 0).mean()) for lam in (0, *gaps, 9)}
    assert abs(got - share) <= min(abs(one - share) for one in possible) + 1e-9


def test_lam_of_a_share_is_what_decide_takes() -> None:
    router = trained()
    texts = ["prove it", "cite it", "cite the case", "prove the lemma"]
    for share in (0.0, 0.5):
        lam, got = router.lam_of_share(texts, share)
        assert got == share
        assert [d.model for d in router.decide(texts, lam)].count("portia") == share * 4
    lam, got = router.lam_of_share(texts, 1.0)
    assert (lam, got) == (0.0, 0.5)  # more than the best score asks for is never sent
    with pytest.raises(SpecError, match="between 0 and 1"):
        router.lam_of_share(texts, 1.5)
    with pytest.raises(DataError, match="give some"):
        router.lam_of_share([], 0.5)
    with pytest.raises(DataError, match="cost is not known"):
        trained(costs=(np.nan, 0.1, 0.2)).lam_of_share(texts, 0.5)
