"""Files that are made to do harm: each is refused with a sentence, within bounded memory."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from benchmarks.hostile_files import (
    BOMBS,
    copied_text,
    eval_of,
    measured,
    parquet_of,
    workbook_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval import importers
from routereval.errors import DataError
from routereval.importers import source_files, workbook
from routereval.importers.long_table import LongTable
from routereval.importers.parquet_pages import unpacked_sizes
from routereval.importers.registry import import_records
from routereval.importers.rows import BadRows, RowError, json_of, text_lines
from routereval.importers.source_files import MOST_GROWTH, contents, json_value, unpacked
from routereval.records import Records
from routereval.records.folder import read_records
from tests.conftest import CommandLine
from tests.fuzzing import examples
from tests.records.test_writer import drafted

PARQUET = parquet_of({"a": list(range(500)), "b": [str(n % 7) for n in range(500)]})
TABLE = "model,prompt_id,score\na,1,1\nb,1,0\n"


# Pipes, devices, links


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    for source in (tmp_path, tmp_path / "a.csv"):
        for name in ("auto", "table"):
            with pytest.raises(DataError, match=r"a\.csv is a pipe, not a file"):
                import_records(name, source, tmp_path / "out")
    with pytest.raises(DataError, match="it is a pipe"):
        contents(tmp_path / "a.csv")
    with pytest.raises(DataError, match="it is a pipe"):
        list(text_lines(tmp_path / "a.csv", BadRows()))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.eval", "a.parquet", "a.csv.gz", "a.xlsx"])
def test_a_device_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is a link to /dev/zero, outside of"):
        import_records("auto", tmp_path / "in", tmp_path / "out")
    with pytest.raises(DataError, match="is a device, not a file"):
        import_records("auto", tmp_path / "in" / name, tmp_path / "out")


@pytest.mark.parametrize("table", ["prompts.parquet", "models.parquet", "scores.npy"])
def test_a_pipe_among_records_is_refused(table: str, tmp_path: Path) -> None:
    file = Records.from_draft(drafted(20, 3)).save(tmp_path / "toy") / table
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(DataError, match="it is a pipe"):
        len(read_records(tmp_path / "toy").prompts)
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="it is a device"):
        len(read_records(tmp_path / "toy").prompts)


@pytest.mark.parametrize("deep", [False, True], ids=["file", "folder"])
def test_a_link_does_not_lead_out_of_the_folder(deep: bool, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "secret.csv").write_text(TABLE)
    (tmp_path / "in").mkdir()
    if deep:
        (tmp_path / "in" / "sub").symlink_to(tmp_path / "else")
    else:
        (tmp_path / "in" / "mine.csv").symlink_to(tmp_path / "else" / "secret.csv")
    with pytest.raises(DataError, match=r"is a link to .*secret\.csv, outside of .*in; copy it"):
        import_records("auto", tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_within_a_folder_and_the_cache_of_a_hub_are_read(tmp_path: Path) -> None:
    cache = tmp_path / "datasets--org--name"
    (cache / "blobs").mkdir(parents=True)
    (cache / "blobs" / "12ab").write_text(TABLE)
    (cache / "snapshots" / "c0").mkdir(parents=True)
    (cache / "snapshots" / "c0" / "a.csv").symlink_to("../../blobs/12ab")
    assert import_records("auto", cache / "snapshots" / "c0", tmp_path / "one")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(TABLE)
    (tmp_path / "latest").symlink_to(tmp_path / "in")  # the source itself may be one
    assert import_records("auto", tmp_path / "latest", tmp_path / "two")


# What a few bytes become


def test_an_archive_may_not_unpack_to_far_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small it is, to 64 MB; else to 200 times its size. That is known before unpacking."""
    assert (source_files.SMALL_INFLATED, source_files.MOST_INFLATED) == (64 << 20, 200)
    monkeypatch.setattr(source_files, "SMALL_INFLATED", 1 << 20)
    (tmp_path / "a.eval").write_bytes(eval_of(b'{"id": 1, "x": "' + b"0" * (1 << 20) + b'"}'))
    with pytest.raises(DataError, match="unpacks to more than 1 MB, far more than its size"):
        import_records("inspect", tmp_path / "a.eval", tmp_path / "out")


def test_json_of_far_too_many_values_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = "[" + "[]," * 1_000_000 + "[]]"
    monkeypatch.setattr(source_files, "MOST_VALUES", 1 << 20)
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(RowError, match="holds far too many values for its size"):
        json_of(lists)
    monkeypatch.undo()
    monkeypatch.setattr(source_files, "MOST_VALUES", 1 << 20)
    (tmp_path / "a.eval").write_bytes(eval_of(b'{"id": 1, "x": ' + lists.encode() + b"}"))
    (tmp_path / "b.json").write_text(lists)
    (tmp_path / "c.jsonl").write_text(f'{{"a": {lists}}}\n')
    with gzip.open(tmp_path / "d.json.gz", "wt") as stream:
        stream.write(lists)
    for name, how in (("a.eval", "inspect"), ("b.json", "table"), ("d.json.gz", "table")):
        with pytest.raises(DataError, match="holds far too many values for its size"):
            import_records(how, tmp_path / name, tmp_path / "out")
    with pytest.raises(DataError, match=r"c\.jsonl:1: holds far too many values"):
        import_records("table", tmp_path / "c.jsonl", tmp_path / "out", columns="score=a,model=a")


