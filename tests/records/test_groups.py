from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from routereval.records import Records
from routereval.records.groups import groups_of, normalised


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
