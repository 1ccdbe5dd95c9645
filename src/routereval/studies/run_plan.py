"""What a run covers: routers, pools, splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from routereval.errors import SpecError
from routereval.features import embedder_name
from routereval.records import Records
from routereval.routers import ROUTERS, Router, lineup
from routereval.routers.entrants import Entrant
from routereval.scoring import N_BOOT
from routereval.studies.streams import controls_of
from routereval.tasks import GROUPS, Pool, Split
from routereval.tasks.embedder import each_embedder
from routereval.tasks.pool import ALL

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

FEW_MODELS = 8
"""Up to so many models are one pool, of all of them, unless sizes or groups are named."""

FEW_PROMPTS = 2000
"""Where the largest benchmark has fewer prompts, such a pool is cross-validated."""

FEW_ROUTERS = ("best_single", "cheapest", "knn", "forest", "auto")
"""The routers for a pool of all of a few models; ``cheapest`` where costs are known."""


@dataclass(frozen=True)
class RunPlan:
    """What a run covers.

    Attributes:
        routers: by what the table calls them; not fitted.
        sizes: pool sizes.
        groups: pool groups.
        pools: instead of sizes and groups, the pools themselves; a size of ``all`` is that of the
            records.
        protocol: a `Split` as text; a list of values for a parameter stands for a split each.
        seeds: how many seeds, from the protocol's on (42 if it names none); or the seeds.
        embedders: what makes the features; see `PreparedBenchmark`. Of several, a router that reads
            features has a row with each, any other with the first.
        n_boot: resamples of every interval.

    Raises:
        SpecError: if a name is unknown, or nothing is left to run.
    """

    routers: Mapping[str, Entrant]
    sizes: tuple[int, ...] = DEFAULT_SIZES
    groups: tuple[str, ...] = GROUPS
    pools: tuple[Pool, ...] = ()
    protocol: str = "clean"
    seeds: int | tuple[int, ...] = 1
    embedders: tuple[object, ...] = ("auto",)
    n_boot: int = N_BOOT

    def __post_init__(self) -> None:
        if not (self.routers and self.pools_of(1) and self.splits and self.embedders):
            raise SpecError("a run needs at least one router, pool size, group and seed")
        if self.n_boot < 1:
            raise SpecError(f"n_boot must be at least 1, not {self.n_boot}")

    @property
    def splits(self) -> list[Split]:
        """One split per seed and repeat, for each value of the protocol's parameters."""
        return [
            replace(rule, seed=seed, params=tuple(p for p in rule.params if p[0] != "repeats"))
            for rule in Split.parse_all(self.protocol)
            for seed in self._seeds_of(rule)
        ]

    def _seeds_of(self, rule: Split) -> list[int]:
        """The seeds of a rule; ``cv(repeats=r)`` has r for each that the plan asks for."""
        repeats = rule["repeats"] or 1
        if isinstance(self.seeds, int):
            return [rule.seed + n for n in range(self.seeds * repeats)]
        return list(dict.fromkeys(seed + n for seed in self.seeds for n in range(repeats)))

    def pools_of(self, n_models: int) -> list[Pool]:
        """All pools of a benchmark, size by size; one of all its models where that is the group."""
        if self.pools:
            return [replace(p, size=n_models) if p.group == ALL else p for p in self.pools]
        if self.groups == (ALL,):
            return [Pool(ALL, n_models)]
        return [Pool(group, size) for size in self.sizes for group in self.groups]

    def routers_on(self, place: int) -> Iterator[tuple[str, Entrant]]:
        """The routers that run on the features of one embedder, by what tables call them.

        Args:
            place: of the embedder.

        >>> plan = RunPlan(lineup(["knn", "random"]), embedders=("stats", "tfidf"))
        >>> [name for name, _ in plan.routers_on(0)], [name for name, _ in plan.routers_on(1)]
        (['knn · stats', 'random'], ['knn · tfidf'])
        """
        several = len(self.embedders) > 1
        for name, one in self.routers.items():
            if several and _reads_features(one.router):
                with_name = f"{name} · {embedder_name(self.embedders[place])}"
                yield with_name, Entrant(one.router, one.spec or name)
            elif not place:
                yield name, one

    def info(self) -> dict[str, Any]:
        """What ``run.json`` keeps of it."""
        embedders = [embedder_name(one) for one in self.embedders]
        return {
            "routers": [one.text(name) for name, one in self.routers.items()],
            "sizes": [] if self.pools else list(self.sizes),
            "groups": [] if self.pools else list(self.groups),
            "pools": [ALL if pool.group == ALL else pool.text for pool in self.pools],
            "protocol": self.protocol,
            "seeds": self.seeds if isinstance(self.seeds, int) else list(self.seeds),
            "embedder": embedders[0] if len(embedders) == 1 else embedders,
            "n_boot": self.n_boot,
        }


