"""Embeddings over the wire, against a service that the test itself is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.features import embedder_name, http_json, make_embedder
from routereval.features.openai import OpenAi
from routereval.routers.persistence import dump
from tests.service import Answer, Service, running

KEY = "sk-very-secret"


def good(body: dict[str, Any]) -> Answer:
    """Vectors that tell the text, in reverse order: only the index says which is which."""
    data = [
        {"index": n, "embedding": [float(len(text)), float(text.count("e"))]}
        for n, text in enumerate(body["input"])
    ]
    return 200, {}, json.dumps({"data": data[::-1]}).encode()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("MY_KEY", KEY)
    with running(good) as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("routereval.features.http_json.time.sleep", waited.append)
    return waited


def says(status: int, text: str = "", **headers: str) -> Callable[[dict[str, Any]], Answer]:
    return lambda _: (status, headers, text.encode())


def test_texts_go_out_in_batches_and_come_back_in_order(service: Service) -> None:
    texts = [f"{'e' * n} text" for n in range(7)]
    spec = f"openai(url={service.url!r}, model=tiny, key_env=MY_KEY, batch=3)"
    X = make_embedder(spec).fit(texts).transform(texts)
    assert X.tolist() == [[len(text), text.count("e")] for text in texts]
    assert X.dtype == np.float32
    assert [len(body["input"]) for _, _, body in service.asked] == [3, 3, 1]
    path, headers, body = service.asked[0]
    assert path == "/v1/embeddings"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "tiny"


def test_without_a_key_none_is_sent(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY")
    OpenAi(service.url, key_env="MY_KEY").transform(["a"])
    assert "Authorization" not in service.asked[0][1]


def test_long_texts_are_cut_and_empty_ones_are_a_blank(service: Service) -> None:
    OpenAi(service.url, max_chars=5).transform(["abcdefgh", "", "\ud800"])
    assert service.asked[0][2]["input"] == ["abcde", " ", "?"]


def test_a_busy_service_is_asked_again_when_it_says(service: Service, waits: list[float]) -> None:
    service.script = [says(429, **{"Retry-After": "7"}), says(503), says(500), says(0)]
    assert OpenAi(service.url, retries=4).transform(["abc"]).tolist() == [[3, 0]]
    assert waits == [7, 1, 2, 4]


def test_waits_are_bounded_and_nonsense_is_not_believed(
    service: Service, waits: list[float]
) -> None:
    service.script = [says(429, **{"Retry-After": n}) for n in ("99999", "-5", "inf", "Friday")]
    OpenAi(service.url).transform(["abc"])
    assert waits == [30, 1, 2, 4]


def test_a_service_that_stays_busy_is_given_up(service: Service, waits: list[float]) -> None:
    service.script = [says(503, "overloaded")] * 9
    with pytest.raises(DataError, match=r"openai: http://127.* answered 503: overloaded"):
        OpenAi(service.url, retries=2).transform(["abc"])
    assert len(service.asked) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301, 307])
def test_a_refusal_is_told_at_once_and_never_with_the_key(
    status: int, service: Service, waits: list[float]
) -> None:
    service.script = [says(status, f"no such\n {KEY}", Location="http://127.0.0.1:1/v1/embeddings")]
    with pytest.raises(DataError) as caught:
        OpenAi(service.url, key_env="MY_KEY").transform(["abc"])
    assert f"answered {status}" in str(caught.value)
    assert KEY not in str(caught.value)
    assert ("set the variable MY_KEY" in str(caught.value)) == (status in (401, 403))
    assert len(service.asked) == 1
    assert not waits


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("<html>", "answered no JSON; is its url given up to /v1"),
        ("[" * 100_000, "answered no JSON"),
        ("[]", "gave no list of 1 embeddings"),
        ('{"data": []}', "gave no list of 1 embeddings"),
        ('{"data": [{"index": 1, "embedding": [1]}]}', "gave no list of 1 embeddings"),
        ('{"data": [{"index": 0, "embedding": []}]}', r"gave vectors of shape \(1, 0\)"),
        ('{"data": [{"index": 0, "embedding": ["x"]}]}', "gave no matrix of numbers"),
        ('{"data": [{"index": 0, "embedding": [NaN]}]}', "gave numbers that are not finite"),
    ],
)
def test_another_answer_is_told(answer: str, sentence: str, service: Service) -> None:
    service.script = [says(200, answer)]
    with pytest.raises(DataError, match=sentence):
        OpenAi(service.url).transform(["abc"])


def test_vectors_of_different_lengths_are_told(service: Service) -> None:
    service.script = [good, says(200, '{"data": [{"index": 0, "embedding": [1]}]}')]
    with pytest.raises(DataError, match="gave vectors of different lengths"):
        OpenAi(service.url, batch=1).transform(["one", "two"])


def test_an_answer_without_end_is_cut(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_json, "_MOST_BYTES", 1 << 20)
    service.script = [says(200, " " * (2 << 20))]
    with pytest.raises(DataError, match="answered more than 1 MB"):
        OpenAi(service.url).transform(["abc"])


def test_nobody_there_is_told(waits: list[float]) -> None:
    with pytest.raises(DataError, match=r"openai: http://127.0.0.1:9/v1 does not answer: "):
        OpenAi("http://127.0.0.1:9/v1", retries=1).transform(["abc"])
    assert waits == [0.5]


def test_a_silent_service_is_not_waited_for(service: Service, waits: list[float]) -> None:
    told = threading.Event()

    def silent(body: dict[str, Any]) -> Answer:
        told.wait()
        return good(body)

    service.script = [silent]
    try:
        with pytest.raises(DataError, match=r"does not answer: .*timed out"):
            OpenAi(service.url, timeout=0.1, retries=0).transform(["abc"])
    finally:
        told.set()
    assert not waits


def test_the_key_stands_nowhere(service: Service) -> None:
    embedder = OpenAi(service.url, key_env="MY_KEY").fit(["abc"])
    embedder.transform(["abc"])
    assert KEY not in repr(embedder) + embedder_name(embedder) + str(vars(embedder))
    assert KEY.encode() not in dump(embedder)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("url='ftp://host/v1'", "openai: url must be as 'https://host/v1', not 'ftp://host/v1'"),
        ("url=3", "openai: url must be as 'https://host/v1', not 3"),
        ("url='https://me:pw@host/v1'", "openai: url must hold no key or password"),
        ("url='https://host/v1?key=x'", "openai: url must hold no key or password"),
        ("model=3", "openai: model must be a text, not 3"),
        ("batch=0", "openai: batch must be a positive whole number"),
        ("retries=-1", "openai: retries must be a whole number that is not negative"),
        ("timeout=0", "openai: timeout must be a positive number, not 0"),
    ],
)
def test_parameters_that_mean_nothing_are_told(parameters: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_embedder(f"openai({parameters})").fit(["abc"])
