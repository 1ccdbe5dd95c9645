"""LangChain with nothing changed but the base URL: what it makes of the agent's session.

Run where langchain-openai and langchain-anthropic are: ``python session.py URL URL``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}}
BASH = {
    "type": "function",
    "function": {"name": "Bash", "description": "Runs a command.", "parameters": PARAMETERS},
}


def models_at(url: str) -> dict[str, Any]:
    """The chat models of LangChain, by the API that they speak."""
    from langchain_anthropic import ChatAnthropic
    from langchain_openai import ChatOpenAI

    openai = {"model": "auto", "base_url": f"{url}/v1", "api_key": "any", "max_retries": 0}
    anthropic = {"model": "auto", "base_url": url, "api_key": "any", "max_retries": 0}
    return {
        "chat": ChatOpenAI(**openai, stream_usage=True),
        "responses": ChatOpenAI(**openai, use_responses_api=True, store=False),
        "messages": ChatAnthropic(**anthropic, max_tokens=99),
    }


def session(model: Any) -> dict[str, Any]:  # noqa: ANN401 - the library is not here
    """A loop of streamed answers: what was called, said and counted, until nothing is called."""
    from langchain_core.messages import HumanMessage, ToolMessage

    with_tools, messages = model.bind_tools([BASH]), [HumanMessage("prove it")]
    steps, texts, tokens = [], [], []
    while True:
        answer: Any = None
        for part in with_tools.stream(messages):
            answer = part if answer is None else answer + part
        messages.append(answer)
        steps.append([[call["id"], call["args"]] for call in answer.tool_calls])
        texts.append(str(answer.text))
        tokens.append(answer.usage_metadata["input_tokens"])
        for call in answer.tool_calls:
            done = f"did {call['args']['command']}"
            messages.append(ToolMessage(done, tool_call_id=call["id"]))
        if not answer.tool_calls:
            return {"steps": steps, "text": "".join(texts), "tokens": tokens}


def main() -> None:
    """Print a line of JSON per URL."""
    for url in sys.argv[1:]:
        found = {api: session(model) for api, model in models_at(url).items()}
        for api, model in models_at(url).items():
            plain = model.invoke("plain")
            found[api]["plain"] = str(plain.text)
            found[api]["model"] = plain.response_metadata["model_name"]
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
