"""``--models`` and ``--without``: which models of the sources a command looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from routereval.records import Records

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


def model_options(command: _Command) -> _Command:
    """Add both options, as ``models`` and ``without``: names, empty where not given."""
    for name, what in (
        ("--without", "Leave these models out."),
        ("--models", "Only these models."),
    ):
        command = click.option(name, callback=_names, metavar="NAME,…", help=what)(command)
    return command


def chosen_models(
    sources: Sequence[str], models: Sequence[str], without: Sequence[str]
) -> Sequence[str | Records]:
    """The sources as they are, or their records of the models that were chosen."""
    if not models and not without:
        return sources
    from routereval.sources import select_models

    return select_models(sources, models, without)
