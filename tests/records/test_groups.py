from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.records import Records
from routereval.records.groups import Shares, groups_of, normalised, shares


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Why is the sky blue?", "why is  the sky\n blue"),
        ("Say “hello”.", 'say "hello"'),
        ("\uff21\uff22\uff23", "abc"),  # full-width letters
        ("Straße", "STRASSE"),
        ("It's late!", "Its late"),
    ],
)
def test_texts_that_are_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("not ( True ) and False", "not ( True and False )"),
        ("3 - 4", "3 + 4"),
        ("3.5 apples", "35 apples"),
        ("[ [ ( <", "[ [ ( ("),
        ("a_b", "a b"),
        ("-3", "3"),
    ],
)
def test_texts_that_are_not(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_groups_join_texts_and_names() -> None:
    texts = ["one", "two", "ONE.", "three", None, None, ""]
    named = [None, "x", None, "x", "y", None, None]
    assert groups_of(texts, named).tolist() == [0, 1, 0, 1, 2, 3, 4]
    assert groups_of([None, "", " ?"]).tolist() == [0, 1, 2]


def test_records_read_their_own_groups() -> None:
    records = Records.from_arrays("toy", np.eye(4), list("abcd"), ["a", "b", "A", "d"])
    assert records.groups.tolist() == [0, 1, 0, 2]
    named = records.prompts.with_columns(pl.Series("group", [None, 7, None, 7]))
    assert replace(records, prompts=named).groups.tolist() == [0, 1, 0, 1]


def words(seed: int, n: int = 40) -> list[str]:
    return [f"w{word}" for word in np.random.default_rng(seed).integers(500, size=n)]


def test_near_duplicates_are_told_from_other_prompts() -> None:
    text = words(0)
    typo = [*text[:7], "tyop", *text[8:]]
    half = [*text[:20], *words(1, 20)]
    texts = [" ".join(line) for line in (text, words(2), typo, half)]
    assert groups_of(texts).tolist() == [0, 1, 0, 2]
    assert shares(texts) == Shares(0, 0.5)
    assert shares([*texts, texts[1].upper()]) == Shares(2 / 5, 2 / 5)


def test_a_template_makes_no_near_duplicates() -> None:
    frame = " ".join(words(3, 300))
    texts = [f"{frame} what is {n} plus {n * 7}? a) {n * 8} b) {n * 9} {frame}" for n in range(30)]
    assert groups_of(texts).tolist() == list(range(30))
    assert groups_of([f"what is the capital of state {n}" for n in range(5)]).tolist() == [
        *range(5)
    ]


@given(st.integers(0, 2**32 - 1))
def test_groups_do_not_hang_on_the_order_of_the_prompts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [" ".join(words(int(n), 15)) for n in rng.integers(8, size=30)]
    texts += [f"{text} again" for text in texts[:5]]
    order = rng.permutation(35)
    groups, there = groups_of(texts), groups_of([texts[row] for row in order])
    same, same_there = groups[:, None] == groups, there[:, None] == there
    assert np.array_equal(same[np.ix_(order, order)], same_there)
    assert groups.max() + 1 == len(set(groups.tolist()))


DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.skipif(not DATA.exists(), reason="the record sets are not there")
@pytest.mark.parametrize(
    ("name", "repeated", "near"),
    [("llmrouter", 238 / 6108, 34 / 6108), ("metabench", 0.0, 0.0), ("alpaca_eval", 1.0, 8 / 1610)],
)
def test_the_shares_of_real_prompts(name: str, repeated: float, near: float) -> None:
    texts = pl.read_parquet(DATA / name / "prompts.parquet")["prompt"].to_list()
    assert shares(texts) == pytest.approx(Shares(repeated, near))
