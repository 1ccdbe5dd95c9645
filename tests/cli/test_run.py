from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from routereval.cli.output import FORMATS
from routereval.results import Results, read_results
from routereval.sources import open_source
from tests.conftest import CommandLine
from tests.made import made, neutral_folder

FEW = ("-r", "knn(k=5)", "-r", "random", "--sizes", "3", "--jobs", "1")


def lines_of(out: Path) -> list[dict[str, Any]]:
    """The cells without the seconds they took."""
    lines = (out / "results.jsonl").read_text("utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made("one", costs=True, texts=True).save(tmp_path / "records")


def test_the_table_is_printed_and_the_cells_are_kept(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    answer = command_line("run", source, *FEW, "-o", out)
    assert answer.status == 0
    assert answer.err == f"6 cells in {out}\nNext: routereval report {out}\n"
    assert "m = 3 models · one, 3 pool groups · clean" in answer.out
    assert "μ_o" in answer.out
    assert "random †" in answer.out
    assert "\x1b" not in answer.out
    assert len(lines_of(out)) == 6
    drawn = {path.name for path in out.glob("curves-m3-*")}
    assert len(drawn) == 6
    kept = {path.name for path in out.iterdir()} - drawn
    assert kept == {"outcomes", "prompts", "results.jsonl", "run.json", "tables.json"}


def test_without_out_nothing_is_left(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    answer = command_line("run", source, *FEW)
    words = shlex.join(map(str, ["run", source, *FEW, "-o", "results"]))
    assert (answer.status, answer.err) == (0, f"Next: routereval {words}\n")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", [f for f in FORMATS if f != "table"])
def test_other_formats_go_to_a_pipe_alone(
    name: str, command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    answer = command_line("run", source, *FEW, "--format", name, "-o", out)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out == read_results(out).render(name)
    if name == "csv":
        assert pl.read_csv(io.StringIO(answer.out)).height > 0
    if name == "json":
        assert json.loads(answer.out)["notes"] == []


def test_options_reach_the_grid(command_line: CommandLine, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = command_line(
        *("run", source, "-r", "knn", "--router", "oracle", "--sizes", " 3, 4"),
        *("--groups", "all-weak, strong-to-weak", "--seeds", "2", "--protocol", "faithful"),
        *("--embedder", "tfidf(dims=4)", "--jobs", "1", "--out", out),
    )
    assert answer.status == 0
    cells = read_results(out).cells
    assert {c.router for c in cells} == {"knn", "oracle"}
    assert {c.size for c in cells} == {3, 4}
    assert {c.group for c in cells} == {"all-weak", "strong-to-weak"}
    assert {c.seed for c in cells} == {42, 43}
    assert {c.protocol for c in cells} == {"faithful"}
    assert {c.embedder for c in cells} == {"tfidf(dims=4)"}
    assert len(cells) == 16


@pytest.mark.slow
def test_defaults_are_controls_and_baselines(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    from routereval.studies.run_plan import DEFAULT_ROUTERS

    out = tmp_path / "out"
    assert command_line("run", source, "--sizes", "3,5", "--jobs", "1", "-o", out).status == 0
    results = read_results(out)
    assert results.routers == list(DEFAULT_ROUTERS)
    assert {c.size for c in results.cells} == {3, 5}


def test_a_collection_and_foreign_results_run_side_by_side(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    folder = neutral_folder(tmp_path / "logs", made("two"), made("three", n_models=2))
    out = tmp_path / "out"
    answer = command_line("run", source, folder, *FEW, "-o", out)
    assert answer.status == 0
    assert [c.benchmark for c in read_results(out).cells] == ["one"] * 6 + ["two"] * 6
    assert "Note: three: 2 models are too few for a pool of 3." in answer.out
    assert ": no prompt texts; routers see only the columns of the prompt table." in answer.out
    assert "μ_o by benchmark" in answer.out


def test_a_run_goes_on_where_it_was(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = command_line("run", source, *FEW, "-o", out)
    before = (out / "results.jsonl").read_bytes()
    again = command_line("run", source, *FEW, "-o", out)
    assert again == first
    assert (out / "results.jsonl").read_bytes() == before


# Killed


_KILLED = """
import operator, os, signal, sys
from importlib import import_module
from routereval.cli.main import main
module, owner, name, calls = sys.argv[1:5]
owner = operator.attrgetter(owner)(import_module(module)) if owner else import_module(module)
function, left = getattr(owner, name), int(calls)
def counted(*args, **options):
    global left
    result, left = function(*args, **options), left - 1
    if not left:
        os.killpg(0, signal.SIGKILL)
    return result
setattr(owner, name, counted)
sys.argv[1:5] = []
main()
"""


def killed_after(calls: int, function: tuple[str, str, str], *arguments: object) -> None:
    """Call the command, killed with all its processes when a function has been called so often.

    Args:
        calls: how often.
        function: its module, its class, if it is a method, and its name.
        *arguments: of the command.
    """
    command = [sys.executable, "-c", _KILLED, *function, str(calls), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, start_new_session=True, check=False)  # noqa: S603 - our own interpreter
    assert done.returncode == -signal.SIGKILL, done.stderr


MANY = (
    *("-r", "knn", "-r", "linear", "-r", "cluster", "-r", "knn(k=5)", "-r", "random"),
    *("-r", "best_single", "-r", "oracle", "--sizes", "3,4,5"),
)
N_MANY = 7 * 3 * 3


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "kills"), [(1, (3, 12)), (2, (8,))])
def test_a_killed_run_ends_as_an_undisturbed_one(
    jobs: int, kills: tuple[int, ...], command_line: CommandLine, tmp_path: Path
) -> None:
    source = made("one", n_prompts=600, n_models=12, n_subsets=3).save(tmp_path / "records")
    whole, out = tmp_path / "whole", tmp_path / "out"
    results = out / "results.jsonl"

    run = ("run", source, *MANY, "-o", out, "--jobs", jobs)
    keeps = ("routereval.results.folder", "ResultsFolder", "add")
    finished = 0
    for enough in kills:
        killed_after(enough - finished, keeps, *run)
        finished = results.read_bytes().count(b"\n")
        assert finished == enough
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "outcomes").glob("*.npz")}
    assert command_line("run", source, *MANY, "-o", whole, "--jobs", 1).status == 0
    answer = command_line("run", source, *MANY, "-o", out, "--jobs", 1)
    assert answer.status == 0
    assert len(lines_of(out)) == N_MANY
    assert lines_of(out) == lines_of(whole)
    # Every finished cell is the very file that the killed runs left, but for one cut short.
    now = {path.name: path.stat().st_mtime_ns for path in (out / "outcomes").glob("*.npz")}
    assert sum(now[name] != then for name, then in kept.items()) <= 1
    assert answer.out == command_line("run", source, *MANY, "-o", whole, "--jobs", 1).out


@pytest.mark.slow
def test_a_killed_import_leaves_nothing_or_the_whole(
    command_line: CommandLine, tmp_path: Path
) -> None:
    benchmarks = [made(f"b{n}", n_prompts=150, n_models=5, seed=n) for n in range(60)]
    folder = neutral_folder(tmp_path / "logs", *benchmarks)
    dest = tmp_path / "dest"

    writes = ("routereval.records.folder", "", "write_into")
    killed_after(6, writes, "import", "neutral", folder, dest)
    assert not dest.exists()
    assert list(tmp_path.glob(".dest.*.part"))  # it was in the middle
    assert command_line("import", "neutral", folder, dest).status == 0
    assert command_line("import", "neutral", folder, tmp_path / "whole").status == 0
    assert hashes(dest) == hashes(tmp_path / "whole")
    assert len(hashes(dest)) == 60
    assert not list(tmp_path.glob(".dest.*"))  # what the killed one left is cleared away


def hashes(collection: Path) -> list[str]:
    return [records.hash for records in open_source(collection)]


# The demo


@pytest.fixture(scope="module")
def demo(shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, str]:
    """The results of a small run of the demo, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    environment = {**os.environ, "ROUTEREVAL_CACHE": str(shared_cache)}
    command = [sys.executable, "-m", "routereval", "run", "demo", "-r", "random", "-r", "oracle"]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [*command, "--sizes", "3", "--groups", "all-strong", "--jobs", "1", "-o", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return read_results(out), done.stdout


def test_the_demo_needs_nothing_and_says_that_it_is_simulated(demo: tuple[Results, str]) -> None:
    results, text = demo
    assert text.count("SIMULATED DATA") == 1
    assert "no real model was asked" in text
    names = list(dict.fromkeys(c.benchmark for c in results.cells))
    assert len(names) == 12
    assert {"arc", "mmlu", "gsm8k", "truthfulqa", "math", "mmlu_pro"} <= set(names)
    assert all(c.simulated for c in results.cells)
    assert all(0 <= c.metrics["mu"] <= 1 for c in results.cells)


@pytest.mark.parametrize("name", FORMATS)
def test_the_demo_is_labelled_in_every_format(name: str, demo: tuple[Results, str]) -> None:
    text = demo[0].render(name)
    if name == "csv":
        assert set(pl.read_csv(io.StringIO(text))["simulated"]) == {True}
    elif name == "json":
        assert json.loads(text)["simulated"] is True
    else:
        assert "SIMULATED DATA" in text


def test_the_demo_is_labelled_by_info(demo: tuple[Results, str], command_line: CommandLine) -> None:
    answer = command_line("info", "demo")
    assert answer.status == 0
    assert answer.out.splitlines()[-1] == "Simulated data: no real model was asked."
    assert answer.out.count("sim-") == 12


def test_random_and_oracle_bound_the_demo(demo: tuple[Results, str]) -> None:
    mu = {(c.benchmark, c.router): c.metrics["mu"] for c in demo[0].cells}
    gaps = [mu[b, "oracle"] - mu[b, "random"] for b, r in mu if r == "oracle"]
    assert min(gaps) > 0
    assert float(np.mean(gaps)) > 0.1
