"""Defaults of options from a file and from the environment.

The command line goes before the environment, that before the file, and a command's own key before
one for all commands.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from routereval.errors import DataError, SpecError, unknown

FILE, PROJECT = "routereval.toml", "pyproject.toml"
GENERAL = ("quiet", "verbose", "format", "jobs", "n-boot", "embedder", "prices")
"""Options that can be set for all commands at once."""

PREFIX = "ROUTEREVAL"
NOWHERE = "none"
"""In the place of a file: none is read."""

_ORIGINS = "routereval.cli.defaults"
# What a folder of somebody else must not decide: who is sent what, what is lost, what is secret.
_TYPED_ONLY = ("allow-network", "overwrite", "salt", "scheduler")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

_Path = tuple[str, ...]


class Default(NamedTuple):
    """The default of an option, and where it was found."""

    value: Any
    origin: str


_Defaults = dict[_Path, dict[str, Default]]


def set_defaults(context: click.Context, file: str | None, environment: Mapping[str, str]) -> None:
    """Let the commands of a group take their defaults from a file and the environment.

    Args:
        context: of the group.
        file: where the defaults are; None to look for it, ``none`` to read none.
        environment: variables such as ``ROUTEREVAL_RUN_SEEDS``.

    Raises:
        DataError: if the file cannot be read, or a value does not fit its option.
        SpecError: if a key is no option.
    """
    group = context.command
    assert isinstance(group, click.Group)  # noqa: S101 - for the type checker
    commands = dict(leaf_commands(group))
    found: _Defaults = {path: {} for path in commands}
    source = _found_file(Path.cwd()) if file is None else None if file == NOWHERE else Path(file)
    if source is not None:
        _take_file(found, group, commands, source)
    for path, command in commands.items():
        for flag, option in options_of(command).items():
            if (given := _from_environment(path, flag, option, environment)) is not None:
                found[path][str(option.name)] = given
    context.default_map = _as_tree(found)
    context.meta[_ORIGINS] = found


def used_defaults(context: click.Context) -> Iterator[str]:
    """Of a command that is called: each option with its value and where that was found."""
    found = context.meta.get(_ORIGINS, {}).get(_path_of(context), {})
    for flag, option in options_of(context.command).items():
        name = str(option.name)
        source = context.get_parameter_source(name)
        if name in found and source is click.core.ParameterSource.DEFAULT_MAP:
            yield f"--{flag} {found[name].value} ({found[name].origin})"


def unknown_variables(context: click.Context, environment: Mapping[str, str]) -> Iterator[str]:
    """Of a command that is called: variables that look like its options, and are none."""
    path = _path_of(context)
    if not path:  # it was called apart from its group, as tests do
        return
    known = {variable_of(flag, path) for flag in options_of(context.command)}
    start = variable_of("", path)
    for name in sorted(environment):
        if name.startswith(start) and name not in known:
            yield f"warning: {unknown('variable', name, known)}"


def leaf_commands(group: click.Group, path: _Path = ()) -> Iterator[tuple[_Path, click.Command]]:
    """The commands of a group and of the groups in it, by the words that call them."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaf_commands(command, (*path, name))
        else:
            yield (*path, name), command


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command by their long flags, without the dashes."""
    found = [one for one in command.params if isinstance(one, click.Option)]
    return {max(one.opts, key=len).lstrip("-"): one for one in found}


def variable_of(flag: str, path: Iterable[str] = ()) -> str:
    """The variable of an option of a command, or of all commands.

    >>> variable_of("n-boot", ("run",))
    'ROUTEREVAL_RUN_N_BOOT'
    """
    return "_".join([PREFIX, *path, flag]).replace("-", "_").upper()


def _path_of(context: click.Context) -> _Path:
    names: list[str] = []
    here: click.Context | None = context
    while here is not None and here.parent is not None:
        names.append(str(here.info_name))
        here = here.parent
    return tuple(reversed(names))


def _as_tree(found: _Defaults) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, values in found.items():
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
        branch.update({name: default.value for name, default in values.items()})
    return tree


# The file


def _found_file(folder: Path) -> Path | None:
    """The nearest file with defaults, in this folder or above it within one repository."""
    ahead = [folder, *folder.parents]
    root = next((place for place, one in enumerate(ahead) if (one / ".git").exists()), 0)
    for one in ahead[: root + 1]:
        if (one / FILE).is_file():
            return one / FILE
        if (one / PROJECT).is_file() and _table(one / PROJECT):
            return one / PROJECT
    return None


def _table(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: is no TOML: {error}") from None
    if file.name == PROJECT:
        table = table.get("tool", {}).get("routereval", {})
    return table


def _take_file(
    found: _Defaults, group: click.Group, commands: Mapping[_Path, click.Command], file: Path
) -> None:
    """Take what a file says: of all commands first, then of each."""
    table = _table(file)
    try:
        for key, value in table.items():
            if isinstance(value, dict):
                continue
            flag = _known(key, GENERAL, "option of all commands")
            for path, command in commands.items():
                if (option := options_of(command).get(flag)) is not None:
                    found[path][str(option.name)] = _checked(file, (), flag, option, value)
        _take_tables(found, group, table, file, ())
    except SpecError as error:
        raise SpecError(f"{file}: {error}") from None


def _take_tables(
    found: _Defaults, group: click.Group, table: Mapping[str, Any], file: Path, path: _Path
) -> None:
    for key, inner in table.items():
        if not isinstance(inner, dict):
            if path:
                raise SpecError(f"{'.'.join(path)}.{key} is in no table of a command")
            continue
        name = _known(key, group.commands, "command")
        command = group.commands[name]
        if isinstance(command, click.Group):
            _take_tables(found, command, inner, file, (*path, name))
            continue
        options = options_of(command)
        for word, value in inner.items():
            flag = _known(word, options, f"option of {' '.join((*path, name))}")
            where = (*path, name)
            found[where][str(options[flag].name)] = _checked(
                file, where, flag, options[flag], value
            )


def _known(key: str, names: Iterable[str], kind: str) -> str:
    name = key.replace("_", "-")
    if name not in names:
        raise unknown(kind, key, names)
    return name


def _checked(file: Path, path: _Path, flag: str, option: click.Option, value: object) -> Default:
    """A value of the file as click takes it; paths are seen from the folder of the file."""
    origin = f"{file}: {'.'.join([*path, flag])}"
    if flag in _TYPED_ONLY:
        raise DataError(f"{origin} cannot stand in a file: type --{flag}, or set the variable")
    if isinstance(value, dict):
        raise DataError(f"{origin} takes no table")
    if option.is_flag:
        if not isinstance(value, bool):
            raise DataError(f"{origin} is true or false, not {value!r}")
        return Default(value, origin)
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, bool | dict | list) for one in values):
        raise DataError(f"{origin}: {value!r} is neither a text nor a number, nor a list of such")
    texts = [_from_folder(file.parent, str(one), option) for one in values]
    if flag == "out" and not _is_within(file.parent, texts):
        raise DataError(f"{origin}: {value!r} is not in the folder of the file")
    joined = ",".join(texts)
    if flag == "seeds" and isinstance(value, list):
        joined += ","  # a list of one seed is no number of seeds
    return _cast(option, texts if _takes_list(option) else joined, origin)


def _takes_list(option: click.Option) -> bool:
    return option.multiple or option.nargs != 1


def _from_folder(folder: Path, text: str, option: click.Option) -> str:
    if not isinstance(option.type, click.Path) or folder == Path.cwd():
        return text
    return str(folder / text)


def _is_within(folder: Path, texts: Iterable[str]) -> bool:
    home = folder.resolve()
    return all((home / text).resolve().is_relative_to(home) for text in texts)


def _cast(option: click.Option, value: object, origin: str) -> Default:
    """Refuse what the option would refuse, in words that say where it stands."""
    try:
        option.process_value(click.Context(click.Command("defaults")), value)
    except click.ClickException as error:
        raise DataError(f"{origin}: {error.message}") from None
    return Default(value, origin)


# The environment


def _from_environment(
    path: _Path, flag: str, option: click.Option, environment: Mapping[str, str]
) -> Default | None:
    names = [variable_of(flag, path), *([variable_of(flag)] if flag in GENERAL else [])]
    name = next((one for one in names if environment.get(one)), None)
    if name is None:
        return None
    text = environment[name]
    if option.is_flag:
        if text.lower() not in {*_YES, *_NO}:
            raise DataError(f"{name} is {' or '.join((_YES[1], _NO[1]))}, not {text!r}")
        return Default(text.lower() in _YES, name)
    try:
        return _cast(option, shlex.split(text) if _takes_list(option) else text, name)
    except ValueError as error:
        raise DataError(f"{name}: {error} in {text!r}") from None
