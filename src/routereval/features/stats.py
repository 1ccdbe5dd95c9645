"""Statistics of a prompt: how long, how many digits, which language, code, options, questions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routereval.features.base import TextEmbedder, Vectors
from routereval.features.numerics import deviations

Patterns = dict[str, re.Pattern[str]]


def _compiled(sources: dict[str, str]) -> Patterns:
    return {name: re.compile(source) for name, source in sources.items()}


# Shares of the characters; each matches one.
_CHARACTERS = _compiled(
    {
        "digits": r"\d",
        "capitals": r"[A-Z]",
        "marks": r"[^\w\s]",
        "spaces": r"\s",
    }
)
_SCRIPTS = _compiled(
    {
        "greek": r"[\u0370-\u03ff]",
        "cyrillic": r"[\u0400-\u04ff]",
        "hebrew": r"[\u0590-\u05ff]",
        "arabic": r"[\u0600-\u06ff]",
        "devanagari": r"[\u0900-\u097f]",
        "thai": r"[\u0e00-\u0e7f]",
        "kana": r"[\u3040-\u30ff]",
        "han": r"[\u4e00-\u9fff]",
        "hangul": r"[\uac00-\ud7af]",
        "signs": r"[\u2190-\u22ff]",
        "accents": r"[\u00c0-\u024f]",
    }
)
# How often, as log(1 + n).
_COUNTS = _compiled(
    {
        "lines": r"\n",
        "numbers": r"\d+(?:[.,]\d+)*",
        "sentences": r"[.!?](?:\s|$)",
        "questions": r"\?",
        "options": r"(?m)^[ \t]*\(?[A-J][).:]\s",
        "inline options": r"(?<!\w)\(?[A-Ea-e]\)\s",
        "code": r"[{}]|;\s*$|\)\s*[:{]|=>|->|==|```|\b(?:def|return|import|class|void|print)\b",
        "formulas": r"\$|\\[a-z]+|[=+*/^<>≤≥√∑∫π]",
        "blanks": r"_{2,}",
        "quotes": r"[\"“”]",
        "links": r"https?://",
    }
)
# Shares of the words.
_LANGUAGES = {
    "english": "the of and to is that it for was with",
    "german": "der die und das ist nicht ein mit von zu",
    "french": "le les des et est une dans pour que qui",
    "spanish": "el los las que por una con para del como",
    "italian": "il che di gli della per una sono con nel",
    "portuguese": "os não uma com para que do da em são",
}
# Whether it occurs.
_ASKED = (
    *("what", "which", "who", "when", "where", "why", "how"),
    *("if", "not", "except", "best", "most", "true", "following", "calculate", "find", "prove"),
    *("write", "explain", "translate", "summarize", "list", "compare", "step"),
)
_WORD = re.compile(r"[^\W\d_]+")
_ASCII_WORD = re.compile(r"[a-z]+")
_ASCII = [
    bytes(code for code in range(128) if pattern.match(chr(code)))
    for pattern in _CHARACTERS.values()
]
"""The ASCII characters that each of `_CHARACTERS` matches."""
_FUNCTION_WORDS = tuple(frozenset(words.split()) for words in _LANGUAGES.values())
_ANY_FUNCTION_WORD = frozenset().union(*_FUNCTION_WORDS)


class Stats(TextEmbedder):
    """Counts and shares that can be read off a prompt without understanding it, standardised.

    Length, lines, digits, capitals, code, formulas, answer options, question words, scripts and the
    function words of six languages. They are few and cheap, and what they say can be understood:
    `names` tells which column is what.

    Attributes:
        means_: (d,) of the training prompts.
        deviations_: (d,) of the training prompts, infinite where a column is constant: it stays 0.

    >>> stats = Stats().fit(["What is 2 + 2?", "Write a poem.", "Quel est le nom de la rue ?"])
    >>> X = stats.transform(["How much is 12 + 30?", "Write a story."])
    >>> bool(X[0, stats.names.index("digits")] > X[1, stats.names.index("digits")])
    True
    """

    names = (
        *("characters", "words", "word length", "distinct words"),
        *_CHARACTERS,
        *_SCRIPTS,
        *_COUNTS,
        *_LANGUAGES,
        *(f"asks {word}" for word in _ASKED),
    )

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Learn each statistic's mean and deviation.

        Args:
            texts: the training texts.
            y: ignored; scikit-learn passes it.
        """
        raw = _measured(tuple(texts))
        # numpy's logarithms differ by processor in the last bit
        self.means_ = np.round(raw.mean(axis=0), 9)
        self.deviations_ = np.round(deviations(raw), 9)
        return self

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d) standardised statistics; a value is at most 10 deviations from the mean."""
        self._check_fitted()
        scaled = (_measured(tuple(texts)) - self.means_) / self.deviations_
        return np.asarray(np.clip(scaled, -10, 10), dtype=np.float32)


@lru_cache(maxsize=4)
def _measured(texts: tuple[str, ...]) -> NDArray[np.float64]:
    """The statistics as they are, (n_texts, d); the last few are kept, as pools share prompts."""
    rows = [_of_one(text) for text in texts]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(Stats.names))


@lru_cache(maxsize=4096)
def _of_one(text: str) -> list[float]:
    words = _words(text)
    function_words = [word for word in words if word in _ANY_FUNCTION_WORD]
    held, length, n_words = set(words), max(len(text), 1), max(len(words), 1)
    return [
        float(np.log1p(len(text))),
        float(np.log1p(len(words))),
        sum(map(len, words)) / n_words,
        len(held) / n_words,
        *(count / length for count in _characters(text)),
        *(count / length for count in _scripts(text)),
        *np.log1p(_counts(_COUNTS, text)).tolist(),
        *(sum(word in known for word in function_words) / n_words for known in _FUNCTION_WORDS),
        *(float(word in held) for word in _ASKED),
    ]


def _words(text: str) -> list[str]:
    """In lower case: at once where no character becomes two, of which one may be no letter."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word.lower() for word in _WORD.findall(text)]


def _characters(text: str) -> list[int]:
    """How many characters match each of `_CHARACTERS`; without regular expressions where ASCII."""
    if not text.isascii():
        return _counts(_CHARACTERS, text)
    raw = text.encode()
    return [len(raw) - len(raw.translate(None, held)) for held in _ASCII]


def _scripts(text: str) -> list[int]:
    return [0] * len(_SCRIPTS) if text.isascii() else _counts(_SCRIPTS, text)


def _counts(patterns: Patterns, text: str) -> list[int]:
    return [len(pattern.findall(text)) for pattern in patterns.values()]
