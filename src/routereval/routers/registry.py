"""The routers by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from routereval.errors import SpecError, unknown
from routereval.routers.base import Router
from routereval.routers.clusters import Cluster
from routereval.routers.controls import (
    BestSingle,
    Cheapest,
    Constant,
    DatasetOracle,
    NoisyOracle,
    Oracle,
    Random,
)
from routereval.routers.linear import Linear
from routereval.routers.mlp import Mlp
from routereval.routers.neighbours import Knn
from routereval.spec import Spec, parse_spec

GROUP = "routereval.routers"
PROTOCOLS = ("clean", "faithful")

ROUTERS: dict[str, type[Router]] = {
    "random": Random,
    "best_single": BestSingle,
    "constant": Constant,
    "cheapest": Cheapest,
    "oracle": Oracle,
    "noisy_oracle": NoisyOracle,
    "dataset_oracle": DatasetOracle,
    "knn": Knn,
    "linear": Linear,
    "mlp": Mlp,
    "cluster": Cluster,
}


class Description(NamedTuple):
    """What there is to say of a router in one line: its parameters, with their defaults."""

    name: str
    summary: str
    parameters: dict[str, Any]


def register(name: str, router: type[Router]) -> None:
    """Add a router under a name, for this process.

    Packages do the same for good with an entry point in the group ``routereval.routers``.

    Args:
        name: as it will be written in a spec.
        router: the class.

    Raises:
        SpecError: if the name is taken.
    """
    if name in ROUTERS:
        raise SpecError(f"router {name!r} is registered already; choose another name")
    ROUTERS[name] = router


def make_router(
    spec: str | Spec,
    *,
    protocol: str = "clean",
    **params: Any,  # noqa: ANN401 - the values are the router's business
) -> Router:
    """Make a router by name.

    Args:
        spec: its name, perhaps with parameters, as in ``knn(k=20)``.
        protocol: ``clean`` takes the router's own defaults; ``faithful`` those of RouterEval's
            published baseline of that name. Parameters that are given win over both.
        **params: further parameters, which win over those in the spec.

    Returns:
        The router, not fitted.

    Raises:
        SpecError: if the router, the protocol or a parameter is not known.

    >>> make_router("knn", protocol="faithful")
    Knn(k=5)
    >>> make_router("kn")
    Traceback (most recent call last):
    ...
    routereval.errors.SpecError: unknown router 'kn'; did you mean 'knn'? known: ...
    """
    spec = parse_spec(spec)
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    router = _class(spec.name)
    defaults = router.faithful if protocol == "faithful" else {}
    given = {**defaults, **spec.kwargs, **params}
    known = list(_parameters(router))
    for name in given:
        if not known:
            raise SpecError(f"router {spec.name!r} takes no parameters, but {name!r} was given")
        if name not in known:
            raise unknown(f"parameter of {spec.name}", name, known)
    return router(**given)


def described() -> Iterator[Description]:
    """Describe every router that is registered, in order.

    >>> next(described())
    Description(name='random', summary='Draws each model with ...', parameters={})
    """
    for name, router in ROUTERS.items():
        yield Description(name, (inspect.getdoc(router) or "").split("\n")[0], _parameters(router))


def _class(name: str) -> type[Router]:
    """Look at what other packages bring only when the name is not ours."""
    if name in ROUTERS:
        return ROUTERS[name]
    others = {point.name: point for point in entry_points(group=GROUP)}
    if name not in others:
        raise unknown("router", name, [*ROUTERS, *others])
    return _loaded(others[name])


def _loaded(point: EntryPoint) -> type[Router]:
    router = point.load()
    if not (isinstance(router, type) and issubclass(router, Router)):
        raise SpecError(
            f"router {point.name!r} comes from {point.value}, which is no subclass of Router"
        )
    return router


def _parameters(router: type[Router]) -> dict[str, Any]:
    signature = inspect.signature(router)
    return {name: parameter.default for name, parameter in signature.parameters.items()}
