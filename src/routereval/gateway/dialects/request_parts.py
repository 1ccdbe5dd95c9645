"""What is read of a request in any API, and what helps to read it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

VISION, AUDIO, VIDEO, FILES = "vision", "audio", "video", "files"
AGENT = "agent"
# What agents put into the user's messages beside what the user wrote.
_AGENTS_OWN = ("<system-reminder>", "<environment_context>", "<user_instructions>")
_FAILURE = re.compile(
    r"""\s*(?:error\b|traceback\b|exception\b|fatal\b|<tool_use_error>|\{\s*"error"\s*:\s*["{])""",
    re.IGNORECASE,
)
_FAILED_EXIT = re.compile(
    r"""(?:"exit_code"\s*:\s*|\bexit(?:ed with)? code:?\s)-?[1-9]|"is_error"\s*:\s*true""",
    re.IGNORECASE,
)
_EXITS = ("exit", "Exit", "is_error")
_LOOKED_AT = 400


class Message(NamedTuple):
    """A message of a request.

    Attributes:
        role: ``user``, ``assistant``, ``tool``, or another.
        text: what it says.
        needs: capabilities that its other parts need.
        failed: results of tools in it that tell of a failure.
    """

    role: str
    text: str
    needs: frozenset[str] = frozenset()
    failed: int = 0


class RequestParts(NamedTuple):
    """What is read of a request.

    Attributes:
        messages: at least one, oldest first.
        needs: capabilities that the other fields need.
        session: what the client calls the conversation; empty for nothing.
        follows: the answer that it goes on from, which its upstream keeps; empty for none.
        kept: whether its answer is kept upstream, to be gone on from.
    """

    messages: list[Message]
    needs: frozenset[str]
    session: str = ""
    follows: str = ""
    kept: bool = False


def message_of(
    role: str, texts: Iterable[str], needs: frozenset[str] = frozenset(), failed: int = 0
) -> Message:
    """A message of several texts: of a user's only those that the user wrote.

    One that an agent wrote as if it were the user's has the role `AGENT`.

    >>> message_of("user", ["<system-reminder>today</system-reminder>", "fix the bug"]).text
    'fix the bug'
    """
    held = list(texts)
    if role == "user":
        own = [text for text in held if not text.lstrip().startswith(_AGENTS_OWN)]
        role, held = (AGENT, held) if held and not own else (role, own)
    return Message(role, held[0] if len(held) == 1 else "\n".join(held), needs, failed)


def tells_failure(text: str) -> bool:
    """Whether a tool's result tells that the tool failed, as agents write it.

    >>> [tells_failure(text) for text in ("Error: no such file", "Exit code: 1", "ok", "0 errors")]
    [True, True, False, False]
    >>> [tells_failure(f"Process exited with code {code}") for code in (127, 0)]
    [True, False]
    >>> tells_failure('{"output": "", "metadata": {"exit_code": 2, "duration_seconds": 0.1}}')
    True
    """
    head = text[:_LOOKED_AT]
    if len(text) > _LOOKED_AT:
        head += text[-_LOOKED_AT:]
    if _FAILURE.match(head):
        return True
    return any(word in head for word in _EXITS) and _FAILED_EXIT.search(head) is not None


class UntranslatableError(Exception):
    """A request asks for what another API does not have; the message is that thing."""


class TranslatedRequest(NamedTuple):
    """A request as another API has it.

    Attributes:
        body: of the request.
        dropped: names of fields that only advise, and were left out.
        echo: what an answer is to repeat of the request.
    """

    body: dict[str, Any]
    dropped: tuple[str, ...] = ()
    echo: Mapping[str, Any] = {}


def objects(value: object, where: str) -> Iterator[dict[str, Any]]:
    """The objects of a list.

    Raises:
        UntranslatableError: if it is none, or holds anything else.
    """
    if not isinstance(value, list):
        raise UntranslatableError(f"{where} that is no list")
    for item in value:
        if not isinstance(item, dict):
            raise UntranslatableError(f"{where} that holds more than objects")
        yield item


def string(held: Mapping[str, Any], key: str, where: str) -> str:
    """A text of an object.

    Raises:
        UntranslatableError: if it is not there, or no text.
    """
    value = held.get(key)
    if not isinstance(value, str):
        raise UntranslatableError(f"{where} without {key!r}")
    return value


def kind_of(held: Mapping[str, Any], usual: str = "") -> str:
    """The ``type`` of an object, as text whatever it is."""
    kind = held.get("type")
    return usual if kind is None else str(kind)


def needs_of(held: Mapping[str, Any], *, json: bool) -> frozenset[str]:
    """Capabilities that the fields beside the messages need.

    Args:
        held: the body.
        json: whether its answer is to be JSON.
    """
    found = {"tools"} if held.get("tools") else set()
    return frozenset(found | {"json"} if json else found)


def media_needs(parts: Iterable[Mapping[str, Any]], media: Mapping[str, str]) -> frozenset[str]:
    """Capabilities that parts of messages need.

    Args:
        parts: of a message.
        media: capabilities by types of parts.
    """
    return frozenset(media[kind] for part in parts if (kind := kind_of(part)) in media)


def objects_in(value: object) -> list[dict[str, Any]]:
    """Those of a list that are objects; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def kept_fields(held: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields that say something, of some that stay as they are."""
    return {name: held[name] for name in names if held.get(name) is not None}


def check_absent(held: Mapping[str, Any], names: Iterable[str]) -> None:
    """Let a request pass without fields that the other API does not have.

    Raises:
        UntranslatableError: for the first that says something.
    """
    for name in names:
        if held.get(name):
            raise UntranslatableError(f"the field {name!r}")


def left_out(held: Mapping[str, Any], known: Collection[str]) -> tuple[str, ...]:
    """Fields that say something and are not known."""
    return tuple(key for key, value in held.items() if key not in known and value is not None)


def joined(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    r"""Parts of a chat message; one text if they are nothing else, as not all services take parts.

    >>> joined([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    'a\nb'
    """
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def text_part(text: str) -> dict[str, Any]:
    """A part of a chat message that is text."""
    return {"type": "text", "text": text}


def image_part(url: str, detail: object = None) -> dict[str, Any]:
    """A part of a chat message that is a picture."""
    held = {"url": url, "detail": detail} if isinstance(detail, str) else {"url": url}
    return {"type": "image_url", "image_url": held}


def function_tool(tool: Mapping[str, Any], parameters: object) -> dict[str, Any]:
    """A tool as chat completions know it."""
    function = {"name": string(tool, "name", "a tool"), "parameters": parameters}
    function |= {key: tool[key] for key in ("description", "strict") if tool.get(key) is not None}
    return {"type": "function", "function": function}


def function_call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    """A call of a tool as chat completions know it."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
