"""What a run has to show, as a continuous integration asks it: ``auto > best_single``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from routereval.errors import SpecError, unknown
from routereval.results.common_prompts import stacked
from routereval.results.comparison import compare
from routereval.results.results import Results
from routereval.results.summary import mean_over
from routereval.shown import Shown

By = Literal["interval", "estimate"]
BY: tuple[By, ...] = ("interval", "estimate")
"""What has to be above the bound: the low end of the interval, or the estimate itself."""

_FORM = re.compile(r"\s*(?P<a>\S.*?)(?<!=)\s*(?P<sign>>=|>)\s*(?P<b>[^\s=].*?)\s*")
_NUMBER = re.compile(r"[\d.]+")


class Requirement(NamedTuple):
    """A router, a sign, and another router or a score.

    Attributes:
        a: a router of a run, or a yardstick such as ``best_single``.
        sign: ``>`` for better, ``>=`` for as good or better.
        b: another router or yardstick, or a mean score in [0, 1].
    """

    a: str
    sign: str
    b: str | float

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read one.

        Raises:
            SpecError: if it is of another form, or the score lies outside [0, 1].

        >>> Requirement.parse("knn(k=5) >= 0.8")
        Requirement(a='knn(k=5)', sign='>=', b=0.8)
        """
        found = _FORM.fullmatch(text)
        if found is None or _NUMBER.fullmatch(found["a"]):
            raise SpecError(
                f"cannot read the requirement {text!r}; write 'auto > best_single', "
                "'auto >= best_single' or 'auto > 0.8'"
            )
        try:
            score = float(found["b"])
        except ValueError:
            return cls(found["a"], found["sign"], found["b"])
        if not 0 <= score <= 1:
            raise SpecError(f"{text!r}: a score lies in [0, 1], which {found['b']} does not")
        return cls(found["a"], found["sign"], score)

    def __str__(self) -> str:
        b = f"{self.b:g}" if isinstance(self.b, float) else self.b
        return f"{self.a} {self.sign} {b}"


class Finding(NamedTuple):
    """Whether a requirement holds, and on which evidence.

    Attributes:
        requirement: what is required.
        difference: mean score of a minus that of b.
        low: lower end of its interval.
        high: upper end.
        bound: what the low end, or the difference, has to be above; at least, for ``>=``.
        by: ``interval`` if the low end has to be, ``estimate`` if the difference.
        n_prompts: prompts that both were tested on.
        n_fits: fits of each where the interval holds the variance of training; 0 where it is of
            these fitted routers.
        holds: whether it is.
    """

    requirement: Requirement
    difference: float
    low: float
    high: float
    bound: float
    by: By
    n_prompts: int
    n_fits: int
    holds: bool


@dataclass(frozen=True, repr=False)
class Findings(Shown):
    """What was required of a run, and whether it holds.

    Attributes:
        findings: one per requirement.
        simulated: True if no real model was asked.
    """

    findings: tuple[Finding, ...]
    simulated: bool = False

    @property
    def holds(self) -> bool:
        """Whether all requirements hold."""
        return all(finding.holds for finding in self.findings)


def check(
    results: Results,
    requirements: Sequence[str],
    *,
    min_gain: float = 0.0,
    margin: float = 0.01,
    by: By = "interval",
) -> Findings:
    """Say which requirements the results of a run meet.

    A router is better than another by more than `min_gain` if the interval of the paired
    difference of their mean scores lies above it, and as good if the interval lies above minus
    `margin`. With enough seeds or folds the interval holds the variance of training. All have to
    hold, so none is corrected for the others.

    Args:
        results: of a run.
        requirements: such as ``auto > best_single``, ``auto >= knn(k=5)``, ``auto > 0.8``.
        min_gain: of ``>`` between routers, in mean score.
        margin: of ``>=`` between routers, in mean score.
        by: ``interval``, or ``estimate`` to look at the differences alone.

    Raises:
        SpecError: if a requirement cannot be read, or names no router of the run.
        DataError: if two routers have no prompts in common.
    """
    if by not in BY:
        raise unknown("evidence", by, BY)
    if not requirements:
        raise SpecError("nothing is required; write such as 'auto > best_single'")
    simulated = results.simulated
    read = [Requirement.parse(text) for text in requirements]
    bounds = {">": min_gain, ">=": -margin}
    return Findings(tuple(_finding(results, one, bounds[one.sign], by) for one in read), simulated)


def _finding(results: Results, asked: Requirement, bound: float, by: By) -> Finding:
    if isinstance(asked.b, float):
        return _against_score(results, asked, asked.b, by)
    verdict = compare(results, asked.a, asked.b)
    anew = verdict.over_fits
    found = verdict.test if anew is None else anew
    n_fits = 0 if anew is None else anew.n_fits
    ends = (found.difference, found.low, found.high)
    return _judged(asked, ends, bound, by, verdict.test.n_prompts, n_fits)


def _against_score(results: Results, asked: Requirement, score: float, by: By) -> Finding:
    """By the mean of the table and its interval."""
    name = results.name_of(asked.a)
    mean, _ = mean_over(results, results.of(name), ("mu",))["mu"]
    ends = (mean.value - score, mean.low - score, mean.high - score)
    return _judged(asked, ends, 0.0, by, len(stacked(results, (name,)).weight), 0)


def _judged(
    asked: Requirement,
    ends: tuple[float, float, float],
    bound: float,
    by: By,
    n_prompts: int,
    n_fits: int,
) -> Finding:
    seen = ends[1] if by == "interval" else ends[0]
    holds = seen > bound if asked.sign == ">" else seen >= bound
    return Finding(asked, *ends, bound, by, n_prompts, n_fits, bool(holds))
