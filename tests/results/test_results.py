from __future__ import annotations

import json
import math
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import routereval as rv
from routereval.errors import DataError, SpecError
from routereval.results import Cell, Results, read_results
from routereval.results.comparison import compare
from routereval.results.folder import ResultsFolder
from routereval.results.results import Outcome, cell_key
from routereval.scoring import METRICS, Evidence
from routereval.scoring.evidence import DECLARED
from routereval.studies.run import run
from tests.made import Floats, made

LINE = [
    *("benchmark", "size", "group", "seed", "protocol", "router", "pool", "n_train", "n_test"),
    *("metrics", "intervals", "seconds", "records", "version"),
    *("embedder", "control", "simulated", "n_boot", "doubtful"),
]


def cell(**changes: Any) -> Cell:  # noqa: ANN401
    facts: dict[str, Any] = {
        "benchmark": "b",
        "size": 3,
        "group": "all-strong",
        "seed": 42,
        "protocol": "clean",
        "router": "knn(k=5)",
        "pool": ("x/a", "x/b", "c"),
        "n_train": 80,
        "n_test": 10,
        "metrics": {"mu": 0.5, "v_r": float("nan")},
        "intervals": {"mu": (0.4, 0.6), "v_r": (float("nan"), float("nan"))},
        "seconds": {"fit": 0.1, "predict": 0.2},
        "records": "ab" * 32,
        "version": "0.1.0",
        "embedder": "tfidf",
        "control": False,
        "simulated": True,
    }
    return Cell(**{**facts, **changes})


def outcome(quality: list[float], rows: list[int] | None = None, **columns: Any) -> Outcome:  # noqa: ANN401
    """An outcome of a router with these scores; everything else is plain."""
    n = len(quality)
    held: dict[str, Any] = {name: np.zeros(n) for name in DECLARED}
    held |= {"quality": quality, "oracle": np.ones(n), "cost": np.full(n, np.nan)}
    held |= {"groups": np.arange(n), **columns}
    evidence = Evidence.from_columns(held, [0.5, 0.5])
    return Outcome(evidence, np.arange(n) if rows is None else np.array(rows))


# Cells as lines


def test_a_line_has_the_fields_of_the_contract_in_order() -> None:
    line = json.loads(cell().to_json())
    assert [*LINE, "parts", "order", "spec", "pool_spec"] == [field.name for field in fields(Cell)]
    assert list(line) == LINE  # no parts where there are none
    assert list(json.loads(cell(parts={"x": 0}).to_json())) == [*LINE, "parts"]
    assert line["metrics"] == {"mu": 0.5, "v_r": None}
    assert line["intervals"] == {"mu": [0.4, 0.6], "v_r": [None, None]}
    assert line["pool"] == ["x/a", "x/b", "c"]
    assert set(line["seconds"]) == {"fit", "predict"}


def same(one: Cell, other: Cell) -> bool:
    return repr(one) == repr(other)


numbers = st.one_of(st.floats(allow_infinity=False), st.just(0.1 + 0.2))
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.dictionaries(texts, numbers, max_size=4),
    st.lists(texts, max_size=3),
    texts,
    st.booleans(),
)
def test_a_line_gives_back_the_cell_to_the_last_bit(
    metrics: dict[str, float], pool: list[str], name: str, flag: bool
) -> None:
    one = cell(
        metrics=metrics,
        intervals={k: (v, v) for k, v in metrics.items()},
        pool=tuple(pool),
        benchmark=name,
        router=name,
        control=flag,
    )
    line = one.to_json()
    assert "\n" not in line
    assert "NaN" not in line or "NaN" in f"{metrics}{pool}{name}"
    assert same(Cell.from_json(line), one)


