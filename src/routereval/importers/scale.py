"""`Scale`: the scale that scores are declared to be on, mapped onto [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.importers.rows import RowError, finite_in

REMEDY = (
    "import with --scale LOW,HIGH if that is another scale (1,10 or 0,100; 10,0 where less is "
    "better), --missing VALUE if it stands for no score, or --clip"
)


@dataclass(frozen=True)
class Scale:
    """The scale of scores.

    Attributes:
        low: the worst score, which becomes 0; above `high` where less is better.
        high: the best score, which becomes 1.
        clip: take scores beyond either end for that end, instead of refusing them.
        missing: numbers that stand for no score, such as -1.
        words: texts that do, such as ``ERROR``.
        worth: texts that stand for a number of the scale, each with that, such as ``refusal``.

    >>> Scale(0, 100).score(85), Scale(10, 0).score(2.5), Scale(missing=(-1.0,)).score(-1)
    (0.85, 0.75, nan)
    >>> Scale.of("0,10", worth="Refusal=0, so-so=5").score("so-so")
    0.5
    """

    low: float = 0.0
    high: float = 1.0
    clip: bool = False
    missing: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    worth: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(
        cls, scale: str = "", missing: str = "", worth: str = "", *, clip: bool = False
    ) -> Scale:
        """The scale that options declare.

        Args:
            scale: ``LOW,HIGH``; 0,1 if empty.
            missing: what stands for no score, several joined by commas.
            worth: ``WORD=NUMBER``, several joined by commas.
            clip: as the attribute.

        Raises:
            SpecError: if `scale` is no two different numbers, or what a word is worth is none.
        """
        try:
            low, high = (float(end) for end in (scale or "0,1").split(","))
        except ValueError:
            low = high = math.nan
        if low == high or not (math.isfinite(low) and math.isfinite(high)):
            raise SpecError(f"the scale {scale!r} should be LOW,HIGH, as in 0,100")
        marks = [mark.strip() for mark in missing.split(",") if mark.strip()]
        numbers = tuple(float(mark) for mark in marks if _is_number(mark))
        words = tuple(mark.lower() for mark in marks if not _is_number(mark))
        return cls(low, high, clip, numbers, words, tuple(_worth(worth)))

    def score(self, value: object, what: str = "score") -> float:
        """A score on [0, 1]; NaN if there is none.

        Raises:
            RowError: if the value is no number of the scale.
        """
        if isinstance(value, str):
            word = value.strip().lower()
            if word in self.words:
                return math.nan
            value = dict(self.worth).get(word, value)
        number = finite_in(value, what)
        if math.isnan(number) or number in self.missing:
            return math.nan
        return self._mapped(number, what)

    def spans(self, number: float) -> bool:
        """Whether a number lies on the scale."""
        low, high = sorted((self.low, self.high))
        return low <= number <= high

    def _mapped(self, number: float, what: str) -> float:
        low, high = sorted((self.low, self.high))
        if self.clip:
            number = min(max(number, low), high)
        elif number < low or number > high:
            raise RowError(f"{what} {number:.6g} lies outside [{low:g}, {high:g}]; {REMEDY}")
        return (number - self.low) / (self.high - self.low)

    def matrix(self, scores: NDArray[np.floating], benchmark: str) -> NDArray[np.floating]:
        """As `score`, of a whole array.

        Raises:
            DataError: if a number lies outside the scale.
        """
        scores = np.where(np.isin(scores, self.missing), np.nan, scores)
        low, high = sorted((self.low, self.high))
        if self.clip:
            scores = np.clip(scores, low, high)
        outside = (scores < low) | (scores > high)
        if outside.any():
            worst = float(scores[outside][0])
            raise DataError(
                f"{benchmark}: score {worst:.6g} lies outside [{low:g}, {high:g}]; {REMEDY}"
            )
        if (self.low, self.high) == (0.0, 1.0):
            return scores
        return np.asarray((scores - self.low) / (self.high - self.low))

    def __str__(self) -> str:
        plain = (self.low, self.high) == (0.0, 1.0)
        parts = [] if plain else [f"{self.low:g} to {self.high:g} mapped onto 0 to 1"]
        parts += ["beyond it clipped"] if self.clip else []
        marks = [f"{number:g}" for number in self.missing] + list(self.words)
        parts += [f"{', '.join(marks)} not observed"] if marks else []
        parts += [f"{word!r} worth {number:g}" for word, number in self.worth]
        return "; ".join(parts)


Rescale = bool | Scale
"""What an importer knows of the scale: a declared one, True for the range that it observes."""


def _worth(text: str) -> Iterator[tuple[str, float]]:
    """What words are worth, from ``WORD=NUMBER`` joined by commas."""
    for pair in filter(str.strip, text.split(",")):
        word, _, number = pair.rpartition("=")
        if not word.strip() or not _is_number(number):
            raise SpecError(f"worth {pair.strip()!r} should be WORD=NUMBER, as in refusal=0")
        yield word.strip().lower(), float(number)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
