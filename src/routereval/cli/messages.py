"""What a command says on standard error beside its result: as much as -q and -v let it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable

import click

_KEY = "routereval.cli.verbosity"
_QUIET, _NORMAL, _VERBOSE = -1, 0, 1


def verbosity_options(command: click.Command) -> None:
    """Add ``-q/--quiet`` and ``-v/--verbose`` to a command, which sees neither."""
    command.params += [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_noting(_QUIET),
            help="Say nothing beside the result, but for errors.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_noting(_VERBOSE),
            help="Also say where options come from, how sources were read, and how far it is.",
        ),
    ]


def _noting(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def note_level(context: click.Context, option: click.Parameter, given: bool) -> None:
        if not given or context.meta.setdefault(_KEY, level) == level:
            return
        source = context.get_parameter_source(str(option.name))
        if source is click.core.ParameterSource.COMMANDLINE:  # a default gives way
            raise click.UsageError("give --quiet or --verbose, not both")

    return note_level


def _level() -> int:
    context = click.get_current_context(silent=True)
    return _NORMAL if context is None else int(context.meta.get(_KEY, _NORMAL))


def is_quiet() -> bool:
    """Whether only errors are said."""
    return _level() == _QUIET


def is_verbose() -> bool:
    """Whether everything is said."""
    return _level() == _VERBOSE


def say(text: str) -> None:
    """Say something on standard error, unless -q is given."""
    if not is_quiet():
        click.echo(text, err=True)


def detail(text: str) -> None:
    """Say something on standard error, only if -v is given."""
    if is_verbose():
        click.echo(text, err=True)


def next_command(*words: object) -> None:
    """Say which command comes next, as it is typed in a shell; not beside data for programs."""
    if _prints_table():
        say(f"Next: routereval {shlex.join(map(str, words))}")


def same_command(*more: object) -> None:
    """Say that the same command with some more words comes next."""
    next_command(*sys.argv[1:], *more)


def _prints_table() -> bool:
    context = click.get_current_context(silent=True)
    if context is None:
        return True
    formats = {p.name for p in context.command.params if "--format" in p.opts}
    return all(context.params.get(name) == "table" for name in formats if name)
