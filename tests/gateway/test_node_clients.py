"""Clients for Node: openai, @anthropic-ai/sdk, and the AI SDK with its default provider."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from routereval.gateway import ClientRequest
from tests.gateway.agents import (
    TURNS,
    calls_of,
    chat_model,
    messages_model,
    responses_model,
    text_of,
)
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Asked, rig

HERE = Path(__file__).parent / "node"
INSTALLING_S = 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the packages are installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node is not installed")
    made = tmp_path_factory.mktemp("node")
    for name in ("package.json", "clients.mjs"):
        shutil.copy(HERE / name, made)
    command = [npm, "install", "--silent", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(  # noqa: S603 - npm, on a list that stands here
            command, cwd=made, timeout=INSTALLING_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm takes too long")
    if done.returncode:
        pytest.skip("npm cannot install the clients")
    return made


async def embeds(asked: Asked) -> None:
    item = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
    if asked.json.get("encoding_format") == "base64":
        item["embedding"] = "AAAAPwAAgD4="
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    await asked.reply(200, {"object": "list", "data": [item], "model": "x", "usage": usage})


async def model(asked: Asked) -> None:
    """A service of all three APIs."""
    models = {"/v1/messages": messages_model, "/v1/responses": responses_model}
    await models.get(asked.path, chat_model)(asked)


class Bodies:
    """Takes note of what clients send."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def before_request(self, request: ClientRequest) -> None:
        self.seen.append(request.body)


@in_loop
async def test_clients_for_node(folder: Path) -> None:
    """At a service that speaks chat completions, and at one that speaks their own APIs.

    At the first one the AI SDK names the items of answers instead of sending them: they are kept.
    """
    native = {"euclid": {"apis": ["messages", "responses"]}}
    bodies = Bodies()
    async with rig(hooks=(bodies,)) as one, rig(upstreams=native) as other:
        for at in (one, other):
            at.stubs["euclid"].answer, at.stubs["parrot"].answer = model, embeds
        command = ("node", "clients.mjs", one.url, other.url)
        node = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=subprocess.PIPE)
        printed, _ = await node.communicate()
        answered = [{entry.model for entry in at.told if entry.model} for at in (one, other)]
        assert answered == [{"euclid", "parrot"}] * 2
    assert any(b"item_reference" in body for body in bodies.seen)
    translated, passed_on = (json.loads(line) for line in printed.splitlines())
    given = [[call.given for call in calls_of(turn)] for turn in range(TURNS)]
    assert translated == passed_on
    assert translated == {
        "openai": ["message", "function_call"],
        "call": given[0][0],
        "anthropic": ["text", "tool_use"],
        "steps": given,
        "text": "".join(map(text_of, range(TURNS))),
        "embedding": [0.5, 0.25],
        "vector": [0.5, 0.25],
        "error": "NotFoundError",
    }
