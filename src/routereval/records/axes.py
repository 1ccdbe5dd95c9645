"""Numbers that stand beside a score, by the names under which records hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Axis(NamedTuple):
    """One kind of number of a call.

    Attributes:
        unit: what it is counted in.
        aliases: what files call it, in that unit.
        seconds: what files call it where they count seconds in place of milliseconds.
    """

    unit: str
    aliases: tuple[str, ...]
    seconds: tuple[str, ...] = ()


AXES: Mapping[str, Axis] = MappingProxyType(
    {
        "latency_ms": Axis(
            "milliseconds until the answer was there",
            (
                *("latency_ms", "latencyms", "response_time_ms", "duration_ms", "elapsed_ms"),
                *("time_ms", "total_time_ms", "latency_in_ms", "wall_ms", "wall_time_ms"),
            ),
            (
                *("latency_s", "latency_sec", "latency_seconds", "seconds", "response_time_s"),
                *("duration_s", "duration_seconds", "elapsed_s", "elapsed_seconds", "time_s"),
                *("time_seconds", "total_time_s", "wall_s", "wall_time_s", "wall_clock_s"),
                *("time_taken_s", "time_taken_seconds", "response_time_seconds"),
            ),
        ),
        "tokens_in": Axis(
            "tokens of the prompt, cached ones among them",
            (
                *("tokens_in", "input_tokens", "prompt_tokens", "in_tok", "n_input_tokens"),
                *("num_input_tokens", "total_input_tokens", "tokens_prompt"),
            ),
        ),
        "tokens_out": Axis(
            "tokens of the answer, those of reasoning among them",
            (
                *("tokens_out", "output_tokens", "completion_tokens", "out_tok"),
                *("n_output_tokens", "num_output_tokens", "total_output_tokens"),
                *("tokens_completion", "generated_tokens"),
            ),
        ),
        "tokens_cached": Axis(
            "tokens of the prompt that were read from a cache",
            (
                *("tokens_cached", "cached_tokens", "cache_read_input_tokens", "cached_in_tok"),
                *("n_cache_tokens", "input_tokens_cache_read", "cached_input_tokens"),
            ),
        ),
        "tokens_reasoning": Axis(
            "tokens of the answer that are reasoning",
            ("tokens_reasoning", "reasoning_tokens", "thinking_tokens", "n_reasoning_tokens"),
        ),
    }
)
"""The axes that are known by name; records may hold others under names of their own."""

AXIS_ROLES = (*AXES, "latency_s")
"""What columns of numbers beside a score may hold: an axis, or a latency in seconds."""
UNITLESS = frozenset({"latency", "duration", "elapsed", "response_time", "time_taken", "runtime"})
"""What a column is called that may be a latency, but does not say in which unit."""
_NAME = re.compile(r"[A-Za-z0-9_]{1,60}")
_MS_PER_S = 1000.0


class Alias(NamedTuple):
    """Which axis a column or file is, and what its numbers are to be multiplied by."""

    axis: str
    factor: float


def axis_of(name: str) -> Alias | None:
    """The axis that a column or table of that name holds; None if it is none of `AXES`.

    >>> axis_of("prompt_tokens"), axis_of("latency_s")
    (Alias(axis='tokens_in', factor=1.0), Alias(axis='latency_ms', factor=1000.0))
    >>> axis_of("temperature")
    """
    plain = name.strip().lower()
    for axis, known in AXES.items():
        if plain in known.aliases:
            return Alias(axis, 1.0)
        if plain in known.seconds:
            return Alias(axis, _MS_PER_S)
    return None


def is_axis_name(name: str) -> bool:
    """Whether records may hold an axis of that name, which names a file of theirs."""
    return _NAME.fullmatch(name) is not None
