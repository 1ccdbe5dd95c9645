from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.importers import rows
from routereval.importers.long_table import LongTable, Numbered
from routereval.importers.rows import (
    BadRows,
    RowError,
    cost_in,
    csv_header,
    csv_rows,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_file,
    json_objects,
    json_records,
    name_in,
    score_in,
    text_of,
)
from tests.importers.table_mutations import cells, costs

_NAME = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=3)
_CELLS = st.dictionaries(
    st.tuples(_NAME, _NAME), st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=30
)


@given(_CELLS)
def test_what_is_added_is_what_the_draft_holds(given: dict[tuple[str, str], float]) -> None:
    table = LongTable()
    for (prompt_id, model), score in given.items():
        table.add("toy", prompt_id, model, score)
    (draft,) = table.drafts("made up", "CC0")
    assert cells(draft) == given
    assert list(draft.models) == list(dict.fromkeys(model for _, model in given))
    assert draft.prompts["prompt_id"].to_list() == list(dict.fromkeys(p for p, _ in given))
    assert (draft.source, draft.licence) == ("made up", "CC0")
    assert draft.checked() is draft


@given(_CELLS, st.randoms())
def test_order_of_rows_changes_only_the_order(
    given: dict[tuple[str, str], float], random: object
) -> None:
    rows = list(given.items())
    random.shuffle(rows)  # type: ignore[attr-defined]
    table = LongTable()
    for (prompt_id, model), score in rows:
        table.add("toy", prompt_id, model, score)
    assert cells(next(table.drafts(""))) == given


def test_names_are_checked_when_they_first_come() -> None:
    table = LongTable()
    for names in (("", "q", "a"), ("toy", " ", "a"), ("toy", "q", "\ud800")):
        with pytest.raises(RowError, match=r"name|prompt_id"):
            table.add(*names, 1)
    table.add("toy", "q", "a", 1, text="\ud800", subset="\ud800")
    (draft,) = table.drafts("")
    assert draft.prompts.rows() == [("q", "?", "?", None)]


def test_benchmarks_are_apart_and_leave_out_llms_that_they_did_not_ask() -> None:
    table = LongTable()
    table.add("one", "q", "a", 1)
    table.add("two", "q", "b", 0)
    table.add("two", "q", "a", None)
    table.add("two", "r", "b", "")
    first, second = table.drafts("")
    assert (first.models, second.models) == (["a"], ["b"])
    assert second.prompts["prompt_id"].to_list() == ["q", "r"]
    assert np.isnan(second.scores[1, 0])
    assert list(table.drafts("")) == []


def test_costs_texts_subsets_and_chance_are_kept() -> None:
    table = LongTable()
    table.add("toy", "q", "a", 1)
    table.add("toy", "q", "b", 0, cost=0.25, text="why?", subset="s", chance=0.25)
    table.add("toy", "r", "b", 0, text="how?")
    (draft,) = table.drafts("")
    assert costs(draft) == {("q", "b"): 0.25}
    assert draft.prompts.rows() == [("q", "s", "why?", 0.25), ("r", "toy", "how?", None)]


def test_float32_only_where_it_keeps_every_digit() -> None:
    for score, kind in ((0.5, np.float32), (0.1, np.float64)):
        table = LongTable()
        table.add("toy", "q", "a", score)
        (draft,) = table.drafts("")
        assert draft.scores.dtype == kind
        assert draft.scores[0, 0] == score


def test_the_published_reference_is_found_by_name_and_size() -> None:
    table = LongTable()
    for n in range(541):
        table.add("ifeval", f"q{n}", "a", 1)
    table.add("gsm8k", "q", "a", 1)
    ifeval, gsm8k = table.drafts("")
    assert ifeval.reference == 0.7689
    assert gsm8k.reference is None


