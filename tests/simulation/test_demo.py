"""The simulator: made, repeatable, plausible, and worth routing on."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.records.draft import Draft
from routereval.records.routereval import N_PROMPTS, REFERENCE
from routereval.simulation.benchmarks import BENCHMARKS
from routereval.simulation.demo import simulate_benchmark, simulate_demo, simulate_models
from routereval.simulation.item_response import Items, calibrate, draw_scores, success
from routereval.simulation.wording import CLOSINGS, STOCKS, SUBJECTS, write_prompts

NAMES = list(BENCHMARKS)


@cache
def demo() -> tuple[Draft, ...]:
    return tuple(simulate_demo(seed=0))


def drafted(name: str) -> Draft:
    return demo()[NAMES.index(name)]


def some_items(n_prompts: int, seed: int = 0, chance: float = 0.0) -> Items:
    rng = np.random.default_rng(seed)
    subjects = rng.dirichlet(np.ones(3), size=n_prompts)
    return Items(
        subjects, rng.normal(size=n_prompts), np.ones(n_prompts), np.full(n_prompts, chance)
    )


def test_the_twelve_benchmarks_are_routerevals() -> None:
    assert " ".join(NAMES) == (
        "arc hellaswag mmlu truthfulqa winogrande gsm8k ifeval bbh gpqa musr math mmlu_pro"
    )
    assert list(REFERENCE) == NAMES
    assert {draft.name: draft.reference for draft in demo()} == dict(REFERENCE)


def test_sizes_keep_the_order_of_the_full_ones() -> None:
    sizes = {draft.name: len(draft.scores) for draft in demo()}
    assert sorted(sizes, key=lambda name: sizes[name]) == sorted(
        N_PROMPTS, key=lambda name: N_PROMPTS[name]
    )
    assert (min(sizes.values()), max(sizes.values())) == (256, 1303)


def test_every_draft_is_checked_whole_and_owns_up() -> None:
    for draft in demo():
        assert draft.checked() is draft
        assert draft.simulated
        assert draft.source == "simulated by routereval"
        assert draft.licence == "none: made data"
        assert all(name.startswith("sim-") for name in draft.models)
        assert len(draft.models) == 60
        assert draft.scores.dtype == np.float32


def test_all_benchmarks_share_their_models() -> None:
    assert len({tuple(draft.models) for draft in demo()}) == 1
    info = demo()[0].model_info
    assert info is not None
    assert info["model"].to_list() == list(demo()[0].models)
    assert info["params"].min() == 1.0
    assert np.corrcoef(info["params"], info["price_in"])[0, 1] > 0.9
    assert (info["price_out"] > info["price_in"]).all()


def test_same_seed_same_bytes() -> None:
    for one, two in zip(demo()[:4], simulate_demo(seed=0), strict=False):
        assert one.scores.tobytes() == two.scores.tobytes()
        assert one.costs is not None
        assert two.costs is not None
        assert one.costs.tobytes() == two.costs.tobytes()
        assert one.prompts.equals(two.prompts)


def test_another_seed_is_another_world() -> None:
    other = next(simulate_demo(seed=1))
    assert not np.array_equal(other.scores, demo()[0].scores)
    assert other.prompts["text"].to_list() != demo()[0].prompts["text"].to_list()


def test_a_benchmark_does_not_depend_on_those_before_it() -> None:
    models = simulate_models(np.random.default_rng(0))
    alone = simulate_benchmark(np.random.default_rng([0, 4]), BENCHMARKS["truthfulqa"], models)
    assert alone.scores.tobytes() == drafted("truthfulqa").scores.tobytes()


def test_progress_is_told_before_each_draft() -> None:
    seen: list[tuple[int, int]] = []
    drafts = simulate_demo(seed=0, progress=lambda done, total: seen.append((done, total)))
    next(drafts)
    assert seen == [(1, 12)]
    next(drafts)
    assert seen == [(1, 12), (2, 12)]


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SpecError, match="not -1"):
        next(simulate_demo(seed=-1))


def test_only_truthfulqa_is_graded() -> None:
    for draft in demo():
        binary = bool(np.isin(draft.scores, (0.0, 1.0)).all())
        assert binary == (draft.name != "truthfulqa")


def test_chance_is_one_in_the_number_of_options_and_null_in_free_form() -> None:
    for name in ("gsm8k", "ifeval", "math"):
        assert drafted(name).prompts["chance"].null_count() == len(drafted(name).scores)
    for name, chance in (
        ("arc", {0.25}),
        ("winogrande", {0.5}),
        ("mmlu_pro", {0.1, 1 / 9, 0.125, 0.25}),
    ):
        assert set(drafted(name).prompts["chance"]) == chance
    by_subset = dict(
        drafted("musr").prompts.group_by("subset").agg(pl.col("chance").max()).iter_rows()
    )
    assert by_subset == {
        "murder_mysteries": 0.5,
        "object_placements": 0.2,
        "team_allocation": 1 / 3,
    }


def test_subsets_lie_together_and_are_of_equal_size() -> None:
    expected = {"mmlu": 12, "bbh": 8, "gpqa": 3, "musr": 3, "math": 7}
    for draft in demo():
        runs = draft.prompts["subset"].rle().struct.field("len").to_list()
        assert len(runs) == expected.get(draft.name, 1)
        assert max(runs) - min(runs) <= 1


def test_the_best_model_is_about_as_good_as_the_reference_and_others_are_far_worse() -> None:
    for draft in demo():
        means = draft.scores.mean(axis=0)
        assert draft.reference is not None
        assert abs(means.max() - draft.reference) < 0.06
        chance = draft.prompts["chance"].fill_null(0.0).mean()
        assert isinstance(chance, float)
        assert means.min() < chance + 0.1
        assert (means > 0.1).sum() >= 15


def test_costs_grow_with_size_and_stay_plausible() -> None:
    for draft in demo():
        assert draft.costs is not None
        assert draft.costs.dtype == np.float32
        assert draft.costs.shape == draft.scores.shape
        assert draft.costs.min() > 1e-6
        assert draft.costs.max() < 5e-2
        assert draft.model_info is not None
        assert np.corrcoef(draft.model_info["params"], draft.costs.mean(axis=0))[0, 1] > 0.7


def test_fine_tunes_of_one_model_fail_together() -> None:
    scores = drafted("mmlu").scores
    agreement = np.corrcoef(scores.T)
    first, second = np.arange(0, 60, 2), np.arange(1, 60, 2)
    twins = agreement[first, second].mean()
    strangers = agreement[np.triu_indices(60, k=2)].mean()
    assert twins > strangers + 0.15


def test_larger_models_are_better() -> None:
    info = drafted("mmlu").model_info
    assert info is not None
    log_size = np.log(info["params"].to_numpy())
    assert np.corrcoef(log_size, drafted("mmlu").scores.mean(axis=0))[0, 1] > 0.6


def test_difficulty_is_what_makes_models_fail() -> None:
    for draft in demo():
        difficulty = draft.prompts["difficulty"].to_numpy()
        assert np.corrcoef(difficulty, draft.scores.mean(axis=1))[0, 1] < -0.25


def test_texts_are_unique_and_short() -> None:
    texts = [text for draft in demo() for text in draft.prompts["text"]]
    assert len(set(texts)) == len(texts)
    assert all(15 <= len(text.split()) <= 80 for text in texts)
    assert not any("{" in text or "}" in text for text in texts)


def test_every_template_can_be_filled() -> None:
    slots = {"a": "x", "b": "y", "n": 3, "k": 4, "few": 2, "year": 1500, "who": "z"}
    stocks = [s.openings + s.clauses + s.questions for s in STOCKS.values()]
    for templates in (*stocks, *CLOSINGS.values()):
        assert len({template.format(**slots) for template in templates}) == len(templates)


def matches(template: str, text: str) -> bool:
    pattern = re.sub(r"\{\w+\}", "[^.?]+", template.replace(".", r"\.").replace("?", r"\?"))
    return re.match(pattern, text) is not None


@given(st.integers(0, 2**32), st.sampled_from(SUBJECTS), st.floats(-4, 4))
def test_a_pure_prompt_opens_with_its_own_subject(seed: int, subject: str, hardness: float) -> None:
    pure = np.eye(len(SUBJECTS))[[SUBJECTS.index(subject)]]
    [text] = write_prompts(np.random.default_rng(seed), pure, np.array([hardness]), ["End."])
    stock = STOCKS[subject]
    assert any(matches(template, text) for template in stock.openings)
    others = [s for name, s in STOCKS.items() if name != subject]
    assert not any(matches(template, text) for other in others for template in other.openings)
    assert text.endswith("? End.")


def test_harder_prompts_are_longer_and_use_more_learned_words() -> None:
    law = np.eye(len(SUBJECTS))[[SUBJECTS.index("law")] * 300]
    easy, hard = (
        write_prompts(np.random.default_rng(0), law, np.full(300, level), ["End."])
        for level in (-1.5, 1.5)
    )
    assert sum(map(len, hard)) > 1.3 * sum(map(len, easy))

    def learned(texts: list[str]) -> int:
        return sum(text.count(noun) for text in texts for noun in STOCKS["law"].learned)

    assert learned(hard) > 4 * learned(easy)


def test_success_by_hand() -> None:
    items = Items(
        subjects=np.array([[1.0, 0.0], [0.5, 0.5]]),
        difficulty=np.array([0.0, 1.0]),
        discrimination=np.array([2.0, 1.0]),
        chance=np.array([0.0, 0.2]),
    )
    p = success(items, np.array([[np.log(3.0), 2.0 - np.log(3.0)]]))
    np.testing.assert_allclose(p, [[9 / 10], [0.2 + 0.8 * 0.5]])


@given(st.integers(0, 100), st.floats(0.0, 0.5), st.floats(0.55, 0.97))
def test_calibrate_brings_the_best_model_to_the_target(
    seed: int, chance: float, best: float
) -> None:
    items = some_items(50, seed, chance)
    skills = np.random.default_rng(seed).normal(size=(4, 3))
    calibrated = calibrate(items, skills, best)
    assert success(calibrated, skills).mean(axis=0).max() == pytest.approx(best, abs=2e-3)
    shift = calibrated.difficulty - items.difficulty
    np.testing.assert_allclose(shift, shift[0])


def test_harder_items_are_answered_less_often() -> None:
    items, skills = some_items(20), np.zeros((2, 3))
    harder = replace(items, difficulty=items.difficulty + 1.0)
    assert (success(harder, skills) < success(items, skills)).all()


@pytest.mark.parametrize("graded", [False, True])
def test_drawn_scores_have_the_expected_means(graded: bool) -> None:
    p = np.tile([0.1, 0.5, 0.5, 0.9], (20_000, 1))
    scores = draw_scores(np.random.default_rng(0), p, np.array([0, 1, 1, 2]), graded=graded)
    np.testing.assert_allclose(scores.mean(axis=0), p[0], atol=0.015)
    related = np.asarray(np.corrcoef(scores.T))
    assert related[1, 2] > 0.25
    assert abs(related[0, 3]) < 0.05
    if graded:
        assert len(np.unique(scores)) > 1000


@given(st.integers(0, 1000), st.booleans())
def test_drawn_scores_lie_in_the_unit_interval(seed: int, graded: bool) -> None:
    rng = np.random.default_rng(seed)
    p = rng.choice([0.0, 1e-9, 0.3, 1.0 - 1e-9, 1.0], size=(7, 5))
    scores = draw_scores(rng, p, np.array([0, 0, 1, 2, 2]), graded=graded)
    assert scores.shape == (7, 5)
    assert scores.dtype == np.float32
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def vectors(texts: list[str], train: NDArray[np.intp]) -> NDArray[np.float64]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    words = TfidfVectorizer(sublinear_tf=True).fit([texts[row] for row in train])
    weights = words.transform(texts)
    svd = TruncatedSVD(64, random_state=0).fit(weights[train])
    return np.asarray(normalize(svd.transform(weights)))


def halves(n_prompts: int, seed: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    order = np.random.default_rng(seed).permutation(n_prompts)
    return order[: n_prompts * 7 // 10], order[n_prompts * 7 // 10 :]


def test_texts_give_their_subset_away() -> None:
    from sklearn.linear_model import RidgeClassifier

    prompts = drafted("math").prompts
    train, test = halves(prompts.height)
    features, subset = vectors(prompts["text"].to_list(), train), prompts["subset"].to_numpy()
    hits = RidgeClassifier().fit(features[train], subset[train]).predict(features[test])
    assert (hits == subset[test]).mean() > 2.5 / 7
    prompts = drafted("mmlu").prompts
    train, test = halves(prompts.height)
    features, subset = vectors(prompts["text"].to_list(), train), prompts["subset"].to_numpy()
    hits = RidgeClassifier().fit(features[train], subset[train]).predict(features[test])
    assert (hits == subset[test]).mean() > 5 / 12


def routed(draft: Draft) -> tuple[float, float, float]:
    """Held-out means of the best single model on train, a ridge router, and the oracle."""
    from sklearn.linear_model import Ridge

    train, test = halves(len(draft.scores))
    features = vectors(draft.prompts["text"].to_list(), train)
    pool = np.argsort(-draft.scores[train].mean(axis=0), kind="stable")[:5]
    known, truth = draft.scores[np.ix_(train, pool)], draft.scores[np.ix_(test, pool)]
    choice = Ridge(alpha=1.0).fit(features[train], known).predict(features[test]).argmax(axis=1)
    single = truth[:, known.mean(axis=0).argmax()].mean()
    return (
        float(single),
        float(truth[np.arange(len(test)), choice].mean()),
        float(truth.max(1).mean()),
    )


def test_a_learned_router_beats_the_best_single_model_but_not_the_oracle() -> None:
    single, ridge, oracle = np.array([routed(draft) for draft in demo()]).T
    assert (ridge - single).mean() > 0.01
    assert (ridge > single).sum() >= 7
    assert (oracle - ridge).mean() > 0.08
    assert (ridge < oracle).all()
