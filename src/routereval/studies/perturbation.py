"""Prompts changed in ways that do not change what they ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

Change = Callable[[str, np.random.Generator], str]

_WORD = re.compile(r"[^\W\d_]{4,}")
_OPTION = re.compile(r"^(\s*\(?[A-J][.):]\)?\s+)(.*)$")
_TYPOS = 0.1  # of the words of four letters and more
_TEMPLATES = (
    "Please answer the following question.\n\n{}",
    "I have a question for you: {}",
    "{}\n\nPlease think carefully before you answer.",
    "Question:\n{}\nAnswer:",
)


def typos(text: str, rng: np.random.Generator) -> str:
    """Swap two neighbouring letters in a tenth of the longer words, at least in one.

    >>> typos("prove it", np.random.default_rng(0))
    'proev it'
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    letters = list(text)
    picked = rng.choice(len(words), max(1, round(_TYPOS * len(words))), replace=False)
    for place in picked:
        start, end = words[place].span()
        at = int(rng.integers(start, end - 1))
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def case(text: str, rng: np.random.Generator) -> str:
    """Lower all letters, or raise them where none is high.

    >>> case("Prove it", np.random.default_rng(0))
    'prove it'
    """
    lowered = text.lower()
    return lowered if lowered != text else text.upper()


def paraphrase(text: str, rng: np.random.Generator) -> str:
    """Put the prompt into one of a few frames that ask the same."""
    return _TEMPLATES[int(rng.integers(len(_TEMPLATES)))].format(text)


def option_order(text: str, rng: np.random.Generator) -> str:
    r"""Put the options of a multiple choice into another order, the letters as they were.

    >>> option_order("Which?\nA. one\nB. two", np.random.default_rng(0))
    'Which?\nA. two\nB. one'
    """
    lines = text.split("\n")
    found = {place: match for place, line in enumerate(lines) if (match := _OPTION.match(line))}
    if len({match[2] for match in found.values()}) < 2:
        return text
    places = list(found)
    shift = int(rng.integers(1, len(places)))  # a turn: no option stays where it was
    for place, source in zip(places, places[shift:] + places[:shift], strict=True):
        lines[place] = found[place][1] + found[source][2]
    return "\n".join(lines)


CHANGES: dict[str, Change] = {
    "typos": typos,
    "case": case,
    "paraphrase": paraphrase,
    "option_order": option_order,
}


def changed(texts: Sequence[str], change: str, seed: int = 0) -> list[str]:
    """Texts changed one by one; some may stay as they were, such as those without options.

    Args:
        texts: the prompts.
        change: one of `CHANGES`.
        seed: with the place of a text it decides how it is changed.
    """
    return [
        CHANGES[change](text, np.random.default_rng((seed, place)))
        for place, text in enumerate(texts)
    ]
