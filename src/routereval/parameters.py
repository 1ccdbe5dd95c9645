"""What the parameters of a router or an embedder may be, declared in one table per class.

    allowed = {"k": Tuned(COUNT), "weights": Choice("uniform", "similarity")}

The table is checked when something is fitted, not in the constructor, as scikit-learn has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol

from routereval.errors import SpecError, unknown


class Rule(Protocol):
    """Which values a parameter may have."""

    def allows(self, value: object) -> bool:
        """True for a value that it may have."""

    def __str__(self) -> str:
        """Those values in words, as in ``a number from 0 to 1``."""


class Number(NamedTuple):
    """A finite number.

    Attributes:
        low: the least.
        high: the greatest.
        whole: whether it must be a whole number.
        above: whether it must be more than `low`.

    >>> str(Number(0, above=True)), str(Number(2, whole=True)), str(Number(0, 1))
    ('a positive number', 'a whole number of at least 2', 'a number from 0 to 1')
    >>> Number(0, 1).allows(0.5), Number(0, 1).allows(True), Number(0).allows(math.inf)
    (True, False, False)
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    above: bool = False

    def allows(self, value: object) -> bool:
        """True for such a number; a truth value is none."""
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        number = float(value)
        over = number > self.low if self.above else number >= self.low
        return math.isfinite(number) and over and number <= self.high

    def __str__(self) -> str:
        kind = "whole number" if self.whole else "number"
        if self.high < math.inf:
            if self.above:
                return f"a {kind} above {self.low:g} and up to {self.high:g}"
            return f"a {kind} from {self.low:g} to {self.high:g}"
        if self.low == -math.inf:
            return f"a {kind}"
        if self.low == (1 if self.whole else 0) and self.above != self.whole:
            return f"a positive {kind}"
        if self.low == 0 and not self.above:
            return f"a {kind} that is not negative"
        return f"a {kind} {'above' if self.above else 'of at least'} {self.low:g}"


class Choice:
    """One of some words.

    >>> str(Choice("mean", "ranks"))
    "'mean' or 'ranks'"
    """

    def __init__(self, *words: str) -> None:
        self.words = words

    def allows(self, value: object) -> bool:
        """True for one of the words."""
        return isinstance(value, str) and value in self.words

    def __str__(self) -> str:
        return " or ".join(map(repr, self.words))


class Tuned(NamedTuple):
    """What another rule allows, or a word: ``tuned`` is for what is chosen on held-out prompts.

    >>> str(Tuned(Number(1, whole=True)))
    "a positive whole number or 'tuned'"
    """

    rule: Rule
    word: str = "tuned"

    def allows(self, value: object) -> bool:
        """True for the word, and for what the rule allows."""
        return (isinstance(value, str) and value == self.word) or self.rule.allows(value)

    def __str__(self) -> str:
        return f"{self.rule} or {self.word!r}"


class ListOf(NamedTuple):
    """A list or tuple of what another rule allows.

    Attributes:
        rule: what each of its values may be.
        least: how many there must be.

    >>> str(ListOf(Number(1, whole=True), least=1))
    'a list, not empty, each a positive whole number'
    """

    rule: Rule
    least: int = 0

    def allows(self, value: object) -> bool:
        """True for such a list."""
        listed = isinstance(value, (list, tuple)) and len(value) >= self.least
        return listed and all(map(self.rule.allows, value))  # type: ignore[call-overload]

    def __str__(self) -> str:
        return f"a list, {'not empty, ' if self.least else ''}each {self.rule}"


class Text(NamedTuple):
    """A text that is not empty.

    Attributes:
        meaning: what it is in words, as in ``a folder or a name such as 'org/name'``.
    """

    meaning: str = "a text"

    def allows(self, value: object) -> bool:
        """True for a text with more than white space in it."""
        return isinstance(value, str) and bool(value.strip())

    def __str__(self) -> str:
        return self.meaning


class Flag(NamedTuple):
    """Yes or no."""

    def allows(self, value: object) -> bool:
        """True for True and for False."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


COUNT = Number(1, whole=True)
SEED = Number(0, whole=True)
SHARE = Number(0, 1)
WEIGHTS = Text("a folder or a name such as 'org/name'")
POSITIVE = Number(0, above=True)
NOT_NEGATIVE = Number(0)


def check_parameters(owner: str, given: Mapping[str, Any], allowed: Mapping[str, Rule]) -> None:
    """See that parameters are what their rules allow.

    Args:
        owner: whose they are, as messages name it.
        given: their values by name.
        allowed: their rules by name; what has none may be anything.

    Raises:
        SpecError: naming the owner, the parameter, its value and what is allowed.

    >>> check_parameters("knn", {"k": 0}, {"k": Tuned(COUNT)})
    Traceback (most recent call last):
    ...
    routereval.errors.SpecError: knn: k must be a positive whole number or 'tuned', not 0
    """
    for name, rule in allowed.items():
        value = given[name]
        if rule.allows(value):
            continue
        if isinstance(rule, Choice):
            raise unknown(f"{name} of {owner}", str(value), rule.words)
        raise SpecError(f"{owner}: {name} must be {rule}, not {value!r}")
