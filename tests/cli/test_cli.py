from __future__ import annotations

import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from routereval.cli.list_ import KINDS
from routereval.features import EMBEDDERS
from routereval.importers import IMPORTERS, Importer
from routereval.records import Records, overview
from routereval.routers import ROUTERS
from routereval.scoring import METRICS
from routereval.sources import open_source
from routereval.tasks.split import PROTOCOLS
from tests.conftest import CommandLine
from tests.made import made, neutral_folder

# list


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("routers", list(ROUTERS)),
        ("protocols", list(PROTOCOLS)),
        ("metrics", list(METRICS)),
        ("formats", ["auto", *IMPORTERS]),
        ("embedders", ["auto", "stored", "columns", *EMBEDDERS]),
    ],
)
def test_list_names_everything_with_its_meaning(
    kind: str, names: list[str], command_line: CommandLine
) -> None:
    answer = command_line("list", kind, "-q")
    assert (answer.status, answer.err) == (0, "")
    rows = answer.out.splitlines()[2:]
    assert [row.split()[0] for row in rows] == names
    assert all(len(row.split()) > 3 for row in rows)
    narrow = json.loads(command_line("list", kind, "--format", "json").out)
    assert [row["name"] for row in narrow] == names


def test_list_says_where_plugins_come_from(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("msgspec")  # of the extra serve, which the gateway plugin needs
    monkeypatch.setattr("routereval.registry.entry_points", lambda group: [])
    sentence = "There are no plugins: only other packages bring some.\n"
    assert command_line("list", "plugins", "-q") == (0, sentence, "")
    redact = EntryPoint("redact", "tests.gateway.test_plugins:Redact", "routereval.gateway")
    monkeypatch.setattr("routereval.registry.entry_points", lambda group: [redact])
    answer = command_line("list", "plugins")
    assert "\n  redact  Replaces whatever matches a pattern." in answer.out


def test_bare_list_prints_everything_that_can_be_named(command_line: CommandLine) -> None:
    answer = command_line("list", "-q")
    assert (answer.status, answer.err) == (0, "")
    titles = [line for line in answer.out.splitlines() if line in KINDS]
    assert titles == [kind for kind in KINDS if kind != "plugins" or kind in titles]
    held = json.loads(command_line("list", "--format", "json").out)
    named = {(row["kind"], row["name"]) for row in held}
    assert {("routers", "knn"), ("metrics", "mu"), ("embedders", "auto")} <= named
    assert {row["kind"] for row in held} >= {*KINDS} - {"plugins"}


def test_list_names_the_package_of_a_router_that_is_not_our_own(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = EntryPoint("mine", "routereval.routers.neighbours:Knn", "routereval.routers")
    monkeypatch.setattr("routereval.registry.entry_points", lambda group: [mine])
    rows = json.loads(command_line("list", "routers", "--format", "json").out)
    assert [row["package"] for row in rows if row["name"] in {"knn", "mine"}] == [
        *("", "another package"),
    ]
    assert "another package" in command_line("list", "routers").out


def test_list_tells_the_parameters_of_routers(command_line: CommandLine) -> None:
    answer = command_line("list", "routers")
    for name in ("noisy_oracle", "knn", "cluster"):
        parameters = ", ".join(f"{k}={v}" for k, v in ROUTERS[name]().get_params().items())
        assert f" {parameters.partition(',')[0]}" in answer.out


# info


def rows_of(text: str, name: str) -> list[str]:
    """The rows of a table that are of one name."""
    return [line for line in text.splitlines() if line.split()[:1] == [name]]


def test_info_tells_of_equal_prompts(command_line: CommandLine, tmp_path: Path) -> None:
    words = " ".join(f"word{n}" for n in range(30))
    texts = ["Why?", "why", f"{words} once", f"{words} twice", "When?"]
    records = Records.from_arrays("log", np.eye(5)[:, :2], ["a", "b"], texts)
    records.save(tmp_path / "log")
    [line] = rows_of(command_line("info", tmp_path / "log").out, "log")
    assert line.split()[10:12] == ["40.0%", "40.0%"]
    [held] = json.loads(command_line("info", tmp_path / "log", "--format", "json").out)
    assert (held["name"], held["repeated"], held["near"], held["named"]) == ("log", 0.4, 0.4, False)
    made("bare").save(tmp_path / "bare")
    [held] = json.loads(command_line("info", tmp_path / "bare", "--format", "json").out)
    assert held["repeated"] is None


def test_info_tells_what_is_in_a_source(command_line: CommandLine, tmp_path: Path) -> None:
    records = made("one", n_prompts=1100, missing=0.1, costs=True, texts=True)
    records.save(tmp_path / "all" / "one")
    made("two", kind="real", features=False).save(tmp_path / "all" / "two")
    answer = command_line("info", tmp_path / "all", "--quiet")
    assert (answer.status, answer.err) == (0, "")
    *heads, _, one, two, _, complete, unknown = answer.out.splitlines()
    assert complete.startswith("Where cells are missing, mean, best single and oracle are of the")
    assert unknown == "No texts, no named groups: equal prompts are not known in two."
    assert re.split(r"\s{2,}", heads[-1].strip()) == [
        *("benchmark", "prompts", "models", "observed", "complete", "mean", "single"),
        *("oracle", "repeated", "near", "best model", "has"),
    ]
    found = overview(records)
    assert re.split(r"\s{2,}", one.strip()) == [
        *("one", "1,100", "6", f"{found.observed:.1%}"),
        f"{found.complete[0]:,} × {found.complete[1]}",
        *(f"{found.mean:.3f}", f"{found.best:.3f}", f"{found.oracle:.3f}"),
        *("0.0%", "0.0%"),
        *(found.best_model, "binary, text, costs, given"),
    ]
    assert 0.89 < found.observed < 0.91
    assert two.split()[3] == "100.0%"
    assert two.split()[-1] == "real"


def test_info_counts_as_a_naive_reader_would(command_line: CommandLine, tmp_path: Path) -> None:
    records = made("one", n_prompts=70)
    scores = records.dense()
    [line] = rows_of(command_line("info", records.save(tmp_path / "one")).out, "one")
    best = int(np.argmax(scores.mean(axis=0)))
    for number in (scores.mean(), scores.mean(axis=0)[best], scores.max(axis=1).mean()):
        assert f"{number:.3f}" in line
    assert records.models[best] in line


def test_info_imports_what_it_recognises_once(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = neutral_folder(tmp_path / "logs", made("one", texts=True), made("two"))
    first = command_line("info", folder)
    assert len(rows_of(first.out, "one")) == len(rows_of(first.out, "two")) == 1

    def read_again(_: Importer, path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(Importer, "drafts", read_again)
    assert command_line("info", folder).out == first.out


# import


@pytest.mark.parametrize("name", ["neutral", "auto"])
def test_import_writes_a_collection(name: str, command_line: CommandLine, tmp_path: Path) -> None:
    one, two = made("one", texts=True, features=False), made("two", kind="real", missing=0.1)
    folder = neutral_folder(tmp_path / "logs", one, two)
    answer = command_line("import", name, folder, tmp_path / "dest", "-q")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines()[:2] == [
        f"{tmp_path}/dest/one: Records('one', 60 prompts × 6 models, binary)",
        f"{tmp_path}/dest/two: Records('two', 60 prompts × 6 models, real)",
    ]
    for records, source in zip(open_source(tmp_path / "dest"), (one, two), strict=True):
        np.testing.assert_array_equal(records.dense(), source.dense())
        assert records.models == source.models
        assert records.prompts["text"].to_list() == source.prompts["text"].to_list()
        assert records.prompts["subset"].to_list() == source.prompts["subset"].to_list()


def test_import_refuses_a_folder_that_is_there_unless_told(
    command_line: CommandLine, tmp_path: Path
) -> None:
    folder = neutral_folder(tmp_path / "logs", made())
    assert command_line("import", "neutral", folder, tmp_path / "dest").status == 0
    refused = command_line("import", "neutral", folder, tmp_path / "dest")
    assert refused.status == 2
    assert "exists already; choose another folder, or --overwrite it" in refused.err
    neutral_folder(tmp_path / "logs", made(seed=1))
    told = command_line("import", "neutral", folder, tmp_path / "dest", "--overwrite")
    assert told.status == 0
    [records] = open_source(tmp_path / "dest")
    np.testing.assert_array_equal(records.dense(), made(seed=1).dense())


def test_import_rescales_only_when_asked(command_line: CommandLine, tmp_path: Path) -> None:
    import polars as pl

    folder = neutral_folder(tmp_path / "logs", made())
    table = pl.read_parquet(folder / "scores.parquet")
    table.with_columns(pl.exclude("prompt_id") * 100).write_parquet(folder / "scores.parquet")
    refused = command_line("import", "neutral", folder, tmp_path / "dest")
    assert refused.status == 2
    assert refused.err == (
        "Error: one: score 100 lies outside [0, 1]; "
        "import with --scale LOW,HIGH if that is another scale, --missing VALUE if it stands "
        "for no score, or --clip\n"
    )
    assert not (tmp_path / "dest").exists()
    told = command_line("import", "neutral", folder, tmp_path / "dest", "--scale", "0,100")
    assert told.status == 0
    [records] = open_source(tmp_path / "dest")
    np.testing.assert_array_equal(records.dense(), made().dense())


def gappy_table(folder: Path) -> Path:
    """One model on 1,000 prompts, five others on the first 150; the worst is called bad."""
    rng = np.random.default_rng(0)
    rows = [f"most,{n},{rng.integers(2)},Question {n}?" for n in range(1000)]
    for model in ("a", "b", "c", "d", "bad"):
        rows += [f"{model},{n},{rng.integers(2)},Question {n}?" for n in range(150)]
    (folder / "gappy.csv").write_text("\n".join(["model,id,score,prompt", *rows]))
    return folder / "gappy.csv"


def test_a_run_uses_the_block_of_the_pools_asked_and_says_what_it_read(
    command_line: CommandLine, tmp_path: Path
) -> None:
    source = gappy_table(tmp_path)
    seen = command_line("info", source)
    assert "150 × 6" in seen.out
    assert "gappy: score: column 'score'" in seen.out
    assert "gappy: warning: not every model was asked all of 1,000 prompts" in seen.out
    args = ("-r", "best_single", "--groups", "all-strong", "--jobs", 1)
    done = command_line("run", source, *args, "--sizes", "3,5")
    assert done.status == 0
    assert "gappy: warning: not every model" in done.err
    assert "pools are chosen from 6 of 6 models, on the 150 of 1,000 prompts" in " ".join(
        done.out.split()
    )
    without = command_line("run", source, *args, "--sizes", "5", "--without", "bad")
    assert without.status == 0
    assert "pools are chosen from 5 of 5 models" in " ".join(without.out.split())
    refused = command_line("run", source, *args, "--models", "most,aa")
    assert refused.status == 2
    assert "unknown model 'aa'" in refused.err
