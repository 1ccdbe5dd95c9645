"""What a trained router is known to gain, on what evidence, and what would make that void."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from routereval.routers.shrinkage import Gain

WIDTH = 1.96
"""Standard errors on either side of the gain: an interval of 95 %."""


@dataclass(frozen=True)
class Certificate:
    """What a trained router gained over one model on prompts that it had not learned from.

    It is a plain value: `to_dict` and `of` turn it to JSON and back.

    Attributes:
        scored_on: which prompts, in words.
        records: the hash of the records.
        n: how many prompts.
        fallback: the model that it is set against.
        gain: the mean paired difference to that model, in score per prompt.
        low: the lower end of its 95 % interval.
        high: the upper end.
        moved: the share of the prompts that another model than the fallback got.
        risk: how far below the fallback it may be in expectation, in score; None where the router
            promises nothing.
        date: the day on which it was scored, as 2026-01-31.
        prices: expected USD per call, by model; None where unknown.
        void_if: what would make all this void, a clause each.
        unknown: what is not known of the router, a clause each, such as of a model that was added.

    >>> certificate = Certificate("50 held-out prompts", "", 50, "ann", 0.02, 0.01, 0.03, 0.2)
    >>> print(certificate)
    +0.020 [+0.010, +0.030] against ann on 50 held-out prompts
    >>> Certificate.of(certificate.to_dict()) == certificate
    True
    """

    scored_on: str
    records: str
    n: int
    fallback: str
    gain: float
    low: float
    high: float
    moved: float
    risk: float | None = None
    date: str = ""
    prices: Mapping[str, float | None] = field(default_factory=dict)
    void_if: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        lists = {"void_if": list(self.void_if), "unknown": list(self.unknown)}
        return {**asdict(self), **lists}

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> Self:
        """The certificate that `to_dict` was made of; fields that are not known are left out."""
        fields = {name: held[name] for name in cls.__dataclass_fields__ if name in held}
        lists = {name: tuple(held.get(name, ())) for name in ("void_if", "unknown")}
        return cls(**{**fields, **lists})

    def __str__(self) -> str:
        interval = f"[{self.low:+.3f}, {self.high:+.3f}]"
        return f"{self.gain:+.3f} {interval} against {self.fallback} on {self.scored_on}"


def interval_of(gain: Gain) -> tuple[float, float]:
    """The 95 % interval of a gain; both ends 0 where the fallback is never left.

    >>> [round(end, 4) for end in interval_of(Gain(0.02, 0.01, 30, 100))]
    [0.0004, 0.0396]
    """
    error = gain.error if gain.moved else 0.0
    return gain.mean - WIDTH * error, gain.mean + WIDTH * error
