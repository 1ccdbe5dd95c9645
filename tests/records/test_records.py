"""Records: in memory and on disk the same, written whole or not at all, never half believed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.records import Draft, Records, overview, read_records, write_collection
from routereval.records.atomic import atomic_folder, is_records
from routereval.records.folder import is_collection, read_collection
from routereval.records.matrix import BinaryMatrix, RealMatrix
from routereval.records.records import write_into

KINDS = ["binary", "gappy", "real", "gappy real", "full"]


def drafted(kind: str = "full", n_prompts: int = 70, name: str = "toy") -> Draft:
    """A draft; 70 prompts leave the second word of the packed bits half empty."""
    rng = np.random.default_rng(KINDS.index(kind))
    scores = rng.integers(0, 2, (n_prompts, 4)).astype(np.float64)
    if "real" in kind:
        scores = rng.random((n_prompts, 4))
    if "gappy" in kind or kind == "full":
        scores[rng.random(scores.shape) < 0.2] = np.nan
    prompts = pl.DataFrame({"prompt_id": [f"q{row}" for row in range(n_prompts)]})
    draft = Draft(name, ["a", "b", "c", "d"], scores, prompts)
    if kind != "full":
        return draft
    return replace(
        draft,
        prompts=prompts.with_columns(
            subset=pl.Series(["x", "y"] * (n_prompts // 2)),
            text=pl.Series([f"what is {row}?" for row in range(n_prompts)]),
            chance=pl.lit(0.25),
            day=pl.Series(range(n_prompts)),
        ),
        model_info=pl.DataFrame({"model": ["d", "a", "z"], "params": [7, 70, 1]}),
        costs=rng.random(scores.shape),
        features={"v": rng.normal(size=(n_prompts, 3)), "é": np.zeros((n_prompts, 0))},
        reference=0.75,
        published={
            "split": {"train": np.arange(3), "val": [3], "test": [np.int64(4)]},
            "pools": {"3": {"all-weak": ["a", "b", "c"]}},
        },
        source="made here",
        licence="none",
    )


def assert_same(one: Records, other: Records) -> None:
    assert one.name == other.name
    assert one.kind == other.kind
    assert one.models == other.models
    assert one.dense().tobytes() == other.dense().tobytes()
    assert one.prompts.equals(other.prompts)
    assert one.model_info.equals(other.model_info)
    assert (one.costs is None) == (other.costs is None)
    if one.costs is not None and other.costs is not None:
        assert one.costs.tobytes() == other.costs.tobytes()
    assert list(one.features) == list(other.features)
    for key, vectors in one.features.items():
        assert vectors.shape == other.features[key].shape
        assert vectors.tobytes() == other.features[key].tobytes()
    for key in ("source", "licence", "reference", "simulated", "published"):
        assert one.meta.get(key) == other.meta.get(key)
    assert one.hash == other.hash


def visible(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


def manifest_of(path: Path) -> dict[str, Any]:
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    assert isinstance(manifest, dict)
    return manifest


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return Records.from_draft(drafted()).save(tmp_path / "toy")


# In memory


def test_from_arrays_fills_in_what_is_not_given() -> None:
    records = Records.from_arrays("toy", [[1.0, 0.5], [np.nan, 0.0]], ["a", "b"])
    assert records.prompts.columns == ["prompt_id", "subset", "text", "chance"]
    assert records.prompts["prompt_id"].to_list() == ["toy/0", "toy/1"]
    assert records.subsets.tolist() == [0, 0]
    assert not records.has_text
    assert records.reference is None
    assert not records.simulated
    assert (records.n_prompts, records.n_models, records.kind) == (2, 2, "real")
    assert np.array_equal(records.dense(), [[1.0, 0.5], [np.nan, 0.0]], equal_nan=True)


def test_from_arrays_takes_lists_of_all_that_is_a_number() -> None:
    more = {"signals": {"answer": [[1.0, 2.0]]}, "axes": {"latency_ms": [[9.0, 8.0]]}}
    records = Records.from_arrays("toy", [[1.0, 0.0]], ["a", "b"], costs=[[0.1, 0.2]], **more)  # type: ignore[arg-type]
    assert records.axes["latency_ms"].ravel().tolist() == [9.0, 8.0]
    assert records.costs is not None


def test_from_arrays_keeps_what_is_given() -> None:
    records = Records.from_arrays(
        "toy",
        [[1, 0], [0, 1]],
        ["a", "b"],
        ["one?", "two?"],
        subsets=["s", "t"],
        costs=np.array([[1.0, 2.0], [3.0, 4.0]]),
        features=np.array([[0.5], [1.5]]),
    )
    assert records.has_text
    assert records.subsets.tolist() == [0, 1]
    assert records.costs is not None
    assert records.costs.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert records.features["given"].tolist() == [[0.5], [1.5]]
    assert repr(records) == "Records('toy', 2 prompts × 2 models, binary)"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"texts": ["one?"]}, "1 texts for 2 prompts"),
        ({"subsets": ["s"] * 3}, "3 subsets for 2 prompts"),
        ({"models": ["a"]}, "scores is 2 × 2 but there are 2 prompts × 1 models"),
        ({"scores": [1.0, 0.0]}, "scores is 2 but there are 2 prompts × 2 models"),
        ({"scores": np.zeros((0, 2))}, "no records: 0 prompts × 2 models"),
        ({"scores": np.zeros((2, 0)), "models": []}, "no records: 2 prompts × 0 models"),
        ({"costs": np.zeros((2, 3))}, "costs is 2 × 3"),
        ({"features": np.zeros((3, 2))}, "feature 'given' has 3 rows for 2 prompts"),
        ({"features": np.zeros(2)}, "feature 'given' has 1 axes"),
        ({"models": ["a", "a"]}, "model 'a' occurs twice"),
        ({"scores": [[1.0, 2.0], [0.0, 1.0]]}, r"score 2 lies outside \[0, 1\].*--scale"),
        ({"scores": [[1.0, -0.5], [0.0, 1.0]]}, r"score -0.5 lies outside"),
        ({"scores": [[1.0, np.inf], [0.0, 1.0]]}, "infinite"),
        ({"scores": np.full((2, 2), np.nan)}, "no score was observed"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(given: dict[str, Any], sentence: str) -> None:
    arrays: dict[str, Any] = {"scores": [[1.0, 0.0], [0.0, 1.0]], "models": ["a", "b"]} | given
    with pytest.raises(DataError, match=f"toy: .*{sentence}"):
        Records.from_arrays("toy", **arrays)


def test_a_prompt_that_occurs_twice_is_refused() -> None:
    prompts = pl.DataFrame({"prompt_id": ["q"] * 70})
    with pytest.raises(DataError, match="prompt_id 'q' occurs twice"):
        replace(drafted(), prompts=prompts).checked()


def test_a_draft_that_fits_is_itself_once_checked() -> None:
    draft = drafted()
    assert draft.checked() is draft


def test_what_is_known_of_models_is_put_in_column_order() -> None:
    info = Records.from_draft(drafted()).model_info
    assert info["model"].to_list() == ["a", "b", "c", "d"]
    assert info["params"].to_list() == [70, None, None, 7]


# Selection


def test_select_by_name_by_column_and_by_row() -> None:
    records = Records.from_draft(drafted())
    by_name, by_column = records.select([5, 2], ["d", "a"]), records.select([5, 2], [3, 0])
    assert_same(by_name, by_column)
    dense = records.dense()
    assert np.array_equal(by_name.dense(), dense[[5, 2]][:, [3, 0]], equal_nan=True)
    assert by_name.models == ("d", "a")
    assert by_name.model_info["params"].to_list() == [7, 70]
    assert by_name.prompts["prompt_id"].to_list() == ["q5", "q2"]
    assert by_name.costs is not None
    assert records.costs is not None
    assert np.array_equal(by_name.costs, records.costs[[3, 0]][:, [5, 2]])
    assert np.array_equal(by_name.features["v"], records.features["v"][[5, 2]])


def test_select_drops_what_only_holds_for_the_whole(saved: Path) -> None:
    records = read_records(saved)
    part = records.select(prompts=range(10))
    assert part.meta.get("published") is None
    assert part.path is None
    assert part.hash != records.hash
    assert part.reference == records.reference


def test_groups_may_be_kept_as_they_are_among_all_prompts() -> None:
    texts = ["Why?", "When?", "why", "Where?", "When"]
    records = Records.from_arrays("asked", np.eye(5)[:, :2], ["a", "b"], texts=texts)
    part = records.select([4, 3, 1], ["b"], keep_groups=True)
    assert part.groups.tolist() == records.select([4, 3, 1]).groups.tolist() == [0, 1, 0]
    assert records.select(keep_groups=True).groups.tolist() == records.groups.tolist()


def test_select_of_everything_is_the_same() -> None:
    draft = replace(drafted(), published=None)
    records = Records.from_draft(draft)
    assert_same(replace(records.select(), meta=records.meta), records)
    chosen = records.select(np.arange(70), records.models)
    assert chosen.hash == records.hash


def test_select_of_an_unknown_model_says_which() -> None:
    records = Records.from_arrays("toy", [[1.0, 0.0]], ["gpt", "llama"])
    with pytest.raises(DataError, match="toy: unknown model 'gtp'; did you mean 'gpt'"):
        records.select(models=["gtp"])


def test_select_of_nothing_is_empty() -> None:
    records = Records.from_draft(drafted("binary"))
    assert records.select(prompts=[]).dense().shape == (0, 4)
    assert records.select(models=[]).dense().shape == (70, 0)


# On disk


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_read(kind: str, tmp_path: Path) -> None:
    records = Records.from_draft(drafted(kind))
    again = read_records(records.save(tmp_path / "toy"))
    assert again.path == tmp_path / "toy"
    assert again.kind == ("real" if "real" in kind else "binary")
    assert_same(again, records)
    assert_same(read_records(again.save(tmp_path / "copy")), records)
    assert visible(tmp_path) == ["copy", "toy"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_records_are_the_same_bytes(kind: str, tmp_path: Path) -> None:
    one, two = (Records.from_draft(drafted(kind)).save(tmp_path / name) for name in ("a", "b"))
    assert visible(one) == visible(two)
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes()


def test_the_hash_tells_scores_apart() -> None:
    records = Records.from_arrays("toy", [[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
    other = Records.from_arrays("toy", [[1.0, 0.0], [0.0, np.nan]], ["a", "b"])
    assert len({records.hash, other.hash, records.select(models=[1, 0]).hash}) == 3


def test_published_pools_and_split_come_back_as_plain_lists(saved: Path) -> None:
    published = read_records(saved).meta["published"]
    assert published["split"] == {"train": [0, 1, 2], "val": [3], "test": [4]}
    assert published["pools"] == {"3": {"all-weak": ["a", "b", "c"]}}


def test_matrices_are_mapped_not_read(saved: Path) -> None:
    records = read_records(saved)
    assert isinstance(records.scores, BinaryMatrix)
    assert records.scores.seen is not None
    assert records.costs is not None
    for array in (records.scores.words, records.scores.seen, records.costs, records.features["v"]):
        assert isinstance(array.base, np.memmap)
        assert not array.flags.writeable


def test_real_scores_are_mapped_too(tmp_path: Path) -> None:
    path = Records.from_draft(drafted("real")).save(tmp_path / "toy")
    scores = read_records(path).scores
    assert isinstance(scores, RealMatrix)
    assert isinstance(scores.values.base, np.memmap)


# Whole or not at all


def test_an_existing_folder_is_refused_unless_told(saved: Path) -> None:
    other = Records.from_draft(drafted("binary"))
    before = read_records(saved).hash
    with pytest.raises(DataError, match=r"exists already.*another folder, or --overwrite it"):
        other.save(saved)
    assert read_records(saved).hash == before
    other.save(saved, overwrite=True)
    assert read_records(saved).hash == other.hash
    assert not (saved / "costs.npy").exists()
    assert visible(saved.parent) == ["toy"]


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    assert is_records(Records.from_draft(drafted("binary")).save(tmp_path / "toy"))


@pytest.mark.parametrize("what", ["file", "folder", "records and more"])
def test_overwrite_replaces_records_and_nothing_else(what: str, tmp_path: Path) -> None:
    target = tmp_path / "thesis"
    if what == "file":
        target.write_text("years of work")
    else:
        target.mkdir()
        (target / "chapter.txt").write_text("years of work")
    records = Records.from_draft(drafted("binary"))
    if what == "records and more":
        records.save(target / "toy")
    with pytest.raises(DataError, match="thesis holds more than records"):
        records.save(target, overwrite=True)
    kept = target if what == "file" else target / "chapter.txt"
    assert kept.read_text() == "years of work"
    assert visible(tmp_path) == ["thesis"]


def test_a_collection_is_replaced_by_another(tmp_path: Path) -> None:
    path = tmp_path / "all"
    write_collection([drafted(name="one"), drafted(name="two")], path)
    write_collection([drafted(name="three")], path, overwrite=True)
    assert [records.name for records in read_collection(path)] == ["three"]
    assert visible(tmp_path) == ["all"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_exception_in_the_middle_leaves_what_was_there(tmp_path: Path, overwrite: bool) -> None:
    def failing() -> Iterator[Draft]:
        yield drafted(name="one")
        raise DataError("the second benchmark cannot be read")

    path = tmp_path / "all"
    if overwrite:
        write_collection([drafted(name="old")], path)
    with pytest.raises(DataError, match="second"):
        write_collection(failing(), path, overwrite=overwrite)
    assert visible(tmp_path) == (["all"] if overwrite else [])
    if overwrite:
        assert [records.name for records in read_collection(path)] == ["old"]


def test_a_bad_draft_leaves_nothing(tmp_path: Path) -> None:
    bad = replace(drafted(name="two"), costs=np.zeros((1, 1)))
    with pytest.raises(DataError, match="costs is 1 × 1"):
        write_collection([drafted(name="one"), bad], tmp_path / "all")
    with pytest.raises(DataError, match="holds no records"):
        write_collection([], tmp_path / "all")
    assert visible(tmp_path) == []


def test_a_failed_last_step_brings_the_old_folder_back(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = read_records(saved).hash, Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        Records.from_draft(drafted("binary")).save(saved, overwrite=True)
    assert read_records(saved).hash == before
    assert visible(saved.parent) == ["toy"]


_ENDLESS = """
import sys
from pathlib import Path
from routereval.records import Records
from routereval.records.atomic import atomic_folder
from routereval.records.records import write_into
with atomic_folder(Path(sys.argv[1])) as folder:
    write_into(Records.from_arrays("late", [[1.0]], ["a"]), folder)
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A target whose writer was killed after its last file, before the folder took its place."""
    target = tmp_path / "all [1]"
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _ENDLESS, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        assert visible(tmp_path) == [f".all [1].{writer.pid}.part"]
        os.kill(writer.pid, signal.SIGKILL)
    return target


def test_a_killed_writer_leaves_no_records_and_the_next_one_clears_up(killed: Path) -> None:
    folder = killed.parent
    (left,) = visible(folder)
    assert left.startswith(".")
    assert not killed.exists()
    assert not is_collection(folder)
    assert read_collection(folder) == []
    write_collection([drafted(name="one")], killed)
    assert visible(folder) == ["all [1]"]


def test_what_a_living_writer_writes_is_left_alone(tmp_path: Path) -> None:
    others = tmp_path / f".toy.{os.getppid()}.part"
    others.mkdir()
    with atomic_folder(tmp_path / "toy.v2") as folder:
        write_into(Records.from_draft(drafted("binary")), folder)
        Records.from_draft(drafted("binary")).save(tmp_path / "toy")
    assert visible(tmp_path) == [others.name, "toy", "toy.v2"]


# Names


def test_benchmarks_of_any_name_live_side_by_side(tmp_path: Path) -> None:
    names = [
        "a/b",
        "a_b",
        "A_B",
        "..",
        "",
        "../up",
        "CON",
        "数学",
        "x" * 300,
        "collection.json",
        ".",
    ]
    paths = write_collection((drafted("binary", 4, name) for name in names), tmp_path / "all")
    assert [path.parent for path in paths] == [tmp_path / "all"] * len(names)
    assert len({path.name.lower() for path in paths}) == len(names)
    assert not any(path.name.startswith(".") for path in paths)
    assert [records.name for records in read_collection(tmp_path / "all")] == names
    assert visible(tmp_path) == ["all"]


def test_two_benchmarks_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two benchmarks are named 'one'"):
        write_collection([drafted(name="one"), drafted(name="one")], tmp_path / "all")


@pytest.mark.parametrize("order", ["[]", '{"two": 1}', "[[1], 2]", "no json", "[" * 100_000, None])
def test_a_collection_whose_order_is_lost_is_read_by_name(
    order: str | None, tmp_path: Path
) -> None:
    write_collection([drafted(name="two"), drafted(name="one")], tmp_path / "all")
    file = tmp_path / "all" / "collection.json"
    file.unlink() if order is None else file.write_text(order)
    names = [records.name for records in read_collection(tmp_path / "all")]
    assert sorted(names) == ["one", "two"]


# Damage


@pytest.mark.parametrize(
    "name",
    [
        "scores.npy",
        "observed.npy",
        "costs.npy",
        "features-v.npy",
        "prompts.parquet",
        "models.parquet",
        "manifest.json",
    ],
)
@pytest.mark.parametrize("left", [None, 0, 5, 60, 0.5, -1])
def test_a_missing_or_truncated_file_is_told(name: str, left: float | None, saved: Path) -> None:
    file = saved / name
    content = file.read_bytes()
    if left is None:
        file.unlink()
    else:
        file.write_bytes(content[: int(left * len(content)) if 0 < left < 1 else int(left)])
    with pytest.raises(DataError) as caught:
        read_records(saved)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["prompts.parquet", "models.parquet"])
def test_a_table_that_was_changed_is_told(name: str, saved: Path) -> None:
    pl.read_parquet(saved / name).reverse().write_parquet(saved / name)
    with pytest.raises(DataError, match=f"{name}: damaged .its sha256"):
        read_records(saved)


def flipped(file: Path) -> None:
    """Change the last bit of a file, which no header tells of."""
    held = file.read_bytes()
    file.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))


ALL_FILES = (
    *("scores.npy", "observed.npy", "costs.npy", "features-given.npy", "signal-answer.npy"),
    *("prompts.parquet", "models.parquet"),
)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Records with every kind of file."""
    scores = np.array([[1.0, np.nan], [0.0, 1.0]])
    records = Records.from_arrays(
        *("full", scores, ["a", "b"], ["one?", "two?"]),
        costs=np.ones((2, 2)),
        features=np.eye(2),
        signals={"answer": np.ones((2, 2))},
    )
    return records.save(tmp_path / "full")


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_flipped_bit_is_told_on_opening(name: str, full: Path) -> None:
    assert set(json.loads((full / "manifest.json").read_text())["files"]) == set(ALL_FILES)
    flipped(full / name)
    with pytest.raises(DataError, match=f"{name}: damaged .*import the records again"):
        read_records(full)


