from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.features import (
    EMBEDDERS,
    Pretrained,
    Tfidf,
    embedder,
    embedder_name,
    make_embedder,
    register_embedder,
)
from routereval.features.hashing import Hashing
from routereval.routers.persistence import dump, restore
from routereval.spec import Spec


def test_an_embedder_by_name() -> None:
    made = make_embedder("tfidf(dims=3, max_words=10)")
    assert isinstance(made, Tfidf)
    assert (made.dims, made.max_words, made.random_state) == (3, 10, 0)
    assert isinstance(make_embedder(Spec("tfidf")), Tfidf)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("tfdif", r"^unknown embedder 'tfdif'; did you mean 'tfidf'\? known: concat, "),
        ("tfidf(dim=3)", r"unknown parameter of tfidf 'dim'; did you mean 'dims'\?"),
        ("tfidf(", "cannot read"),
    ],
)
def test_an_embedder_that_is_not_known_is_told(spec: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_embedder(spec)


TEXTS = [f"prove the lemma {n}" for n in range(12)]
OWN = sorted(name for name, kind in EMBEDDERS.items() if not issubclass(kind, Pretrained))


@pytest.mark.parametrize("name", EMBEDDERS)
def test_every_embedder_says_what_it_is(name: str) -> None:
    assert (EMBEDDERS[name].__doc__ or "").splitlines()[0].endswith(".")
    assert vars(make_embedder(name)) == make_embedder(name).get_params(deep=False)
    assert embedder_name(make_embedder(name)) == name


@pytest.mark.parametrize("name", OWN)
def test_every_embedder_keeps_the_contract(name: str) -> None:
    made = make_embedder(name)
    assert made.fit(TEXTS) is made
    X = made.transform(TEXTS[:5])
    assert X.shape[0] == 5
    assert X.dtype == np.float32
    assert np.isfinite(X).all()
    alone = np.concatenate([made.transform([text]) for text in TEXTS[:5]])
    assert alone.tobytes() == X.tobytes()  # a gateway sees what the benchmark saw


@pytest.mark.parametrize("name", OWN)
def test_what_it_learned_is_saved_without_pickling(name: str) -> None:
    made = make_embedder(name).fit(TEXTS)
    again = restore(dump(made))
    assert again.transform(TEXTS).tobytes() == made.transform(TEXTS).tobytes()


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("texts", [[""], ["same"] * 5, ["\ud800", "\x00", "🙂"]])
def test_any_texts_become_finite_vectors(name: str, texts: list[str]) -> None:
    X = make_embedder(name).fit(texts).transform([*texts, "and another"])
    assert np.isfinite(X).all()
    assert len(X) == len(texts) + 1


class Lengths:
    """What people bring: an object with encode."""

    def __init__(self, unit: float = 1.0) -> None:
        self.unit = unit

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[len(text) * self.unit, text.count(" ")] for text in texts]


def test_an_object_with_encode_is_an_embedder() -> None:
    made = make_embedder(Lengths())
    assert made.fit(TEXTS) is made
    assert made.transform(["ab c"]).tolist() == [[4, 1]]


def test_an_object_is_known_by_its_class_and_what_it_does() -> None:
    name = embedder_name(Lengths())
    assert re.fullmatch(r"encoder\(of=Lengths, probe=x[0-9a-f]{12}\)", name)
    assert embedder_name(Lengths()) == name == embedder_name(name)
    assert embedder_name(Lengths(2.0)) != name
    assert embedder_name(Lengths(1 + 1e-7)) == name


@pytest.mark.parametrize("thing", [3, None, Lengths, ["tfidf"]])
def test_what_cannot_encode_is_told(thing: object) -> None:
    with pytest.raises(SpecError, match="is no embedder; give a name such as tfidf, or an object"):
        make_embedder(thing)


def test_an_encoder_cannot_be_made_from_its_name() -> None:
    with pytest.raises(SpecError, match="hand the object over in Python"):
        make_embedder("encoder(of=Lengths)").fit(TEXTS).transform(TEXTS)


class Says:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    def encode(self, _: list[str]) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ([1.0, 2.0], r"Says gave vectors of shape \(2,\) for 2 texts; one vector per text"),
        ([[1.0]], r"Says gave vectors of shape \(1, 1\) for 2 texts"),
        ([[], []], r"Says gave vectors of shape \(2, 0\) for 2 texts"),
        ([["a"], ["b"]], "Says gave no matrix of numbers for 2 texts"),
        ([[1.0], [float("nan")]], "Says gave numbers that are not finite"),
        ([[1j], [2.0]], "Says gave complex numbers; a vector is of real ones"),
        (None, "Says gave vectors of shape"),
    ],
)
def test_what_an_object_gives_is_checked(answer: object, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        make_embedder(Says(answer)).transform(["one", "two"])


def test_an_embedder_itself_is_taken_too_and_left_alone() -> None:
    mine = Tfidf(dims=3).fit(TEXTS)
    made = make_embedder(mine)
    assert made is not mine
    assert made.get_params() == mine.get_params()
    assert not hasattr(made, "words_")
    assert embedder_name(mine) == "tfidf(dims=3)"


class Mine(Hashing):
    """An embedder of another package."""


def test_embedders_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("theirs", f"{__name__}:Mine", EMBEDDERS.group),
        EntryPoint("wrong", f"{__name__}:Lengths", EMBEDDERS.group),
    ]

    def found(**group: str) -> list[EntryPoint]:
        assert group == {"group": EMBEDDERS.group}
        return points

    monkeypatch.setattr("routereval.registry.entry_points", found)
    assert isinstance(make_embedder("theirs(dims=8)"), Mine)
    with pytest.raises(SpecError, match=r"embedder 'wrong': .* is no subclass of TextEmbedder"):
        make_embedder("wrong")
    with pytest.raises(SpecError, match="did you mean 'theirs'"):
        make_embedder("their")


def test_an_embedder_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "EMBEDDERS", EMBEDDERS.copy())
    register_embedder("mine", Mine)
    assert isinstance(make_embedder("concat(parts=[mine(dims=4), stats])").nested()[0], Mine)
    assert embedder_name(Mine(dims=4)) == "mine(dims=4)"
    for name in ("mine", "tfidf", "auto", "stored", "columns", "encoder"):
        with pytest.raises(SpecError, match=f"embedder '{name}' is registered already"):
            register_embedder(name, Mine)
    with pytest.raises(SpecError, match="is no subclass of TextEmbedder"):
        register_embedder("lengths", Lengths)  # type: ignore[arg-type]
