"""What providers say in their errors, and which of it is believed.

An error may repeat what the client wrote: the name of a tool, an unknown field. So only ``code``
and ``type`` count, which must match exactly, and whole sentences of the message; and none of them
if it stands in the request.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_ESCAPE = re.compile(rb"\\u00([0-7][0-9a-fA-F])")

QUOTA_CODES = frozenset(
    {
        "access_terminated_error",  # Moonshot
        "account_deactivated",
        "arrearage",  # DashScope
        "billing_error",  # Anthropic
        "billing_hard_limit_reached",  # OpenAI
        "billing_not_active",
        "credit_balance_too_low",
        "exceeded_current_quota_error",  # Moonshot
        "insufficient_balance",  # DeepSeek
        "insufficient_credits",
        "insufficient_quota",  # OpenAI
        "payment_required",
        "quota_exceeded",
    }
)
QUOTA_SENTENCES = (
    "your credit balance is too low",  # Anthropic
    "you exceeded your current quota",  # OpenAI, Gemini
    "insufficient balance",  # DeepSeek, Moonshot
    "insufficient credits",  # OpenRouter
    "insufficient funds",
)
CONTEXT_CODES = frozenset(
    {
        "context_length_exceeded",  # OpenAI, vLLM
        "context_window_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "model_max_prompt_tokens_exceeded",  # Copilot
        "string_above_max_length",
    }
)
CONTEXT_SENTENCES = (
    "maximum context length",  # OpenAI, vLLM, OpenRouter
    "context window",
    "context length is only",  # vLLM
    "prompt is too long",  # Anthropic
    "longer than the model's context length",  # SGLang
    "exceeds the available context size",  # llama.cpp
    "input token count",  # Gemini: "The input token count (…) exceeds the maximum number …"
    "input is too long for requested model",  # Bedrock
    "`inputs` tokens + `max_new_tokens` must be",  # TGI
    "`inputs` must have less than",  # TGI
)


REFUSAL_CODES = frozenset({"unsupported_parameter", "unsupported_value"})  # OpenAI
REFUSAL_SENTENCES = (
    "unsupported parameter",  # OpenAI
    "unsupported value",
    "does not support tools",  # Ollama
    "is not supported with this model",
    "tool choice requires --enable-auto-tool-choice",  # vLLM
    "max_tokens is too large",  # OpenAI
    "expected last role user or tool",  # Mistral
)


class ProviderError(NamedTuple):
    """What an error says of itself; empty where it does not.

    Attributes:
        codes: its ``code``, ``type`` and ``status``, in small letters.
        message: its sentences, in small letters.
    """

    codes: frozenset[str] = frozenset()
    message: str = ""


def read_error(body: bytes) -> ProviderError:
    """The error in a body, in whichever of the usual shapes.

    >>> read_error(b'{"error": {"code": "insufficient_quota", "message": "Pay!"}}')
    ProviderError(codes=frozenset({'insufficient_quota'}), message='pay!')
    >>> read_error(b'[{"error": {"code": 400, "message": "Too long"}}]').message  # Gemini
    'too long'
    >>> read_error(b"<html>") == ProviderError()
    True
    """
    try:
        return error_of(json.loads(body))
    except (ValueError, RecursionError):
        return ProviderError()


def error_of(held: Any) -> ProviderError:  # noqa: ANN401 - whatever JSON holds
    """The error in a parsed body; see `read_error`."""
    if isinstance(held, list) and held:
        held = held[0]
    if not isinstance(held, dict):
        return ProviderError()
    inner = held.get("error")
    error = inner if isinstance(inner, dict) else held
    names = (error.get(key) for key in ("code", "type", "status", "error_type", "__type"))
    texts = [inner if isinstance(inner, str) else error.get("message"), error.get("detail")]
    metadata = error.get("metadata")
    if isinstance(metadata, dict):  # what OpenRouter repeats of its provider
        texts.append(metadata.get("raw"))
    codes = frozenset(str(name).lower() for name in names if isinstance(name, str | int))
    return ProviderError(codes, " ".join(text for text in texts if isinstance(text, str)).lower())


def says(
    error: ProviderError, codes: frozenset[str], sentences: tuple[str, ...], request: bytes
) -> bool:
    r"""Whether an error has one of the codes or sentences, and not because the request has it.

    Args:
        error: what the provider answered.
        codes: that must be equal to one of its own.
        sentences: of which its message must hold one.
        request: the body that was sent.

    >>> quota = read_error(b'{"error": {"message": "Unknown field: insufficient credits"}}')
    >>> says(quota, QUOTA_CODES, QUOTA_SENTENCES, b"{}")
    True
    >>> says(quota, QUOTA_CODES, QUOTA_SENTENCES, rb'{"Insufficient \u0063redits": 1}')
    False
    """
    found = [code for code in error.codes if code in codes]
    found += [sentence for sentence in sentences if sentence in error.message]
    if not found:
        return False
    return any(not stands_in(words.encode(), request) for words in found)


def stands_in(words: bytes, request: bytes) -> bool:
    r"""Whether words in small letters stand in a request, in whatever case or as escapes.

    >>> stands_in(b"funds", rb'{"\u0046unds": 1}'), stands_in(b"funds", b"{}")
    (True, False)
    """
    return words in _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), request).lower()
