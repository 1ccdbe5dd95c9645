"""``routereval download``, ``export``, ``merge`` and ``reproduce`` from end to end."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from routereval.cli.download import download
from routereval.cli.export import export
from routereval.cli.import_reports import report_text
from routereval.cli.merge import merge
from routereval.cli.output import FORMATS
from routereval.cli.reproduce import reproduce
from routereval.errors import DataError, MissingDependencyError, SpecError
from routereval.importers import import_records
from routereval.records import Records
from routereval.records.export import EXPORTS
from routereval.records.merge import KEEPS
from routereval.sources import open_source
from tests.studies.test_reproduce import ready_made


def invoke(command: click.Command, *arguments: str | Path) -> str:
    result = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    models = ["open-llm-leaderboard-old/details_a__b", "c"]
    scores = np.array([[1.0, 0.0], [0.0, np.nan]])
    return Records.from_arrays("one", scores, models, ["why?", "who?"]).save(tmp_path / "one")


def test_what_is_exported_can_be_imported(source: Path, tmp_path: Path) -> None:
    assert invoke(export, "neutral", source, tmp_path / "wide") == f"{tmp_path / 'wide'}: one\n"
    invoke(export, "long", source, tmp_path / "long")
    assert pl.read_parquet(tmp_path / "wide" / "scores.parquet").height == 2
    (before,) = open_source(source)
    (after,) = import_records("neutral", tmp_path / "wide", tmp_path / "again")
    np.testing.assert_array_equal(before.dense(), after.dense())
    assert after.models == before.models
    with pytest.raises(DataError, match="exists already"):
        invoke(export, "long", source, tmp_path / "long")


def test_collections_are_merged(source: Path, tmp_path: Path) -> None:
    other = Records.from_arrays("one", [[0.5], [0.25]], ["a__b-details"], ["why?", "who?"])
    other.save(tmp_path / "two")
    with pytest.raises(DataError, match="contradict each other"):
        invoke(merge, tmp_path / "dest", source, tmp_path / "two")
    assert not (tmp_path / "dest").exists()
    text = invoke(merge, tmp_path / "dest", source, tmp_path / "two", "--keep", "first")
    assert "2 prompts × 2 models" in text
    (records,) = open_source(tmp_path / "dest")
    assert records.models == ("a/b", "c")
    invoke(merge, tmp_path / "dest", source, "--common", "--overwrite")
    (records,) = open_source(tmp_path / "dest")
    np.testing.assert_array_equal(records.dense(), [[1, 0], [0, np.nan]])


@pytest.mark.slow
def test_the_paper_is_reproduced_from_the_folder_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_made(tmp_path / "data" / "router_dataset", "gsm8k")
    monkeypatch.chdir(tmp_path)
    text = invoke(reproduce, "--jobs", "1", "-o", tmp_path / "results")
    assert "10 of the paper's 192 rows computed here" in text
    again = invoke(reproduce, "data", "--jobs", "1", "-o", tmp_path / "results")
    assert again == text
    lines = invoke(reproduce, "--jobs", "1", "--format", "csv").splitlines()
    assert len(lines) == 193


def test_without_data_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"data does not exist; make it with: .* download data"):
        invoke(reproduce)


def test_download_tells_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match="huggingface-hub"):
        invoke(download, tmp_path / "dest")
    with pytest.raises(SpecError, match="unknown folder of the published data 'x'"):
        invoke(download, tmp_path / "dest", "--what", "x")


def test_the_choices_of_the_commands_are_the_librarys() -> None:
    def choices(command: click.Command, name: str) -> list[str]:
        (kind,) = [p.type for p in command.params if p.name == name]
        assert isinstance(kind, click.Choice)
        return list(kind.choices)

    assert choices(export, "format_name") == list(EXPORTS)
    assert choices(merge, "keep") == list(KEEPS)
    assert choices(reproduce, "format_name") == list(FORMATS)


def test_what_all_benchmarks_say_of_their_import_stands_once(tmp_path: Path) -> None:
    rows = [f"{b},q{n},m{n},{m},{n % 2}" for b in ("one", "two") for n in (0, 1) for m in "ab"]
    (tmp_path / "in.csv").write_text("\n".join(["benchmark,id,latency,model,score", *rows]))
    text = report_text(import_records("auto", tmp_path / "in.csv", tmp_path / "out"))
    assert text.count("format: table") == 1
    assert "all 2: format: table\n" in text
    assert text.count("all 2: warning: column 'latency'") == 1
    assert "one: warning" not in text
    [alone] = import_records("auto", tmp_path / "in.csv", tmp_path / "b")[:1]
    assert "one: format: table\n" in report_text([alone])
