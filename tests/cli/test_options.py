"""The same thing has the same flag in every command, and the same words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import routereval.cli
from routereval.cli.main import cli
from tests.conftest import CommandLine
from tests.made import made

# Flags whose meaning depends on the command: what is written, and whose it is.
OWN = {
    "--out": "what is written differs",
    "--name": "of a router, or of a board",
    "--models": "of the records, of a key, of a price list",
    "--router-dir": "what is told of the router",
    "--pool": "a submission to a leaderboard names its models",
    "--lam": "of a router, per price of the dearest model; of steps, per USD",
    "--router": "what is done with the router is said too",
    "--protocol": "compare shows only the cells of one",
    "--embedder": "a run takes several",
}


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield path + name, command


LEAVES = dict(leaves(cli))


def options(command: click.Command) -> dict[str, click.Option]:
    """By their long flags."""
    found = [p for p in command.params if isinstance(p, click.Option)]
    return {max(p.opts, key=len): p for p in found}


FLAGS: dict[str, dict[str, click.Option]] = {}
for path, command in LEAVES.items():
    for flag, option in options(command).items():
        FLAGS.setdefault(flag, {})[path] = option


def meaning(option: click.Option) -> str:
    return str(option.help).partition("  [default")[0]


@pytest.mark.parametrize("flag", [flag for flag, uses in FLAGS.items() if len(uses) > 1])
def test_a_flag_means_the_same_everywhere(flag: str) -> None:
    uses = FLAGS[flag]
    shapes = {
        (tuple(o.opts), o.is_flag, o.multiple and flag not in {"--router", "--pool", "--embedder"})
        for o in uses.values()
    }
    assert len(shapes) == 1, {path: option.opts for path, option in uses.items()}
    if flag not in OWN:
        said = {(meaning(o), o.metavar) for o in uses.values()}
        assert len(said) == 1, {path: meaning(option) for path, option in uses.items()}


def test_no_exception_is_left_over() -> None:
    assert [flag for flag in OWN if len(FLAGS.get(flag, ())) < 2] == []


def test_two_flags_of_one_text_are_one_flag() -> None:
    texts: dict[str, set[str]] = {}
    for flag, uses in FLAGS.items():
        for option in uses.values():
            texts.setdefault(meaning(option), set()).add(flag)
    assert {text: flags for text, flags in texts.items() if len(flags) > 1} == {}


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_is_quiet_or_verbose_when_asked(path: str) -> None:
    found = options(LEAVES[path])
    assert {"-q", "-v"} <= {flag for option in found.values() for flag in option.opts}
    assert len({flag for o in found.values() for flag in o.opts}) == sum(
        len(option.opts) for option in found.values()
    )


def test_whoever_repeats_an_option_is_told_that_this_can_be_done() -> None:
    for flag, uses in FLAGS.items():
        for path, option in uses.items():
            assert option.multiple == ("may be repeated" in str(option.help).lower()), (path, flag)


def test_what_is_a_folder_or_a_file_is_named_so() -> None:
    for path, option in FLAGS["--out"].items():
        assert option.metavar in {"DIR", "FILE"}, path


def test_costs_on_the_command_line_are_of_1000_calls() -> None:
    asked = {flag: o for flag, uses in FLAGS.items() for o in uses.values()}
    per = {o.metavar for flag, o in asked.items() if "USD" in str(o.help) and flag != "--lam"}
    assert per == {"USD_PER_1K", "PROMPTS", "IN,OUT"}  # the last: prices of a million tokens


# What is said beside the result


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions of the package that are commands."""
    for file in sorted(Path(routereval.cli.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                marks = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
                if any(mark.endswith(".command") for mark in marks):
                    yield f"{file.stem} {node.name}", node


@pytest.mark.parametrize(("name", "node"), list(functions()))
def test_every_command_ends_with_the_next(name: str, node: ast.FunctionDef) -> None:
    calls = {
        call.func.id
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }
    calls |= {"next_command"} & {part for one in calls for part in helpers(name, one)}
    assert calls & {"next_command", "same_command"}, name
    assert "err=True" not in ast.unparse(node), "say it by routereval.cli.messages"


@pytest.mark.parametrize(("name", "node"), list(functions()))
def test_whatever_prints_a_table_prints_it_in_every_format(
    name: str, node: ast.FunctionDef
) -> None:
    calls = {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    assert bool(calls & {"show", "printed"}) <= ("format_option" in marks), name


def helpers(name: str, function: str) -> set[str]:
    """What a function of the same file calls."""
    file = Path(routereval.cli.__path__[0]) / f"{name.split(maxsplit=1)[0]}.py"
    body = [
        node
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    return set(re.findall(r"\w+", " ".join(map(ast.unparse, body))))


def test_what_is_said_beside_the_result(command_line: CommandLine, tmp_path: Path) -> None:
    source = made().save(tmp_path / "one")
    usual, quiet, loud = (command_line("info", source, *more) for more in ((), ("-q",), ("-v",)))
    assert usual.out == quiet.out == loud.out
    assert usual.err == f"Next: routereval advise {source}\n"
    assert quiet.err == ""
    assert loud.err == f"Benchmarks: 1 of 1\n{usual.err}"
    data = command_line("info", source, "--format", "json")
    assert data.err == ""
    both = command_line("info", source, "-q", "-v")
    assert both.status == 2
    assert both.err.endswith("Error: give --quiet or --verbose, not both\n")