@pytest.mark.parametrize("name", ALL_FILES[:-2])
def test_a_flipped_bit_of_a_large_file_is_told_before_results_are(
    name: str, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from routereval.records import folder as module

    monkeypatch.setattr(module, "CHECKED_ON_OPEN", 0)
    read_records(full).verify()
    flipped(full / name)
    opened = read_records(full)
    for told in (opened.verify, lambda: opened.hash, lambda: overview(opened)):
        with pytest.raises(DataError, match=f"{name}: damaged .its sha256 is not the manifest"):
            told()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 1), np.uint64),
        np.zeros((4, 3), np.uint64),
        np.zeros((3, 2), np.uint64),
        np.zeros((2, 4), np.uint64),
        np.zeros(8, np.uint64),
        np.zeros((), np.uint64),
        np.zeros((4, 2, 1), np.uint64),
        np.zeros((4, 2), np.float32),
        np.zeros((4, 2), np.uint8),
        np.zeros((4, 2), np.int64),
        np.zeros((4, 2), "U2"),
        np.zeros((4, 2), [("x", np.uint64)]),
    ],
)
def test_scores_of_another_shape_or_kind_are_told(array: np.ndarray, saved: Path) -> None:
    np.save(saved / "scores.npy", array)
    with pytest.raises(DataError, match="damaged"):
        read_records(saved)


