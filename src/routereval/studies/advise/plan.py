"""What advice is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from routereval.errors import SpecError
from routereval.scoring import N_BOOT
from routereval.studies.advise.ceiling import FOLDS, NEAR

SIZES = (3, 5, 10)
MARGIN = 0.01
"""A gain in mean score below this is not worth a router."""


@dataclass(frozen=True)
class AdvicePlan:
    """What advice is asked for; see `advise`.

    Raises:
        SpecError: if a number makes no sense.
    """

    max_models: int = SIZES[-1]
    budget: float | None = None
    margin: float = MARGIN
    repeats: int | None = None
    near: float = NEAR
    folds: int = FOLDS
    seed: int = 42
    n_boot: int = N_BOOT

    def __post_init__(self) -> None:
        if self.max_models < 1:
            raise SpecError(f"max_models is at least 1, not {self.max_models}")
        if self.budget is not None and not self.budget > 0:
            raise SpecError(f"a budget is above 0 USD for 1,000 prompts, not {self.budget}")
        if not 0 <= self.margin < 1:
            raise SpecError(f"the margin lies in [0, 1), not {self.margin}")

    def sizes(self, n_candidates: int) -> list[int]:
        """The pool sizes that are looked at."""
        most = min(self.max_models, n_candidates)
        return sorted({size for size in SIZES if size <= most} | {most})
