"""Arms of one model: the same model at another effort or setting, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EFFORT = "none|minimal|low|medium|high|xhigh|max|thinking|nothinking|non-thinking|fc|prompt"
_SETTING = re.compile(rf"\s*\[[^\]]*\]$|\s*\([^)]*\)$|@[^@/]*$|[-_:](?:{_EFFORT})$", re.IGNORECASE)


def base_name(arm: str) -> str:
    """The name of a model without the effort or the settings that it was run at.

    >>> [base_name(arm) for arm in ("o3 [reasoning_effort=low]", "gpt-5@high", "o4-mini-high")]
    ['o3', 'gpt-5', 'o4-mini']
    >>> base_name("claude-4 (FC)"), base_name("llama-3.1-8b"), base_name("@x")
    ('claude-4', 'llama-3.1-8b', '@x')
    """
    bare = arm
    while (shorter := _SETTING.sub("", bare)) not in {bare, ""}:
        bare = shorter
    return bare


def siblings_of(arm: str, others: Sequence[str]) -> list[int]:
    """Places of the arms of the same model.

    >>> siblings_of("gpt-5@medium", ["gpt-5@low", "o3", "gpt-5@high"])
    [0, 2]
    """
    base = base_name(arm)
    return [place for place, other in enumerate(others) if base_name(other) == base]
