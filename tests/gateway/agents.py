"""Agents as Claude Code and Codex are, and a model that leads them through twenty turns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from tests.gateway.dialects import chunks, events_of
from tests.gateway.stubs import Asked, Rig

TURNS = 20
TASK = "prove it"
SYSTEM = "You are an agent that works with tools."
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
}


class ToolCall(NamedTuple):
    """What the model calls: id, name, and arguments."""

    identity: str
    name: str
    given: dict[str, Any]


def calls_of(turn: int) -> list[ToolCall]:
    """What is called in a turn: every fifth time two tools at once, in the last one none."""
    if turn == TURNS - 1:
        return []
    each = range(2 if turn % 5 == 4 else 1)
    given = {"command": f'step {turn}: größe "q" \\ {{[\n', "timeout": turn * 0.5}
    return [ToolCall(f"call_{turn}_{n}", "Bash", {**given, "n": n}) for n in each]


def text_of(turn: int) -> str:
    return "proved" if turn == TURNS - 1 else ("" if turn % 3 else f"Turn {turn} …")


def completion_of(turn: int) -> dict[str, Any]:
    """An answer of chat completions."""
    calls = [
        {"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(given)}}
        for i, n, given in calls_of(turn)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text_of(turn) or None}
    if calls:
        message["tool_calls"] = calls
    finish = "tool_calls" if calls else "stop"
    usage = {
        "prompt_tokens": 100 * (turn + 1),
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 100 * turn},
    }
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


async def chat_model(asked: Asked) -> None:
    """The model behind chat completions: which turn it is it sees by its own messages."""
    turn = sum(message["role"] == "assistant" for message in asked.json["messages"])
    await asked.events(*chunks(completion_of(turn), size=30))


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def messages_events(turn: int) -> Iterator[bytes]:
    """The same turn as the Messages API has it."""
    usage = {"input_tokens": 100, "cache_read_input_tokens": 100 * turn, "output_tokens": 1}
    message = {"id": f"msg_{turn}", "type": "message", "role": "assistant", "model": "claude"}
    stop: dict[str, object] = {"stop_reason": None, "stop_sequence": None}
    yield event("message_start", message={**message, **stop, "content": [], "usage": usage})
    at = 0
    if text := text_of(turn):
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        yield event("content_block_stop", index=0)
        at = 1
    for index, (identity, name, given) in enumerate(calls_of(turn), at):
        block = {"type": "tool_use", "id": identity, "name": name, "input": {}}
        yield event("content_block_start", index=index, content_block=block)
        partial = json.dumps(given)
        for part in (partial[:7], partial[7:]):
            delta = {"type": "input_json_delta", "partial_json": part}
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    reason = "tool_use" if calls_of(turn) else "end_turn"
    stop = {"stop_reason": reason, "stop_sequence": None}
    yield event("message_delta", delta=stop, usage={**usage, "output_tokens": 10})
    yield event("message_stop")


async def messages_model(asked: Asked) -> None:
    """The same model behind the Messages API."""
    turn = sum(message["role"] == "assistant" for message in asked.json["messages"])
    await asked.events(*messages_events(turn))


def responses_events(turn: int) -> Iterator[bytes]:
    """The same turn as the Responses API has it, with all that its clients look at."""
    items: list[dict[str, Any]] = []
    if text := text_of(turn):
        part = {"type": "output_text", "text": text, "annotations": []}
        held = {"id": f"msg_{turn}", "type": "message", "role": "assistant", "status": "completed"}
        items.append({**held, "content": [part]})
    for identity, name, given in calls_of(turn):
        held = {"id": f"fc_{identity}", "type": "function_call", "status": "completed"}
        items.append({**held, "call_id": identity, "name": name, "arguments": json.dumps(given)})
    response = {"id": f"resp_{turn}", "object": "response", "created_at": 1, "model": "gpt"}
    yield event("response.created", response={**response, "status": "in_progress", "output": []})
    for index, item in enumerate(items):
        where: dict[str, Any] = {"item_id": item["id"], "output_index": index}
        begun: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
        yield event("response.output_item.added", output_index=index, item={**item, **begun})
        if item["type"] == "message":
            where["content_index"] = 0
            empty = {"type": "output_text", "text": "", "annotations": []}
            yield event("response.content_part.added", **where, part=empty)
            yield event("response.output_text.delta", **where, delta=text, logprobs=[])
            yield event("response.output_text.done", **where, text=text, logprobs=[])
        else:
            kind, given = "response.function_call_arguments", item["arguments"]
            yield event(f"{kind}.delta", **where, delta=given)
            yield event(f"{kind}.done", **where, arguments=given)
        yield event("response.output_item.done", output_index=index, item=item)
    usage = {
        "input_tokens": 100 * (turn + 1),
        "input_tokens_details": {"cached_tokens": 100 * turn},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 100 * (turn + 1) + 10,
    }
    done = {**response, "status": "completed", "output": items, "usage": usage}
    yield event("response.completed", response=done)


async def responses_model(asked: Asked) -> None:
    """The same model behind the Responses API: it sees its turns by the calls before results."""
    given = asked.json["input"]
    kinds = [item.get("type") for item in given] if isinstance(given, list) else []
    turn = list(pairwise(kinds)).count(("function_call", "function_call_output"))
    await asked.events(*responses_events(turn))


class Agent:
    """A loop of streamed requests: what the model calls is done, until it calls nothing.

    Args:
        at: the gateway.
        fails: whose results, by id, tell of a failure.
        headers: sent with each request.
    """

    path = ""

    def __init__(self, at: Rig, fails: tuple[str, ...] = (), **headers: str) -> None:
        self.at = at
        self.fails = fails
        self.headers = headers
        self.model = "auto"
        self.came: list[bytes] = []  # the streams, as they came
        self.models: list[str] = []
        self.reasons: list[str] = []
        self.calls: list[list[ToolCall]] = []

    async def turn(self) -> bool:
        """One request; whether the model wants another one."""
        body = {"model": self.model, "stream": True, **self.request()}
        url = self.at.url + self.path
        async with self.at.session.post(url, json=body, headers=self.headers) as answer:
            stream = await answer.read()
            assert answer.status == 200, stream
            self.models.append(answer.headers["x-routereval-model"])
            self.reasons.append(answer.headers["x-routereval-reason"])
        self.came.append(stream)
        self.calls.append(self.read_stream(stream))
        return bool(self.calls[-1])

    def read_stream(self, stream: bytes) -> list[ToolCall]:
        """Take note of a stream, and of the results of its calls."""
        return self.read(events_of(stream))

    async def run(self) -> None:
        while await self.turn():
            assert len(self.came) < TURNS

    def result_of(self, call: ToolCall) -> str:
        return f"did {call.given['command']}"

    def request(self) -> dict[str, Any]:
        raise NotImplementedError

    def read(self, events: list[tuple[str, dict[str, Any]]]) -> list[ToolCall]:
        """Take note of an answer, and of the results of its calls."""
        raise NotImplementedError


class ChatLoop(Agent):
    """Speaks chat completions, as most SDK loops do."""

    path = "/v1/chat/completions"

    def __init__(self, at: Rig, fails: tuple[str, ...] = (), **headers: str) -> None:
        super().__init__(at, fails, **headers)
        self.messages: list[dict[str, Any]] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": TASK},
        ]
        self.usages: list[dict[str, Any]] = []

    def request(self) -> dict[str, Any]:
        tool = {"type": "function", "function": {"name": "Bash", "parameters": SCHEMA}}
        fields = {"max_tokens": 32_000, "tools": [tool], "stream_options": {"include_usage": True}}
        return {"messages": self.messages, **fields}

    def read_stream(self, stream: bytes) -> list[ToolCall]:
        parts = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: ")]
        assert parts[-1] == b"[DONE]"
        held = [json.loads(part) for part in parts[:-1]]
        self.usages.append(held[-1]["usage"])
        deltas = [chunk["choices"][0]["delta"] for chunk in held[:-1]]
        calls: list[dict[str, Any]] = []
        for part in (part for delta in deltas for part in delta.get("tool_calls", ())):
            if part["index"] == len(calls):
                calls.append({"id": part["id"], "type": "function", "function": part["function"]})
            else:
                calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
        text = "".join(delta.get("content") or "" for delta in deltas)
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        self.messages.append({**message, "tool_calls": calls} if calls else message)
        found = [
            ToolCall(one["id"], one["function"]["name"], json.loads(one["function"]["arguments"]))
            for one in calls
        ]
        for call in found:
            failed = "Error: " if call.identity in self.fails else ""
            content = failed + self.result_of(call)
            self.messages.append(
                {"role": "tool", "tool_call_id": call.identity, "content": content}
            )
        return found


class ClaudeCode(Agent):
    """Speaks the Messages API."""

    path = "/v1/messages"

    def __init__(self, at: Rig, fails: tuple[str, ...] = (), **headers: str) -> None:
        super().__init__(at, fails, **headers)
        reminder = {"type": "text", "text": "<system-reminder>It is Monday.</system-reminder>"}
        first = {"role": "user", "content": [reminder, {"type": "text", "text": TASK}]}
        self.messages: list[dict[str, Any]] = [first]

    def request(self) -> dict[str, Any]:
        tool = {"name": "Bash", "description": "Runs it.", "input_schema": SCHEMA}
        system = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
        metadata = {"user_id": "user_1_session_2"}
        fields = {"max_tokens": 32_000, "system": system, "tools": [tool], "metadata": metadata}
        return {"messages": self.messages, **fields}

    def read(self, events: list[tuple[str, dict[str, Any]]]) -> list[ToolCall]:
        blocks: list[dict[str, Any]] = []
        for kind, held in events:
            if kind == "content_block_start":
                blocks.append({**held["content_block"], "partial": ""})
            elif kind == "content_block_delta":
                delta = held["delta"]
                blocks[-1]["partial"] += delta.get("partial_json", "")
                if "text" in delta:
                    blocks[-1]["text"] += delta["text"]
        for block in blocks:
            partial = block.pop("partial")
            if block["type"] == "tool_use":
                block["input"] = json.loads(partial or "{}")
        uses = [block for block in blocks if block["type"] == "tool_use"]
        calls = [ToolCall(use["id"], use["name"], use["input"]) for use in uses]
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.identity,
                "content": self.result_of(call),
                "is_error": call.identity in self.fails,
            }
            for call in calls
        ]
        self.messages.append({"role": "assistant", "content": blocks})
        self.messages.append({"role": "user", "content": results})
        return calls


class Codex(Agent):
    """Speaks the Responses API, and keeps the conversation itself."""

    path = "/v1/responses"

    def __init__(self, at: Rig, fails: tuple[str, ...] = (), **headers: str) -> None:
        super().__init__(at, fails, **headers)
        texts = ("<environment_context>here</environment_context>", TASK)
        self.items: list[dict[str, Any]] = [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            for text in texts
        ]

    def request(self) -> dict[str, Any]:
        tool = {"type": "function", "name": "Bash", "parameters": SCHEMA, "strict": False}
        fields = {"store": False, "prompt_cache_key": "s-1", "parallel_tool_calls": True}
        return {"instructions": SYSTEM, "input": self.items, "tools": [tool], **fields}

    def read(self, events: list[tuple[str, dict[str, Any]]]) -> list[ToolCall]:
        kind, last = events[-1]
        assert kind == "response.completed"
        done = [held["item"] for kind, held in events if kind == "response.output_item.done"]
        assert done == last["response"]["output"]
        self.items += done
        found = [item for item in done if item["type"] == "function_call"]
        calls = [ToolCall(i["call_id"], i["name"], json.loads(i["arguments"])) for i in found]
        for call in calls:
            failed = call.identity in self.fails
            output = f"Exit code: {int(failed)}\n{self.result_of(call)}"
            item = {"type": "function_call_output", "call_id": call.identity, "output": output}
            self.items.append(item)
        return calls
