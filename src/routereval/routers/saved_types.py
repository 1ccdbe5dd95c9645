"""The classes that the file of a router may ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType

from routereval.errors import SpecError
from routereval.features import EMBEDDERS
from routereval.routers.adapters import EstimatorAdapter, ObjectAdapter
from routereval.routers.linear_extension import LinearlyExtended
from routereval.routers.new_models import Extended
from routereval.routers.registry import ROUTERS
from routereval.spec import Spec

HOMES = ("routereval.routers.", "routereval.features.")
EXTENDED = (Extended, LinearlyExtended)
ADAPTERS = (ObjectAdapter, EstimatorAdapter, *EXTENDED)


def kind_of(name: str, also: Sequence[type]) -> type | None:
    """The class of that full name if it is one of `allowed_types` here, found by its name alone.

    Listing them would import every family, and a class of another package may be registered under
    any module's name: that is left to `allowed_types`.
    """
    module, _, attribute = name.rpartition(".")
    if name == full_name(Spec):
        return Spec
    if not name.startswith(HOMES):
        return next((kind for kind in also if full_name(kind) == name), None)
    try:
        kind = getattr(import_module(module), attribute, None)
    except ImportError:
        return None
    if not isinstance(kind, type) or full_name(kind) != name:
        return None
    named = ROUTERS.name_of(kind) or EMBEDDERS.name_of(kind) or kind in (*ADAPTERS, *also)
    return kind if named or _is_record(kind) else None


def _is_record(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def allowed_types() -> Iterator[str]:
    """Full names of the classes of our own that a file may ask for.

    They are the registered routers and embedders, what makes routers of other objects, specs,
    and the plain records (named tuples) defined in the same modules.
    """
    for kind in (*ROUTERS.values(), *EMBEDDERS.values(), *ADAPTERS, Spec):
        yield full_name(kind)
    for name, module in list(sys.modules.items()):
        if name.startswith(HOMES):
            yield from _records_in(module)


def types_of_others() -> Iterator[str]:
    """Full names of the routers and embedders that other packages declare, with their records."""
    for registry in (ROUTERS, EMBEDDERS):
        for name in registry.known():
            with suppress(SpecError):  # one that cannot be loaded harms only who asks for it
                kind = registry[name]
                yield full_name(kind)
                yield from _records_in(sys.modules[kind.__module__])


def _records_in(module: ModuleType) -> Iterator[str]:
    """Full names of the plain records, named tuples, that a module holds."""
    for value in vars(module).values():
        if isinstance(value, type) and _is_record(value):
            yield full_name(value)


def is_estimator(name: str) -> bool:
    """True for the full name of one of scikit-learn's estimators."""
    from sklearn.base import BaseEstimator

    module, _, kind = name.rpartition(".")
    if not module.startswith("sklearn."):
        return False
    try:
        found = getattr(import_module(module), kind, None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, BaseEstimator)


def full_name(kind: type) -> str:
    """Module and name of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"