@settings(max_examples=60)
@given(st.integers(0, 127), st.binary(min_size=1, max_size=3))
def test_a_header_with_other_bytes_is_told_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, place: int, other: bytes
) -> None:
    path = Records.from_draft(drafted("binary")).save(tmp_path_factory.mktemp("header") / "toy")
    content = bytearray((path / "scores.npy").read_bytes())
    content[place : place + len(other)] = other
    (path / "scores.npy").write_bytes(content)
    with suppress(DataError):
        assert read_records(path).dense().shape == (70, 4)


@pytest.mark.parametrize(
    "payload",
    [
        b"PK\x03\x04" + b"0" * 90,
        b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        b"\x93NUMPY\x01\x00\x02\x00{(",
    ],
)
def test_a_matrix_that_is_something_else_is_never_opened(payload: bytes, saved: Path) -> None:
    (saved / "scores.npy").write_bytes(payload)
    with pytest.raises(DataError, match=r"scores\.npy"):
        read_records(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": [1]},
        {"name": 7},
        {"name": None},
        {"kind": "ternary"},
        {"kind": ["binary"]},
        {"kind": "real"},
        {"n_prompts": "70"},
        {"n_prompts": None},
        {"n_prompts": -1},
        {"n_prompts": 71},
        {"n_prompts": 10**40},
        {"n_prompts": 7.5},
        {"n_models": 3},
        {"n_models": {}},
        {"features": "v"},
        {"features": ["w"]},
        {"features": [["v"]]},
        {"features": ["../../v"]},
        {"features": ["v\0"]},
        {"files": []},
        {"files": {}},
        {"files": {"scores.npy": "nothing hexadecimal"}},
        {"files": {"scores.npy": 3}},
        {"reference": "0.9"},
        {"reference": [0.9]},
        {"published": []},
        {"published": {"split": {}}},
        {"published": {"split": {}, "pools": []}},
    ],
)
def test_a_manifest_that_says_something_else_is_told(change: dict[str, Any], saved: Path) -> None:
    text = json.dumps(manifest_of(saved) | change)
    (saved / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_records(saved)
    assert str(saved) in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"x"', "[" * 100_000, '{"schema": 1}', '{"schema": NaN}', "9" * 9_999],
)
def test_a_manifest_that_is_none_is_told(text: str, saved: Path) -> None:
    (saved / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"damaged|schema"):
        read_records(saved)