def test_the_same_record_twice_is_fine_another_score_is_not() -> None:
    table = LongTable()
    for score in (1, 1.0, True, "1", None):
        table.add("toy", "q", "a", score)
    (draft,) = table.drafts("")
    assert cells(draft) == {("q", "a"): 1}
    table.add("toy", "q", "a", 1)
    table.add("toy", "q", "a", 0)
    with pytest.raises(DataError, match=r"two scores(.|\n)*prompt 'q', model 'a': 1 and 0"):
        list(table.drafts(""))


def test_the_best_of_several_scores_can_be_kept() -> None:
    table = LongTable(repeats="max")
    for score in (0.25, 1, 0.5):
        table.add("toy", "q", "a", score)
    assert cells(next(table.drafts(""))) == {("q", "a"): 1}


def test_rescaling_maps_the_range_of_each_benchmark() -> None:
    table = LongTable(rescale=True)
    for n, score in enumerate((-4.0, -2.0, 0.0)):
        table.add("far", f"q{n}", "a", score)
        table.add("near", f"q{n}", "a", 0.5)
        table.add("flat", f"q{n}", "a", 7)
    far, near, flat = table.drafts("")
    assert far.scores[:, 0].tolist() == [0, 0.5, 1]
    assert set(near.scores[:, 0]) == {0.5}
    assert set(flat.scores[:, 0]) == {0}


def test_a_matrix_of_nothing_is_refused_before_it_is_made() -> None:
    table = LongTable()
    for n in range(20_000):
        table.add("toy", f"q{n}", f"a{n}", 1)
    with pytest.raises(DataError, match="nearly every cell empty"):
        list(table.drafts(""))


def test_a_cell_takes_few_bytes() -> None:
    import tracemalloc

    table = LongTable()
    names = [f"q{n}" for n in range(1000)]
    table.add("toy", "q0", "a", 1, cost=0.5)
    tracemalloc.start()
    for m in range(50):
        for name in names:
            table.add("toy", name, f"a{m}", 1.0, cost=0.5)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50_000 * 24 * 1.2 + 300_000


def test_numbered_tells_rows_of_one_name_apart() -> None:
    numbered = Numbered()
    assert [numbered("q", "a"), numbered("q", "b"), numbered("q", "a")] == ["q", "q", "q#2"]


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1), (True, 1), ("0.5", 0.5), (" False ", 0), (np.float32(0.5), 0.5), (np.int64(1), 1)],
)
def test_numbers_are_read_from_what_files_hold(value: object, number: float) -> None:
    assert score_in(value) == number


@pytest.mark.parametrize("value", [None, "", "nan", "None", "null", math.nan])
def test_empty_cells_are_not_observed(value: object) -> None:
    assert math.isnan(score_in(value))
    assert math.isnan(cost_in(value))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("good", "'good' is not a number"),
        ([1], "of type list"),
        (1.5, r"1.5 lies outside \[0, 1\]"),
        (-0.1, "outside"),
        ("inf", "infinite"),
        (10**400, "a huge number is not a number"),
        ("\ud800", "is not a number"),
    ],
)
def test_what_is_no_score_says_why(value: object, why: str) -> None:
    with pytest.raises(RowError, match=why):
        score_in(value)


def test_costs_may_exceed_one_but_not_be_negative() -> None:
    assert cost_in(12) == 12
    for odd in (-1, 1e300):
        with pytest.raises(RowError, match=r"outside \[0, 1e\+09\]"):
            cost_in(odd)
    assert finite_in(-3, "x") == -3


def test_names_are_text_or_integers() -> None:
    assert name_in({"id": 7}, "id") == "7"
    odd: list[object] = [None, "", "  ", 1.5, True, [], "\ud800", 10**400]
    for value in odd:
        with pytest.raises(RowError, match="'id' is"):
            name_in({"id": value}, "id")
    with pytest.raises(RowError, match="there is no 'id'"):
        field_in({}, "id")
    assert text_of("half \ud800") == "half ?"
    assert text_of(3) is None


