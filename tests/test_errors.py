from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import routereval as rv
from routereval.errors import (
    DataError,
    MissingDependencyError,
    RouterEvalError,
    SpecError,
    unknown,
)


@pytest.mark.parametrize("kind", [DataError, SpecError, MissingDependencyError])
def test_one_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, RouterEvalError)
    assert not issubclass(kind, (ValueError, OSError))
    # Errors cross processes when a run is parallel.
    again = pickle.loads(pickle.dumps(kind("a sentence")))  # noqa: S301 - our own bytes
    assert type(again) is kind
    assert str(again) == "a sentence"


def test_the_public_ones() -> None:
    assert (rv.DataError, rv.SpecError, rv.RouterEvalError) == (
        DataError,
        SpecError,
        RouterEvalError,
    )


def test_an_unknown_name_is_told_with_the_nearest_and_all_in_order() -> None:
    error = unknown("router", "lineer", ["mlp", "knn", "linear"])
    assert isinstance(error, SpecError)
    assert str(error) == ("unknown router 'lineer'; did you mean 'linear'? known: knn, linear, mlp")


def test_nothing_near_is_not_guessed() -> None:
    assert str(unknown("router", "xyz", ["knn"])) == "unknown router 'xyz'; known: knn"


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_name_gives_a_sentence(name: str, known: list[str]) -> None:
    sentence = str(unknown("thing", name, known))
    assert repr(name) in sentence
    assert all(other in sentence for other in known)


def test_a_missing_package_says_what_installs_it() -> None:
    assert str(MissingDependencyError.of("torch", "torch")) == (
        "torch is not installed; install it with: pip install 'routereval[torch]'"
    )