def test_a_manifest_in_no_unicode_is_told(saved: Path) -> None:
    (saved / "manifest.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(DataError, match="damaged"):
        read_records(saved)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.drop("prompt_id"),
        lambda table: table.drop("text"),
        lambda table: table.with_columns(chance=pl.lit("a quarter")),
        lambda table: table.with_columns(subset=pl.lit(3)),
        lambda table: table.head(3),
    ],
)
def test_a_prompt_table_that_lacks_something_is_told(
    spoil: Callable[[pl.DataFrame], pl.DataFrame], saved: Path
) -> None:
    """Even where the manifest agrees with it, as in a folder that someone else wrote."""
    import hashlib

    file = saved / "prompts.parquet"
    spoil(pl.read_parquet(file)).write_parquet(file)
    manifest = manifest_of(saved)
    manifest["files"][file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"import them again|import the records again"):
        assert read_records(saved).prompts.height  # some of it is only seen on first use


def test_a_folder_without_records_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no records: there is no manifest\.json in it"):
        read_records(tmp_path)
    with pytest.raises(DataError, match="holds no records"):
        read_records(tmp_path / "nowhere")


# Overview


@pytest.mark.parametrize("kind", ["binary", "real"])
def test_overview_of_whole_records(kind: str) -> None:
    records = Records.from_draft(drafted(kind))
    dense, seen = records.dense(), overview(records)
    means = dense.mean(axis=0)
    assert (seen.name, seen.n_prompts, seen.n_models, seen.kind) == ("toy", 70, 4, kind)
    assert seen.observed == 1
    assert seen.complete == (70, 4)
    assert seen.best == pytest.approx(means.max())
    assert seen.best_model == "abcd"[int(means.argmax())]
    assert seen.mean == pytest.approx(means.mean())
    assert seen.oracle == pytest.approx(dense.max(axis=1).mean())
    assert (seen.text, seen.costs, seen.features, seen.simulated) == (False, False, (), False)


