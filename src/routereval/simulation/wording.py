"""Made-up questions whose wording gives away their subject and how hard they are."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stock:
    """What a subject's sentences are made of.

    Attributes:
        plain: everyday nouns of the subject.
        learned: its rarer, longer nouns, which harder questions prefer.
        openings: first sentences.
        clauses: sentences that a longer question adds.
        questions: what is asked.
        found_in: parts of the names of RouterEval's subsets that are about the subject.

    ``{a}`` and ``{b}`` stand for nouns, ``{n}`` and ``{k}`` for numbers, ``{few}``
    for a small one, ``{year}`` for a year and ``{who}`` for a person.
    """

    plain: tuple[str, ...]
    learned: tuple[str, ...]
    openings: tuple[str, ...]
    clauses: tuple[str, ...]
    questions: tuple[str, ...]
    found_in: tuple[str, ...]


_HELD = tomllib.loads(
    (resources.files("routereval.simulation") / "vocabulary.toml").read_text("utf-8")
)

PEOPLE = tuple(_HELD["people"])
"""Who the prompts speak of."""

STOCKS = {
    subject: Stock(**{k: tuple(v.split() if isinstance(v, str) else v) for k, v in stock.items()})
    for subject, stock in _HELD["subjects"].items()
}
"""The stock of each subject."""

SUBJECTS = tuple(STOCKS)

CLOSINGS: dict[str, tuple[str, ...]] = {
    kind: tuple(ends) for kind, ends in _HELD["closings"].items()
}
"""Last sentences by the kind of answer that is asked for."""

_MAX_CLAUSES = 2
_UNIFORMS_PER_PROMPT = 64  # the longest prompt takes 44


def write_prompts(
    rng: np.random.Generator,
    subjects: NDArray[np.floating],
    hardness: NDArray[np.floating],
    closings: Sequence[str],
) -> list[str]:
    """Write one question per row.

    The opening is about the prompt's main subject, every later sentence about a subject drawn in
    proportion to its share. A harder prompt has more clauses and more learned nouns.

    Args:
        rng: where the wording is drawn from.
        subjects: (n_prompts, len(SUBJECTS)), rows sum to 1: each subject's share of the prompt.
        hardness: (n_prompts,), about standard normal.
        closings: last sentences to choose from, such as ``CLOSINGS["choice"]``.

    Returns:
        n_prompts texts of some 20 to 70 words.

    >>> about_law = np.eye(len(SUBJECTS))[[SUBJECTS.index("law")]]
    >>> [text] = write_prompts(np.random.default_rng(1), about_law, np.zeros(1), ["Choose one."])
    >>> text.endswith("Choose one.")
    True
    """
    noise = 0.5 * rng.standard_normal(len(hardness))
    n_clauses = np.clip(np.rint(1.0 + 0.7 * hardness + noise), 0, _MAX_CLAUSES).astype(int)
    p_learned = 1.0 / (1.0 + np.exp(-1.5 * hardness))
    uniforms = rng.random((len(hardness), _UNIFORMS_PER_PROMPT)).tolist()
    rows = zip(
        uniforms,
        subjects.argmax(axis=1).tolist(),
        np.cumsum(subjects, axis=1).tolist(),
        n_clauses.tolist(),
        p_learned.tolist(),
        strict=True,
    )
    return [
        _Writer(draws, shares, learned).write(main, clauses, closings)
        for draws, main, shares, clauses, learned in rows
    ]


class _Writer:
    """Writes one prompt, taking its chances from a row of uniforms (drawing singly is slow)."""

    def __init__(self, draws: list[float], shares: list[float], p_learned: float) -> None:
        self._next = iter(draws).__next__
        self._shares = shares
        self._p_learned = p_learned
        self._who = self._pick(PEOPLE)

    def write(self, main: int, n_clauses: int, closings: Sequence[str]) -> str:
        stock = STOCKS[SUBJECTS[main]]
        sentences = [self._fill(stock.openings, stock)]
        for _ in range(n_clauses):
            stock = self._stock()
            sentences.append(self._fill(stock.clauses, stock))
        stock = self._stock()
        sentences.append(self._fill(stock.questions, stock))
        sentences.append(self._fill(closings, stock))
        return " ".join(sentences)

    def _fill(self, templates: Sequence[str], stock: Stock) -> str:
        a = self._noun(stock)
        b = self._noun(stock, unlike=a)
        n, k = self._number(), self._number()
        year, few = 1100 + int(800 * self._next()), 2 + n % 5
        template = self._pick(templates)
        return template.format(a=a, b=b, n=n, k=k, few=few, year=year, who=self._who)

    def _stock(self) -> Stock:
        at = self._next()
        for subject, upto in zip(SUBJECTS, self._shares, strict=True):
            if at < upto:
                return STOCKS[subject]
        return STOCKS[SUBJECTS[-1]]

    def _noun(self, stock: Stock, unlike: str = "") -> str:
        nouns = stock.learned if self._next() < self._p_learned else stock.plain
        at = int(self._next() * len(nouns))
        return nouns[at - 1] if nouns[at] == unlike else nouns[at]

    def _number(self) -> int:
        return 2 + int(95 * self._next() ** 2)

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self._next() * len(options))]
