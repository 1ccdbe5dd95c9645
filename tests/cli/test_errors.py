"""Bad input ends in one sentence and exit status 2, with nothing written."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Answer, CommandLine
from tests.made import made, neutral_folder


class Foreign:
    """A class that no unpickler of ours may build."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (print, ("it ran",))


def truncated(path: Path) -> Path:
    folder = neutral_folder(path, made())
    file = folder / "scores.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    return folder


def with_text(path: Path) -> Path:
    folder = neutral_folder(path, made())
    table = pl.read_parquet(folder / "scores.parquet")
    table.with_columns(pl.lit("good").alias("org/model_1")).write_parquet(folder / "scores.parquet")
    return folder


def out_of_range(path: Path) -> Path:
    folder = neutral_folder(path, made())
    table = pl.read_parquet(folder / "scores.parquet")
    table.with_columns(pl.exclude("prompt_id") * 7).write_parquet(folder / "scores.parquet")
    return folder


def foreign_class(path: Path) -> Path:
    (path / "leaderboard_score").mkdir(parents=True)
    content = {"model": ["a"], "data": {"harness_gsm8k_5": {"correctness": Foreign()}}}
    (path / "leaderboard_score" / "leaderboard_old.pkl").write_bytes(pickle.dumps(content))
    return path


def foreign_dataset(path: Path) -> Path:
    path.mkdir()
    (path / "gsm8k_router_dataset.pkl").write_bytes(pickle.dumps({"easy": Foreign()}))
    return path


def empty(path: Path) -> Path:
    path.mkdir()
    return path


def nowhere(path: Path) -> Path:
    return path


def unknown_files(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("mine")
    return path


def damaged_records(path: Path) -> Path:
    made().save(path)
    (path / "manifest.json").write_text("{")
    return path


def a_file(path: Path) -> Path:
    path.write_text("mine")
    return path


SOURCES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated": (truncated, "scores.parquet: cannot be read as Parquet"),
    "text": (with_text, "column 'org/model_1' holds String, not numbers"),
    "range": (out_of_range, "score 7 lies outside [0, 1]; import with --scale"),
    "pickle": (foreign_class, "print"),
    "dataset": (foreign_dataset, "print"),
    "empty": (empty, "is an empty folder"),
    "nowhere": (nowhere, "does not exist; give a folder of records or of results, or 'demo'"),
    "unknown": (unknown_files, "; `routereval list formats` names the known ones"),
    "damaged": (damaged_records, "manifest.json: damaged"),
    "file": (a_file, "is of no known format"),
}


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_one_sentence(answer: Answer, *parts: str) -> None:
    assert answer.status == 2
    assert answer.out == ""
    assert answer.err.startswith("Error: ")
    assert answer.err.count("\n") == 1, answer.err
    assert answer.err.endswith("\n")
    for part in parts:
        assert part in answer.err
    assert "Traceback" not in answer.err


