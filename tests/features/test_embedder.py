from __future__ import annotations

import pytest

from routereval.errors import SpecError
from routereval.features import EMBEDDERS, Tfidf, make_embedder
from routereval.spec import Spec


def test_an_embedder_by_name() -> None:
    made = make_embedder("tfidf(dims=3, max_words=10)")
    assert isinstance(made, Tfidf)
    assert (made.dims, made.max_words, made.random_state) == (3, 10, 0)
    assert isinstance(make_embedder(Spec("tfidf")), Tfidf)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("tfdif", r"^unknown embedder 'tfdif'; did you mean 'tfidf'\? known: tfidf"),
        ("tfidf(dim=3)", r"unknown parameter of tfidf 'dim'; did you mean 'dims'\?"),
        ("tfidf(", "cannot read"),
    ],
)
def test_an_embedder_that_is_not_known_is_told(spec: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_embedder(spec)


@pytest.mark.parametrize("name", sorted(EMBEDDERS))
def test_every_embedder_keeps_the_contract(name: str) -> None:
    texts = [f"prove the lemma {n}" for n in range(12)]
    embedder = make_embedder(name)
    assert embedder.fit(texts) is embedder
    X = embedder.transform(texts[:5])
    assert X.shape[0] == 5
    assert X.dtype == "float32"
    assert (EMBEDDERS[name].__doc__ or "").splitlines()[0].endswith(".")
