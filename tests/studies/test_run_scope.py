"""What a run covers, and what its tables call that: pools, benchmarks, models, seeds, routers."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError, SpecError
from routereval.results import Results, read_results
from routereval.results.command import run_command
from routereval.results.comparison import compare
from routereval.results.standings import standings
from routereval.studies import run_cells
from routereval.studies.run import run
from routereval.studies.run_plan import Defaults, defaults_for
from routereval.studies.train import _refuse_several, best_of_run
from routereval.tasks import Pool
from tests.conftest import CommandLine
from tests.made import made

M = [f"org/model_{i}" for i in range(6)]
QUICK: Any = {"n_jobs": 1, "n_boot": 20}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The routers of the cells that are computed, in order."""
    seen: list[str] = []
    compute = run_cells.finished_cell

    def counted(job: Any) -> Any:  # noqa: ANN401
        seen.append(job.name)
        return compute(job)

    monkeypatch.setattr("routereval.studies.run.finished_cell", counted)
    return seen


# Pools


def test_pools_are_given_by_rule_by_names_and_by_labels() -> None:
    pools = ["all-weak(size=3)", f"{M[0]}, {M[1]}", M[2:5], f"mine={M[0]},{M[5]}", "all"]
    results = run([made()], ["random"], pools=pools, protocol="clean", **QUICK)
    assert [(c.group, c.size) for c in results.cells] == [
        *(("all-weak", 3), ("model_0+model_1", 2), ("model_2+model_3+model_4", 3)),
        *(("mine", 2), ("all", 6)),
    ]
    assert results.cells[3].pool == (M[0], M[5])
    by_rule = run([made()], ["random"], [3], ["all-weak"], protocol="clean", **QUICK).cells[0]
    assert (results.cells[0].key, results.cells[0].pool) == (by_rule.key, by_rule.pool)


def test_a_mapping_labels_pools_and_a_label_decides_no_result(
    tmp_path: Path, computed: list[str]
) -> None:
    first = run([made()], ["random"], pools={"two": M[:2]}, out=tmp_path, **QUICK)
    again = run([made()], ["random"], pools={"pair": M[:2]}, out=tmp_path, **QUICK)
    assert computed == ["random"]
    assert [c.group for c in (*first.cells, *again.cells)] == ["two", "pair"]
    assert [c.group for c in read_results(tmp_path).cells] == ["pair"]
    other = run([made()], ["random"], pools={"pair": M[1:3]}, out=tmp_path, **QUICK)
    assert other.cells[0].pool == (M[1], M[2])
    assert computed == ["random"] * 2


def test_a_benchmark_without_a_model_of_the_pool_is_left_out_with_a_note() -> None:
    two = made("two", n_models=3)
    kept = sorted(two.models)[0]
    lacking = next(name for name in M if name not in two.models)
    results = run([made(), two], ["random"], pools=[[kept, lacking]], **QUICK)
    assert {c.benchmark for c in results.cells} == {"one"}
    assert f"two: unknown model {lacking!r}" in results.notes[1]
    with pytest.raises(DataError, match=r"nothing could be run: .*one: unknown model 'x'"):
        run([made()], ["random"], pools=["x,org/model_1"], **QUICK)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pools": ["all"], "sizes": [3]}, "leave one of them out"),
        ({"pools": ["p=a,b", "p=b,c"]}, "two pools are called 'p'"),
        ({"pools": ["all-strong"]}, "write all-strong"),
        ({"pools": ["a,a"]}, "names 'a' twice"),
        ({"pools": []}, "at least one router, pool size"),
    ],
)
def test_pools_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    options = {"sizes": None, **options}
    if options["pools"] == []:
        options["sizes"], options["pools"] = [], None
    with pytest.raises(SpecError, match=words):
        run([made()], ["random"], **options, **QUICK)


def test_a_pool_of_few_models_by_name_has_the_routers_of_few_models() -> None:
    many = made(n_models=12)
    few = defaults_for([many], pools=[Pool.of(many.models[:2])])
    assert (few.protocol, few.routers) == ("cv(k=10)", ("best_single", "knn", "forest", "auto"))
    assert defaults_for([many], pools=[Pool("all-weak", 2)]) == Defaults()
    assert defaults_for([many], pools=[Pool.of(many.models)]) == Defaults()


def test_titles_of_long_pools_are_short_and_told_by_all_names() -> None:
    one, other = Pool.of([f"vendor/model-{n}" for n in range(20)]), Pool.of([*"abcdefgh"])
    assert len(one.title) < 60
    assert one.title != Pool.of([*one.models[:-1], "vendor/x"]).title
    assert other.title == "a+b+c+d+e+f+g+h"
    assert Pool.parse(one.text) == one
    assert Pool.parse("p=all-weak(size=2)").text == "p=all-weak(size=2)"


# Benchmarks, models, seeds


def test_only_some_benchmarks_and_models_run() -> None:
    collection = [made("one"), made("two"), made("three")]
    results = run(collection, ["random"], [2], only=["three", "one"], without=M[:3], **QUICK)
    assert list(dict.fromkeys(c.benchmark for c in results.cells)) == ["one", "three"]
    assert {model for c in results.cells for model in c.pool} <= set(M[3:])
    with pytest.raises(SpecError, match="unknown benchmark 'tow'; did you mean 'two'"):
        run(collection, ["random"], [2], only=["tow"], **QUICK)
    with pytest.raises(DataError, match="unknown model 'x'"):
        run(collection, ["random"], [2], models=["x"], **QUICK)