def test_overview_of_gappy_records_is_that_of_the_complete_block() -> None:
    scores = np.array([[np.nan, 0, 1], [1, 0, 0], [np.nan, 1, 0], [np.nan, 0, 1], [1, 0, 0.0]])
    seen = overview(Records.from_arrays("toy", scores, ["a", "b", "c"]))
    assert seen.observed == pytest.approx(12 / 15)
    assert seen.complete == (5, 2)
    assert (seen.best, seen.best_model) == (0.4, "c")
    assert seen.mean == pytest.approx(0.3)
    assert seen.oracle == pytest.approx(0.6)


def test_overview_says_what_else_there_is(saved: Path) -> None:
    seen = overview(read_records(saved))
    assert (seen.text, seen.costs, seen.features) == (True, True, ("v", "é"))


@pytest.mark.parametrize("cost", [np.inf, -np.inf, -0.5])
def test_a_cost_that_is_infinite_or_negative_is_refused(cost: float) -> None:
    costs = np.array([[0.1, np.nan], [0.2, cost]])
    words = "made: prompt 'made/1' costs .* with 'y' .* leave it empty"
    with pytest.raises(DataError, match=words):
        Records.from_arrays("made", np.eye(2), ["x", "y"], costs=costs)
    costs[1, 1] = 0.0
    assert Records.from_arrays("made", np.eye(2), ["x", "y"], costs=costs).costs is not None
