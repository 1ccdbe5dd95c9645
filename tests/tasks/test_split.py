from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.tasks import PROTOCOLS, Rows, Split
from routereval.tasks.split import shuffled_rows, split_note, split_rows
from tests.made import made

sizes_of_subsets = st.lists(st.integers(1, 60), min_size=1, max_size=6)


def the_reference_way(sizes: list[int], seed: int) -> tuple[list[int], list[int], list[int]]:
    """DESIGN's words, one subset after the other, with numpy's global stream."""
    before = np.random.get_state()  # noqa: NPY002 - this is the stream that RouterEval uses
    np.random.seed(seed)  # noqa: NPY002
    train: list[int] = []
    val: list[int] = []
    test: list[int] = []
    start = 0
    for n in sizes:
        local = np.arange(n)
        np.random.shuffle(local)  # noqa: NPY002
        shuffled = [start + int(i) for i in local]
        train += shuffled[: int(0.8 * n)]
        val += shuffled[int(0.8 * n) : int(0.9 * n)]
        test += shuffled[int(0.9 * n) :]
        start += n
    np.random.set_state(before)  # noqa: NPY002
    return train, val, test


def codes(sizes: list[int]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def published(records: Records, **parts: list[int]) -> Records:
    return replace(records, meta={**records.meta, "published": {"split": parts, "pools": {}}})


@given(sizes_of_subsets, st.sampled_from([42, 0, 7, 2**32 - 1]))
def test_the_split_is_the_references(sizes: list[int], seed: int) -> None:
    rows, _ = shuffled_rows(codes(sizes), seed)
    assert tuple(part.tolist() for part in rows) == the_reference_way(sizes, seed)


@given(sizes_of_subsets, st.integers(0, 2**32 - 1))
def test_every_prompt_is_in_one_part_and_each_subset_is_cut_80_10_10(
    sizes: list[int], seed: int
) -> None:
    subsets = codes(sizes)
    rows, _ = shuffled_rows(subsets, seed)
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(subsets)))
    for code, n in enumerate(sizes):
        counts = [int((subsets[part] == code).sum()) for part in rows]
        assert counts == [int(0.8 * n), int(0.9 * n) - int(0.8 * n), n - int(0.9 * n)]


def by_first(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]


@given(sizes_of_subsets, st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_groups_stay_whole_and_parts_keep_their_sizes(
    sizes: list[int], n_groups: int, seed: int
) -> None:
    subsets = codes(sizes)
    groups = by_first(np.random.default_rng(seed).integers(n_groups, size=len(subsets)))
    rows, _ = shuffled_rows(subsets, seed, groups)
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(subsets)))
    held = [set(groups[part].tolist()) for part in rows]
    assert sum(map(len, held)) == len(set(groups.tolist()))
    largest = np.bincount(groups).max()
    assert abs(len(rows.train) - 0.8 * len(subsets)) <= (largest + 1) * len(sizes)


def test_one_pair_of_equal_prompts_moves_no_more_than_a_few_rows() -> None:
    groups = by_first(np.where(np.arange(200) == 150, 20, np.arange(200)))
    alone, _ = shuffled_rows(codes([100, 100]), 42)
    rows, _ = shuffled_rows(codes([100, 100]), 42, groups)
    moved = [
        set(one.tolist()) - set(other.tolist()) for one, other in zip(alone, rows, strict=True)
    ]
    assert sum(map(len, moved)) <= 3


@given(sizes_of_subsets, st.integers(0, 2**32 - 1))
def test_single_prompts_are_split_as_if_there_were_no_groups(sizes: list[int], seed: int) -> None:
    rows, _ = shuffled_rows(codes(sizes), seed, np.arange(sum(sizes)))
    assert tuple(part.tolist() for part in rows) == the_reference_way(sizes, seed)


def test_a_few_passages_are_split_too() -> None:
    for n in range(2, 12):
        rows, _ = shuffled_rows(codes([20 * n]), 42, codes([20] * n))
        assert len(rows.train)
        assert len(rows.test) >= 20


def repeated(name: str = "log", times: int = 4) -> Records:
    texts = [f"question {row // times}" for row in range(60 * times)]
    scores = np.random.default_rng(0).integers(0, 2, (60, 3)).repeat(times, axis=0)
    return Records.from_arrays(name, scores.astype(float), list("abc"), texts)