def test_bad_rows_are_reported_together() -> None:
    bad = BadRows()
    bad.check()
    bad.add(Path("f.csv"), 3, "is odd")
    with bad.row(Path("f.csv"), 9):
        field_in({}, "odder")
    with pytest.raises(DataError, match="2 rows cannot be read") as caught:
        bad.check()
    assert str(caught.value).splitlines()[1:] == ["f.csv:3: is odd", "f.csv:9: there is no 'odder'"]


def test_reading_stops_at_the_twentieth_bad_row() -> None:
    bad = BadRows()
    for line in range(1, 20):
        bad.add(Path("f"), line, "no")
    with pytest.raises(DataError, match="the first 20 rows") as caught:
        bad.add(Path("f"), 20, "no")
    assert len(str(caught.value).splitlines()) == 21


def test_json_lines_keep_their_numbers_and_note_broken_ones(tmp_path: Path) -> None:
    file, bad = tmp_path / "f.jsonl", BadRows()
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n{"a": \n[1]\n\xff\n{"a": 2}')
    assert list(json_objects(file, bad)) == [(1, {"a": 1}), (6, {"a": 2})]
    with pytest.raises(DataError) as caught:
        bad.check()
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[1] for line in lines] == ["3", "4", "5"]


def test_a_line_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "LONGEST_LINE", 64)
    file, bad = tmp_path / "f.jsonl", BadRows()
    file.write_text('{"a": "' + "x" * 500 + '"}\n{"a": 1}\n')
    assert list(json_objects(file, bad)) == [(2, {"a": 1})]
    with pytest.raises(DataError, match=r"f.jsonl:1: is longer than"):
        bad.check()


def test_json_nested_too_deeply_is_a_bad_row(tmp_path: Path) -> None:
    file, bad = tmp_path / "f.jsonl", BadRows()
    file.write_text("[" * 200_000 + "\n")
    assert list(json_objects(file, bad)) == []
    with pytest.raises(DataError, match="nested"):
        bad.check()
    assert first_object(file) == {}


def test_json_records_are_lists_or_lines(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(' [{"a": 1},\n {"a": 2}]')
    two.write_text('{"a": 1}\n{"a": 2}\n')
    assert [list(json_records(f, BadRows())) for f in (one, two)] == [
        [(1, {"a": 1}), (2, {"a": 2})]
    ] * 2
    assert first_object(one) == first_object(two) == {"a": 1}
    one.write_text('[{"a": 1}')
    with pytest.raises(DataError, match="not JSON"):
        json_file(one)


def test_csv_rows_keep_the_line_on_which_they_begin(tmp_path: Path) -> None:
    file, bad = tmp_path / "f.csv", BadRows()
    file.write_bytes(b'\xef\xbb\xbfid,text\r\n1,"two\nlines"\n2\n\n3,x\n4,"open')
    assert list(csv_rows(file, bad)) == [
        (2, {"id": "1", "text": "two\nlines"}),
        (6, {"id": "3", "text": "x"}),
    ]
    with pytest.raises(DataError) as caught:
        bad.check()
    assert ":4: has 1 fields for 2 columns" in str(caught.value)
    assert ":7: is not CSV" in str(caught.value)
    assert csv_header(file) == ["id", "text"]


def test_csv_names_each_column_once(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match="two columns are named 'a'"):
        list(csv_rows(file, BadRows()))


def test_long_csv_cells_are_read(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(f"a\n{'x' * 300_000}\n")
    ((_, row),) = csv_rows(file, BadRows())
    assert len(row["a"]) == 300_000


def test_missing_files_are_data_errors(tmp_path: Path) -> None:
    for read in (json_objects, csv_rows):
        with pytest.raises(DataError, match="cannot be read"):
            list(read(tmp_path / "none", BadRows()))
    assert csv_header(tmp_path / "none") == []
    assert files_in(tmp_path / "none", "*") == []


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
def test_odd_values_are_row_errors_only(value: object) -> None:
    for read in (score_in, cost_in):
        number = math.nan
        with suppress(RowError):
            number = read(json.loads(json.dumps(value)))
        assert math.isnan(number) or number >= 0
