"""What routers have in common that leave one model only on out-of-fold evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from routereval.routers.base import Router, Scores
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

    def apart(self, X: Any) -> tuple[Scores, Scores]:  # noqa: ANN401
        """Predicted scores, with what is added to those of all models alike in an array of its own.

        Args:
            X: as `predict_scores` takes it.

        Returns:
            (n_prompts, n_models) and (n_prompts, 1), whose sum `predict_scores` answers.
        """
        scores = self.predict_scores(X)
        return scores, np.zeros((len(scores), 1))
