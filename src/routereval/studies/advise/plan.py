"""What advice is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routereval.errors import SpecError
from routereval.scoring import N_BOOT
from routereval.studies.advise.ceiling import FOLDS, NEAR

SIZES = (3, 5, 10)
MARGIN = 0.01
"""A gain in mean score below this is not worth a router."""

ROUTERS = ("auto", "forest")
"""The learned routers that a verdict rests on: on each fold the one that is best on the others."""


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
    routers: tuple[str, ...] = ROUTERS
    floor: str | float | None = None
    traffic: Mapping[str, float] = field(default_factory=dict)
    monthly: float | None = None
    latency_p95: float | None = None

    def __post_init__(self) -> None:
        if self.max_models < 1:
            raise SpecError(f"max_models is at least 1, not {self.max_models}")
        for name in ("budget", "monthly", "latency_p95"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SpecError(f"{name} is a number above 0, not {value}")
        if not 0 <= self.margin < 1:
            raise SpecError(f"the margin lies in [0, 1), not {self.margin}")
        if isinstance(self.floor, float) and not 0 <= self.floor <= 1:
            raise SpecError(
                f"a floor is the name of a model or a score in [0, 1], not {self.floor}"
            )

    def sizes(self, n_candidates: int) -> list[int]:
        """The pool sizes that are looked at."""
        most = min(self.max_models, n_candidates)
        return sorted({size for size in SIZES if size <= most} | {most})
