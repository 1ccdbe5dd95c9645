"""The agents themselves: Claude Code and Codex, for twenty turns at services of all three APIs.

They are large, and may ask hosts of their makers for news, so they are only tried when asked for:

    ROUTEREVAL_AGENTS=1 python -m pytest tests/gateway/test_agent_programs.py
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import agents
from tests.gateway.agents import TASK, TURNS, ToolCall, chat_model, messages_model, responses_model
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Answer, Rig, rig

CLAUDE, CODEX = "@anthropic-ai/claude-code", "@openai/codex"
ENDS_S = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "ROUTEREVAL_AGENTS" not in os.environ, reason="ROUTEREVAL_AGENTS is not set"
    ),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]
TOOLS: dict[str, tuple[str, Any]] = {
    CLAUDE: ("Bash", lambda turn: {"command": f"echo step {turn}", "description": "a step"}),
    CODEX: ("exec_command", lambda turn: {"cmd": f"echo step {turn}"}),
}
PATHS = {CLAUDE: "/v1/messages", CODEX: "/v1/responses"}
MODELS: dict[str, Answer] = {
    "chat": chat_model,
    "messages": messages_model,
    "responses": responses_model,
}
CONFIG = """
model = "auto"
model_provider = "gateway"
web_search = "disabled"
[model_providers.gateway]
name = "gateway"
base_url = "URL/v1"
wire_api = "responses"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agents")
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", CLAUDE, CODEX]
    subprocess.run(npm, cwd=made, check=True)  # noqa: S603 - a list that stands here
    for name in ("home", "work"):
        (made / name).mkdir()
    return made


async def output_of(program: str, at: Rig, folder: Path) -> str:
    """What an agent prints when it is given the task."""
    home, bin_ = folder / "home", folder / "node_modules" / ".bin"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home)}
    if program == CLAUDE:
        env |= {"ANTHROPIC_BASE_URL": at.url, "ANTHROPIC_AUTH_TOKEN": "any"}
        env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        command = [str(bin_ / "claude"), "-p", TASK, "--model", "auto", "--allowedTools", "Bash"]
    else:
        (home / "config.toml").write_text(CONFIG.replace("URL", at.url), "utf-8")
        command = [str(bin_ / "codex"), "exec", "--skip-git-repo-check", "--json", TASK]
    done = await asyncio.create_subprocess_exec(
        *command, cwd=folder / "work", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(done.communicate(), ENDS_S)
    return printed.decode()


@pytest.mark.parametrize("api", MODELS)
@pytest.mark.parametrize("program", [CLAUDE, CODEX])
@in_loop
async def test_the_agent_is_led_through_twenty_turns(
    program: str, api: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name, given), usual = TOOLS[program], agents.calls_of

    def calls_of(turn: int) -> list[ToolCall]:
        return [ToolCall(call.identity, name, given(turn)) for call in usual(turn)]

    monkeypatch.setattr(agents, "calls_of", calls_of)
    async with rig(upstreams={"euclid": {"apis": [api]}}) as at:
        at.stubs["euclid"].answer = MODELS[api]
        printed = await output_of(program, at, folder)
        assert "proved" in printed
        asked = [entry for entry in at.told if entry.path == PATHS[program]]
        assert [entry.status for entry in asked] == [200] * TURNS
        assert {entry.model for entry in asked} == {"euclid"}
        assert len({entry.conversation for entry in asked}) == 1
        assert {entry.reason for entry in asked[1:]} == {"same conversation"}
        results = at.stubs["euclid"].asked[-1].body.decode()
        assert all(f"step {turn}" in results for turn in range(TURNS - 1))
