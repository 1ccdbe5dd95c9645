"""Hashing, statistics and concatenation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import SpecError
from routereval.features import EMBEDDERS, embedder_name, make_embedder
from routereval.features.concat import Concat
from routereval.features.stats import Stats
from routereval.features.tokens import words_and_pairs

PROMPTS = {
    "sum": "Calculate 12 + 30 = ?",
    "code": "def f(x):\n    return x + 1;\n```",
    "options": "Which is best?\nA) one\nB) two\n(C) three\n",
    "german": "Das ist nicht die Antwort, mit der ich zu der Frage kam.",
    "chinese": "法国的首都是哪里",
    "story": "Write a story about a dog. Explain why.",
}


def column(name: str, *, of: dict[str, str] = PROMPTS) -> dict[str, float]:
    stats = Stats().fit(list(of.values()))
    X = stats.transform(list(of.values()))
    return dict(zip(of, X[:, stats.names.index(name)].tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("digits", "sum"),
        ("code", "code"),
        ("options", "options"),
        ("german", "german"),
        ("han", "chinese"),
        ("asks write", "story"),
        ("asks calculate", "sum"),
        ("asks which", "options"),
        ("sentences", "story"),
        ("lines", "options"),
        ("words", "german"),
        ("formulas", "sum"),
    ],
)
def test_a_statistic_is_highest_where_it_should_be(name: str, most: str) -> None:
    found = column(name)
    assert max(found, key=lambda key: found[key]) == most


def test_statistics_are_standardised_and_named_once() -> None:
    X = Stats().fit(list(PROMPTS.values())).transform(list(PROMPTS.values()))
    assert X.shape == (6, len(Stats.names))
    assert len(set(Stats.names)) == len(Stats.names)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-6)
    assert set(np.round(X.std(axis=0), 5).tolist()) <= {0.0, 1.0}
    longest = Stats().fit(list(PROMPTS.values())).transform(["A) 1\n" * 50_000])
    assert np.abs(longest).max() <= 10


@given(st.text(st.characters(max_codepoint=127, exclude_characters="Qq"), max_size=40))
def test_statistics_of_ascii_are_those_of_the_same_text_with_another_letter(text: str) -> None:
    stats = Stats().fit(list(PROMPTS.values()))
    plain, accented = stats.transform([f"{text} q", f"{text} é"])
    places = [place for place, name in enumerate(stats.names) if name != "accents"]
    np.testing.assert_array_equal(plain[places], accented[places])


def test_hashing_depends_on_the_words_alone() -> None:
    X = make_embedder("hashing(dims=64)").transform(["prove it", "PROVE  it", "it prove", ""])
    assert X.shape == (4, 64)
    assert X[0].tobytes() == X[1].tobytes() != X[2].tobytes()
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), [1, 1, 1, 0], atol=1e-6)


def test_each_block_of_a_concatenation_weighs_the_same() -> None:
    texts = list(PROMPTS.values())
    both = Concat(parts=("hashing(dims=32)", "stats")).fit(texts)
    X = both.transform(texts)
    for block in (X[:, :32], X[:, 32:]):
        assert np.square(block).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)


def test_a_concatenation_is_a_value() -> None:
    spec = "concat(parts=[tfidf(dims=3), hashing])"
    made = make_embedder(spec)
    assert made.get_params(deep=False) == {"parts": ("tfidf(dims=3)", "hashing")}
    assert embedder_name(spec) == spec == embedder_name(made)
    nested = make_embedder(f"concat(parts=[{spec}, stats])").fit(list(PROMPTS.values()))
    assert nested.transform(["one"]).shape[1] > 512


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("hashing(dims=0)", "hashing: dims must be a positive whole number, not 0"),
        ("hashing(dims=True)", "hashing: dims must be a positive whole number"),
        ("concat(parts=[])", r"concat: parts must list embedders, as in concat\(parts=\[tfidf"),
        ("concat(parts=tfidf)", "concat: parts must list embedders"),
        ("concat(parts=[tfdif])", "unknown embedder 'tfdif'; did you mean 'tfidf'"),
        ("concat(parts=[tfidf(dim=2)])", "unknown parameter of tfidf 'dim'"),
    ],
)
def test_parameters_that_mean_nothing_are_told(spec: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_embedder(spec).fit(["one", "two"])


def test_words_never_hold_white_space_so_that_lines_can_hold_them() -> None:
    text = "".join(map(chr, range(0x3100)))
    for word in words_and_pairs(text):
        assert all(len(part.split()) <= 1 for part in word.split(" "))
        assert "\n" not in word


def test_there_are_embedders() -> None:
    assert {"tfidf", "hashing", "stats", "concat"} <= set(EMBEDDERS)
