"""How commands print what they found: one option, one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from routereval.report import Document
    from routereval.shown import Shown

FORMATS = ("table", "markdown", "latex", "csv", "json")
"""What ``--format`` takes."""

F = TypeVar("F", bound=Callable[..., Any])


def format_option(command: F) -> F:
    """Add ``--format`` to a command, as its argument ``format_name``."""
    option = click.option(
        "--format",
        "format_name",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How it is printed; csv and json hold all numbers in full.",
    )
    return option(command)


def show(value: Shown | Document, format_name: str) -> None:
    """Print a value in a format; tables as wide as the terminal, in a pipe as wide as need be."""
    from routereval.report import Document, draw, render

    document = value if isinstance(value, Document) else value.document(format_name)
    if format_name == "table":
        from rich.console import Console

        draw(document, Console())
    else:
        click.echo(render(document, format_name), nl=False)