def assert_usage(answer: Answer, *parts: str) -> None:
    """What click says: how it is called, then one sentence."""
    assert answer.status == 2
    assert answer.out == ""
    assert answer.err.startswith("Usage: ")
    last = answer.err.splitlines()[-1]
    assert last.startswith("Error: ")
    for part in parts:
        assert part in last


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nothing but this test writes to."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six models on sixty prompts."""
    return made().save(tmp_path / "records")


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("command", ["run", "info"])
def test_a_bad_source(
    command: str, kind: str, command_line: CommandLine, tmp_path: Path, own_cache: Path
) -> None:
    make, sentence = SOURCES[kind]
    path = make(tmp_path / "source")
    before = listing(tmp_path)
    options = ["-r", "random", "--sizes", "3", "-o", tmp_path / "out"] if command == "run" else []
    assert_one_sentence(command_line(command, path, *options), sentence)
    assert [name for name in listing(tmp_path) if name not in before] in ([], ["cache/imports"])
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - {"damaged"}))
def test_a_bad_import(kind: str, command_line: CommandLine, tmp_path: Path) -> None:
    make, sentence = SOURCES[kind]
    path = make(tmp_path / "source")
    before = listing(tmp_path)
    assert_one_sentence(command_line("import", "auto", path, tmp_path / "dest"), sentence)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["-r", "kn"], ["unknown router 'kn'; did you mean 'knn'? known: auto, avengers"]),
        (["-r", "random", "-r", "lineer"], ["unknown router 'lineer'; did you mean 'linear'?"]),
        (["-r", "knn(n=5)"], ["unknown parameter of knn 'n'"]),
        (["-r", "knn(k=5"], ["cannot read 'knn(k=5'; write a name, or name(key=value, …)"]),
        (["-r", "knn(k=-1)"], ["knn: k must be a positive whole number or 'tuned', not -1"]),
        (["-r", ""], ["cannot read ''"]),
        (["-r", "random(k=5)"], ["router 'random' takes no parameters, but 'k' was given"]),
        (["-r", "cheapest"], ["cheapest needs costs; import the records with costs"]),
        (["--sizes", "7"], ["nothing could be run: one: 6 models are too few for a pool of 7"]),
        (["--sizes", "0"], ["a pool has at least 1 model, not 0"]),
        (["--sizes", "3,-5"], ["a pool has at least 1 model, not -5"]),
        (["--groups", "all-stong"], ["unknown group 'all-stong'; did you mean 'all-strong'?"]),
        (["--groups", "all_strong"], ["unknown group 'all_strong'; did you mean 'all-strong'?"]),
        (["--groups", "models"], ["a pool of models needs their names"]),
        (["--groups", ""], ["at least one router, pool size, group and seed"]),
        (["--protocol", "cleen"], ["unknown protocol 'cleen'; did you mean 'clean'?"]),
        (["--jobs", "0"], ["at least one process; give a number, or -1 for one per core"]),
        (["--embedder", "tfdif"], ["unknown embedder 'tfdif'; did you mean 'tfidf'?"]),
        (["--embedder", "tfidf"], ["one: tfidf reads texts, and these records hold none"]),
        (["--embedder", "stored(name=bert)"], ["no stored features 'bert'"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_a_bad_grid(
    arguments: list[str], parts: list[str], command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    before = listing(tmp_path)
    given = arguments if "-r" in arguments else ["-r", "random", *arguments]
    sizes = [] if "--sizes" in arguments else ["--sizes", "3"]
    jobs = [] if "--jobs" in arguments else ["--jobs", "1"]
    answer = command_line("run", source, *given, *sizes, *jobs, "-o", tmp_path / "out")
    assert_one_sentence(answer, *parts)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--sizes", "3,x"], ["'--sizes'", "'3,x' is not a list of numbers such as 3,5,10"]),
        (["--sizes", ""], ["'' is not a list of numbers"]),
        (["--sizes", "3.5"], ["'3.5' is not a list of numbers"]),
        (["--format", "latx"], ["'--format'", "'latx'", "latex"]),
        (["--seeds", "0"], ["'--seeds'"]),
        (["--seeds", "many"], ["'--seeds'", "'many'"]),
        (["--jobs", "two"], ["'--jobs'", "'two'"]),
        (["--size", "3"], ["--size"]),
    ],
    ids=lambda value: " ".join(value)[:20],
)
def test_a_bad_option(
    arguments: list[str], parts: list[str], command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    before = listing(tmp_path)
    answer = command_line("run", source, "-r", "random", *arguments, "-o", tmp_path / "out")
    assert_usage(answer, *parts)
    assert listing(tmp_path) == before


def test_a_folder_for_results_that_holds_something_else(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    out = unknown_files(tmp_path / "out")
    answer = command_line("run", source, "-r", "random", "--sizes", "3", "-o", out)
    assert_one_sentence(answer, f"{out} is not empty and holds no results; choose another folder")
    assert listing(out) == ["notes.txt"]


def test_a_file_for_results(command_line: CommandLine, source: Path, tmp_path: Path) -> None:
    out = a_file(tmp_path / "out")
    answer = command_line("run", source, "-r", "random", "--sizes", "3", "-o", out)
    assert_one_sentence(answer, f"{out} is a file; give a folder for the results")
    inside = command_line("run", source, "-r", "random", "--sizes", "3", "-o", out / "deep")
    assert_one_sentence(inside, f"{out} is a file; give a folder for the results")
    assert out.read_text() == "mine"


def test_the_same_benchmark_twice(command_line: CommandLine, source: Path) -> None:
    answer = command_line("run", source, source, "-r", "random", "--sizes", "3")
    assert_one_sentence(answer, "two sources hold a benchmark named 'one'; give them to two runs")


def test_an_unknown_format(command_line: CommandLine, source: Path, tmp_path: Path) -> None:
    answer = command_line("import", "netural", source, tmp_path / "dest")
    assert_one_sentence(answer, "unknown format 'netural'; did you mean 'neutral'?")
    assert not (tmp_path / "dest").exists()


def test_a_destination_that_holds_something_else(command_line: CommandLine, tmp_path: Path) -> None:
    folder, dest = neutral_folder(tmp_path / "logs", made()), unknown_files(tmp_path / "dest")
    for options in ([], ["--overwrite"]):
        answer = command_line("import", "neutral", folder, dest, *options)
        assert_one_sentence(answer, str(dest), "choose another folder")
        assert listing(dest) == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["run"], "Missing argument 'SOURCE...'"),
        (["info"], "Missing argument 'SOURCE'"),
        (["import", "neutral"], "Missing argument 'SOURCE'"),
        (["list", "router"], "'routers', 'protocols', 'metrics', 'formats', 'embedders'"),
        (["--bogus"], "No such option"),
    ],
)
def test_a_command_that_is_called_wrongly(
    arguments: list[str], part: str, command_line: CommandLine
) -> None:
    assert_usage(command_line(*arguments), part)


def test_a_stopped_run_says_how_to_go_on(
    command_line: CommandLine, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import routereval.studies.run

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(routereval.studies.run, "run", stopped)
    answer = command_line("run", source)
    assert answer.status == 130
    assert answer.err.strip().endswith("the same command goes on.")
    assert "Traceback" not in answer.err


@pytest.mark.slow
def test_an_error_in_another_process_is_one_sentence_too(
    command_line: CommandLine, source: Path, tmp_path: Path
) -> None:
    answer = command_line(
        *("run", source, "-r", "constant(index=3)", "-r", "constant(index=4)"),
        *("--sizes", "3", "--jobs", "2", "-o", tmp_path / "out"),
    )
    assert_one_sentence(answer, "names no model of a pool of 3")
    assert not (tmp_path / "out").exists()
