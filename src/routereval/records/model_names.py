"""One name for a model that has several."""

from __future__ import annotations

import re

_OLD_PREFIX = "open-llm-leaderboard-old/details_"
_NEW = re.compile(r"(?:open-llm-leaderboard/)?(.+?__.+)-details")


def canonical_model(name: str) -> str:
    """The name ``org/name`` of a model that goes by its name on either Open LLM Leaderboard.

    Any other name, and the case of letters, stays as it is: two models may differ in that alone.

    >>> canonical_model("open-llm-leaderboard-old/details_meta-llama__Llama-2-7b-hf")
    'meta-llama/Llama-2-7b-hf'
    >>> canonical_model("meta-llama__Llama-2-7b-hf-details")
    'meta-llama/Llama-2-7b-hf'
    >>> canonical_model("open-llm-leaderboard-old/details_gpt2"), canonical_model("gpt-4-details")
    ('gpt2', 'gpt-4-details')
    """
    if name.startswith(_OLD_PREFIX):
        return name.removeprefix(_OLD_PREFIX).replace("__", "/", 1)
    new = _NEW.fullmatch(name)
    return new[1].replace("__", "/", 1) if new else name
