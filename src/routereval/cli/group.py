"""Groups of commands whose help is arranged in sections and cuts no summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import click

from routereval.cli.defaults import unknown_variables, used_defaults
from routereval.cli.messages import detail, say, verbosity_options

_WHOLE = 10_000  # characters of a summary: all


class CommandGroup(click.Group):
    """A group of commands; the help has a section for each title, in the order of the sections."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **settings)
        self.sections: dict[str, list[str]] = {}

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, which gets ``-q`` and ``-v``."""
        if not isinstance(cmd, click.Group):
            verbosity_options(cmd)
            if cmd.callback is not None:
                cmd.callback = _after_defaults(cmd.callback)
        super().add_command(cmd, name)

    def add_section(self, title: str, commands: Iterable[click.Command]) -> None:
        """Add commands under a title."""
        for command in commands:
            self.add_command(command)
            self.sections.setdefault(title, []).append(str(command.name))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names: those of the sections in their order, then the others."""
        placed = [name for names in self.sections.values() for name in names]
        return [*placed, *(name for name in super().list_commands(ctx) if name not in placed)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, by sections, each with the whole first sentence of its help."""
        sections = self.sections or {"Commands": self.list_commands(ctx)}
        longest = max(map(len, self.commands))
        for title, names in sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name.ljust(longest), self.commands[name].get_short_help_str(_WHOLE))
                        for name in names
                    ]
                )


def _after_defaults(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A command that first says, with -v, which defaults it takes from elsewhere."""

    @wraps(callback)
    def called(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - click's own
        context = click.get_current_context()
        for line in unknown_variables(context, os.environ):
            say(line)
        for line in used_defaults(context):
            detail(line)
        return callback(*args, **options)

    return called
