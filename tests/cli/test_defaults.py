"""Defaults of options from a file and the environment, and what shells complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from routereval.cli.defaults import GENERAL, leaf_commands, options_of, set_defaults, variable_of
from routereval.cli.main import cli
from tests.conftest import CommandLine
from tests.made import made

NONE: dict[str, str] = {}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


def defaults(path: str, environment: dict[str, str] = NONE) -> dict[str, object]:
    """What a command has by default, here and now."""
    context = click.Context(cli)
    set_defaults(context, None, environment)
    branch = context.default_map
    for name in path.split():
        assert branch is not None
        branch = branch[name]
    assert branch is not None
    return {**branch}


def test_a_file_gives_defaults_by_command_and_for_all(folder: Path) -> None:
    (folder / "routereval.toml").write_text(
        'format = "json"\njobs = 2\n[run]\nseeds = 3\nn_boot = 9\nrouter = ["knn", "auto"]\n'
        'sizes = [3, 5]\njobs = 1\n[report]\ncompare = ["a", "b"]\n[keys.add]\nrpm = 60\n'
        "[curves]\nall = true\n[drift]\nchange = 0.02\n"
    )
    assert defaults("run") == {
        **{"format_name": "json", "jobs": "1", "seeds": "3", "n_boot": "9", "sizes": "3,5"},
        "routers": ["knn", "auto"],
    }
    assert defaults("report") == {"pair": ["a", "b"]}
    assert defaults("keys add") == {"rpm": "60"}
    assert defaults("curves") == {"format_name": "json", "every": True}
    assert defaults("drift") == {"format_name": "json", "change": "0.02"}
    assert defaults("reproduce") == {"format_name": "json", "jobs": "2"}


def test_a_list_of_one_seed_is_that_seed(folder: Path) -> None:
    (folder / "routereval.toml").write_text("[run]\nseeds = [7]")
    assert defaults("run") == {"seeds": "7,"}
    assert options_of(cli.commands["run"])["seeds"].process_value(click.Context(cli), "7,") == (7,)


def test_the_nearest_file_of_the_repository_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    (folder.parent / "routereval.toml").write_text("[list]\nformat = 'nothing'")
    monkeypatch.chdir(deep)
    assert defaults("list") == {}
    (folder / "pyproject.toml").write_text(
        '[tool.other]\nx = 1\n[tool.routereval]\nformat = "csv"\nprices = "my/prices.toml"'
    )
    assert defaults("list") == {"format_name": "csv"}
    assert defaults("run")["prices"] == str(folder / "my" / "prices.toml")
    (folder / "routereval.toml").write_text('format = "latex"')
    assert defaults("list") == {"format_name": "latex"}
    (folder / "a" / "pyproject.toml").write_text("[tool.other]")
    (deep / "routereval.toml").write_text("")
    assert defaults("list") == {}
    (folder.parent / "routereval.toml").unlink()


def test_without_a_repository_only_this_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "routereval.toml").write_text('format = "latex"')
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert defaults("list") == {}
    monkeypatch.chdir(tmp_path)
    assert defaults("list") == {"format_name": "latex"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[run]\nseds = 3", "unknown option of run 'seds'; did you mean 'seeds'? known: "),
        ("[rn]\nseeds = 3", "unknown command 'rn'; did you mean 'run'? known: "),
        ("[keys.ad]\nrpm = 3", "unknown command 'ad'; did you mean 'add'? known: add, list"),
        ("[keys]\nrpm = 3", "keys.rpm is in no table of a command"),
        ("formt = 'csv'", "unknown option of all commands 'formt'; did you mean 'format'?"),
        ("seeds = 3", "unknown option of all commands 'seeds'; known: embedder, format, jobs"),
        ("[run]\nsource = 'a'", "unknown option of run 'source'"),
        ("[run]\nn-boot = 0", "run.n-boot: 0 is not in the range x>=1."),
        ("[run]\nsizes = ['a']", "run.sizes: 'a' is not a list of numbers such as 3,5,10"),
        ("[run]\nformat = 'latx'", "run.format: 'latx' is not one of 'table', 'markdown'"),
        ("[run]\njobs = true", "run.jobs: True is neither a text nor a number, nor a list"),
        ("[run.jobs]\nx = 1", "run.jobs takes no table"),
        ("[curves]\nall = 1", "curves.all is true or false, not 1"),
        ("[report]\ncompare = ['a']", "report.compare: "),
        ("[serve]\nallow-network = ['x']", "serve.allow-network cannot stand in a file: type"),
        ("[train]\noverwrite = true", "train.overwrite cannot stand in a file"),
        ("[run]\nscheduler = 'tcp://x:1'", "run.scheduler cannot stand in a file"),
        ("[prices.update]\nout = '/etc/x'", "prices.update.out: '/etc/x' is not in the folder"),
        ("[prices.update]\nout = '../x'", "prices.update.out: '../x' is not in the folder"),
        ("[run", "is no TOML: "),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    text: str, sentence: str, folder: Path, command_line: CommandLine
) -> None:
    (folder / "routereval.toml").write_text(text)
    answer = command_line("list", "protocols")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(f"Error: {folder / 'routereval.toml'}: ")
    assert sentence in answer.err
    assert command_line("--defaults", "none", "list", "protocols").status == 0


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    folder: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made().save(folder / "one")
    (folder / "routereval.toml").write_text('format = "json"\nverbose = true\n[list]\nquiet = true')
    first = command_line("info", source)
    assert first.out.startswith("[")
    origin = folder / "routereval.toml"
    assert first.err.splitlines()[:2] == [
        f"--format json ({origin}: format)",
        f"--verbose True ({origin}: verbose)",
    ]
    monkeypatch.setenv("ROUTEREVAL_FORMAT", "markdown")
    assert command_line("info", source).out.startswith("|")
    monkeypatch.setenv("ROUTEREVAL_INFO_FORMAT", "csv")
    second = command_line("info", source)
    assert second.out.startswith("name,")
    assert "--format csv (ROUTEREVAL_INFO_FORMAT)" in second.err
    assert command_line("info", source, "--format", "latex").out.startswith("\\begin")
    assert command_line("info", source, "-q").err == ""
    monkeypatch.setenv("ROUTEREVAL_INFO_VERBOSE", "no")
    assert command_line("info", source).err == ""


def test_variables_are_read_as_options_are() -> None:
    given = {
        "ROUTEREVAL_RUN_ROUTER": "'knn(k=5, metric=cosine)' auto",
        "ROUTEREVAL_RUN_N_BOOT": "9",
        "ROUTEREVAL_RUN_MODELS": "a,b",
        "ROUTEREVAL_JOBS": "3",
        "ROUTEREVAL_SEEDS": "3",
        "ROUTEREVAL_RUN_COSTS": "",
        "ROUTEREVAL_CURVES_ALL": "ON",
    }
    assert defaults("run", given) == {
        **{"n_boot": "9", "jobs": "3", "models": "a,b"},
        "routers": ["knn(k=5, metric=cosine)", "auto"],
    }
    assert defaults("curves", given) == {"every": True}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ROUTEREVAL_LIST_FORMAT", "x", "ROUTEREVAL_LIST_FORMAT: 'x' is not one of 'table'"),
        ("ROUTEREVAL_RUN_N_BOOT", "x", "ROUTEREVAL_RUN_N_BOOT: 'x' is not a valid integer"),
        ("ROUTEREVAL_QUIET", "x", "ROUTEREVAL_QUIET is true or false, not 'x'"),
        ("ROUTEREVAL_RUN_ROUTER", "'", "ROUTEREVAL_RUN_ROUTER: No closing quotation in"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused_by_name(
    name: str, value: str, sentence: str, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    answer = command_line("list", "protocols")
    assert answer.status == 2
    assert answer.err.startswith(f"Error: {sentence}")


def test_a_variable_of_the_command_that_is_no_option_is_named(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTEREVAL_LIST_FORMT", "x")
    monkeypatch.setenv("ROUTEREVAL_RUN_SEDS", "x")
    answer = command_line("list", "protocols")
    assert answer.status == 0
    assert answer.err.startswith(
        "warning: unknown variable 'ROUTEREVAL_LIST_FORMT'; did you mean 'ROUTEREVAL_LIST_FORMAT'?"
    )
    assert "SEDS" not in answer.err


def test_no_two_options_have_one_variable() -> None:
    names = [variable_of(flag) for flag in GENERAL]
    for path, command in leaf_commands(cli):
        names += [variable_of(flag, path) for flag in options_of(command)]
    assert len(names) == len(set(names))
    assert not {"ROUTEREVAL_CACHE", "ROUTEREVAL_DEFAULTS", "ROUTEREVAL_SALT"} & {*names}


# What shells complete


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_there_is_a_script_for_each_shell(
    shell: str, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_ROUTEREVAL_COMPLETE", f"{shell}_source")
    answer = command_line()
    assert answer.status == 0
    assert f"_ROUTEREVAL_COMPLETE={shell}_complete" in answer.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pri", {"prices"}),
        ("run --see", {"--seeds"}),
        ("run --format la", {"latex"}),
        ("run -r best_s", {"best_single"}),
        ("run --embedder tf", {"tfidf"}),
        ("run --protocol leave", {"leave_one_out"}),
        ("keys re", {"revoke"}),
    ],
)
def test_what_is_offered(
    words: str, offered: set[str], command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_WORDS", f"routereval {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    monkeypatch.setenv("_ROUTEREVAL_COMPLETE", "bash_complete")
    answer = command_line()
    assert {line.partition(",")[2] for line in answer.out.splitlines()} == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes() -> None:
    script = (
        'eval "$(_ROUTEREVAL_COMPLETE=bash_source routereval)"; COMP_WORDS=(routereval run --see); '
        'COMP_CWORD=2; _routereval_completion routereval; echo "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("routereval", path=path) is None:
        pytest.skip("routereval is not installed as a command")
    done = subprocess.run(  # noqa: S603 - our own words
        ["bash", "-c", script],  # noqa: S607
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "--seeds\n", done.stderr
