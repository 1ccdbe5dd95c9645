"""Routers that torch trains: RouterDC and GraphRouter."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from routereval.errors import MissingDependencyError, SpecError
from routereval.routers import CHECKS, make_router
from routereval.routers.checks import Check
from routereval.routers.contrastive import pairs, partners
from routereval.routers.persistence import dump, restore
from tests.optional import skip_without

SMALL = ("routerdc(epochs=3)", "graphrouter(epochs=10)", "routerdc(epochs=2, weight=0, groups=1)")
FULL = ("routerdc", "graphrouter")


def two_kinds(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Prompts of two kinds; models 0 and 1 are right on one kind, 2 and 3 on the other."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(2, size=n)
    X = rng.normal(size=(n, 5)) + 4 * np.eye(5)[kind]
    right = np.array([[0.9, 0.8, 0.1, 0.2], [0.1, 0.2, 0.8, 0.9]])[kind]
    return X, (rng.random((n, 4)) < right).astype(float)


skip_without("torch")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("spec", SMALL)
def test_routers_of_torch_hold_to_the_checks(spec: str, check: Check) -> None:
    check(make_router(spec))


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("spec", FULL)
def test_as_they_are_they_hold_to_the_checks(spec: str, check: Check) -> None:
    check(make_router(spec))


@pytest.mark.parametrize("spec", FULL)
def test_what_can_be_learned_is_learned(spec: str) -> None:
    X, scores = two_kinds(300)
    router = make_router(spec).fit(X, scores)
    X_test, _ = two_kinds(200, seed=1)
    kind = X_test[:, 0] < X_test[:, 1]
    choice = router.predict_scores(X_test).argmax(axis=1)
    assert ((choice >= 2) == kind).mean() > 0.9


@pytest.mark.slow
def test_predicting_needs_no_torch() -> None:
    X, scores = two_kinds(60)
    for spec in SMALL:
        router = make_router(spec).fit(X, scores)
        code = (
            "import sys\n"
            "from routereval.routers.persistence import restore\n"
            "import numpy as np\n"
            "router = restore(sys.stdin.buffer.read())\n"
            "sys.stdout.buffer.write(router.predict_scores(np.eye(5)).tobytes())\n"
            "sys.exit('torch' in sys.modules)"
        )
        done = subprocess.run(  # noqa: S603 - our own line
            [sys.executable, "-c", code], input=dump(router), capture_output=True, check=True
        )
        expected = router.predict_scores(np.eye(5))
        np.testing.assert_allclose(np.frombuffer(done.stdout).reshape(expected.shape), expected)


@pytest.mark.parametrize("spec", SMALL)
def test_the_draws_of_torch_go_on_where_they_were(spec: str) -> None:
    X, scores = two_kinds(40)
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3).tolist()
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    make_router(spec).fit(X, scores)
    assert torch.rand(3).tolist() == expected
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("spec", FULL)
def test_without_torch_the_extra_is_named(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'routereval\[torch\]'"):
        make_router(spec).fit(*two_kinds(20))


def test_the_registry_imports_no_torch() -> None:
    code = "import routereval.routers.registry, sys; sys.exit('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - our own line
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("routerdc(dims=0)", "routerdc: dims must be a positive whole number, not 0"),
        ("routerdc(positives=1.5)", "routerdc: positives must be a positive whole number"),
        ("routerdc(temperature=0)", "routerdc: temperature must be a positive number, not 0"),
        ("routerdc(weight=-1)", "routerdc: weight must be a number that is not negative, not -1"),
        ("routerdc(random_state=-1)", "routerdc: random_state must be a whole number that is not"),
        ("graphrouter(tasks=0)", "graphrouter: tasks must be a positive whole number, not 0"),
        ("graphrouter(lr=fast)", "graphrouter: lr must be a positive number, not 'fast'"),
    ],
)
def test_parameters_that_mean_nothing_are_told(spec: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_router(spec).fit(*two_kinds(20))


# RouterDC


def test_who_attracts_and_who_repels() -> None:
    good, bad = pairs(np.array([[0.9, 0.1, 0.5, 1.0], [np.nan, 0.0, 1.0, np.nan]]), 2, 1)
    assert good.tolist() == [[True, False, False, True], [False, False, True, False]]
    assert bad.tolist() == [[False, True, False, False], [False, True, False, False]]


def test_a_partner_is_another_prompt_of_the_same_group() -> None:
    groups = np.random.default_rng(0).integers(4, size=50)
    found = partners(np.random.default_rng(1), groups)
    assert (groups[found] == groups).all()
    assert (found != np.arange(50)).all()


def test_a_model_that_was_never_seen_is_never_chosen() -> None:
    X, scores = two_kinds(80)
    scores[:, 0] = np.nan
    answer = make_router("routerdc(epochs=3)").fit(X, scores).predict_scores(X)
    assert (answer[:, 0] == 0).all()
    assert (answer[:, 1:] > 0).all()


# GraphRouter


def test_a_new_model_is_known_by_a_few_scores_alone() -> None:
    X, scores = two_kinds(400)
    router = make_router("graphrouter").fit(X, scores[:, 1:])
    router.extend(X[:60], scores[:60, :1])
    X_test, _ = two_kinds(200, seed=1)
    kind = X_test[:, 0] < X_test[:, 1]
    new = router.predict_scores(X_test)[:, -1]
    assert new[~kind].mean() > 0.6
    assert new[kind].mean() < 0.4


def test_scores_are_probabilities_that_fit() -> None:
    X, scores = two_kinds(400)
    router = make_router("graphrouter").fit(X, scores)
    assert router.predict_scores(X).mean(axis=0) == pytest.approx(scores.mean(axis=0), abs=0.08)


def test_saved_it_still_takes_new_models() -> None:
    X, scores = two_kinds(60)
    router = make_router("graphrouter(epochs=10)").fit(X, scores[:, :3])
    again = restore(dump(router)).extend(X[:9], scores[:9, 3:])
    expected = router.extend(X[:9], scores[:9, 3:]).predict_scores(X)
    np.testing.assert_array_equal(again.predict_scores(X), expected)
