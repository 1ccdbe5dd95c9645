"""From scores to a decision: the yardsticks, the learned router beside them, and the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from routereval.errors import DataError
from routereval.results.summary import Estimate
from routereval.studies.advise.advice import Alone, Answer, Decision, Learned, Routed
from routereval.studies.advise.learned import OutOfFold
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.resampled import NAN, UNDEFINED
from routereval.studies.advise.tried import LEAST_SAVING, Tried
from routereval.studies.advise.yardsticks import Yardsticks


def decided(
    yardsticks: Yardsticks,
    plan: AdvicePlan,
    try_routers: Callable[[], Mapping[str, OutOfFold]],
    left: Estimate | None,
) -> Decision:
    """Decide.

    Args:
        yardsticks: the models alone.
        plan: what was asked for.
        try_routers: fits the learned routers; a DataError says why it could not.
        left: the gain of the ceiling, where enough models are outside to say; else None.
    """
    enough = yardsticks.enough(plan.margin)
    tried, missing = None, ""
    try:
        tried = Tried(try_routers(), yardsticks, plan)
    except DataError as error:
        missing = str(error)
    learned = None if tried is None else tried.learned(enough)
    best = yardsticks.alone(yardsticks.best)
    single = None if enough is None else yardsticks.alone(enough)
    answer = answer_of(learned, best, single, plan, left)
    use = {"route": "", "save": ""}.get(answer)
    if use is None:
        use = single.model if single and answer in {"cheaper", "cheaper?"} else best.model
    against = yardsticks.best if yardsticks.floor.column is None else yardsticks.floor.column
    afforded = None if plan.budget is None else yardsticks.within(plan.budget)
    return Decision(
        answer=answer,
        use=use,
        floor=yardsticks.floor.score,
        floor_model=""
        if yardsticks.floor.column is None
        else yardsticks.table.models[yardsticks.floor.column],
        best=best,
        enough=single,
        affordable=None if afforded is None else yardsticks.alone(afforded),
        learned=learned,
        missing=missing,
        monthly=_monthly(tried, answer, against, enough, yardsticks, plan),
        price_factor=NAN if tried is None else tried.price_factor(yardsticks.best),
    )


def answer_of(
    learned: Learned | None,
    best: Alone,
    enough: Alone | None,
    plan: AdvicePlan,
    left: Estimate | None,
) -> Answer:
    """The rules, in order; with a floor that was named, what costs least comes first.

    Args:
        learned: the learned router out of fold, or None.
        best: the best single model.
        enough: the cheapest model alone within the margin of the floor, or None.
        plan: the margin and the floor.
        left: the gain of the ceiling, where it can be estimated; it decides where nothing was
            learned.
    """
    gains = learned is not None and not learned.held_back_by and _gains(learned.best, best, plan)
    saves = learned is not None and learned.cheap is not None and _saves(learned.cheap, plan)
    if gains and plan.floor is None:
        return "route"
    if saves:
        return "save"
    if enough is not None and best.usd > 0 and enough.usd <= (1 - LEAST_SAVING) * best.usd:
        return "cheaper" if enough.lead.low > -plan.margin else "cheaper?"
    if gains:
        return "route"
    if learned is not None:
        return "no" if learned.best.gain.high < plan.margin else "unclear"
    return "no" if left is not None and left.high < plan.margin else "unclear"


def _gains(routed: Routed, best: Alone, plan: AdvicePlan) -> bool:
    """Whether the gain is above the margin by its lower end, and over the best model's own."""
    own = routed.score.value - best.score.value
    return routed.gain.low > plan.margin and own > plan.margin


def _saves(cheap: Routed, plan: AdvicePlan) -> bool:
    """Whether it keeps the floor, saves enough, and beats mixtures of single models."""
    kept = cheap.lead.low > -plan.margin
    return kept and cheap.saving.low > LEAST_SAVING and cheap.over_mixture.low > 0


def _monthly(
    tried: Tried | None,
    answer: Answer,
    against: int,
    enough: int | None,
    yardsticks: Yardsticks,
    plan: AdvicePlan,
) -> Estimate:
    """USD a month saved over the model that stands for today, by what the answer says."""
    costs = yardsticks.costs
    if plan.monthly is None or np.isnan(costs).any():
        return UNDEFINED
    if tried is not None and answer in {"route", "save"}:
        each = tried.spared(against, cheap=answer == "save")
    else:
        use = enough if answer in {"cheaper", "cheaper?"} else None
        use = yardsticks.best if use is None else use
        each = yardsticks.every.free(costs[:, against] - costs[:, use])
    return Estimate(*(plan.monthly * end for end in each))
