"""LangChain in its three modes: chat completions, Responses and Messages."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.agents import TURNS, calls_of, chat_model, messages_model, responses_model
from tests.gateway.agents import text_of as said
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Asked, good, rig
from tests.gateway.test_dialects import native

SESSION = Path(__file__).parent / "langchain" / "session.py"
PACKAGES = ("langchain-openai>=1.0", "langchain-anthropic>=1.0")
INSTALLING_S = 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has LangChain, in an environment of its own."""
    made = tmp_path_factory.mktemp("langchain") / "venv"
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    commands = [
        [uv, "venv", "--quiet", "--python", sys.executable, str(made)],
        [uv, "pip", "install", "--quiet", "--python", str(made), *PACKAGES],
    ]
    try:
        for command in commands:
            subprocess.run(command, timeout=INSTALLING_S, check=True)  # noqa: S603 - listed here
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        pytest.skip("LangChain cannot be installed within a minute")
    return next(made.glob("[bS]*/python*"))


async def model(asked: Asked) -> None:
    """A service of all three APIs, which leads an agent and answers plainly."""
    led = {"/v1/messages": messages_model, "/v1/responses": responses_model}
    plain = good if asked.path.endswith("completions") else native
    await (led.get(asked.path, chat_model) if asked.json.get("stream") else plain)(asked)


@in_loop
async def test_langchain_is_led_through_twenty_turns_in_each_of_its_modes(python: Path) -> None:
    """At a service that speaks chat completions, and at one that speaks all three APIs."""
    all_apis = {"euclid": {"apis": ["chat", "messages", "responses"]}}
    async with rig() as one, rig(upstreams=all_apis) as other:
        for at in (one, other):
            at.stubs["euclid"].answer = model
        command = (str(python), str(SESSION), one.url, other.url)
        run = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        printed, _ = await run.communicate()
        paths = [[entry.path for entry in at.told] for at in (one, other)]
        assert [entry.status for at in (one, other) for entry in at.told] == [200] * 6 * (TURNS + 1)
    assert paths[0] == paths[1]
    assert set(paths[0]) == {"/v1/chat/completions", "/v1/responses", "/v1/messages"}
    translated, passed_on = (json.loads(line) for line in printed.splitlines())
    steps = [[[call.identity, call.given] for call in calls_of(turn)] for turn in range(TURNS)]
    for found in (translated, passed_on):
        for held in found.values():
            assert held["steps"] == steps
            assert held["text"] == "".join(map(said, range(TURNS)))
            assert held["tokens"] == [100 * (turn + 1) for turn in range(TURNS)]
    assert [held["plain"] for held in translated.values()] == ["by euclid-1"] * 3
