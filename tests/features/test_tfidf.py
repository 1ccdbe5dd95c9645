from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from routereval.errors import SpecError
from routereval.features import Tfidf

LAW = [f"cite the statute of fraud in case {n}" for n in range(30)]
ALGEBRA = [f"prove the lemma about ring {n}" for n in range(30)]


def test_texts_of_a_kind_lie_together() -> None:
    X = Tfidf(dims=4).fit(LAW + ALGEBRA).transform([*LAW[:10], *ALGEBRA[:10]])
    alike = X @ X.T
    assert alike[:10, :10].min() > 0.5 > alike[:10, 10:].max()


@settings(max_examples=30)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=12), st.integers(1, 20))
def test_any_texts_become_finite_vectors_of_length_one_or_zero(texts: list[str], dims: int) -> None:
    embedder = Tfidf(dims=dims).fit(texts)
    X = embedder.transform([*texts, "", "an unseen wording", "\x00"])
    assert X.dtype == np.float32
    assert X.shape[0] == len(texts) + 3
    assert 1 <= X.shape[1] <= dims
    length = np.linalg.norm(X, axis=1)
    assert (np.isclose(length, 1, atol=1e-5) | (length < 1e-5)).all()


@pytest.mark.parametrize(
    "texts",
    [
        [f"word{n}" for n in range(150)],  # no word occurs twice
        [""] * 150,
        ["  "] * 3,
        ["same"] * 150,
        [""],
    ],
    ids=["unique", "empty", "blank", "same", "one"],
)
def test_texts_that_share_nothing_are_vectors_too(texts: list[str]) -> None:
    X = Tfidf().fit(texts).transform([*texts, "word3 and more"])
    assert len(X) == len(texts) + 1
    assert np.isfinite(X).all()


def test_a_text_of_unknown_words_is_zero() -> None:
    X = Tfidf(dims=3).fit(LAW).transform(["zymurgy quux"])
    assert not X.any()


def test_pairs_of_words_count_too() -> None:
    known = Tfidf().fit(["man bites dog", "dog bites man"]).words_.split("\n")
    assert {"man", "man bites", "bites dog", "dog bites"} <= set(known)


def test_symbols_are_words() -> None:
    sums, sets = [f"{n} + {n} = ?" for n in range(20)], [f"{n} ∈ {n} ∪ A" for n in range(20)]
    X = Tfidf(dims=3).fit(sums + sets).transform(["7 + 8 =", "1 ∈ 2 ∪"])
    Y = Tfidf(dims=3).fit(sums + sets).transform([sums[3], sets[3]])
    assert X[0] @ Y[0] > X[0] @ Y[1]


def test_the_same_texts_and_seed_give_the_same_bytes() -> None:
    one, other = (Tfidf(dims=8, random_state=3).fit(LAW).transform(ALGEBRA + LAW) for _ in "ab")
    assert one.tobytes() == other.tobytes()


def test_dims_and_max_words_bound_the_vectors() -> None:
    assert Tfidf(dims=5).fit(LAW).transform(LAW).shape == (30, 5)
    assert Tfidf(max_words=3).fit(LAW).transform(LAW).shape[1] <= 3
    assert len(Tfidf(max_words=3).fit(LAW).words_.split("\n")) == 3


def test_a_vector_does_not_depend_on_what_is_transformed_with_it() -> None:
    embedder = Tfidf(dims=4).fit(LAW + ALGEBRA)
    together = embedder.transform(LAW[:5])
    alone = np.vstack([embedder.transform([text]) for text in LAW[:5]])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_it_is_a_scikit_learn_estimator() -> None:
    embedder = Tfidf(dims=7, max_words=9, random_state=1)
    assert clone(embedder).get_params() == {"dims": 7, "max_words": 9, "random_state": 1}
    assert not [name for name in vars(embedder) if name.endswith("_")]
    assert embedder.fit(LAW) is embedder
    assert embedder.set_params(dims=2).fit_transform([*LAW, *ALGEBRA]).shape == (60, 2)


def test_the_short_way_computes_what_the_pipeline_of_scikit_learn_does() -> None:
    texts = [f"{text}, if any; {n} + {n}?" for n, text in enumerate(LAW + ALGEBRA)]
    words = TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        token_pattern=r"(?u)\b\w+\b|[^\w\s]",  # noqa: S106 - no password
    ).fit([*texts, "?"])
    weighed = words.transform(texts).astype(np.float32)
    svd = TruncatedSVD(8, n_iter=3, random_state=0).fit(weighed)
    new = [*texts[::7], "Prove prove PROVE the statute", "nothing known? 3"]
    expected = normalize(svd.transform(words.transform(new)))
    X = Tfidf(dims=8).fit(texts).transform(new)
    np.testing.assert_allclose(X, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("dims", 0), ("dims", "many"), ("dims", 2.5), ("max_words", 0), ("random_state", "x")],
)
def test_a_parameter_that_means_nothing_is_told(name: str, value: object) -> None:
    with pytest.raises(SpecError, match=f"tfidf: {name} must be a (positive )?whole number"):
        Tfidf(**{name: value}).fit(LAW)  # type: ignore[arg-type]
