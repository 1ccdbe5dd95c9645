"""What is read of requests for chat completions, completions and embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routereval.gateway.api_error import refuse
from routereval.gateway.dialects.request_parts import (
    AUDIO,
    FILES,
    VIDEO,
    VISION,
    Message,
    RequestParts,
    message_of,
    tells_failure,
)

_CAPABILITY = {
    **dict.fromkeys(("image_url", "input_image", "image"), VISION),
    **dict.fromkeys(("input_audio", "audio_url", "audio"), AUDIO),
    **dict.fromkeys(("video_url", "input_video", "video"), VIDEO),
    **dict.fromkeys(("file", "input_file", "document"), FILES),
}


def parts_of_chat(held: Mapping[str, Any]) -> RequestParts:
    """What is read of a chat completion, or of a completion.

    Raises:
        ApiError: 400 without messages or a prompt.

    >>> parts_of_chat({"messages": [{"role": "user", "content": "hi"}]}).messages[0].text
    'hi'
    """
    messages = _messages(held) if "messages" in held else _prompts(held)
    session = held.get("prompt_cache_key")
    return RequestParts(messages, _wanted(held), session if isinstance(session, str) else "")


def parts_of_embeddings(held: Mapping[str, Any]) -> RequestParts:
    """What is read of a request for embeddings.

    Raises:
        ApiError: 400 without an input.
    """
    given = held.get("input")
    texts = given if isinstance(given, list) else [given]
    if not texts or given is None:
        refuse("the field 'input' must be a text, or a list of at least one", "input")
    messages = [Message("user", text) for text in texts if isinstance(text, str)]
    return RequestParts(messages or [Message("user", "")], frozenset())


def _messages(held: Mapping[str, Any]) -> list[Message]:
    messages = held["messages"]
    if not isinstance(messages, list) or not messages:
        refuse("the field 'messages' must be a list of at least one message", "messages")
    found = []
    for message in messages:
        if not isinstance(message, dict):
            refuse("each of 'messages' must be an object with role and content", "messages")
        found.append(_message(str(message.get("role")), message.get("content")))
    return found


def _message(role: str, content: object) -> Message:
    """A message: its text, and what its other parts need."""
    texts, needs = [], set()
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if isinstance(part.get("text"), str):
            texts.append(part["text"])
        if isinstance(kind, str) and kind in _CAPABILITY:
            needs.add(_CAPABILITY[kind])
    if isinstance(content, str):
        texts = [content]
    found = message_of(role, texts, frozenset(needs))
    if role in ("tool", "function") and tells_failure(found.text):
        return found._replace(failed=1)
    return found


def _prompts(held: Mapping[str, Any]) -> list[Message]:
    prompt = held.get("prompt")
    texts = prompt if isinstance(prompt, list) else [prompt]
    messages = [Message("user", text) for text in texts if isinstance(text, str)]
    if not messages and not isinstance(prompt, list):
        refuse("the body needs 'messages', or for /v1/completions a 'prompt'", "messages")
    return messages or [Message("user", "")]  # a prompt given as tokens has no text


def _wanted(held: Mapping[str, Any]) -> frozenset[str]:
    """What the fields beside the messages need."""
    needs = {"tools"} if held.get("tools") or held.get("functions") else set()
    form = held.get("response_format")
    if isinstance(form, dict) and form.get("type") in ("json_object", "json_schema"):
        needs.add("json")
    if isinstance(held.get("audio"), dict):
        needs.add("audio")
    return frozenset(needs)
