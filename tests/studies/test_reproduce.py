from __future__ import annotations

import csv
import io
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.records.routereval import N_PROMPTS, canonical
from routereval.routers import make_router
from routereval.studies.reproduce import (
    PAPER_ROUTERS,
    QUICK,
    SLOW,
    VARIANTS,
    Numbers,
    Reproduction,
    Row,
    published_rows,
    reproduce,
)
from tests.tiny import tiny_checkpoint

GOLDEN = Path(__file__).parents[3] / "shared" / "reference" / "golden"
PUBLISHED = GOLDEN.parent / "routereval_tables.csv"
GROUPS = ("all_strong", "all_weak", "strong_to_weak")
Floats = np.ndarray[Any, np.dtype[np.float64]]


def ready_made(folder: Path, name: str, sizes: tuple[int, ...] = (3, 5)) -> dict[str, Any]:
    """A file in the ready-made layout: forty prompts, of which the router sees two kinds."""
    rng = np.random.default_rng(len(name))
    rows = rng.permutation(40)
    split = {"train": rows[:30], "val": rows[30:34], "test": rows[34:]}
    scores = (rng.random((40, 6)) < 0.5).astype(float)
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    pools: dict[int, dict[str, Any]] = {
        size: {
            group: {
                "data": {f"{part}_score": scores[rows][:, :size] for part, rows in split.items()},
                "model": [f"org__m{n}-details" for n in range(size)],
            }
            for group in GROUPS
        }
        for size in sizes
    }
    content = {
        "easy": pools,
        "hard": {},
        "split_index": {f"{part}_indices": rows.tolist() for part, rows in split.items()},
        "embedding": {f"{part}_embed": vectors[rows] for part, rows in split.items()},
        "prompt": {
            f"{part}_prompt": np.array([f"question number {row} of ring theory" for row in rows])
            for part, rows in split.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_router_dataset.pkl").write_bytes(pickle.dumps(content, protocol=4))
    return {"scores": scores, "split": split, "vectors": vectors}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reproduction, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("data") / "router_dataset"
    content = {name: ready_made(folder, name) for name in ("arc", "harness_truthfulqa_mc_0")}
    return reproduce([folder.parent], n_jobs=1), content


def rows_of(reproduction: Reproduction, benchmark: str, size: int) -> dict[str, Row]:
    return {
        row.router: row
        for row in reproduction.rows
        if (row.benchmark, row.size) == (benchmark, size)
    }


def test_the_published_rows_are_whole() -> None:
    rows = published_rows()
    assert len({(row.benchmark, row.size, row.router) for row in rows}) == 192
    assert {canonical(row.benchmark) for row in rows} == set(N_PROMPTS)
    assert {row.size for row in rows} == {3, 5}
    assert {row.router for row in rows} == set(PAPER_ROUTERS)
    assert all(0 < row.paper.mu < 1 and row.paper.v_b > 0.5 for row in rows)
    # What the metrics mean: an oracle is no worse than the best single, random routing uniform.
    for row in rows:
        if row.router == "Oracle":
            assert row.paper.v_b >= 1
        if row.router == "Random":
            assert row.paper.e_p == pytest.approx(math.log2(row.size), abs=0.01)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published tables are not here")
def test_the_published_rows_are_the_papers() -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        expected = [tuple(line.values()) for line in csv.DictReader(file)]
    found = [(r.benchmark, r.size, r.router, *r.paper) for r in published_rows()]
    assert [(b, int(m), r, *map(float, numbers)) for b, m, r, *numbers in expected] == found


def test_every_spec_is_a_router_of_ours() -> None:
    assert sorted(PAPER_ROUTERS.values()) == sorted([*QUICK, *SLOW, "multilabel"])
    for spec in (*PAPER_ROUTERS.values(), *VARIANTS.values()):
        make_router(spec, protocol="faithful")


def test_our_numbers_are_those_of_the_published_split(
    made: tuple[Reproduction, dict[str, Any]],
) -> None:
    reproduction, content = made
    test = content["arc"]["scores"][content["arc"]["split"]["test"]][:, :3]
    found = rows_of(reproduction, "ARC", 3)
    oracle, random = found["Oracle"].ours, found["Random"].ours
    assert oracle is not None
    assert random is not None
    assert oracle.mu == pytest.approx(test.max(axis=1).mean())
    assert oracle.v_r == pytest.approx(oracle.mu / 0.852)
    assert oracle.v_b == pytest.approx(oracle.mu / test.mean(axis=0).max())
    assert random.mu == pytest.approx(test.mean())
    assert random.e_p == pytest.approx(math.log2(3))
    half = found["r_o(0.5)"].ours
    assert half is not None
    assert half.mu == pytest.approx((oracle.mu + random.mu) / 2)


def test_knn_is_the_papers(made: tuple[Reproduction, dict[str, Any]]) -> None:
    reproduction, content = made
    held = content["arc"]
    split, vectors = held["split"], held["vectors"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = unit[split["test"]] @ unit[split["train"]].T
    nearest = np.argsort(-likeness, axis=1)[:, :5]
    scores: Floats = held["scores"][:, :5]
    choice = scores[split["train"]][nearest].mean(axis=1).argmax(axis=1)
    expected = scores[split["test"]][np.arange(len(choice)), choice].mean()
    ours = rows_of(reproduction, "ARC", 5)["PRknn"].ours
    assert ours is not None
    assert ours.mu == pytest.approx(expected)


def test_what_is_missing_stays_empty(made: tuple[Reproduction, dict[str, Any]]) -> None:
    reproduction, _ = made
    assert len(reproduction.compared) == 2 * 2 * len(QUICK)
    assert all(row.ours is None for row in rows_of(reproduction, "MMLU", 3).values())
    assert {r for r, row in rows_of(reproduction, "TruthfulQA", 5).items() if row.ours is None} == {
        "LinearR",
        "MLPR",
        "MLC",
    }
    assert "arc: 40 prompts here, 1,172 in the paper" in reproduction.notes[0]


def test_a_pool_without_all_three_groups_is_not_compared(tmp_path: Path) -> None:
    ready_made(tmp_path / "router_dataset", "arc", sizes=(3,))
    reproduction = reproduce([tmp_path], n_jobs=1)
    assert {row.size for row in reproduction.compared} == {3}
    assert any("no all-strong(size=5) was published" in note for note in reproduction.notes)


def test_all_runs_the_slow_routers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.studies.reproduce.SLOW", ("linear",))
    ready_made(tmp_path / "router_dataset", "arc", sizes=(3,))
    reproduction = reproduce([tmp_path], slow=True, n_jobs=1)
    found = rows_of(reproduction, "ARC", 3)
    assert [name for name, row in found.items() if row.ours is None] == ["MLPR", "MLC"]
    (mixture,) = reproduction.variants
    assert mixture.router == "C-RoBERTa (mixture)"
    assert mixture.ours is not None
    assert 0 < mixture.ours.mu < 1
    assert mixture.differs == ()
    shown = reproduction.render("table")
    assert "Left out as slow: MLPR; run" in shown
    assert "C-RoBERTa (mixture)" in shown
    assert "nan" not in shown
    assert "run it with --mlc FacebookAI/roberta-base" in shown


@pytest.mark.slow
def test_mlc_is_fine_tuned_where_its_checkpoint_is_named(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    ready_made(tmp_path / "router_dataset", "arc", sizes=(3,))
    checkpoint = tiny_checkpoint(tmp_path / "encoder")
    reproduction = reproduce([tmp_path / "router_dataset"], mlc=checkpoint, n_jobs=1)
    found = rows_of(reproduction, "ARC", 3)["MLC"]
    assert found.ours is not None, reproduction.notes
    assert 0 <= found.ours.mu <= 1
    assert "Left out: MLC" not in reproduction.render("table")


def test_a_difference_is_more_than_rounding_makes() -> None:
    paper = Numbers(0.61, 0.71, 0.96, 1.42)

    def differs(ours: Numbers) -> tuple[str, ...]:
        return Row("ARC", 3, "LinearR", paper, ours).differs

    assert differs(Numbers(0.615, 0.705, 0.955, 1.425)) == ()
    assert differs(Numbers(0.6151, 0.7, 0.9549, 1.5)) == ("mu", "v_r", "v_b", "e_p")
    assert differs(Numbers(0.61, math.nan, 0.96, 1.42)) == ()
    assert Row("ARC", 3, "LinearR", paper).differs == ()


def test_data_without_the_papers_benchmarks_are_refused() -> None:
    scores = np.ones((20, 4))
    with pytest.raises(DataError, match="only: mine; get them with: routereval download"):
        reproduce([Records.from_arrays("mine", scores, list("abcd"))])


def test_the_table_has_a_line_a_published_row(made: tuple[Reproduction, dict[str, Any]]) -> None:
    reproduction, _ = made
    text = reproduction.render("table")
    lines = [line.split() for line in text.splitlines()]
    assert ["MMLU", "3", "Oracle", "0.89", "–", "1.03", "–", "1.35", "–", "1.00", "–"] in lines
    oracle = rows_of(reproduction, "ARC", 3)["Oracle"]
    assert oracle.ours is not None
    mark = "*" if "mu" in oracle.differs else ""
    (line,) = [words for words in lines if words[:3] == ["ARC", "3", "Oracle"]]
    assert line[3:5] == ["0.80", f"{oracle.ours.mu:.3f}{mark}"]
    assert (
        f"20 of the paper's 192 rows computed here · μ_o agrees in {reproduction.agreeing}" in text
    )
    assert "Left out as slow: LinearR, MLPR; run them with --all." in text


def test_other_formats_say_the_same(made: tuple[Reproduction, dict[str, Any]]) -> None:
    reproduction, _ = made
    rows = list(csv.DictReader(io.StringIO(reproduction.render("csv"))))
    assert len(rows) == 192
    for line, row in zip(rows, reproduction.rows, strict=True):
        assert float(line["mu"]) == row.paper.mu
        assert (line["our_mu"] == "") == (row.ours is None)
        assert row.ours is None or float(line["our_v_b"]) == row.ours.v_b
        assert tuple(line["differs"].split()) == row.differs
    markdown = reproduction.render("markdown").splitlines()
    assert sum(line.startswith("| ") for line in markdown) == 192 + 1
    with pytest.raises(SpecError, match="unknown table format 'pdf'"):
        reproduction.render("pdf")


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden data are not here")
def test_the_reference_scripts_find_the_same_on_the_golden_files() -> None:
    reproduction = reproduce([GOLDEN / "data" / "router_dataset"], n_jobs=1)
    golden = json.loads((GOLDEN / "golden_avx512.json").read_text(encoding="utf-8"))
    cells = {canonical(name): held["cells"] for name, held in golden.items()}
    assert len(reproduction.compared) == 2 * 2 * len(QUICK)
    for row in reproduction.compared:
        assert row.ours is not None
        held = [c for c in cells[canonical(row.benchmark)] if c["m"] == row.size]
        if row.router == "Oracle":
            expected = np.mean([c["oracle"]["mu"] for c in held])
            assert row.ours.mu == pytest.approx(expected, abs=1e-9)
        elif row.router in {"PRknn", "C-RoBERTa"}:
            key = {"PRknn": "knn_k5", "C-RoBERTa": "cluster_k3"}[row.router]
            for ours, name in ((row.ours.mu, "mu"), (row.ours.v_b, "vb"), (row.ours.e_p, "ep")):
                assert ours == pytest.approx(np.mean([c[key][name] for c in held]), abs=1e-6)
        else:  # means of 1,000 simulations
            key = {"Random": "random", "r_o(0.5)": "r_o_0.5"}[row.router]
            assert row.ours.mu == pytest.approx(np.mean([c[key]["mu"] for c in held]), abs=0.005)
