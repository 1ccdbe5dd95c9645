"""What a run covers: routers, pools, splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from routereval.errors import SpecError
from routereval.features import embedder_name
from routereval.routers import Router, lineup
from routereval.scoring import N_BOOT
from routereval.studies.streams import controls_of
from routereval.tasks import GROUPS, Pool, Split

DEFAULT_ROUTERS = (
    "oracle",
    "noisy_oracle(p=0.5)",
    "dataset_oracle",
    "linear",
    "mlp",
    "cluster",
    "knn",
    "knn(k=5)",
    "best_single",
    "random",
)
DEFAULT_SIZES = (3, 5)


@dataclass(frozen=True)
class RunPlan:
    """What a run covers.

    Attributes:
        routers: by what the table calls them; not fitted.
        sizes: pool sizes.
        groups: pool groups.
        protocol: a `Split` as text; a list of values for a parameter stands for a split each.
        seeds: how many seeds, from the protocol's on (42 if it names none); or the seeds.
        embedder: what makes the features; see `PreparedBenchmark`.
        n_boot: resamples of every interval.

    Raises:
        SpecError: if a name is unknown, or nothing is left to run.
    """

    routers: Mapping[str, Router]
    sizes: tuple[int, ...] = DEFAULT_SIZES
    groups: tuple[str, ...] = GROUPS
    protocol: str = "clean"
    seeds: int | tuple[int, ...] = 1
    embedder: object = "auto"
    n_boot: int = N_BOOT

    def __post_init__(self) -> None:
        if not (self.routers and self.pools and self.splits):
            raise SpecError("a run needs at least one router, pool size, group and seed")
        if self.n_boot < 1:
            raise SpecError(f"n_boot must be at least 1, not {self.n_boot}")

    @property
    def splits(self) -> list[Split]:
        """One split per seed, for each value of the protocol's parameters."""
        rules = Split.parse_all(self.protocol)
        if isinstance(self.seeds, int):
            return [replace(rule, seed=rule.seed + n) for rule in rules for n in range(self.seeds)]
        return [replace(rule, seed=seed) for rule in rules for seed in dict.fromkeys(self.seeds)]

    @property
    def pools(self) -> list[Pool]:
        """All pools, size by size."""
        return [Pool(group, size) for size in self.sizes for group in self.groups]

    def info(self) -> dict[str, Any]:
        """What ``run.json`` keeps of it."""
        return {
            "routers": list(self.routers),
            "sizes": list(self.sizes),
            "groups": list(self.groups),
            "protocol": self.protocol,
            "seeds": self.seeds,
            "embedder": embedder_name(self.embedder),
            "n_boot": self.n_boot,
        }


def routers_by_name(routers: Sequence[Any], protocol: str) -> dict[str, Router]:
    """The routers of a run by what its table calls them; one named twice is there once.

    Args:
        routers: as `make_router` takes them; of the default ones, a mixed stream has one more.
        protocol: of the run.

    Raises:
        SpecError: if one cannot be made, or two have one name.
    """
    rule = Split.parse_all(protocol)[0]
    if routers is DEFAULT_ROUTERS:
        routers = [*routers, *controls_of(rule)]
    return lineup(routers, rule.recipe)
