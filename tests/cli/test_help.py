from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

import routereval
from routereval.cli.group import CommandGroup
from routereval.cli.main import cli
from tests.conftest import CommandLine

HEAVY = ("numpy", "scipy", "sklearn", "polars", "matplotlib", "joblib", "rich", "jinja2", "skops")
CONTRACT = ("run", "import", "info", "list")


def loaded_by(*arguments: str) -> set[str]:
    """The packages that a process of its own has loaded at its end."""
    code = f"""
import atexit, sys
atexit.register(lambda: print("\\nLOADED", *{{m.partition(".")[0] for m in sys.modules}}))
sys.argv = ["routereval", *{arguments!r}]
from routereval.cli.main import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    assert done.stderr == ""
    assert done.returncode == 0
    return set(done.stdout.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("run", "--help"), ("import", "-h"), ("--version",)]
)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments)
    assert {"routereval", "click"} <= loaded
    assert not loaded & set(HEAVY)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import routereval, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    assert not {m.partition(".")[0] for m in done.stdout.split()} & {*HEAVY, "click"}


def test_the_commands_of_the_contract_are_there(command_line: CommandLine) -> None:
    assert set(CONTRACT) <= set(cli.commands)
    answer = command_line("--help")
    assert (answer.status, answer.err) == (0, "")
    for name in cli.commands:
        assert re.search(rf"^  {name} +[A-Z].*", answer.out, re.MULTILINE), name


def all_commands(
    group: click.Group, path: str = "routereval"
) -> Iterator[tuple[str, click.Command]]:
    """Every command and group below a group, after the words that call it."""
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{path} {name}")


COMMANDS = {"routereval": cli, **dict(all_commands(cli))}


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_of_the_help_is_cut_or_too_long(width: int) -> None:
    for path, command in COMMANDS.items():
        context = click.Context(command, info_name=path, terminal_width=width)
        text = command.get_help(context)
        assert max(map(len, text.splitlines())) <= width, path
        assert not re.search(r"[a-z]\.\.\.$", text, re.MULTILINE), path
        words = " ".join(text.split())
        for name, inner in getattr(command, "commands", {}).items():
            first = str(inner.help).partition("\n\n")[0]
            assert f"{name} {' '.join(first.split()).partition('. ')[0].rstrip('.')}." in words, (
                name
            )


def test_the_commands_are_grouped(command_line: CommandLine) -> None:
    assert isinstance(cli, CommandGroup)
    assert [*cli.sections] == ["Data", "Evaluate", "Decide", "Serve"]
    assert sorted(name for names in cli.sections.values() for name in names) == sorted(cli.commands)
    text = command_line("--help").out
    places = [text.index(f"\n{title}:\n") for title in cli.sections]
    assert places == sorted(places)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_says_how_it_is_called(name: str, command_line: CommandLine) -> None:
    answer = command_line(name, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert re.match(rf"Usage: .*routereval {name} ", answer.out)
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"
            assert all(word in answer.out for word in parameter.opts)


def test_run_takes_the_options_of_the_contract(command_line: CommandLine) -> None:
    text = command_line("run", "--help").out
    assert "SOURCE..." in text
    for word in (
        *("-r, --router SPEC", "--protocol SPEC", "--sizes M,M,…", "--groups G,G,…"),
        *("--seeds", "-o, --out DIR", "--jobs", "--format [table|markdown|latex|csv|json]"),
        "--embedder",
    ):
        assert word in text, word


def test_the_choices_of_run_are_those_of_the_library() -> None:
    from routereval.cli.output import FORMATS
    from routereval.records.costs import COSTS

    choices = {
        p.name: tuple(p.type.choices)
        for p in cli.commands["run"].params
        if isinstance(p.type, click.Choice)
    }
    assert choices == {"format_name": tuple(FORMATS), "costs": COSTS}


def test_the_help_of_run_names_every_protocol(command_line: CommandLine) -> None:
    from routereval.tasks import PROTOCOLS

    text = " ".join(command_line("run", "--help").out.split())
    assert all(name in text for name in PROTOCOLS)


def test_the_version(command_line: CommandLine) -> None:
    answer = command_line("--version")
    assert answer.out == f"routereval, version {routereval.__version__}\n"


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "routereval", "list", "embedders"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    assert "\n  auto " in done.stdout


def test_a_reader_that_leaves_is_no_error() -> None:
    command = [sys.executable, "-m", "routereval", "list", "metrics"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - our own interpreter
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
