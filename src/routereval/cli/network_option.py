"""The option by which a saved router may ask a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def network_option(command: F) -> F:
    """Add ``--allow-network`` to a command, as its argument ``allow_network``."""
    option = click.option(
        "--allow-network",
        multiple=True,
        metavar="HOST[=VARIABLE]",
        help="A host that the saved router may send prompts to, and the environment variable whose "
        "value it gets as a key; may be repeated. See `routereval inspect DIR`.",
    )
    return option(command)