@pytest.mark.slow
def test_honest_json_is_not_taken_for_a_bomb() -> None:
    """Signs within texts do not count, nor does what takes no more than a few times the text."""
    code = json.dumps(['if (a["x"]) { return [1, 2, {}]; }' * 40_000])
    assert source_files._bytes_of_values(code) > MOST_GROWTH * len(code)
    assert json_value(code)
    rows = [{"id": n, "model": "org/model-7b", "score": 0.5, "tags": ["a"]} for n in range(30_000)]
    assert json_value(json.dumps(rows)) == rows


def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    with pytest.raises(RowError, match="nested too deeply"):
        json_of(deep)
    (tmp_path / "a.json").write_text(deep)
    with pytest.raises(DataError, match="nested too deeply"):
        import_records("table", tmp_path / "a.json", tmp_path / "out")


def test_gzip_is_unpacked_as_far_as_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(TABLE.encode() + b"\n" * 200_000))
    assert import_records("table", file, tmp_path / "in-bounds")
    monkeypatch.setattr(source_files, "SMALL_INFLATED", 100_000)
    with unpacked(file) as stream:
        assert stream.read(100_000).startswith(TABLE.encode())
        with pytest.raises(DataError, match="unpacks to more than 0 MB"):
            stream.read(1)
    with pytest.raises(DataError, match="unpacks to more than 0 MB"):
        import_records("table", file, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            workbook_of('<row r="1"><c r="A1"><v>1</v></c></row><c r="XFD1048576"><v>1</v></c>'),
            "a sheet of 1,048,576 rows × 16,384 columns",
        ),
        (workbook_of('<row r="9000000"><c/><c/></row>'), "a sheet of 9,000,000 rows × 2 columns"),
        (
            workbook_of('<c t="s"><v>0</v></c>' * 6_000, f"<si><t>{'x' * 100_000}</t></si>"),
            "600,000,000 characters of text",
        ),
        (
            workbook_of("<row/>", prolog='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'),
            "declares an entity",
        ),
        (workbook_of("<row>"), "is it damaged"),
        (b"PK\3\4no archive", "is no Excel workbook"),
    ],
    ids=["corners", "far row", "shared text", "entity", "damaged", "no archive"],
)
def test_a_workbook_that_would_fill_the_memory_is_refused(
    content: bytes, why: str, tmp_path: Path
) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=why):
        workbook.refuse_bombs(tmp_path / "a.xlsx")


def test_a_parquet_file_of_far_too_many_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars as pl

    file = tmp_path / "a.parquet"
    pl.DataFrame({"model": ["a"], "prompt_id": ["1"], "score": [1]}).select(
        pl.all().repeat_by(400_000).explode()
    ).write_parquet(file)
    monkeypatch.setattr(source_files, "MOST_ROWS", 100_000)
    with pytest.raises(DataError, match="says that it has 400,000 rows, far too many"):
        import_records("table", file, tmp_path / "out")


