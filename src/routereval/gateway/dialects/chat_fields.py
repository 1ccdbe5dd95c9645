"""What is read of requests for chat completions that are translated into another API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from routereval.gateway.dialects.request_parts import (
    UntranslatableError,
    check_absent,
    kind_of,
    objects,
    string,
    text_part,
)

# Without these the answer would be another one, or of another form.
_REFUSED = ("functions", "function_call", "logprobs", "top_logprobs", "audio", "web_search_options")


def check_fields(held: Mapping[str, Any], refused: Sequence[str]) -> None:
    """Let a request pass that asks for what other APIs have, too.

    Args:
        held: the body.
        refused: fields that the other API does not have, beside those that none has.

    Raises:
        UntranslatableError: for the first thing that they do not have.
    """
    check_absent(held, (*_REFUSED, *refused))
    if "messages" not in held:
        raise UntranslatableError("a 'prompt' instead of messages")
    if held.get("n") not in (None, 1):
        raise UntranslatableError("more than one answer ('n')")
    modalities = held.get("modalities")
    if modalities and modalities != ["text"]:
        raise UntranslatableError("answers that are no text ('modalities')")


def left_out_within(held: Mapping[str, Any], *of_tools: str) -> Iterator[str]:
    """Fields of messages and tools that only advise, and are left out.

    Args:
        held: the body.
        of_tools: what is left out of tools.
    """
    if any(message.get("name") is not None for message in held["messages"]):
        yield "messages.name"
    functions = [function_of(tool) for tool in held.get("tools") or ()]
    for name in of_tools:
        if any(function.get(name) for function in functions):
            yield f"tools.{name}"


def pieces(content: object, where: str) -> Iterator[dict[str, Any]]:
    """The parts of a message's content; a text is the only part.

    Raises:
        UntranslatableError: if it is neither a text nor a list of parts.
    """
    if isinstance(content, str):
        yield text_part(content)
    elif content is not None:
        yield from objects(content, where)


def text_of_content(message: Mapping[str, Any]) -> str:
    """What a message of the model says, or why it refuses.

    Raises:
        UntranslatableError: if it is more than text.
    """
    texts = []
    for part in pieces(message.get("content"), "a message"):
        kind = kind_of(part)
        if kind not in ("text", "refusal"):
            raise UntranslatableError(f"a part of type {kind!r} in a message of the model")
        texts.append(string(part, kind, "a part"))
    if isinstance(message.get("refusal"), str):
        texts.append(message["refusal"])
    return "".join(texts)


def function_of(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """The function of a tool, or of a call of one.

    Raises:
        UntranslatableError: if it is a tool of another type.
    """
    function = held.get("function")
    if kind_of(held, "function") != "function" or not isinstance(function, dict):
        raise UntranslatableError(f"a tool of type {kind_of(held)!r}")
    return function


def named_function(choice: object) -> str:
    """The name of the tool that has to be called.

    Raises:
        UntranslatableError: if it is not one function.
    """
    kind = kind_of(choice) if isinstance(choice, dict) else choice
    if not isinstance(choice, dict) or kind != "function":
        raise UntranslatableError(f"the choice of tools {kind!r}")
    return string(function_of(choice), "name", "a choice of a tool")
