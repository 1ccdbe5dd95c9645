"""What routers have in common that leave one model only on out-of-fold evidence."""

from __future__ import annotations

from routereval.routers.base import Router
from routereval.routers.shrinkage import Gain, Shrinkage


class Guarded(Router):
    """A template of a router that is a constant unless evidence says that it gains.

    What it learned of its own predictions on prompts held out says how far it is believed, so that
    it knows its gain without test prompts. `advise` takes such a router for a witness.

    Attributes:
        risk: how far below the fallback it may be in expectation, in score.
        shrinkage_: how far it is believed, and what that gained out of fold; set by ``_fit``.
    """

    risk: float
    shrinkage_: Shrinkage

    @property
    def gain_(self) -> Gain:
        """What was gained over the fallback out of fold, by what routes most prompts."""
        return self.shrinkage_.gain

    @property
    def fallback_(self) -> int:
        """The column of the model that is fallen back on."""
        return self.shrinkage_.fallback
