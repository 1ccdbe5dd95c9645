from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.records import Draft, Records, merge
from routereval.records.merge import align, merge_records
from routereval.records.model_names import canonical_model

NAN = float("nan")
Rows = Sequence[Sequence[float]]


def toy(
    scores: Rows,
    models: Sequence[str],
    ids: Sequence[str] | None = None,
    texts: Sequence[str | None] | None = None,
    *,
    name: str = "toy",
    costs: Rows | None = None,
    **columns: object,
) -> Records:
    matrix = np.array(scores, dtype=np.float64)
    names = list(ids or [f"q{row}" for row in range(len(matrix))])
    prompts = pl.DataFrame({"prompt_id": names, "subset": [name] * len(names), **columns})
    text = pl.Series("text", texts or [None] * len(names), dtype=pl.String)
    usd = None if costs is None else np.array(costs, dtype=np.float64)
    return Records.from_draft(
        Draft(name, list(models), matrix, prompts.with_columns(text), costs=usd, source="made")
    )


def merged(*parts: Records, keep: str | None = None) -> Draft:
    (draft,) = merge_records([[part] for part in parts], keep=keep)
    return draft.checked()


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("open-llm-leaderboard-old/details_01-ai__Yi-34B", "01-ai/Yi-34B"),
        ("open-llm-leaderboard-old/details_a__b__c", "a/b__c"),
        ("01-ai__Yi-34B-details", "01-ai/Yi-34B"),
        ("open-llm-leaderboard/01-ai__Yi-34B-details", "01-ai/Yi-34B"),
        ("a__b-details-details", "a/b-details"),
        ("01-AI/yi-34b", "01-AI/yi-34b"),
        ("org__name", "org__name"),
        ("gpt-4-details", "gpt-4-details"),
        ("details_a__b", "details_a__b"),
    ],
)
def test_names_of_both_leaderboards_become_one(name: str, canonical: str) -> None:
    assert canonical_model(name) == canonical
    assert canonical_model(canonical) == canonical


@given(
    org=st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True),
    name=st.from_regex(r"[A-Za-z0-9][\w.-]{0,12}", fullmatch=True),
)
def test_both_names_of_any_llm_agree(org: str, name: str) -> None:
    old = canonical_model(f"open-llm-leaderboard-old/details_{org}__{name}")
    assert old == canonical_model(f"{org}__{name}-details") == f"{org}/{name}"


def test_the_llms_of_both_leaderboards_are_united_over_their_benchmarks() -> None:
    x, y = (f"open-llm-leaderboard-old/details_{name}" for name in ("a__x", "b__y"))
    old = [toy([[1, 0]], [x, y]), toy([[0.5]], [y], name="truth")]
    new = [toy([[1, 1]], ["b__y-details", "c__z-details"], name="bbh")]
    drafts = list(merge_records([old, new]))
    assert [(d.name, d.models) for d in drafts] == [
        ("toy", ["a/x", "b/y"]),
        ("truth", ["b/y"]),
        ("bbh", ["b/y", "c/z"]),
    ]
    common = list(merge_records([old, new], common=True))
    assert [d.models for d in common] == [["b/y"]] * 3
    assert [d.scores.tolist() for d in common] == [[[0.0]], [[0.5]], [[1.0]]]


def test_cells_prompts_and_llms_are_united_by_prompt_id() -> None:
    one = toy([[1, 0], [NAN, 1]], ["a", "b"], ["p", "q"], ["P?", None], level=[1, None])
    ids, texts = ["q", "r", "p"], ["Q?", "R?", "P?"]
    two = toy([[0, 1], [1, 0], [1, 1]], ["c", "a"], ids, texts, kind=["x", "y", "z"])
    draft = merged(one, two)
    assert draft.models == ["c", "a", "b"]  # the one order that suits both
    np.testing.assert_array_equal(draft.scores, [[1, 1, 0], [0, 1, 1], [1, 0, NAN]])
    assert draft.prompts.select("prompt_id", "text", "level", "kind").rows() == [
        ("p", "P?", 1, "z"),
        ("q", "Q?", None, "x"),
        ("r", "R?", None, "y"),
    ]
    assert draft.source == "made"


def test_prompts_with_other_ids_are_matched_by_text_given_once() -> None:
    one = toy([[1], [0], [1], [0]], ["a"], ["1", "2", "3", "4"], ["u", "twice", "twice", None])
    two = toy([[1], [1], [0], [1]], ["b"], ["x", "y", "z", "w"], ["twice", "u", "new", None])
    draft = merged(one, two)
    assert draft.prompts["prompt_id"].to_list() == ["1", "2", "3", "4", "x", "z", "w"]
    np.testing.assert_array_equal(draft.scores[:, 1], [1, NAN, NAN, NAN, 1, 0, 1])
    np.testing.assert_array_equal(draft.scores[:4, 0], [1, 0, 1, 0])


def test_the_id_goes_before_the_text() -> None:
    one = toy([[1], [0]], ["a"], ["1", "2"], [None, "u"])
    two = toy([[1], [0]], ["b"], ["2", "9"], [None, "u"])  # 9 has the text of 2, which is taken
    draft = merged(one, two)
    assert draft.prompts["prompt_id"].to_list() == ["1", "2", "9"]
    np.testing.assert_array_equal(draft.scores[:, 1], [NAN, 1, 0])


def test_one_id_with_two_texts_is_refused() -> None:
    with pytest.raises(DataError, match=r"prompt 'q0' has another text .*'one\?' and 'two\?'"):
        merged(toy([[1]], ["a"], texts=["one?"]), toy([[1]], ["b"], texts=["two?"]))


