"""How many tokens a request and an answer hold, without the tokenizer of the model that counts.

Text is counted by script, since a Chinese character is a token where four English letters are one.
That is an estimate. What is put aside for a request must not be less than what it will cost, so
there text counts `RESERVED` times as much: tokenizers of OpenAI make fewer of random letters, of
base64 and of random characters of any script (but for a few per cent of rare ones).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from routereval.gateway.protocols import MAX_TOKENS, PromptSize

RESERVED = 2.6
COUNTED_RESERVED, COUNTED_FRAME = 1.1, 256  # where a tokenizer counts
MAX_COUNTED_CHARS = 1_000_000  # so that nobody keeps a tokenizer busy for long
MESSAGE_TOKENS = 3  # that go round each message
BODY_BYTES_PER_TOKEN = 8  # no body holds fewer tokens than that, whatever its keys say

PICTURES = frozenset({"image_url", "input_image", "image"})
SOUNDS = frozenset({"input_audio", "audio_url", "audio"})
VIDEOS = frozenset({"video_url", "input_video", "video"})
FILES = frozenset({"file", "input_file", "document"})
_PAYLOADS = frozenset(
    {"url", "image_url", "audio_url", "video_url", "file_url", "data", "file_data", "file_id"}
)

_CONVERSATIONS = ("messages", "input")
_CONTENTS = ("content", "output")

_LETTERS = bytes(code for code in range(128) if chr(code).isalpha() or chr(code) == " ")
_NO_LEADS = bytes(range(0xC0))
_TWO, _FOUR = bytes(range(0xC0, 0xE0)), bytes(range(0xF0, 0x100))
_THREE = bytes(range(0xE0, 0xF0))


class MediaTokens(NamedTuple):
    """Tokens of a picture, sound, video or file.

    Attributes:
        usual: by which a context window is judged.
        most: what is put aside at least.
        bytes_per_token: of its data, by which more is put aside for a large one; 0 for never.
    """

    usual: int
    most: int
    bytes_per_token: int = 0


MEDIA = {
    **dict.fromkeys(PICTURES, MediaTokens(1_000, 2_500)),
    **dict.fromkeys(SOUNDS, MediaTokens(1_000, 5_000, 25)),
    **dict.fromkeys(VIDEOS, MediaTokens(2_000, 20_000, 25)),
    **dict.fromkeys(FILES, MediaTokens(2_000, 20_000, 2)),
}


def prompt_size(held: Mapping[str, Any], n_bytes: int) -> PromptSize:
    """The tokens of all that a body says to the model: messages, tools, schemas, and the rest.

    Args:
        held: the body, parsed.
        n_bytes: its length.

    >>> prompt_size({"model": "auto", "messages": [{"role": "user", "content": "x" * 400}]}, 450)
    PromptSize(usual=104, most=271)
    """
    count = _Count(text_quarters)
    count.add_body(held)
    text = max(count.quarters / 4, (n_bytes - count.payload) / BODY_BYTES_PER_TOKEN)
    return PromptSize(
        math.ceil(text) + count.usual,
        math.ceil(text * RESERVED) + count.most,
    )


def counted_sizes(
    held: Mapping[str, Any], counters: Mapping[str, Callable[[str], int]]
) -> dict[str, PromptSize]:
    """The same by tokenizers; nothing for a body of more text than is counted so.

    Texts are counted exactly. How the model's template frames messages and writes tools is not
    known, so `COUNTED_RESERVED` times as much and `COUNTED_FRAME` tokens are put aside.

    Args:
        held: the body, parsed.
        counters: what counts the tokens of a text, by name.

    >>> body = {"model": "auto", "messages": [{"role": "user", "content": "one two three"}]}
    >>> counted_sizes(body, {"words": lambda text: len(text.split())})
    {'words': PromptSize(usual=7, most=264)}
    """
    found = {}
    for name, counter in counters.items():
        count = _Count(partial(_quarters_by, counter), most=MAX_COUNTED_CHARS)
        try:
            count.add_body(held)
        except _TooLongError:
            break
        text = count.quarters / 4
        found[name] = PromptSize(
            math.ceil(text) + count.usual,
            math.ceil(text * COUNTED_RESERVED) + COUNTED_FRAME + count.most,
        )
    return found


def _quarters_by(counter: Callable[[str], int], text: str) -> int:
    return 4 * counter(text)


class _TooLongError(Exception):
    """There is more text than is to be counted."""


class _Count:
    """Sums over a body: quarters of tokens in text, and tokens and bytes of media.

    Args:
        quarters_of: what counts a text.
        most: characters that are counted; beyond them it is given up.
    """

    def __init__(self, quarters_of: Callable[[str], int], most: float = math.inf) -> None:
        self._quarters_of = quarters_of
        self._left = most
        self.quarters = 0
        self.usual = 0
        self.most = 0
        self.payload = 0

    def add_body(self, held: Mapping[str, Any]) -> None:
        for key, value in held.items():
            if key in _CONVERSATIONS and isinstance(value, list):
                self.add_messages(value)
            elif key != "model":
                self.add_field(value)

    def add_text(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise _TooLongError
        self.quarters += self._quarters_of(text)

    def add_messages(self, messages: Iterable[Any]) -> None:
        for message in messages:
            if not isinstance(message, dict):
                self.add(message)
                continue
            self.quarters += 4 * MESSAGE_TOKENS
            for key, value in message.items():
                if isinstance(value, str):
                    self.add_text(value)
                elif key in _CONTENTS and isinstance(value, list):
                    self.add_parts(value)
                else:
                    self.add_field(value)

    def add_parts(self, parts: Iterable[Any]) -> None:
        for part in parts:
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind in MEDIA:
                self.add_media(part, MEDIA[kind])
            elif kind == "tool_result" and isinstance(part.get("content"), list):
                self.add({**part, "content": None})
                self.add_parts(part["content"])
            else:
                self.add(part)

    def add_media(self, part: dict[str, Any], media: MediaTokens) -> None:
        """Its data by the kind, and whatever else it says as text."""
        before = self.payload
        self.add(part, payloads=True)
        size = self.payload - before
        self.usual += media.usual
        by_size = size // media.bytes_per_token if media.bytes_per_token else 0
        self.most += max(media.most, by_size)

    def add_field(self, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """A value, unless it is a number or a truth value, which say nothing to the model."""
        if isinstance(value, str | list | dict):
            self.add(value)

    def add(self, value: Any, *, payloads: bool = False) -> None:  # noqa: ANN401
        """All texts in a value, keys included; without recursion, which has a limit."""
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                self.add_text(item)
            elif isinstance(item, dict):
                for key, inner in item.items():
                    self.quarters += 4
                    self.add_text(key)
                    if payloads and key in _PAYLOADS and isinstance(inner, str):
                        self.payload += len(inner)
                    else:
                        stack.append(inner)
            elif isinstance(item, list):
                self.quarters += 2 * len(item)
                stack.extend(item)
            else:
                self.quarters += 4 if isinstance(item, bool | None) else len(repr(item)) * 2


def text_quarters(text: str) -> int:
    """A text's tokens, in quarters of one.

    >>> [text_quarters(text) / 4 for text in ("word", "1234", "größe", "今天", "🦙")]
    [1.0, 2.0, 2.25, 2.0, 2.0]
    """
    return utf8_quarters(text.encode("utf-8", "surrogatepass"))


def utf8_quarters(raw: bytes) -> int:
    """The same of bytes: 1 for a letter, 2 for a sign, 3, 4 and 8 for longer characters."""
    rest = raw.translate(None, _LETTERS)
    count = len(raw) + len(rest)
    if rest.isascii():
        return count
    leads = rest.translate(None, _NO_LEADS)
    two = len(leads.translate(None, _THREE + _FOUR))
    three = len(leads.translate(None, _TWO + _FOUR))
    return count - two - 2 * three


def escaped_quarters(raw: bytes) -> int:
    r"""The same of bytes out of a JSON string, where characters may be written as ``\u4eca``.

    >>> escaped_quarters(rb"\u4eca\u5929") / 4
    2.0
    """
    if b"\\u" not in raw:
        return utf8_quarters(raw)
    try:
        return text_quarters(json.loads(b'"%b"' % raw))
    except ValueError:
        return utf8_quarters(raw)


def count_of(value: Any) -> int:  # noqa: ANN401 - whatever JSON holds
    """A number of tokens or answers, in whatever shape JSON has it; 0 where it is none.

    >>> [count_of(value) for value in (4000, 4000.0, "4000", True, None, -1, "x", [])]
    [4000, 4000, 4000, 1, 0, 0, 0, 0]
    >>> count_of(math.inf) == count_of(10**400) == MAX_TOKENS
    True
    """
    if type(value) is int:
        return min(value, MAX_TOKENS) if value > 0 else 0
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    if not isinstance(value, int | float) or not value > 0:
        return 0
    return MAX_TOKENS if value >= MAX_TOKENS else math.ceil(value)
