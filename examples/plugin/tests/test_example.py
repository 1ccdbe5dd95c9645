"""How each kind of plugin is tested; all are found through their entry points."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import routereval as rv
from routereval.importers import IMPORTERS, write_sample
from routereval.routers import CHECKS, make_router
from routereval.scoring import METRICS

WORDS = np.random.default_rng(0).integers(10**6, size=(60, 20)).astype(str)
TEXTS = [" ".join(words[: 20 if row % 2 else 3]) for row, words in enumerate(WORDS)]


def records() -> rv.Records:
    """Long prompts are for `euclid`, short ones for `portia`."""
    long = np.array([len(text) > 40 for text in TEXTS])
    scores = np.stack([long, ~long, np.full(60, 0.25)], axis=1).astype(float)
    return rv.Records.from_arrays("lengths", scores, ["euclid", "portia", "parrot"], TEXTS)


# The router


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_the_router_holds_to_the_checks(check: Any) -> None:
    check(make_router("by_length(bins=2)"))


def test_the_router_routes_by_length() -> None:
    task = rv.Task(records(), pool=rv.Pool("all-strong", size=2))
    router = make_router("by_length(bins=2)")
    router.fit(task.train.inputs(router.reads), task.train.scores)
    assert rv.evaluate(router, task).metrics["mu"] == 1


# The importer


def test_the_sample_is_recognised_and_read(tmp_path: Path) -> None:
    folder = write_sample(IMPORTERS["tally"].sample, tmp_path / "sample")
    (found,) = rv.open_source(folder)  # whichever importer recognises it
    assert list(found.models) == ["model-a", "model-b"]
    assert found.dense().tolist() == [[1.0, 0.5], [0.0, 1.0]]


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tally").write_text("1\tWho?\nno tab\n", encoding="utf-8")
    with pytest.raises(rv.DataError, match=r"a\.tally:2: there is no tab"):
        rv.import_records("tally", tmp_path, tmp_path / "out")


# The metric


def test_the_metric_by_hand() -> None:
    """Of two equals the first is best single; whoever always asks the other harms its prompts."""
    task = rv.Task(records(), pool=rv.Pool("all-strong", size=2))
    best = task.train.scores.mean(axis=0).argmax()
    other = make_router(f"constant(index={1 - best})").fit(task.train.X, task.train.scores)
    right = task.test.scores[:, best].mean()
    assert METRICS["harm"].meaning
    assert rv.evaluate(other, task).metrics["harm"] == pytest.approx(right)


# The gateway plugin


class Upstream(BaseHTTPRequestHandler):
    """Answers every request alike, and keeps what it was asked."""

    asked: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(json.loads(body))
        message = {"role": "assistant", "content": "done"}
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def base_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_mail_addresses_do_not_reach_the_upstream(base_url: str) -> None:
    from starlette.testclient import TestClient

    from routereval.gateway import create_app, make_config

    router = rv.train(records(), "knn", pool=rv.Pool("all-strong", size=2))
    config = make_config(
        {
            "upstream": [{"name": name, "base_url": base_url} for name in router.models],
            "plugins": {"mask_emails": {"by": "***"}},
        }
    )
    with TestClient(create_app(router, config)) as client:
        turn = {"role": "user", "content": "prove it to ann@example.org"}
        answer = client.post("/v1/chat/completions", json={"model": "auto", "messages": [turn]})
    assert answer.json()["choices"][0]["message"]["content"] == "done"
    assert Upstream.asked[-1]["messages"][0]["content"] == "prove it to ***"
