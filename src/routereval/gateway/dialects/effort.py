"""A request at the effort of an arm: one model may be listed at several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routereval.gateway.dialects.apis import MESSAGES, RESPONSES, Api

LEAST_THINKING = 1024
"""Tokens of the shortest thinking that the Messages API takes."""


def at_effort(
    held: Mapping[str, Any],
    api: Api,
    *,
    effort: str = "",
    thinking: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a request with the fields that set its effort, whatever it said of that.

    Args:
        held: the body, parsed.
        api: that it is of.
        effort: the word for it; empty for none.
        thinking: tokens of it, which only the Messages API takes; elsewhere the word is sent.
        fields: of a service that sets it in its own way; tables are joined with what is there.

    >>> from routereval.gateway.dialects.apis import CHAT, MESSAGES, RESPONSES
    >>> at_effort({"reasoning_effort": "low"}, CHAT, effort="high")
    {'reasoning_effort': 'high'}
    >>> at_effort({"reasoning": {"summary": "auto"}}, RESPONSES, effort="high")
    {'reasoning': {'summary': 'auto', 'effort': 'high'}}
    >>> at_effort({"max_tokens": 9000, "temperature": 0}, MESSAGES, effort="high", thinking=4000)
    {'max_tokens': 9000, 'thinking': {'type': 'enabled', 'budget_tokens': 4000}}
    >>> at_effort({}, CHAT, fields={"thinking_budget": 4000})
    {'thinking_budget': 4000}
    """
    made = dict(held)
    if api is MESSAGES and thinking is not None:
        made = _thinking(made, thinking)
    elif effort and api is MESSAGES:
        _join(made, {"output_config": {"effort": effort}})
    elif effort and api is RESPONSES:
        _join(made, {"reasoning": {"effort": effort}})
    elif effort:
        made["reasoning_effort"] = effort
    _join(made, fields or {})
    return made


def _thinking(made: dict[str, Any], tokens: int) -> dict[str, Any]:
    """Thinking of so many tokens; less where the answer is to be short, none if forced to a tool.

    With thinking, the API takes neither a temperature nor ``top_k``.
    """
    longest, choice = made.get("max_tokens"), made.get("tool_choice")
    if isinstance(longest, int):
        tokens = min(tokens, longest - 1)
    forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    if tokens < LEAST_THINKING or forced:
        return {**made, "thinking": {"type": "disabled"}}
    kept = {key: value for key, value in made.items() if key not in ("temperature", "top_k")}
    return {**kept, "thinking": {"type": "enabled", "budget_tokens": tokens}}


def _join(made: dict[str, Any], fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        before = made.get(key)
        if isinstance(value, Mapping):
            made[key] = {**before, **value} if isinstance(before, dict) else dict(value)
        else:
            made[key] = value
