from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

import routereval
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
        *("-r, --router SPEC", "--protocol, --split SPEC", "--sizes M,M,…", "--groups G,G,…"),
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
