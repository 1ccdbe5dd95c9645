from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from routereval.errors import SpecError
from routereval.estimator import Estimator
from routereval.features import EMBEDDERS, make_embedder
from routereval.parameters import (
    Choice,
    Flag,
    ListOf,
    Number,
    Rule,
    Text,
    Tuned,
    check_parameters,
)
from routereval.routers import ROUTERS, make_router

WHOLE = Number(1, whole=True)


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        (WHOLE, (1, np.int64(7)), (0, 1.0, True, "1", None, math.nan)),
        (Number(0, above=True), (0.1, np.float32(2), 5), (0, math.inf, math.nan, False, "1")),
        (Number(0, 1), (0, 0.5, 1), (-0.1, 1.1, "half")),
        (Choice("a", "b"), ("a",), ("c", 3, ["a"], None)),
        (Tuned(WHOLE), ("tuned", 3), ("best", 0, None)),
        (Tuned(Number(whole=True), "middle"), ("middle", -1), ("tuned", 0.5)),
        (ListOf(WHOLE), ((), [1, 2], (3,)), ("12", (0,), 3, None)),
        (ListOf(WHOLE, least=1), ([1],), ((), [])),
        (Text(), ("x",), ("", " ", 3, None)),
        (Flag(), (True, False), (0, 1, "yes", None)),
    ],
    ids=str,
)
def test_what_a_rule_allows(
    rule: Rule, allowed: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    assert [value for value in allowed if not rule.allows(value)] == []
    assert [value for value in refused if rule.allows(value)] == []


def test_an_error_names_owner_parameter_value_and_what_is_allowed() -> None:
    with pytest.raises(SpecError, match=r"^knn: k must be a positive whole number, not 2\.5$"):
        check_parameters("knn", {"k": 2.5}, {"k": WHOLE})
    with pytest.raises(SpecError, match=r"unknown how of ensemble 'meen'; did you mean 'mean'\?"):
        check_parameters("ensemble", {"how": "meen"}, {"how": Choice("mean", "ranks")})


# What objects or an address are checked by the family itself.
UNRULED = {
    "auto": {"known"},
    "ensemble": {"routers"},
    "guard": {"fallback", "router"},
    "random_features": {"router"},
    "shuffled": {"router"},
    "http": {"url", "key_env", "timeout", "retries"},
    "openai": {"url", "key_env", "timeout", "retries"},
    "concat": {"parts"},
}


@pytest.mark.parametrize("name", [*ROUTERS, *EMBEDDERS])
def test_every_parameter_has_a_rule_and_errors_call_each_by_its_name(name: str) -> None:
    kind = ROUTERS[name] if name in ROUTERS else EMBEDDERS[name]
    taken = set(inspect.signature(kind).parameters)
    assert set(kind.allowed) == taken - UNRULED.get(name, set())
    given = {"url": "http://host/v1"} if name == "http" else {}
    if name in {"shuffled", "random_features"}:
        given = {"router": "knn"}
    if kind.allowed:
        assert kind(**given)._label() == name
    for parameter, rule in kind.allowed.items():
        default = inspect.signature(kind).parameters[parameter].default
        assert rule.allows(default), parameter


def test_estimators_hold_to_the_contract_of_scikit_learn() -> None:
    router = make_router("knn(k=3)")
    assert clone(router).get_params() == router.get_params()
    assert repr(router.set_params(k=7)) == "Knn(k=7)"
    assert "Knn" in router._repr_html_()
    with pytest.raises(SpecError, match="unknown parameter of Knn 'kk'; did you mean 'k'"):
        router.set_params(kk=3)


def test_parameters_of_an_estimator_within_are_reached_by_two_underscores() -> None:
    class Outer(Estimator):
        def __init__(self, *, inner: object) -> None:
            self.inner = inner

    outer = Outer(inner=LinearRegression())
    assert outer.get_params()["inner__fit_intercept"] is True
    assert repr(outer.set_params(inner__fit_intercept=False)) == (
        "Outer(inner=LinearRegression(fit_intercept=False))"
    )


def test_an_embedder_stands_in_a_pipeline_of_scikit_learn() -> None:
    texts = ["prove it", "cite them"] * 3
    pipeline = make_pipeline(make_embedder("tfidf(dims=2)"), LinearRegression())
    assert pipeline.fit(texts, [1, 0] * 3).predict(texts[:2]).round(6).tolist() == [1, 0]
