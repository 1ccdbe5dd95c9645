"""Streams of chat completions as services send them, and the events of other APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def chunk(finish: str | None = None, **delta: object) -> bytes:
    """One event of a stream of chat completions."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    held = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "llama"}
    return b"data: " + json.dumps({**held, "choices": [choice]}).encode() + b"\n\n"


def chunks(answer: dict[str, Any], size: int = 1) -> Iterator[bytes]:
    """A whole answer as the events of a stream, in parts of so many characters."""
    (choice,) = answer["choices"]
    message = choice["message"]
    yield chunk(role="assistant", content="")
    for part in parts(message.get("content") or "", size):
        yield chunk(content=part)
    for part in parts(message.get("refusal") or "", size):
        yield chunk(refusal=part)
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = {"name": call["function"]["name"], "arguments": ""}
        yield chunk(tool_calls=[{**call, "index": index, "function": function}])
        for part in parts(call["function"]["arguments"], size):
            yield chunk(tool_calls=[{"index": index, "function": {"arguments": part}}])
    yield chunk(choice["finish_reason"])
    if "usage" in answer:
        last = {"model": "llama", "choices": [], "usage": answer["usage"]}
        yield b"data: " + json.dumps(last).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def parts(text: str, size: int) -> list[str]:
    """A text in parts of so many characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def events_of(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Kind and data of each event, in APIs whose events have names; comments left out."""
    found = []
    for event in stream.split(b"\n\n"):
        lines = [line for line in event.split(b"\n") if line and not line.startswith(b":")]
        if lines:
            kind, data = lines
            found.append(
                (kind.removeprefix(b"event: ").decode(), json.loads(data.removeprefix(b"data: ")))
            )
    return found