def test_a_contradiction_is_refused_or_the_first_kept() -> None:
    one = toy([[1, NAN], [0, 1]], ["a", "b"])
    two = toy([[1, 0], [1, 0.5]], ["a", "b"])
    with pytest.raises(DataError) as told:
        merged(one, two)
    assert str(told.value).splitlines() == [
        "toy: two sources contradict each other; mend one, or merge with --keep first:",
        "prompt 'q1', model 'a': score 0 and 1",
        "prompt 'q1', model 'b': score 1 and 0.5",
    ]
    np.testing.assert_array_equal(merged(one, two, keep="first").scores, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(merged(two, one, keep="first").scores, [[1, 0], [1, 0.5]])
    with pytest.raises(SpecError, match="known: first"):
        merged(one, two, keep="last")


def test_many_contradictions_are_not_all_told() -> None:
    with pytest.raises(DataError) as told:
        merged(toy([[1.0] * 9] * 9, list("abcdefghi")), toy([[0.0] * 9] * 9, list("abcdefghi")))
    lines = str(told.value).splitlines()
    assert len(lines) == 1 + 20 or lines[-1] == "and more"
    assert len(lines) <= 22


def test_costs_belong_to_the_score_that_is_kept() -> None:
    one = toy([[1, 1, 1]], ["a", "b", "c"], costs=[[NAN, 2, NAN]])
    two = toy([[0, 1, 1]], ["a", "b", "c"], costs=[[7, 3, 4]])
    with pytest.raises(DataError, match="model 'b': cost 2 and 3"):
        merged(one, two)
    costs = merged(one, two, keep="first").costs
    assert costs is not None
    np.testing.assert_array_equal(costs, [[NAN, 2, 4]])  # 7 is the price of another answer
    assert merged(one, toy([[1]], ["d"])).costs is not None
    assert merged(toy([[1]], ["a"]), toy([[1]], ["d"])).costs is None


def test_scores_keep_every_bit() -> None:
    draft = merged(toy([[1.0]], ["a"]), toy([[0.1]], ["b"]))
    assert draft.scores.tolist() == [[1.0, 0.1]]


def with_extras(records: Records, vectors: Rows) -> Records:
    published: dict[str, dict[str, object]] = {
        "split": {"train": [0], "val": [], "test": [1]},
        "pools": {"1": {"all-weak": [records.models[0]]}},
    }
    draft = Draft(
        records.name,
        records.models,
        records.dense(),
        records.prompts,
        features={"f": np.array(vectors)},
        reference=0.75,
        published=published,
        licence="MIT",
        simulated=True,
    )
    return Records.from_draft(draft)


def test_what_came_with_the_records_stays_where_it_still_holds() -> None:
    one = with_extras(toy([[1], [0]], ["a__b-details"], ["p", "q"]), [[1, 2], [3, 4]])
    alone = merged(one)
    assert alone.published is not None
    assert alone.published["pools"] == {"1": {"all-weak": ["a/b"]}}
    assert (alone.reference, alone.licence, alone.simulated) == (0.75, "MIT", True)
    more_llms = merged(toy([[1], [0]], ["c"], ["q", "p"]), one)
    np.testing.assert_array_equal(more_llms.features["f"], [[3, 4], [1, 2]])
    assert more_llms.published is None
    assert more_llms.reference == 0.75
    assert more_llms.simulated
    assert merged(one, toy([[1]], ["c"], ["r"])).features == {}


def test_model_info_is_filled_up() -> None:
    first = toy([[1, 0]], ["open-llm-leaderboard-old/details_a__b", "c"])
    info = pl.DataFrame({"model": ["a__b-details"], "params": [7.0]})
    second = Records.from_draft(
        Draft("toy", ["a__b-details"], np.array([[1.0]]), first.prompts, model_info=info)
    )
    records = Records.from_draft(merged(first, second))
    assert records.model_info.rows() == [("a/b", 7.0), ("c", None)]


def test_two_names_of_one_llm_in_one_benchmark_are_refused() -> None:
    with pytest.raises(DataError, match=r"'a/b' and 'a__b-details' are both 'a/b'"):
        merged(toy([[1, 0]], ["a/b", "a__b-details"]))


def test_align_keeps_the_llms_asked_everywhere() -> None:
    one, two = toy([[1, 0, NAN]], ["a", "b", "c"], name="one"), toy([[0, 1, 1]], ["c", "a", "d"])
    aligned = align([one, two])
    assert [records.models for records in aligned] == [("a",), ("a",)]
    assert [records.dense().tolist() for records in aligned] == [[[1.0]], [[1.0]]]
    with pytest.raises(DataError, match="no model was asked on all of 2"):
        align([one, toy([[1]], ["z"])])


@given(
    data=st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 0.5, NAN]), min_size=6, max_size=6),
        min_size=4,
        max_size=4,
    ).map(np.array),
    cuts=st.tuples(st.integers(1, 4), st.integers(1, 6)),
    cells=st.sampled_from([1, 1 << 22]),
)
def test_overlapping_pieces_of_one_matrix_make_it_whole(
    data: np.ndarray[tuple[int, int], np.dtype[np.float64]], cuts: tuple[int, int], cells: int
) -> None:
    data[0, 0] = data[cuts[0] - 1, cuts[1] - 1] = 1.0  # no piece is empty
    ids, models = [f"q{row}" for row in range(4)], list("abcdef")
    pieces = [
        toy(data[:n_rows, :n_columns].tolist(), models[:n_columns], ids[:n_rows])
        for n_rows, n_columns in ((4, cuts[1]), (cuts[0], 6), (4, 6))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "_BLOCK_CELLS", cells)
        draft = merged(*pieces)
    assert draft.models == models
    assert draft.prompts["prompt_id"].to_list() == ids
    np.testing.assert_array_equal(draft.scores, data)
