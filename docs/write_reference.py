"""The reference of commands, names and Python, made from the code: `make reference`.

Each page follows from the code alone; `tests/test_reference.py` says when one is not current.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import click

FOLDER = Path(__file__).parent / "reference"
MADE = "*Made from the code by `make reference`.*"

# What a name of the package is for; each stands in one of them.
PURPOSES = {
    "Data": ("open_records", "open_source", "import_records", "Records"),
    "What is trained and tested on what": ("Task", "Pool", "Split"),
    "Routers": ("make_router", "Router", "check_router", "train", "save_router", "load_router"),
    "Studies": ("run", "evaluate", "compare", "score", "scaling", "advise"),
    "Results": ("Results", "read_results", "report"),
    "Errors": ("RouterEvalError", "DataError", "SpecError"),
}
# What these return, and what a program of one's own serves.
RETURNED = (
    "routereval.shown.Shown",
    "routereval.studies.evaluate.Evaluation",
    "routereval.results.comparison.Verdict",
    "routereval.routers.trained.TrainedRouter",
    "routereval.gateway.read_config",
    "routereval.gateway.create_app",
)
EVERYWHERE = ("quiet", "verbose")  # options that every command has
KINDS = {
    "routers": ("Routers", "../routers.md"),
    "protocols": ("Protocols", "../protocols.md"),
    "metrics": ("Metrics", "../metrics.md"),
    "formats": ("Formats", "../records.md"),
    "embedders": ("Embedders", "../features.md"),
    "plugins": ("Plugins of the gateway", "../gateway.md#plugins"),
}


# Commands


def commands_page() -> str:
    """Every command with its arguments and options, as ``--help`` says them."""
    from routereval.cli.main import cli

    parts = [
        "# Commands",
        f"{MADE} `routereval COMMAND --help` says the same. Every command also has `-h`, `-q` and "
        "`-v`: [the command line](../command-line.md).",
        _described(_paragraphs(cli.help or "")),
    ]
    for title, names in cli.sections.items():
        parts.append(f"## {title}")
        for name in names:
            for path, command in _with_inner(name, cli.commands[name]):
                parts += _command(path, command)
    return _joined(parts)


def _with_inner(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command, and those that it holds."""
    yield name, command
    if isinstance(command, click.Group):
        for key, inner in command.commands.items():
            yield from _with_inner(f"{name} {key}", inner)


def _command(name: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join(["routereval", name, *command.collect_usage_pieces(context)])
    options = [
        one
        for one in command.params
        if isinstance(one, click.Option) and one.name not in EVERYWHERE
    ]
    records = filter(None, (option.get_help_record(context) for option in options))
    rows = [f"| {_code(left)} | {_cell(_escaped(right))} |" for left, right in records]
    table = "\n".join(["| option | what it does |", "|---|---|", *rows]) if rows else ""
    return [
        f"### {name}",
        f"```text\n{usage}\n```",
        _described(_paragraphs(command.help or "")),
        table,
    ]


def _paragraphs(text: str) -> list[str]:
    paragraphs = inspect.cleandoc(text).replace("\b\n", "").split("\n\n")
    return [" ".join(paragraph.split()) for paragraph in paragraphs]


def _described(paragraphs: list[str]) -> str:
    return "\n\n".join(map(_escaped, paragraphs))


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[])", r"\\\1", text.replace("<", "&lt;"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "&#124;")


def _code(text: str) -> str:
    """Code in a table, where readers of Markdown do not agree on what a bar is."""
    held = _cell(text)
    if "&#124;" in held:
        return f"<code>{held.replace('<', '&lt;').replace('&#124;', '&#124;<wbr>')}</code>"
    return f"`{held}`" if held else ""


# Names


def names_page() -> str:
    """All that a user can name, from the registries."""
    from routereval.cli.catalogue import catalogue

    parts = ["# Names", f"{MADE} `routereval list KIND` prints them."]
    for kind, (title, page) in KINDS.items():
        parts += [
            f"## {title}",
            f"More: [{title.lower()}]({page}).",
            _names_table([(one.name, one.meaning, one.parameters) for one in catalogue(kind)]),
        ]
    return _joined(parts)


def _names_table(entries: list[tuple[str, str, str]]) -> str:
    heads = ["name", "meaning", "parameters"]
    if not any(parameters for *_, parameters in entries):
        heads.pop()
    rows = [
        [_code(name), _cell(_escaped(meaning)), _code(parameters)][: len(heads)]
        for name, meaning, parameters in entries
    ]
    lines = [f"| {' | '.join(row)} |" for row in [heads, *rows]]
    return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]]) if entries else ""


# Python


