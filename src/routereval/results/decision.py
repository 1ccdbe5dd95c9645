"""What the results say to the person who decides: deploy a router, do not, or ask more prompts."""

from __future__ import annotations

from math import ceil, isfinite
from typing import Literal, NamedTuple

from routereval.errors import DataError
from routereval.results.comparison import as_good_within
from routereval.results.results import Results
from routereval.results.single_models import EnoughModel, cheaper_model
from routereval.results.standings import Standing, Standings
from routereval.scoring import holm
from routereval.scoring.sameness import Sameness, Saving

MARGIN = 0.01
"""The difference in mean score that does not matter to the decision."""

_LEVEL = 0.05

Light = Literal["deploy", "do not", "more prompts"]


class Decision(NamedTuple):
    """A traffic light with its reasons.

    Attributes:
        light: what to do.
        headline: the same in a few words.
        reason: one or two sentences.
        router: the router that it is about: the one to deploy, else the best one.
        standing: where that router stands against the best single model; None for none.
        needed: for ``more prompts``, how many more test prompts would tell, about.
        saving: what the router saves against the best single model, where costs are known.
        same: whether it is as good within the margin, where that was asked.
    """

    light: Light
    headline: str
    reason: str
    router: str | None = None
    standing: Standing | None = None
    needed: int | None = None
    saving: Saving | None = None
    same: Sameness | None = None


def decide(results: Results, stand: Standings, margin: float = MARGIN) -> Decision:
    """Say whether to deploy a router of a run.

    Deploy: a learned router beats the best single model after Holm's correction; or it is as good
    within the margin and saves money, both shown, the former after Holm's correction. Do not: a
    single model is as good as that router for less, both shown; or no learned router can be better
    by more than the margin, nor is one shown to be cheaper. Else more
    prompts: about as many as would show the best router's lead with 80 % power, or, where none
    leads, would rule out a lead of the margin.

    Args:
        results: those that the standings are of.
        stand: from `standings`, against ``best_single``.
        margin: the difference in mean score that does not matter.
    """
    tests = {row.router: row.test for row in stand.rows if row.test is not None}
    learned = [row for row in stand.rows if row.router in tests]
    if not learned:
        return Decision("do not", "Nothing to deploy", stand.sentence)
    best = max(learned, key=lambda row: tests[row.router].difference)
    savings = {row.router: _saving(results, row, stand.against, margin) for row in learned}
    cheaper = _cheaper(learned, savings)
    good = best if best.better else cheaper
    alone = None if good is None else cheaper_model(results, good.router, margin)
    if good is not None and alone is not None:
        return _one_model(good, stand, savings[good.router], alone)
    if best.better:
        return _deployed(best, stand, savings[best.router])
    if cheaper is not None:
        return _as_good(cheaper, stand, savings[cheaper.router])
    same, saved = savings[best.router]
    if all(test.high < margin for test in tests.values()):
        return Decision(
            "do not",
            f"Keep {stand.against}",
            f"No learned router can be better than {stand.against} by {margin:g} or more on "
            f"{stand.n_prompts:,} prompts, and none is shown to be as good for less.",
            *(best.router, best, None, saved, same),
        )
    return _open(best, stand, margin, saved, same)


def _deployed(best: Standing, stand: Standings, held: _Saved) -> Decision:
    same, saved = held
    assert best.test is not None  # noqa: S101 - a learned router has a test
    text = best.test.sentence(best.router, stand.against)
    return Decision("deploy", f"Deploy {best.router}", text, best.router, best, None, saved, same)


def _one_model(row: Standing, stand: Standings, held: _Saved, alone: EnoughModel) -> Decision:
    same, saved = held
    kept = alone.saving
    return Decision(
        "do not",
        f"No router: use {alone.model} alone",
        f"{alone.model} alone is as good as {row.router} within {alone.same.margin:g} on "
        f"{stand.n_prompts:,} prompts and costs {kept.share:.0%} less "
        f"[{kept.low:.0%}, {kept.high:.0%}].",
        *(row.router, row, None, saved, same),
    )


def _as_good(row: Standing, stand: Standings, held: _Saved) -> Decision:
    same, saved = held
    assert same is not None  # noqa: S101 - cheaper routers have both
    assert saved is not None  # noqa: S101
    return Decision(
        "deploy",
        f"Deploy {row.router}: as good for less",
        f"{row.router} is as good as {stand.against} within {same.margin:g} on "
        f"{stand.n_prompts:,} prompts and costs {saved.share:.0%} less "
        f"[{saved.low:.0%}, {saved.high:.0%}].",
        *(row.router, row, None, saved, same),
    )


def _open(
    best: Standing, stand: Standings, margin: float, saved: Saving | None, same: Sameness | None
) -> Decision:
    test = best.test
    assert test is not None  # noqa: S101 - a learned router has a test
    lead = test.difference if test.difference > 0 else margin
    needed = _more(stand.n_prompts, test.detectable, lead)
    what = "show its lead" if test.difference > 0 else f"rule out a gain of {margin:g}"
    about = f"; about {needed:,} more test prompts would {what}" if needed else ""
    count = f"{needed:,} more prompts" if needed else "More prompts"
    if test.all_tied:
        same_text = test.sentence(best.router, stand.against)
        return Decision(
            "do not", f"Keep {stand.against}", same_text, best.router, best, None, saved, same
        )
    reason = (
        f"{best.router} is the best of {_count(stand)} and cannot be told apart from "
        f"{stand.against}: difference {round(test.difference, 3) + 0.0:+.3f} "
        f"[{test.low:+.3f}, {test.high:+.3f}] on {stand.n_prompts:,} prompts "
        f"(p = {test.p:.3f} after Holm's correction){about}."
    )
    return Decision("more prompts", count, reason, best.router, best, needed, saved, same)


_Saved = tuple[Sameness | None, Saving | None]


def _saving(results: Results, row: Standing, against: str, margin: float) -> _Saved:
    try:
        return as_good_within(results, row.router, against, margin, row.test)
    except DataError:
        return None, None


def _cheaper(rows: list[Standing], held: dict[str, _Saved]) -> Standing | None:
    """The router of the largest saving among those that are as good and cheaper; None for none."""
    tested = [row for row in rows if held[row.router][0] is not None]
    p = holm([same.p_non_inferior for row in tested if (same := held[row.router][0])])
    fine = [
        (saved.share, -place, row)
        for place, (row, value) in enumerate(zip(tested, p, strict=True))
        if (saved := held[row.router][1]) is not None and saved.low > 0 and value < _LEVEL
    ]
    return max(fine)[2] if fine else None


def _more(n: int, detectable: float, lead: float) -> int | None:
    """How many more prompts would show a lead four times in five; the error falls as 1/√n."""
    if not (isfinite(detectable) and lead > 0 and detectable > lead):
        return None
    more = n * ((detectable / lead) ** 2 - 1)
    digits = max(0, len(str(int(more))) - 2)
    return int(ceil(more / 10**digits) * 10**digits)


def _count(stand: Standings) -> str:
    n = sum(row.test is not None for row in stand.rows)
    return "one learned router" if n == 1 else f"{n} learned routers"
