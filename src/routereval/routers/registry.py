"""The routers by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from routereval.errors import SpecError, unknown
from routereval.routers.avengers import Avengers, AvengersPro
from routereval.routers.bandits import EpsilonGreedy, LinUcb, Thompson
from routereval.routers.base import Router
from routereval.routers.carrot import Carrot
from routereval.routers.cascade import Cascade
from routereval.routers.classifiers import Logistic, Svm
from routereval.routers.clusters import Cluster, Gmm
from routereval.routers.contrastive import RouterDC
from routereval.routers.controls import (
    BestSingle,
    Cheapest,
    Constant,
    DatasetBest,
    DatasetOracle,
    NoisyOracle,
    Oracle,
    Random,
)
from routereval.routers.elo import Eagle, Elo
from routereval.routers.ensemble import Ensemble
from routereval.routers.factorisation import EmbedLlm, MatrixFactorisation
from routereval.routers.graph import GraphRouter
from routereval.routers.item_response import Irt
from routereval.routers.linear import Linear
from routereval.routers.low_rank import LowRank
from routereval.routers.mlc import Mlc
from routereval.routers.mlp import Mlp
from routereval.routers.neighbours import Knn
from routereval.routers.own import as_router, text_of
from routereval.routers.preferences import BradleyTerry, SimilarityWeighted
from routereval.routers.service import Http
from routereval.routers.trees import Boosted, Forest
from routereval.routers.uniroute import UniRoute
from routereval.spec import Spec, parse_spec

GROUP = "routereval.routers"
PROTOCOLS = ("clean", "faithful")
ALL_CPU = "all-cpu"

ROUTERS: dict[str, type[Any]] = {
    "random": Random,
    "best_single": BestSingle,
    "constant": Constant,
    "cheapest": Cheapest,
    "oracle": Oracle,
    "noisy_oracle": NoisyOracle,
    "dataset_best": DatasetBest,
    "dataset_oracle": DatasetOracle,
    "knn": Knn,
    "linear": Linear,
    "logistic": Logistic,
    "svm": Svm,
    "mlp": Mlp,
    "boosted": Boosted,
    "forest": Forest,
    "cluster": Cluster,
    "gmm": Gmm,
    "avengers": Avengers,
    "avengers_pro": AvengersPro,
    "uniroute": UniRoute,
    "carrot": Carrot,
    "ensemble": Ensemble,
    "cascade": Cascade,
    "http": Http,
    "mf": MatrixFactorisation,
    "embedllm": EmbedLlm,
    "low_rank": LowRank,
    "irt": Irt,
    "bradley_terry": BradleyTerry,
    "elo": Elo,
    "similarity_weighted": SimilarityWeighted,
    "eagle": Eagle,
    "routerdc": RouterDC,
    "graphrouter": GraphRouter,
    "linucb": LinUcb,
    "thompson": Thompson,
    "epsilon_greedy": EpsilonGreedy,
    "mlc": Mlc,
}


class Description(NamedTuple):
    """What there is to say of a router in one line: its parameters, with their defaults."""

    name: str
    summary: str
    parameters: dict[str, Any]


def register(name: str, router: type[Any]) -> None:
    """Add a router under a name, for this process.

    Packages do the same for good with an entry point in the group ``routereval.routers``.

    Args:
        name: as it will be written in a spec.
        router: a class of `Router`, or another one whose objects `as_router` takes.

    Raises:
        SpecError: if the name is taken.
    """
    if name in ROUTERS:
        raise SpecError(f"router {name!r} is registered already; choose another name")
    ROUTERS[name] = router


def make_router(
    spec: Any,  # noqa: ANN401 - a text, a Spec, or a router of any kind
    *,
    protocol: str = "clean",
    **params: Any,  # noqa: ANN401 - the values are the router's business
) -> Router:
    """Make a router by name, or of an object of one's own.

    Args:
        spec: its name, perhaps with parameters, as in ``knn(k=20)``; or an object or a class that
            `as_router` makes a router of, such as a scikit-learn estimator.
        protocol: ``clean`` takes the router's own defaults; ``faithful`` those of RouterEval's
            published baseline of that name. Parameters that are given win over both.
        **params: further parameters, which win over those in the spec.

    Returns:
        The router, not fitted; a `Router` passes through.

    Raises:
        SpecError: if the router, the protocol or a parameter is not known.

    >>> make_router("knn", protocol="faithful")
    Knn(k=5)
    >>> make_router("kn")
    Traceback (most recent call last):
    ...
    routereval.errors.SpecError: unknown router 'kn'; did you mean 'knn'? known: ...
    """
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    if not isinstance(spec, (str, Spec)):
        if params:
            raise SpecError(f"{text_of(spec)} has its parameters already; set them on it")
        return as_router(spec)
    return _named(parse_spec(spec), protocol, params)


def _named(spec: Spec, protocol: str, params: dict[str, Any]) -> Router:
    router = _class(spec.name)
    defaults = getattr(router, "faithful", {}) if protocol == "faithful" else {}
    given = {**defaults, **spec.kwargs, **params}
    known = _parameters(router)
    for name in given:
        if not known:
            raise SpecError(f"router {spec.name!r} takes no parameters, but {name!r} was given")
        if name not in known:
            raise unknown(f"parameter of {spec.name}", name, known)
    for name, default in known.items():
        if default is inspect.Parameter.empty and name not in given:
            raise SpecError(f"router {spec.name!r} needs {name}; write {spec.name}({name}=…)")
    return as_router(router(**given))


def lineup(routers: Iterable[Any], protocol: str = "clean") -> dict[str, Router]:
    """Make several routers, each under what a table calls it.

    Args:
        routers: whatever `make_router` takes; ``all-cpu`` stands for every router here that needs
            no extra, no network and no parameter.
        protocol: as in `make_router`.

    Returns:
        The routers by their specs, or by the text of an object; one named twice is there once.

    Raises:
        SpecError: if one cannot be made, or two different routers have one text.

    >>> lineup(["knn(k=5)", "random", "random"])
    {'knn(k=5)': Knn(k=5), 'random': Random()}
    """
    made: dict[str, Router] = {}
    for each in routers:
        for one in on_cpu() if each == ALL_CPU else [each]:
            router = make_router(one, protocol=protocol)
            name = str(one) if isinstance(one, (str, Spec)) else text_of(router)
            if name in made and repr(made[name]) != repr(router):
                raise SpecError(f"two routers are called {name!r}; give one another text")
            made.setdefault(name, router)
    return made


def on_cpu() -> list[str]:
    """The names that ``all-cpu`` stands for.

    >>> "knn" in on_cpu(), "http" in on_cpu()
    (True, False)
    """
    return [
        name
        for name, router in ROUTERS.items()
        if not getattr(router, "extra", "")
        and not getattr(router, "network", False)
        and inspect.Parameter.empty not in _parameters(router).values()
    ]


def described() -> Iterator[Description]:
    """Describe every router that is registered, in order.

    >>> next(described())
    Description(name='random', summary='Draws each model with ...', parameters={})
    """
    for name, router in ROUTERS.items():
        known = _parameters(router)
        shown = {
            each: "…" if known[each] is inspect.Parameter.empty else known[each] for each in known
        }
        yield Description(name, (inspect.getdoc(router) or "").split("\n")[0], shown)


def _class(name: str) -> type[Any]:
    """Look at what other packages bring only when the name is not ours."""
    if name in ROUTERS:
        return ROUTERS[name]
    if name == ALL_CPU:
        raise SpecError(f"{ALL_CPU} names many routers; give it to run, which takes several")
    others = {point.name: point for point in entry_points(group=GROUP)}
    if name not in others:
        raise unknown("router", name, [*ROUTERS, *others])
    return _loaded(others[name])


def _loaded(point: EntryPoint) -> type[Any]:
    router = point.load()
    if not (isinstance(router, type) and callable(getattr(router, "fit", None))):
        raise SpecError(
            f"router {point.name!r} comes from {point.value}, which is no class with fit and "
            "predict_scores"
        )
    return router


def _parameters(router: type[Any]) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(router).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