# Names


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    out = tmp_path_factory.mktemp("named") / "out"
    routers = ["ours=knn(k=5)", "knn(k=1)", "best_single"]
    return run([made(texts=True)], routers, [3], ["all-weak"], out=out, **QUICK), out


def test_names_stand_in_tables_and_lines_with_the_specs_beside(named: tuple[Results, Path]) -> None:
    results, out = named
    assert results.routers == ["ours", "knn(k=1)", "best_single"]
    assert [results.spec_of(name) for name in results.routers][:2] == ["knn(k=5)", "knn(k=1)"]
    lines = [json.loads(x) for x in (out / "results.jsonl").read_text("utf-8").splitlines()]
    assert [(x["router"], x.get("spec")) for x in lines][:2] == [
        ("ours", "knn(k=5)"),
        ("knn(k=1)", None),
    ]
    for text in (str(results), results.to_latex(), results.to_csv()):
        assert "ours" in text
        assert "knn(k=5)" not in text
    assert compare(results, "knn(k=5)", "knn(k=1)").a == "ours"
    assert compare(results, "a", "ours", names={"a": "knn(k=1)"}).a == "a"
    assert standings(results, "knn(k=5)").against == "ours"


def test_a_name_decides_no_result(named: tuple[Results, Path], computed: list[str]) -> None:
    results, out = named
    routers = {"theirs": "knn(k=5)", "ours": "knn(k=1)"}
    again = run([made(texts=True)], routers, [3], ["all-weak"], out=out, **QUICK)
    assert computed == []
    assert [str(c.metrics) for c in again.cells] == [str(c.metrics) for c in results.cells[:2]]
    assert read_results(out).routers == ["theirs", "ours", "best_single"]


def test_what_is_named_is_trained_and_run_again_by_its_spec(named: tuple[Results, Path]) -> None:
    results, out = named
    assert best_of_run(out).router in {"knn(k=5)", "knn(k=1)"}
    command = shlex.split(run_command(results, "again"))
    assert command[2:] == [
        *("one", "-r", "ours=knn(k=5)", "-r", "knn(k=1)", "-r", "best_single"),
        *("--embedder", "auto", "--sizes", "3", "--groups", "all-weak", "--seeds", "1"),
        *("--protocol", "clean", "--n-boot", "20", "-o", "again"),
    ]


def test_results_are_renamed_and_names_cannot_be_confused(named: tuple[Results, Path]) -> None:
    results, _ = named
    found = results.renamed({"kNN (k = 1)": "knn(k=1)"})
    assert found.routers == ["ours", "kNN (k = 1)", "best_single"]
    assert found.spec_of("kNN (k = 1)") == "knn(k=1)"
    assert set(found.outcomes) == {cell.key for cell in found.cells}
    with pytest.raises(SpecError, match="would be called 'ours'"):
        results.renamed({"ours": "knn(k=1)"})
    with pytest.raises(SpecError, match="unknown router of this run 'kn'"):
        results.renamed({"ours": "kn"})
    with pytest.raises(SpecError, match="'oracle' is a router of its own"):
        run([made()], ["oracle=knn"], **QUICK)
    with pytest.raises(SpecError, match=r"knn is called 'a' and 'b'; give it one name"):
        run([made()], {"a": "knn", "b": "knn"}, **QUICK)
    with pytest.raises(SpecError, match="two routers are called 'a'"):
        run([made()], ["a=knn", "a=random"], **QUICK)


# The command line


def test_the_command_takes_pools_benchmarks_seeds_and_names(
    command_line: CommandLine, tmp_path: Path
) -> None:
    source, out = tmp_path / "records", tmp_path / "out"
    made().save(source)
    answer = command_line(
        *("run", source, "-r", "ours=random", "--only", "one", "--n-boot", "20", "--jobs", "1"),
        *("--pool", f"few={M[0]},{M[1]}", "--pool", "all-weak(size=3)", "--seeds", "7,9"),
        *("--protocol", "clean", "-o", out),
    )
    assert answer.status == 0, answer.err
    results = read_results(out)
    assert [(c.router, c.group, c.seed) for c in results.cells] == [
        *(("ours", "few", 7), ("ours", "all-weak", 7)),
        *(("ours", "few", 9), ("ours", "all-weak", 9)),
    ]
    command = shlex.split(run_command(results, str(tmp_path / "again")))
    assert command_line(*command[1:], "--jobs", 1).out == answer.out
    assert "m = 2 models · one, few, 2 seeds · clean" in answer.out
    named = command_line("compare", out, "best_single", "--rename", "mine=random")
    assert "mine" in named.out
    assert command_line("compare", out, "--rename", "mine").status == 2


@pytest.mark.parametrize("seeds", ["0", "x", "1,x", "1.5"])
def test_seeds_that_are_none_are_refused(seeds: str, command_line: CommandLine) -> None:
    answer = command_line("run", "demo", "--seeds", seeds)
    assert (answer.status, answer.out) == (2, "")
    assert "such as" in answer.err


def test_a_run_of_several_pools_names_them_for_train(named: tuple[Results, Path]) -> None:
    cell = named[0].cells[0]
    cells = [cell, replace(cell, pool=("x", "y", "z"), group="all-strong")]
    with pytest.raises(DataError, match=r"'all-weak\(size=3\)', 'all-strong\(size=3\)'\)"):
        _refuse_several("out", cells, None)
    _refuse_several("out", cells, "x,y,z")