def python_page() -> str:
    """Every public name with its signature and its documentation."""
    import routereval

    listed = [name for names in PURPOSES.values() for name in names]
    if missing := sorted(set(listed) ^ set(routereval.__all__)):
        raise ValueError(f"docs/write_reference.py: PURPOSES should hold each name: {missing}")
    parts = [
        "# Python",
        f"{MADE} `import routereval as rv`; names are loaded when they are first used.",
    ]
    for purpose, names in PURPOSES.items():
        parts.append(f"## {purpose}")
        for name in names:
            value = getattr(routereval, name)  # a module that can be called is the function in it
            inside = f"routereval.{name}.page" if inspect.ismodule(value) else ""
            parts += _value(
                f"rv.{name}", getattr(importlib.import_module(inside), name) if inside else value
            )
    parts.append("## What these return, and the gateway in a program of your own")
    for path in RETURNED:
        module, _, name = path.rpartition(".")
        parts += _value(path, getattr(importlib.import_module(module), name))
    return _joined(parts)


def _value(path: str, value: Any) -> list[str]:  # noqa: ANN401 - any public name
    from routereval.shown import Shown

    parts = [f"### {path}"]
    if not (inspect.isclass(value) and issubclass(value, Exception)):
        parts.append(f"```python\n{signature(path, value)}\n```")
    parts.append(markdown(inspect.getdoc(value) or ""))
    if inspect.isclass(value):
        parts += [part for name, member in _members(value) for part in _member(name, member)]
        if value is not Shown and issubclass(value, Shown):
            parts.append("It is shown, and written, as every [`Shown`](#routerevalshownshown) is.")
    return parts


def _members(owner: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties, also those of bases that have no part of their own."""
    seen: set[str] = set()
    apart = {path.rpartition(".")[2] for path in RETURNED} - {owner.__name__}
    for base in owner.__mro__:
        if base.__module__.startswith("routereval") and base.__name__ not in apart:
            for name, member in vars(base).items():
                if name not in seen and not name.startswith("_"):
                    seen.add(name)
                    inside = getattr(member, "__func__", member)
                    if isinstance(inside, FunctionType | property) or hasattr(inside, "func"):
                        yield name, inside


def _member(name: str, member: Any) -> list[str]:  # noqa: ANN401 - a method or a property
    shown = signature(name, member)
    head = f"**`{shown}`**" if "\n" not in shown else f"**`{name}`**\n\n```python\n{shown}\n```"
    return [head, markdown(inspect.getdoc(member) or "")] if inspect.getdoc(member) else []


def signature(name: str, value: Any) -> str:  # noqa: ANN401 - a function or a class
    """How it is called: on one line if that is short, else a line per parameter."""
    if not callable(value):
        return name
    found = inspect.signature(value)
    parameters = _written(list(found.parameters.values()))
    returned = "" if inspect.isclass(value) else f" -> {found.return_annotation}"
    line = f"{name}({', '.join(parameters)}){returned}"
    if len(line) <= 88:
        return line
    return "\n".join([f"{name}(", *(f"    {one}," for one in parameters), f"){returned}"])


def _written(parameters: list[inspect.Parameter]) -> list[str]:
    written: list[str] = []
    starred = False
    for one in parameters:
        if one.name in ("cls", "self"):
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            written.append("*")
        starred |= one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        stars = "*" * (one.kind is one.VAR_POSITIONAL) + "**" * (one.kind is one.VAR_KEYWORD)
        kind = "" if one.annotation is one.empty else f": {one.annotation}"
        written.append(f"{stars}{one.name}{kind}{_default(one)}")
    return written


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return ""
    shown = repr(parameter.default)
    return f" = {'…' if shown.startswith('<') else shown}"


# Docstrings

_HEAD = re.compile(r"(Args|Attributes|Class attributes|Returns|Raises|Yields):")
_ITEM = re.compile(r"    ([\w*`][\w.*`, ]*): (.*)")


def markdown(docstring: str) -> str:
    """A docstring in Google's style as Markdown: lists of what it lists, and its examples."""
    text = docstring.replace("``", "`")
    return "\n\n".join(_block(block.splitlines()) for block in text.split("\n\n") if block)


def _block(lines: list[str]) -> str:
    if lines[0].startswith(">>>"):
        return "\n".join(["```pycon", *lines, "```"])
    if not _HEAD.fullmatch(lines[0]):
        return _prose(" ".join(lines))
    items: list[str] = []
    for line in lines[1:]:
        found = _ITEM.fullmatch(line)
        if found:
            items.append(f"- `{found[1].strip('`')}`: {found[2]}")
        elif items and items[-1].startswith("-"):
            items[-1] += f" {line.strip()}"
        else:
            items.append(line.strip())
    joined = "\n" if items[0].startswith("-") else " "
    return f"**{lines[0]}**\n\n{_prose(joined.join(items))}"


def _prose(text: str) -> str:
    """Text in which only what is code may hold marks of Markdown."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _marked(part) for part in parts)


def _marked(text: str) -> str:
    return re.sub(r"([_\[]|\*(?=\w))", r"\\\1", text.replace("<", "&lt;"))


def _joined(parts: list[str]) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "names.md": names_page,
    "python.md": python_page,
}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
