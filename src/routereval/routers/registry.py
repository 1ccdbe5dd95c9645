"""The routers by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from routereval.errors import SpecError, unknown
from routereval.registry import Description, Registry
from routereval.routers.adapters import as_router, text_of
from routereval.routers.base import Router
from routereval.spec import Spec, parse_spec

PROTOCOLS = ("clean", "faithful")
ALL_CPU = "all-cpu"

# In the order in which they are listed.
_OWN = {
    "random": "controls:Random",
    "best_single": "controls:BestSingle",
    "constant": "controls:Constant",
    "cheapest": "controls:Cheapest",
    "oracle": "controls:Oracle",
    "noisy_oracle": "controls:NoisyOracle",
    "dataset_best": "controls:DatasetBest",
    "dataset_oracle": "controls:DatasetOracle",
    "shuffled": "placebos:Shuffled",
    "random_features": "placebos:RandomFeatures",
    "knn": "neighbours:Knn",
    "linear": "linear:Linear",
    "logistic": "classifiers:Logistic",
    "svm": "classifiers:Svm",
    "mlp": "mlp:Mlp",
    "boosted": "trees:Boosted",
    "forest": "trees:Forest",
    "auto": "auto:Auto",
    "guard": "guard:Guard",
    "cluster": "clusters:Cluster",
    "gmm": "clusters:Gmm",
    "avengers": "avengers:Avengers",
    "avengers_pro": "avengers:AvengersPro",
    "uniroute": "uniroute:UniRoute",
    "carrot": "carrot:Carrot",
    "ensemble": "ensemble:Ensemble",
    "cascade": "cascade:Cascade",
    "http": "http_service:Http",
    "mf": "factorisation:MatrixFactorisation",
    "embedllm": "factorisation:EmbedLlm",
    "low_rank": "low_rank:LowRank",
    "irt": "item_response:Irt",
    "bradley_terry": "preferences:BradleyTerry",
    "elo": "elo:Elo",
    "similarity_weighted": "preferences:SimilarityWeighted",
    "eagle": "elo:Eagle",
    "routerdc": "contrastive:RouterDc",
    "graphrouter": "graph:GraphRouter",
    "linucb": "bandits:LinUcb",
    "thompson": "bandits:Thompson",
    "epsilon_greedy": "bandits:EpsilonGreedy",
    "multilabel": "multilabel:MultiLabel",
}


def _checked(router: object, name: str) -> type[Any]:
    if isinstance(router, type) and callable(getattr(router, "fit", None)):
        return router
    raise SpecError(f"router {name!r} is {router!r}, which is no class with fit and predict_scores")


ROUTERS: Registry[type[Any]] = Registry(
    "router",
    "routereval.routers",
    _OWN,
    home="routereval.routers",
    checked=_checked,
    reserved={ALL_CPU: f"{ALL_CPU} names many routers; give it to run, which takes several"},
)
"""Every router by name: a class of `Router`, or another that `as_router` makes a router of."""


def register(name: str, router: type[Any]) -> None:
    """Add a router under a name, for this process.

    Packages do the same for good with an entry point in the group ``routereval.routers``.

    Args:
        name: as it will be written in a spec.
        router: a class of `Router`, or another one whose objects `as_router` takes.

    Raises:
        SpecError: if the name is taken, or the object is no class with ``fit``.
    """
    ROUTERS.register(name, router)


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
            published baseline of that name, ``faithful(ties=numpy)`` with this machine's order of
            equal values. Parameters that are given win over both.
        **params: further parameters, which win over those in the spec.

    Returns:
        The router, not fitted; a `Router` passes through.

    Raises:
        SpecError: if the router, the protocol or a parameter is not known.

    >>> make_router("knn", protocol="faithful")
    Knn(k=5, ties='float32')
    >>> make_router("kn")
    Traceback (most recent call last):
    ...
    routereval.errors.SpecError: unknown router 'kn'; did you mean 'knn'? known: ...
    """
    recipe = parse_spec(protocol)
    if recipe.name not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    if not isinstance(spec, (str, Spec)):
        if params:
            raise SpecError(f"{text_of(spec)} has its parameters already; set them on it")
        return as_router(spec)
    return _named(parse_spec(spec), recipe, params)


def _named(spec: Spec, recipe: Spec, params: dict[str, Any]) -> Router:
    router = ROUTERS[spec.name]
    published = getattr(router, "faithful", {}) if recipe.name == "faithful" else {}
    own = {name: value for name, value in recipe.params if name in published}
    given = {**published, **own, **spec.kwargs, **params}
    ROUTERS.check_parameters(spec.name, given)
    return as_router(router(**given))


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
        and not ROUTERS.needs(name)
    ]


def described() -> Iterator[Description]:
    """Describe every router, in order; those of other packages last.

    >>> next(described())
    Description(name='random', summary='Draws each model with ...', parameters={}, package='')
    """
    return ROUTERS.described()