@pytest.mark.parametrize("changed", LINE)
def test_the_key_is_of_what_decides_a_cell(changed: str) -> None:
    others: dict[str, Any] = {
        "size": 5, "seed": 7, "n_train": 1, "n_test": 1, "control": True, "simulated": False,
        "pool": ("z",), "metrics": {}, "intervals": {}, "seconds": {},
    }  # fmt: skip
    decides = {
        *("benchmark", "size", "group", "seed", "protocol", "router", "records", "version"),
        *("embedder", "n_boot"),
    }
    other = replace(cell(), **{changed: others.get(changed, "other")})
    assert (other.key != cell().key) == (changed in decides)


def test_keys_do_not_run_into_each_other() -> None:
    assert cell_key("a", "bc") != cell_key("ab", "c")
    assert cell_key("a", "b") != cell_key("a,b")
    assert len(cell_key("a")) == 24


# Outcomes


def test_an_outcome_is_kept(tmp_path: Path) -> None:
    results = run([made(costs=True)], routers=["knn(k=5)", "random"], sizes=[3], n_jobs=1)
    for one in results.outcomes.values():
        path = tmp_path / "one.npz"
        one.save(path)
        again = Outcome.load(path)
        assert again.rows.tolist() == one.rows.tolist()
        for name, column in one.evidence.columns().items():
            np.testing.assert_array_equal(again.evidence.columns()[name], column)
        np.testing.assert_array_equal(again.evidence.share, one.evidence.share)
        np.testing.assert_equal(again.evidence.reference, one.evidence.reference)
    assert [p.name for p in tmp_path.iterdir()] == ["one.npz"]


def test_a_damaged_outcome_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    outcome([0.0, 1.0] * 50).save(path)
    whole = path.read_bytes()
    with pytest.raises(DataError, match="damaged"):
        Outcome.load(tmp_path / "none.npz")
    for left in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:left])
        with pytest.raises(DataError, match=r"one\.npz: damaged .*; delete the folder"):
            Outcome.load(path)
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 60):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            found = Outcome.load(path)
        except DataError:
            continue
        assert found.evidence.quality.tolist() == [0.0, 1.0] * 50  # what does not matter


# The folder


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    left = run([made(), made("few", n_models=3)], ["knn(k=5)", "random"], [3, 5], out=out, n_jobs=1)
    assert left.notes[-1] == "few: 3 models are too few for a pool of 5"
    again = read_results(out)
    assert [c.to_json() for c in again.cells] == [c.to_json() for c in left.cells]
    assert list(again.notes) == left.notes
    assert again.info == left.info
    assert set(again.outcomes) == {c.key for c in left.cells}
    assert again.routers == left.routers == ["knn(k=5)", "random"]
    assert str(compare(again, "knn(k=5)", "random")) == str(compare(left, "knn(k=5)", "random"))


def test_the_folder_holds_what_the_contract_says(tmp_path: Path) -> None:
    out = tmp_path / "out"
    records = made(costs=True)
    left = run([records], ["knn(k=5)", "random"], [3], out=out, n_jobs=1)
    assert sorted(p.name for p in out.iterdir()) == [
        "outcomes",
        "prompts",
        "results.jsonl",
        "run.json",
    ]
    lines = (out / "results.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == len(left.cells) == 6
    for line, one in zip(lines, left.cells, strict=True):
        held = json.loads(line)
        assert list(held) == LINE
        assert held["records"] == records.hash
        assert held["version"] == rv.__version__
        assert set(held["metrics"]) == set(METRICS)
        assert set(held["intervals"]) == {name for name, m in METRICS.items() if not m.swept}
        assert held["pool"] == list(one.pool)
        assert len(held["pool"]) == held["size"] == 3
        assert (held["n_train"], held["n_test"]) == (48, 6)
        assert held["embedder"] == "stored(name=given)"
        assert held["control"] == (held["router"] == "random")
        assert held["simulated"] is False
    info = json.loads((out / "run.json").read_text("utf-8"))
    assert info["records"] == {"one": records.hash}
    assert info["routers"] == ["knn(k=5)", "random"]
    assert (info["protocol"], info["seeds"], info["sizes"]) == ("clean", 1, [3])
    assert info["version"] == rv.__version__


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "a\x0cb", "a\rb", 'a"b', "ü"])
def test_names_with_any_character_stay_on_their_line(name: str, tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "out")
    folder.begin({}, [])
    for router in ("r", "s"):
        folder.add(cell(benchmark=name, router=router), outcome([1.0]))
    assert [same(c, cell(benchmark=name, router=c.router)) for c in folder.read_cells()] == [
        True,
        True,
    ]


