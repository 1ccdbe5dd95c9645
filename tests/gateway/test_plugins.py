"""Hooks that look at requests, and plugins that other packages bring."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError, RouterEvalError
from routereval.gateway import PLUGINS, ApiError, ClientRequest, create_app, read_config
from routereval.gateway.protocols import LogEntry
from tests.gateway.loop import in_loop
from tests.gateway.stubs import rig, trained_router


class Redact:
    """Replaces whatever matches a pattern."""

    def __init__(self, pattern: str, by: str = "***") -> None:
        self.pattern, self.by = re.compile(pattern.encode()), by.encode()
        self.calls: list[str] = []

    async def open(self) -> None:
        self.calls.append("open")

    async def close(self) -> None:
        self.calls.append("close")

    async def before_request(self, request: ClientRequest) -> None:
        self.calls.append(request.path)
        request.body = self.pattern.sub(self.by, request.body)


class Guardrail:
    async def before_request(self, request: ClientRequest) -> None:
        if b"bomb" in request.body:
            raise ApiError(400, "this is not talked about", code="content_filter")
        request.headers.append((b"x-team", b"red"))


class Counts:
    """A plugin that only observes; it has neither open nor close."""

    def __init__(self) -> None:
        self.seen: list[LogEntry] = []

    def record(self, entry: LogEntry) -> None:
        self.seen.append(entry)


class Broken:
    async def before_request(self, request: ClientRequest) -> None:
        raise RuntimeError("sk-secret")


CARD = r"\d{16}"


@in_loop
async def test_what_a_hook_leaves_is_decided_on_logged_and_sent() -> None:
    redact = Redact(CARD)
    async with rig(hooks=(redact, Guardrail()), headers={"up": ["X-Team"]}) as at:
        status, headers, _ = await at.ask("prove it 1234567812345678")
        assert (status, headers["x-routereval-model"]) == (200, "euclid")
        asked = at.stubs["euclid"].asked[0]
        assert asked.json["messages"][0]["content"] == "prove it ***"
        assert asked.headers["x-team"] == "red"
        assert at.told[0].text == "prove it ***"
        assert redact.calls == ["open", "/v1/chat/completions"]
    assert redact.calls[-1] == "close"


@in_loop
async def test_a_hook_rejects_a_request() -> None:
    async with rig(hooks=(Guardrail(),)) as at:
        body = {"model": "auto", "messages": [{"role": "user", "content": "a bomb"}]}
        for path in ("/v1/chat/completions", "/v1/route"):
            status, _, answer = await at.post(path, body)
            assert (status, answer["error"]["code"]) == (400, "content_filter")
        assert not any(stub.asked for stub in at.stubs.values())
        assert [entry.error for entry in at.told] == ["content_filter"]


@in_loop
async def test_a_hook_that_fails_lets_nothing_pass(caplog: pytest.LogCaptureFixture) -> None:
    async with rig(hooks=(Broken(),)) as at:
        status, _, answer = await at.ask()
        assert (status, answer["error"]["code"]) == (500, "hook_failed")
        assert "the hook Broken of the gateway failed" in answer["error"]["message"]
        assert "sk-secret" not in str(answer)
        assert not any(stub.asked for stub in at.stubs.values())
        assert at.relay.in_flight == 0
    assert "hook Broken failed" in caplog.text


Registered = Callable[..., None]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Registered:
    """Plugins as other packages declare them."""

    def declare(**plugins: str) -> None:
        points = [
            EntryPoint(name, f"{__name__}:{value}", "routereval.gateway")
            for name, value in plugins.items()
        ]
        monkeypatch.setattr("routereval.registry.entry_points", lambda group: points)
        monkeypatch.setattr("routereval.gateway.plugins.PLUGINS", PLUGINS.copy())

    return declare


@in_loop
async def _asked(**plugins: dict[str, Any]) -> None:
    async with rig(plugins=plugins) as at:
        await at.ask("prove it 1234567812345678")
        assert at.stubs["euclid"].asked[0].json["messages"][0]["content"] == "prove it #"
        (counts,) = [one for one in at.relay.observers if type(one).__name__ == "Counts"]
        assert [entry.text for entry in counts.seen] == ["prove it #"]  # type: ignore[attr-defined]


def test_plugins_are_switched_on_in_the_configuration(registered: Registered) -> None:
    registered(redact="Redact", counts="Counts")
    _asked(redact={"pattern": CARD, "by": "#"}, counts={})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("redakt = {}", "unknown gateway plugin 'redakt'; did you mean 'redact'?"),
        ("redact = {}", "gateway plugin 'redact' needs pattern"),
        ('redact = { patern = "x" }', "did you mean 'pattern'?"),
        ('redact = { pattern = "(" }', "[plugins.redact]: error: missing )"),
        ("idle = {}", "[plugins.idle]: dict has neither before_request nor record"),
        ("redact = 3", "[plugins.redact] must be a table, not 3"),
    ],
)
def test_plugins_that_are_wrong(
    table: str, sentence: str, tmp_path: Path, registered: Registered
) -> None:
    registered(redact="Redact", idle="make_nothing")
    file = tmp_path / "gateway.toml"
    upstream = '[[upstream]]\nname = "euclid"\nbase_url = "http://127.0.0.1:9/v1"\n'
    file.write_text(f"{upstream}[plugins]\n{table}\n")
    with pytest.raises(RouterEvalError) as caught:
        create_app(trained_router(), read_config(file))
    assert sentence in str(caught.value)
    assert not isinstance(caught.value, DataError) or "plugins" in str(caught.value)


def make_nothing() -> dict[str, str]:
    """A plugin that does nothing."""
    return {}