def test_faithful_keeps_the_references_split_and_tells_of_equal_prompts() -> None:
    records = repeated()
    rows, _ = split_rows(records, Split("faithful"))
    assert tuple(part.tolist() for part in rows) == the_reference_way([240], 42)
    both = np.isin(records.groups[rows.test], records.groups[rows.train]).sum()
    assert split_note(records, Split("faithful"), rows) == (
        f"log, faithful(seed=42): {both} of 24 test prompts also stand in train, as in the "
        "reference's split"
    )
    clean, _ = split_rows(records, Split())
    assert split_note(records, Split(), clean) is None
    assert [len(part) for part in clean] == [192, 24, 24]


def test_one_prompt_many_times_cannot_be_split() -> None:
    records = Records.from_arrays("same", np.eye(20)[:, :3], list("abc"), ["Why?"] * 20)
    with pytest.raises(DataError, match=r"20 prompts \(1 groups of equal ones\) are too few"):
        split_rows(records, Split())


def test_a_subset_may_be_scattered_over_the_rows() -> None:
    subsets = np.array([0, 1] * 10)
    rows, _ = shuffled_rows(subsets, 42)
    local, _ = shuffled_rows(codes([10, 10]), 42)
    where = np.argsort(subsets, kind="stable")  # local index -> row
    assert [part.tolist() for part in rows] == [where[part].tolist() for part in local]


def test_the_stream_goes_on_where_the_shuffles_end() -> None:
    _, stream = shuffled_rows(codes([9, 4]), 42)
    np.random.seed(42)  # noqa: NPY002
    for n in (9, 4):
        np.random.shuffle(np.arange(n))  # noqa: NPY002
    assert stream.randint(0, 1000) == np.random.randint(0, 1000)  # noqa: NPY002


def test_seeds_differ_and_numpys_global_stream_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    one, other = (shuffled_rows(codes([50]), seed)[0] for seed in (42, 43))
    assert one.train.tolist() != other.train.tolist()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_faithful_keeps_a_published_split_and_clean_does_not() -> None:
    parts = {"train": [5, 1, 3], "val": [0], "test": [4, 2]}
    records = published(made(n_prompts=20), **parts)
    rows, _ = split_rows(records, Split("faithful"))
    assert {name: part.tolist() for name, part in rows._asdict().items()} == parts
    clean, _ = split_rows(records, Split("clean"))
    assert [len(part) for part in clean] == [16, 2, 2]


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"leave_one_out", "temporal", "cv"}))
def test_protocols_split_alike_without_a_published_one(protocol: str) -> None:
    records = made(n_prompts=57, n_subsets=3)
    one, other = (split_rows(records, Split(p))[0] for p in ("clean", protocol))
    assert [part.tolist() for part in one] == [part.tolist() for part in other]


@pytest.mark.parametrize(("n_prompts", "enough"), [(1, False), (2, True), (9, True)])
def test_too_few_prompts_are_told(n_prompts: int, enough: bool) -> None:
    records = made("tiny", n_prompts=n_prompts)
    if enough:
        rows, _ = split_rows(records, Split())
        assert len(rows.train) >= 1
        assert len(rows.test) == 1
    else:
        with pytest.raises(DataError, match="tiny: 1 prompt is too few to train and to test on"):
            split_rows(records, Split())


def test_a_published_split_without_test_prompts_is_told() -> None:
    records = published(made("odd"), train=[0, 1], val=[2], test=[])
    with pytest.raises(DataError, match=r"^odd: "):
        split_rows(records, Split("faithful"))


@given(st.builds(Split, st.sampled_from(["clean", "faithful"]), st.integers(0, 2**32 - 1)))
def test_a_split_is_its_text(split: Split) -> None:
    assert Split.parse(str(split)) == split
    assert Split.parse(split) is split
    assert hash(Split.parse(str(split))) == hash(split)


def test_a_bare_protocol_has_seed_42() -> None:
    assert Split.parse("clean") == Split("clean", 42)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("claen", "unknown protocol 'claen'; did you mean 'clean'?"),
        ("clean(sed=1)", "protocol 'clean' has no parameter 'sed'; it has: seed"),
        ("clean(seed=x)", "seed"),
        ("clean(seed=1.5)", "seed"),
        ("clean(seed=-1)", "seed"),
        ("clean(seed=4294967296)", "seed"),
        ("clean seed", "cannot read 'clean seed'"),
    ],
)
def test_a_split_that_means_nothing_is_told(text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence.replace("?", r"\?")):
        Split.parse(text)


def test_rows_are_named() -> None:
    assert Rows._fields == ("train", "val", "test")