def test_a_line_cut_short_is_no_cell(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "out")
    folder.begin({}, [])
    for router in "rst":
        folder.add(cell(router=router), outcome([1.0]))
    file = tmp_path / "out" / "results.jsonl"
    whole = file.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for left in range(last, len(whole) - 2, 7):
        file.write_bytes(whole[:left])
        assert [c.router for c in folder.read_cells()] == ["r", "s"]
    file.write_bytes(whole[:-1])  # only the line's end is missing
    assert [c.router for c in folder.read_cells()] == ["r", "s", "t"]


def test_a_cell_without_its_outcome_is_not_finished(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "out")
    folder.begin({}, [])
    for router in "rs":
        folder.add(cell(router=router), outcome([1.0]))
    (tmp_path / "out" / "outcomes" / f"{cell(router='r').key}.npz").unlink()
    assert list(ResultsFolder(tmp_path / "out").finished()) == [cell(router="s").key]


def test_looking_for_finished_cells_writes_nothing(tmp_path: Path) -> None:
    assert ResultsFolder(tmp_path / "out").finished() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "results.jsonl", "outcomes"])
def test_a_folder_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(DataError, match="is not empty and holds no results; choose another folder"):
        ResultsFolder(tmp_path).finished()
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_killed_before_its_first_line_is_taken_up(tmp_path: Path) -> None:
    (tmp_path / "run.json.part").write_text("{")
    assert ResultsFolder(tmp_path).finished() == {}
    (tmp_path / "run.json").write_text("{}")
    assert ResultsFolder(tmp_path).finished() == {}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for path in (tmp_path / "out", tmp_path / "out" / "deep" / "er"):
        with pytest.raises(DataError, match="out is a file; give a folder for the results"):
            ResultsFolder(path).finished()


def test_a_folder_that_cannot_be_written_to_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write anywhere
    with pytest.raises(DataError, match="cannot be written to; choose another folder"):
        ResultsFolder(tmp_path / "out").finished()


@pytest.mark.parametrize("content", [None, "", "{", "[]", '"x"'])
def test_a_folder_without_results_is_told(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(DataError, match="holds no results of routereval run"):
        read_results(tmp_path)


# Comparing


def two(a: list[list[float]], b: list[list[float]], **places: list[Any]) -> Results:
    """Results of routers a and b on as many cells as lists; places tell the cells apart."""
    cells, outcomes = [], {}
    for router, all_scores in (("a", a), ("b", b)):
        for n, scores in enumerate(all_scores):
            facts = {name: values[n] for name, values in places.items() if name != "rows"}
            one = cell(router=router, **facts)
            rows = places["rows"][n] if "rows" in places else None
            cells.append(one)
            outcomes[one.key] = outcome(scores, rows)
    return Results(cells, outcomes)


def test_a_comparison_is_a_sentence_with_the_evidence() -> None:
    results = two([[1.0] * 30], [[0.0] * 25 + [1.0] * 5])
    verdict = compare(results, "a", "b")
    assert verdict.sentence == (
        f"Of these fitted routers, {verdict.test.sentence('a', 'b')} "
        "The variance of training is not in it: that takes 5 seeds or more."
    )
    assert "a beats b by 0.833 [" in verdict.sentence
    assert "on 30 prompts (p < 0.001; better on 25, worse on 0; smallest" in verdict.sentence


def test_a_comparison_is_symmetric() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 2, (2, 40)).astype(float).tolist() for _ in "ab")
    results = two(one, other, group=["all-strong", "all-weak"])
    ab, ba = compare(results, "a", "b").test, compare(results, "b", "a").test
    assert ab.difference == -ba.difference
    assert (ab.wins, ab.losses, ab.ties) == (ba.losses, ba.wins, ba.ties)
    assert ab.p_value == ba.p_value
    assert (ab.low, ab.high) == pytest.approx((-ba.high, -ba.low), abs=1e-12)