def test_a_parquet_file_whose_pages_unpack_to_far_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own page headers say so; polars would reserve what they say."""
    text = {"model": ["a"], "prompt_id": ["q"], "score": [1.0], "prompt": ["x" * 2_000_000]}
    content = parquet_of(text)
    (tmp_path / "a.parquet").write_bytes(content)
    assert import_records("table", tmp_path / "a.parquet", tmp_path / "in-bounds")
    if len(content) > 1 << 16:
        pytest.skip("this polars keeps the text in the statistics too, so the file is no bomb")
    monkeypatch.setattr(source_files, "SMALL_INFLATED", 1 << 20)
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        import_records("table", tmp_path / "a.parquet", tmp_path / "out")


def test_a_parquet_file_that_names_one_text_many_times_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = copied_text(300, 20_000)
    if len(content) > 1 << 16:
        pytest.skip("this polars writes each copy of a text")
    (tmp_path / "a.parquet").write_bytes(content)
    monkeypatch.setattr(source_files, "SMALL_TEXT", 1 << 20)
    monkeypatch.setattr(source_files, "TEXT_PER_BYTE", 100)
    with pytest.raises(DataError, match="holds 5 MB of text, far too much for its size"):
        import_records("table", tmp_path / "a.parquet", tmp_path / "out")


def test_the_sizes_of_pages_are_those_that_they_unpack_to() -> None:
    rng = np.random.default_rng(0)
    numbers = {f"c{n}": rng.random(50_000) for n in range(3)}
    content = parquet_of(numbers, row_group_size=20_000, data_page_size=1 << 16)
    sizes = list(unpacked_sizes(io.BytesIO(content), len(content)))
    assert len(sizes) >= 9
    assert 3 * 50_000 * 8 <= sum(sizes) < 1.1 * 3 * 50_000 * 8


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_damaged_parquet_files_are_told_by_their_pages_or_read(data: st.DataObject) -> None:
    content = bytearray(PARQUET)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[data.draw(st.sampled_from([0, 0, 0, 7])) :])
    with suppress(ValueError):
        assert all(size >= 0 for size in unpacked_sizes(io.BytesIO(cut), len(cut)))


def test_what_does_not_fit_into_memory_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text(TABLE)

    def fills(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(LongTable, "add", fills)
    with pytest.raises(DataError, match="table reads there does not fit into memory"):
        import_records("table", tmp_path / "a.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Names


@pytest.mark.parametrize("name", ["x\x1b[31m", "x\x07", "a\u202eb", "two\nlines", "\x9b2J"])
@pytest.mark.parametrize("what", ["model", "benchmark", "subset"])
def test_a_name_that_a_terminal_would_obey_is_refused(
    what: str, name: str, tmp_path: Path, command_line: CommandLine
) -> None:
    row = {"model": "a", "benchmark": "toy", "subset": "s", "prompt_id": 1, "score": 1, what: name}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    answer = command_line("import", "table", tmp_path / "a.jsonl", tmp_path / "out")
    assert answer.status == 2
    assert "holds a control character, which a terminal would obey; rename it" in answer.err
    assert not set(name) & set("\x1b\x07\x9b\u202e") & set(answer.err)
    assert not (tmp_path / "out").exists()


def test_a_name_of_a_megabyte_is_refused_in_a_short_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"model": "m" * 2**20, "prompt_id": 1, "score": 1})
    )
    with pytest.raises(DataError, match="has 1,048,576 characters, and may have 1,000") as refused:
        import_records("table", tmp_path / "a.jsonl", tmp_path / "out")
    assert len(str(refused.value)) < 300


def test_errors_are_printed_without_control_characters(
    tmp_path: Path, command_line: CommandLine
) -> None:
    answer = command_line("info", tmp_path / "\x1b[31mred")
    assert answer.status == 2
    assert r"\x1b[31mred does not exist" in answer.err
    assert "\x1b" not in answer.err


def test_records_of_such_a_name_are_refused(tmp_path: Path) -> None:
    file = Records.from_draft(drafted(20, 3)).save(tmp_path / "toy") / "manifest.json"
    held = json.loads(file.read_text())
    file.write_text(json.dumps({**held, "name": "x\x1b[31m"}))
    with pytest.raises(DataError, match="damaged"):
        read_records(tmp_path / "toy")


# One reader


OPENS = {
    "read_bytes",
    "read_text",
    "read_parquet",
    "scan_parquet",
    "read_parquet_schema",
    "GzipFile",
}
READERS = {"source_files", "archives", "hub"}


def test_importers_open_files_by_the_shared_reader_only() -> None:
    for file in sorted(Path(importers.__path__[0]).glob("*.py")):
        if file.stem in READERS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            plain = node.func.id if isinstance(node.func, ast.Name) else ""
            assert name not in OPENS, f"{file.name}:{node.lineno}: open it by source_files"
            assert plain != "open", f"{file.name}:{node.lineno}: open it by source_files"
            assert (name, node.args) != ("open", []), f"{file.name}:{node.lineno}"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["60-MB-of-lists.eval", "lines.csv.gz", "one-text.parquet"])
def test_a_bomb_is_refused_within_bounded_memory(name: str) -> None:
    """All of them, and what each took, are printed by benchmarks/hostile_files.py."""
    assert name in BOMBS
    size, megabytes, why = measured(name)
    assert size < 1_000_000
    assert why != "it was read"
    assert megabytes < 700


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


@pytest.mark.parametrize("n_text", [10, 1_000, 100_000, 5_000_000])
def test_a_page_whose_header_holds_a_long_text_is_read(n_text: int) -> None:
    """Some writers keep the least and greatest text of a page in its header, uncut."""
    statistics = b"\x18" + _varint(n_text) + b"x" * n_text + b"\x00"
    page = b"\x15\x00\x15\x0e\x15\x0e\x2c\x5c" + statistics + b"\x00\x00" + b"7 bytes"
    column = b"\x76" + _varint(2 * len(page)) + b"\x26\x08\x00"
    footer = b"\x49\x1c\x19\x1c\x3c" + column + b"\x00\x00\x00"
    content = b"PAR1" + page + footer + struct.pack("<I", len(footer)) + b"PAR1"
    assert list(unpacked_sizes(io.BytesIO(content), len(content))) == [7]


@pytest.mark.parametrize("deep", [b"\x19", b"\x1c", b"\x1b\x01\x99"])
def test_a_footer_that_is_nested_deeply_is_refused(deep: bytes) -> None:
    """Lists, structs and maps that each hold the next."""
    footer = deep[:1] + (deep[1:] or deep) * 3000
    content = b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"
    with pytest.raises(ValueError, match="nested too deeply"):
        list(unpacked_sizes(io.BytesIO(content), len(content)))
