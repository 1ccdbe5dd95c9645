"""A router that is a service, against one that the test itself is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from routereval.errors import DataError, SpecError
from routereval.routers import CHECKS, make_router
from routereval.routers.checks import Check
from routereval.routers.http_service import Http
from routereval.studies.run import run
from tests.made import made
from tests.service import Answer, Service, running

KEY = "sk-very-secret"


def by_length(body: dict[str, Any]) -> Answer:
    """The longer the prompt, the later in the pool."""
    pool = body.get("models", ["ann"])
    return 200, {}, {"model": pool[len(body["messages"][0]["content"]) % len(pool)]}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setattr("routereval.features.http_json.time.sleep", lambda _: None)
    with running(by_length) as served:
        yield served


def fitted(service: Service, pool: tuple[str, ...], **params: Any) -> Http:  # noqa: ANN401
    router = Http(url=service.url, key_env="MY_KEY", **params)
    return router.fit(["a"], np.ones((1, len(pool))), models=pool)


def says(name: object) -> Callable[[dict[str, Any]], Answer]:
    return lambda _: (200, {}, {"model": name})


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_a_service_holds_to_the_checks(service: Service, check: Check) -> None:
    check(Http(url=service.url, send_pool=True))


def test_what_is_sent_and_what_is_read(service: Service) -> None:
    router = fitted(service, ("ann", "bob", "cat"), model="my-router", send_pool=True)
    scores = router.predict_scores(["x", "four", "x", "12"])
    assert scores.argmax(axis=1).tolist() == [1, 1, 1, 2]
    assert scores.sum() == 4
    assert np.array_equal(router.distribution(["x"], scores), scores)
    assert len(service.asked) == 3  # equal prompts are asked once
    path, headers, body = next(one for one in service.asked if "'x'" in str(one[2]["messages"]))
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "my-router",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 1,
        "stream": False,
        "models": ["ann", "bob", "cat"],
    }
    assert KEY not in repr(router)


def test_the_pool_is_not_sent_unless_it_is_asked_for(service: Service) -> None:
    fitted(service, ("ann",)).predict_scores(["x"])
    assert "models" not in service.asked[0][2]


def test_no_more_requests_at_a_time_than_allowed(service: Service) -> None:
    fitted(service, ("ann",), concurrency=2).predict_scores([f"{n}" for n in range(40)])
    assert len(service.asked) == 40
    assert service.most <= 2


@pytest.mark.parametrize(
    ("said", "column"),
    [("Org/GPT-4o", 0), ("gpt-4o", 0), ("mixtral", 1), ("a/same", 2), ("theirs", 3), ("b/Same", 3)],
)
def test_names(service: Service, said: str, column: int) -> None:
    pool = ("org/gpt-4o", "mistral/Mixtral", "a/same", "b/same")
    service.script.append(says(said))
    router = fitted(service, pool, names=["theirs=b/same", "other=elsewhere"])
    assert router.predict_scores(["x"]).argmax() == column


@pytest.mark.parametrize("said", ["same", "claude"])
def test_a_choice_that_is_not_in_the_pool_is_no_guess(service: Service, said: str) -> None:
    service.script.append(says(said))
    with pytest.raises(DataError, match=rf"chose '{said}', which is not in the pool of a/same, b/"):
        fitted(service, ("a/same", "b/same")).predict_scores(["x"])


def test_a_busy_service_is_asked_again(service: Service) -> None:
    busy: Answer = (429, {"Retry-After": "0"}, {"error": "slow down"})
    service.script += [lambda _: busy, lambda _: (503, {}, {}), says("bob")]
    assert fitted(service, ("ann", "bob")).predict_scores(["x"]).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((400, {}, {"error": f"no {KEY}"}), "answered 400: .*no …"),
        ((401, {}, {}), "answered 401; set the variable MY_KEY to its key"),
        (
            (302, {"Location": "http://127.0.0.1:1/"}, {}),
            "answered 302 and sends to http://127.0.0.1:1/; redirects are not followed",
        ),
        ((200, {}, {"model": "x" * 999}), r"chose 'x{80}…', which is .*names=\['x{80}…=…'\]$"),
        (
            (200, {}, {"model": "\x1b[31m\n"}),
            r"chose '\\x1b\[31m\\n'.*names=\['\\x1b\[31m\\n=…'\]$",
        ),
        ((200, {}, ["no", "object"]), "does not say which model it chose"),
        ((200, {}, {"model": None}), "does not say which model it chose"),
    ],
)
def test_what_goes_wrong_is_said_without_the_key(
    service: Service, answer: Answer, complaint: str
) -> None:
    service.script.append(lambda _: answer)
    with pytest.raises(DataError, match=complaint) as error:
        fitted(service, ("ann",)).predict_scores(["x"])
    assert KEY not in str(error.value)


def test_the_first_failure_ends_it(service: Service) -> None:
    service.script += [lambda _: (400, {}, {})] * 500
    with pytest.raises(DataError, match="answered 400"):
        fitted(service, ("ann",), concurrency=1).predict_scores([f"{n}" for n in range(400)])
    assert len(service.asked) < 400


def test_nobody_there() -> None:
    router = Http(url="http://127.0.0.1:9/v1", retries=0).fit(["a"], np.ones((1, 1)), models=["a"])
    with pytest.raises(DataError, match=r"http: http://127.0.0.1:9/v1 does not answer"):
        router.predict_scores(["x"])


def test_names_are_needed() -> None:
    router = Http(url="http://localhost/v1")
    with pytest.raises(DataError, match="0 names for a pool of 2; give the models' names: http"):
        router.fit(["a"], np.ones((1, 2)))
    given = Http(url="http://localhost/v1", models=("a", "b")).fit(["a"], np.ones((1, 2)))
    assert given.models_ == ("a", "b")
    with pytest.raises(NotFittedError):
        router.predict_scores(["x"])


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("http(url='ftp://x')", "http: url must be as 'https://host/v1'"),
        ("http(url='http://key@host/v1')", "url must hold no key or password"),
        ("http(url='http://h/v1', concurrency=0)", "concurrency must be a positive whole number"),
        ("http(url='http://h/v1', names=['a'])", "names must be pairs 'theirs=ours', not 'a'"),
        ("http(url='http://h/v1', names=a)", "names must be a list"),
        ("http(url='http://h/v1', model=3)", "model must be a text, not 3"),
    ],
)
def test_parameters_out_of_range(spec: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        make_router(spec).fit(["a"], np.ones((1, 1)))


@pytest.mark.slow
def test_a_service_in_a_run(service: Service) -> None:
    spec = f"http(url='{service.url}', send_pool=True)"
    results = run([made(texts=True)], [spec, "random"], [3], ["all-strong"], n_jobs=1)
    cell = results.of(spec)[0]
    assert service.asked[0][2]["models"] == list(cell.pool)
    assert cell.n_test == len({str(body["messages"]) for _, _, body in service.asked})
    notes = run([made(texts=True)], [spec.replace("True", "False"), "random"], [3]).notes
    assert any("chose 'ann', which is not in the pool" in note for note in notes)
