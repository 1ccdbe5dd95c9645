"""Learning from live traffic: a share of random choices, and two routers side by side.

What was chosen at random with a known probability says what any other router would have done:
see `routereval offpolicy`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from routereval.errors import DataError
from routereval.gateway.protocols import NO_SURCHARGES, Decider, RouterChoice


class Arm(NamedTuple):
    """A router of a test of one against another.

    Attributes:
        name: what the log calls it.
        decider: the router.
        models: its pool, in the order of its scores.
        share: of the traffic.
    """

    name: str
    decider: Decider
    models: tuple[str, ...]
    share: float = 1.0


class Experiment:
    """Splits the traffic among routers, and explores at random; see `protocols.Decider`.

    A conversation always has the same router, by its hash. The propensity that is logged is the
    probability with which that router's choice, or the random one, is this model.

    Args:
        arms: at least one, the one that serves first; their pools hold the same models.
        explore: the share of choices that are drawn evenly from the allowed models.
        rng: where the draws come from; the system's own randomness unless given.

    Raises:
        DataError: if the arms do not fit together, or a share is none.
    """

    def __init__(
        self, arms: Sequence[Arm], explore: float = 0.0, rng: random.Random | None = None
    ) -> None:
        if not 0 <= explore <= 1:
            raise DataError(f"explore is a share from 0 to 1, not {explore:g}")
        _check_arms(arms)
        self.arms = tuple(arms)
        self._explore = explore
        self._rng = rng or random.SystemRandom()
        self._total = sum(arm.share for arm in arms)

    async def decide(
        self,
        text: str,
        lam: float,
        allowed: Sequence[str],
        *,
        unit: str = "",
        surcharges: Mapping[str, float] = NO_SURCHARGES,
    ) -> RouterChoice:
        """Choose among the allowed models; see `protocols.Decider`."""
        arm = self._arm(unit or text)
        if surcharges:
            routed = await arm.decider.decide(text, lam, allowed, unit=unit, surcharges=surcharges)
        else:
            routed = await arm.decider.decide(text, lam, allowed, unit=unit)
        chosen, propensity = routed.decision, routed.propensity
        options = [one for one in arm.models if one in allowed] if self._explore else []
        if len(options) > 1:
            each = self._explore / len(options)
            if self._rng.random() < self._explore:
                model = self._rng.choice(options)
                if model != chosen.model:
                    reason = f"explored, against {chosen.model}"
                    chosen = chosen._replace(
                        model=model, column=arm.models.index(model), reason=reason
                    )
            greedy = chosen.model == routed.decision.model
            propensity = each + (1 - self._explore) * (propensity if greedy else 0.0)
        share, first = arm.share / self._total, self.arms[0].name if len(self.arms) > 1 else ""
        return RouterChoice(chosen, arm.name, propensity, share, self._explore, first)

    def _arm(self, unit: str) -> Arm:
        if len(self.arms) == 1:
            return self.arms[0]
        at = _uniform(unit) * self._total
        for arm in self.arms:
            at -= arm.share
            if at < 0:
                return arm
        return self.arms[-1]


def _check_arms(arms: Sequence[Arm]) -> None:
    if not arms:
        raise DataError("a test needs at least one router")
    if len({arm.name for arm in arms}) < len(arms):
        raise DataError(f"two routers are called {arms[0].name!r}; give each its own name")
    for arm in arms:
        if not arm.share > 0:
            raise DataError(f"router {arm.name!r}: a share is more than 0, not {arm.share:g}")
        if set(arm.models) != set(arms[0].models):
            only = set(arm.models) ^ set(arms[0].models)
            raise DataError(
                f"routers {arms[0].name!r} and {arm.name!r} choose from different models "
                f"({', '.join(sorted(only))}); train both on one pool"
            )


def _uniform(text: str) -> float:
    """A number in [0, 1) that only the text decides."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7, person=b"arm").digest()
    return int.from_bytes(digest) / 256**7