@dataclass(frozen=True)
class Defaults:
    """What a run covers where its caller names nothing.

    Attributes:
        protocol: a `Split` as text.
        routers: specs.
        sizes: pool sizes.
        groups: pool groups.
        note: why, for a reader; or empty.
    """

    protocol: str = "clean"
    routers: tuple[str, ...] = DEFAULT_ROUTERS
    sizes: tuple[int, ...] = DEFAULT_SIZES
    groups: tuple[str, ...] = GROUPS
    note: str = ""


def defaults_for(
    collection: Sequence[Records],
    protocol: str | None = None,
    sizes: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    pools: Sequence[Pool] = (),
) -> Defaults:
    """What to run on records: the pools of the paper, or of a few models one pool of all of them.

    Args:
        collection: the benchmarks.
        protocol: as it was asked for, or None.
        sizes: likewise.
        groups: likewise.
        pools: likewise; of few models by name they count as those of the records.

    >>> import numpy as np
    >>> few = Records.from_arrays("few", np.eye(20)[:, :4], list("abcd"))
    >>> found = defaults_for([few])
    >>> found.protocol, found.groups, found.routers[:2]
    ('cv(k=10)', ('all',), ('best_single', 'knn'))
    >>> defaults_for([few], sizes=[3]).groups
    ('all-strong', 'all-weak', 'strong-to-weak')
    """
    by_name = bool(pools) and all(pool.named for pool in pools)
    most = max([pool.size for pool in pools] if by_name else [one.n_models for one in collection])
    by_rule = sizes is not None or groups is not None or (bool(pools) and not by_name)
    faithful = protocol is not None and Split.parse_all(protocol)[0].faithful
    if by_rule or faithful or most > FEW_MODELS:
        return Defaults()
    costed = all(records.costs is not None for records in collection)
    known = [n for n in FEW_ROUTERS if n in ROUTERS and (costed or n != "cheapest")]
    if max(records.n_prompts for records in collection) >= FEW_PROMPTS or protocol is not None:
        return Defaults(routers=tuple(known), sizes=(), groups=(ALL,))
    note = (
        f"fewer than {FEW_PROMPTS:,} prompts: cross-validated, so that each is tested once; "
        "--protocol clean holds out a tenth instead"
    )
    return Defaults("cv(k=10)", tuple(known), (), (ALL,), note)


def with_controls(routers: Sequence[str], protocol: str) -> list[str]:
    """Default routers, and the control that a mixed stream has beside them."""
    return [*routers, *controls_of(Split.parse_all(protocol)[0])]


def _reads_features(router: Router) -> bool:
    """Whether the embedder decides what it does; a control does what it does without."""
    placebo = hasattr(router, "router")
    return router.reads in {"features", "prompts"} and (placebo or not router.control)


def embedders_of_run(embedder: object) -> tuple[object, ...]:
    """The embedders of a run: one, or several in a list; lists of values stand for one of each.

    Raises:
        SpecError: if one cannot be read.

    >>> embedders_of_run(["stats", "tfidf(dims=[16, 32])"])
    ('stats', 'tfidf(dims=16)', 'tfidf(dims=32)')
    """
    several = embedder if isinstance(embedder, (list, tuple)) else [embedder]
    return tuple(dict.fromkeys(one for each in several for one in each_embedder(each)))


def pools_of_run(pools: Sequence[Any] | Mapping[str, Any]) -> tuple[Pool, ...]:
    """The pools of a run.

    Args:
        pools: each a `Pool`, its text, names of models, or ``all``; or a mapping of these by what
            tables call them.

    Raises:
        SpecError: if one cannot be read, or two of one size would have one title.

    >>> [pool.title for pool in pools_of_run(["small=a,b", ["a", "b", "c"], "all-strong(size=5)"])]
    ['small', 'a+b+c', 'all-strong']
    """
    named = pools.items() if isinstance(pools, Mapping) else [("", pool) for pool in pools]
    found = tuple(dict.fromkeys(_pool(name, pool) for name, pool in named))
    places = [(pool.title, pool.size) for pool in found]
    twice = [title for title, size in places if places.count((title, size)) > 1]
    if twice:
        raise SpecError(f"two pools are called {twice[0]!r}; name them apart, as in small=a,b")
    return found


def _pool(name: str, pool: Any) -> Pool:  # noqa: ANN401 - a pool, its text, or names
    if pool == ALL:
        return Pool(ALL, 1, label=name)  # as large as the records are
    found = Pool.parse(pool) if isinstance(pool, (str, Pool)) else Pool.of(pool)
    return replace(found, label=name) if name else found


def routers_by_name(
    routers: Sequence[Any] | Mapping[str, Any], protocol: str
) -> dict[str, Entrant]:
    """The routers of a run by what its table calls them; one named twice is there once.

    Args:
        routers: as `lineup` takes them.
        protocol: of the run.

    Raises:
        SpecError: if one cannot be made, or two have one name.
    """
    rule = Split.parse_all(protocol)[0]
    return lineup(routers, rule.recipe)
