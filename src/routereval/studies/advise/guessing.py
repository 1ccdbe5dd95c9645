"""What a guesser scores on each prompt."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.records import Records
from routereval.records.routereval import CHANCE, canonical

_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]", re.MULTILINE)
_ENOUGH = 0.95  # of the prompts must list options, or they are no multiple choice


class Chance(NamedTuple):
    """The chance level of each prompt, and how it is known.

    Attributes:
        levels: (n_prompts,) in [0, 1), NaN where unknown.
        source: a phrase for a report; empty where no level is known.
    """

    levels: NDArray[np.float64]
    source: str


def chance_levels(records: Records) -> Chance:
    """The chance level of each prompt.

    As recorded with the prompts; else as published for the benchmark; else one over the number of
    lettered options that the text ends with, if nearly every text lists some. A prompt with an
    only option, or none among such texts, gets the mean of the others.

    Args:
        records: one benchmark.
    """
    recorded = records.prompts["chance"]
    if recorded.null_count() == 0:
        return Chance(recorded.to_numpy().astype(np.float64), "recorded with the prompts")
    published = CHANCE.get(canonical(records.name))
    if published is not None:
        return Chance(np.full(records.n_prompts, published), "published for the benchmark")
    counted = _counted(records)
    if counted is not None:
        return Chance(counted, "counted from the options in the prompts")
    return Chance(np.full(records.n_prompts, np.nan), "")


def count_options(text: str) -> int:
    r"""How many lettered options, from A on, the last list of them in a text has.

    >>> count_options("Which is even? A. no list\nA. one\nB. two\nC. three\nAnswer:")
    3
    """
    letters = _OPTION.findall(text)
    if "A" not in letters:
        return 0
    last = letters[len(letters) - 1 - letters[::-1].index("A") :]
    run = (letter == chr(ord("A") + place) for place, letter in enumerate(last))
    return next((place for place, goes_on in enumerate(run) if not goes_on), len(last))


def _counted(records: Records) -> NDArray[np.float64] | None:
    if not records.has_text:
        return None
    options = np.array([count_options(text) for text in records.prompts["text"]])
    listed = options >= 2
    if listed.mean() < _ENOUGH:
        return None
    levels = 1 / np.maximum(options, 2)
    return np.asarray(np.where(listed, levels, levels[listed].mean()))
