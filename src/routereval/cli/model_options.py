"""``--models`` and ``--without``: which models of the sources a command looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from routereval.cli.options import names

if TYPE_CHECKING:
    from routereval.records import Records

_Command = TypeVar("_Command", bound=Callable[..., Any])


def model_options(command: _Command) -> _Command:
    """Add both options, as ``models`` and ``without``: names, empty where not given."""
    for flag, what in (
        ("--without", "Leave these models out."),
        ("--models", "Only these models."),
    ):
        command = click.option(flag, callback=names, metavar="NAME,…", help=what)(command)
    return command


def chosen_models(
    sources: Sequence[str], models: Sequence[str], without: Sequence[str]
) -> Sequence[str | Records]:
    """The sources as they are, or their records of the models that were chosen."""
    if not models and not without:
        return sources
    from routereval.sources import select_models

    return select_models(sources, models, without)