def test_a_router_is_as_good_as_itself() -> None:
    results = two([[1.0, 0.0, 1.0]], [[1.0, 0.0, 1.0]])
    assert compare(results, "a", "a").sentence.startswith(
        "a and a choose the same model on each of 3 prompts, so that nothing can be told"
    )
    assert "and oracle score the same" in compare(two([[1.0]], [[1.0]]), "a", "oracle").sentence
    assert compare(results, "a", "b").test.ties == 3


def test_a_prompt_counts_once_whatever_the_pools_and_seeds() -> None:
    a = [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0]]
    b = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0]]
    results = two(
        a,
        b,
        group=["all-strong", "all-weak", "all-strong"],
        seed=[42, 42, 43],
        rows=[[4, 7, 9], [4, 7, 9], [4, 11]],
    )
    test = compare(results, "a", "b").test
    # Cells: (1 + 1 + 0) / 3; (1 - 1 + 1) / 3; (.5 + 0) / 2.
    assert test.n_prompts == 4
    assert test.difference == pytest.approx((2 / 3 + 1 / 3 + 1 / 4) / 3)
    assert (test.wins, test.ties, test.losses) == (2, 2, 0)


def test_rows_of_different_benchmarks_are_different_prompts() -> None:
    results = two([[1.0], [1.0]], [[0.0], [0.0]], benchmark=["x", "y"])
    assert compare(results, "a", "b").test.n_prompts == 2


def test_only_cells_that_both_have_are_compared() -> None:
    results = two([[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]], size=[3, 5])
    kept = replace(results, cells=[c for c in results.cells if (c.router, c.size) != ("b", 5)])
    assert compare(kept, "a", "b").test.difference == 1.0
    apart = replace(results, cells=[results.cells[0], results.cells[3]])
    with pytest.raises(DataError, match="a and b have no cell in common"):
        compare(apart, "a", "b")


def test_an_unknown_router_is_told() -> None:
    results = two([[1.0]], [[0.0]])
    with pytest.raises(SpecError, match="unknown router of this run 'c'; known: a, b"):
        compare(results, "a", "c")
    with pytest.raises(SpecError, match="unknown router of this run 'knn'"):
        results.of("knn")


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_difference_is_that_of_the_means_on_one_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.random((2, 12))
    results = two([one.tolist()], [other.tolist()])
    test = compare(results, "a", "b").test
    assert test.difference == pytest.approx(float(np.mean(one) - np.mean(other)))
    assert test.low <= test.difference <= test.high


def test_results_of_a_run_agree_with_the_scores_of_its_records() -> None:
    records = made(n_prompts=100, n_models=8)
    results = run([records], ["constant(index=0)", "constant(index=1)"], [3], n_jobs=1)
    gains: dict[int, list[float]] = {}
    for one in results.of("constant(index=0)"):
        scores: Floats = records.dense()[:, records.columns(one.pool)]
        for row in results.outcomes[one.key].rows.tolist():
            gains.setdefault(row, []).append(scores[row, 0] - scores[row, 1])
    test = compare(results, "constant(index=0)", "constant(index=1)").test
    assert test.n_prompts == len(gains) == 10
    assert test.difference == pytest.approx(np.mean([np.mean(g) for g in gains.values()]))
    assert not math.isnan(test.p_value)
