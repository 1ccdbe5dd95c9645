"""Plugins: hooks and observers that other packages bring and ``[plugins]`` switches on.

A plugin is a class or a function that is called with the parameters of its table, and returns an
object with ``before_request`` (see `protocols.RequestHook`), ``record`` (see `protocols.Observer`)
or both. A package declares it as an entry point of the group ``routereval.gateway``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from routereval.errors import DataError, RouterEvalError
from routereval.gateway.protocols import Observer, RequestHook
from routereval.registry import Registry

PLUGINS: Registry[Callable[..., Any]] = Registry("gateway plugin", "routereval.gateway")


class Plugins(NamedTuple):
    """The plugins of a gateway, by what they do; one may be in both."""

    hooks: tuple[RequestHook, ...]
    observers: tuple[Observer, ...]


def make_plugins(tables: Mapping[str, Mapping[str, Any]]) -> Plugins:
    """The plugins that a configuration names, in its order.

    Args:
        tables: the parameters of each, by name.

    Raises:
        SpecError: for a plugin or a parameter that is not known.
        DataError: if a plugin cannot be made of its parameters, or does nothing.
    """
    made = [_made_plugin(name, parameters) for name, parameters in tables.items()]
    return Plugins(
        tuple(plugin for plugin in made if hasattr(plugin, "before_request")),
        tuple(plugin for plugin in made if hasattr(plugin, "record")),
    )


def _made_plugin(name: str, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of any class
    factory = PLUGINS[name]
    PLUGINS.check_parameters(name, parameters)
    try:
        plugin = factory(**parameters)
    except RouterEvalError:
        raise
    except Exception as error:  # whatever a plugin does with its parameters
        raise DataError(f"[plugins.{name}]: {type(error).__name__}: {error}") from error
    if not hasattr(plugin, "before_request") and not hasattr(plugin, "record"):
        raise DataError(
            f"[plugins.{name}]: {type(plugin).__name__} has neither before_request nor record; "
            "a plugin needs one of them"
        )
    return plugin
