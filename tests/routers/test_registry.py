from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import SpecError
from routereval.routers import ROUTERS, described, make_router, register, registry
from routereval.routers.controls import Random
from routereval.routers.neighbours import Knn
from routereval.spec import Spec


def test_by_name_with_parameters() -> None:
    assert make_router("knn(k=20)").get_params()["k"] == 20
    assert make_router("knn(k=20)", k=7).get_params()["k"] == 7
    assert make_router(Spec("mlp", (("hidden", (8, 4)),))).get_params()["hidden"] == (8, 4)
    assert make_router("mlp(hidden=[8, 4])").get_params()["hidden"] == (8, 4)


def test_the_published_parameters_lie_under_those_given() -> None:
    assert repr(make_router("knn", protocol="faithful")) == "Knn(k=5, ties='float32')"
    assert repr(make_router("knn(k=9)", protocol="faithful")) == "Knn(k=9, ties='float32')"
    assert make_router("knn", protocol="faithful(ties=numpy)").get_params()["ties"] == "numpy"
    assert repr(make_router("cluster", protocol="faithful(ties=numpy)")) == "Cluster()"
    assert make_router("linear", protocol="faithful").get_params()["method"] == "adam"
    assert make_router("mlp(lr=1)", protocol="faithful").get_params() == {
        "hidden": (256, 256),
        "lr": 1,
        "epochs": 100,
        "batch": 1,
        "early_stopping": False,
        "standardize": False,
        "random_state": 0,
    }


@pytest.mark.parametrize("name", ROUTERS)
def test_published_parameters_are_parameters(name: str) -> None:
    values = {"url": "http://localhost/v1", "router": "knn"}
    given = {needed: values[needed] for needed in ROUTERS.needs(name)}
    router = make_router(name, protocol="faithful", **given)
    assert ROUTERS[name].faithful.items() <= router.get_params().items()
    assert type(make_router(name, **given)) is ROUTERS[name]


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("kn", "unknown router 'kn'; did you mean 'knn'"),
        ("knn(kk=3)", "unknown parameter of knn 'kk'; did you mean 'k'"),
        ("knn@5", "unknown parameter of knn 'at'"),
        ("random(p=1)", "'random' takes no parameters, but 'p' was given"),
        ("knn(", "cannot read"),
    ],
)
def test_what_cannot_be_made(spec: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint.replace("(", r"\(")):
        make_router(spec)


def test_unknown_protocol() -> None:
    with pytest.raises(SpecError, match="unknown protocol 'faithfull'; did you mean 'faithful'"):
        make_router("knn", protocol="faithfull")


def test_register_refuses_a_name_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ROUTERS", ROUTERS.copy())
    with pytest.raises(SpecError, match="'knn' is registered already"):
        register("knn", Random)
    register("mine", Random)
    assert isinstance(make_router("mine"), Random)


def test_routers_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("theirs", "routereval.routers.neighbours:Knn", ROUTERS.group),
        EntryPoint("duck", "tests.routers.test_adapters:Mean", ROUTERS.group),
        EntryPoint("ridge", "sklearn.linear_model:Ridge", ROUTERS.group),
        EntryPoint("wrong", "routereval.routers.neighbours:search", ROUTERS.group),
    ]

    def found(**group: str) -> list[EntryPoint]:
        assert group == {"group": ROUTERS.group}
        return points

    monkeypatch.setattr("routereval.registry.entry_points", found)
    assert isinstance(make_router("theirs(k=2)"), Knn)
    assert repr(make_router("duck(shrink=0.5)")) == "ObjectAdapter(Mean(shrink=0.5))"
    assert repr(make_router("ridge(alpha=3)")) == "EstimatorAdapter(estimator=Ridge(alpha=3))"
    with pytest.raises(SpecError, match="no class with fit and predict_scores"):
        make_router("wrong")
    with pytest.raises(SpecError, match="did you mean 'theirs'"):
        make_router("their")


def test_entry_points_are_not_read_for_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("routereval.registry.entry_points")
    assert isinstance(make_router("random"), Random)


def test_described() -> None:
    lines = {line.name: line for line in described()}
    assert list(lines) == list(ROUTERS)
    assert lines["noisy_oracle"].parameters == {"p": 0.5}
    assert lines["http"].parameters["url"] == "…"
    assert all(line.summary.endswith((".", ":")) for line in lines.values())


@given(st.integers(1, 500))
def test_a_spec_names_the_router_it_made(k: int) -> None:
    assert repr(make_router(f"knn(k={k})")) == f"Knn(k={k})"
