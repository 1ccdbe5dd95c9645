"""Tables in the layout of papers: benchmarks side by side, pool sizes one above the other."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from routereval.errors import SpecError
from routereval.report.layouts.paper import paper_tables, reproduction_latex
from routereval.report.markup import latex_paper_table
from routereval.report.table import Column, Number, PaperTable, Row
from routereval.results import Results
from routereval.results.benchmark_scores import benchmark_scores
from routereval.results.standings import standings
from routereval.studies.reproduce import Numbers, Reproduction, published_rows
from routereval.studies.run import run
from tests.made import made

ROUTERS = {
    "our_s": "knn(k=5)",
    "C & D": "cluster",
    "best_single": "best_single",
    "oracle": "oracle",
}


@pytest.fixture(scope="module")
def results() -> Results:
    sources = [made("arc", 120), made("mine", 120)]
    two: Any = {"groups": ["all-weak"], "seeds": [1, 2], "n_boot": 20, "n_jobs": 1}
    return run(sources, ROUTERS, [3, 4], **two)


@pytest.fixture(scope="module")
def one_seed(results: Results) -> Results:
    return replace(results, cells=[cell for cell in results.cells if cell.seed == 1])


@pytest.fixture(scope="module")
def tables(results: Results) -> list[PaperTable]:
    return paper_tables(results)


@pytest.fixture(scope="module")
def of_one_seed(one_seed: Results) -> list[PaperTable]:
    return paper_tables(one_seed)


def shape(text: str) -> tuple[int, set[int]]:
    """How many columns a table says it has, and how many its rows have."""
    found = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert found is not None
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    widths = {
        1
        + len(re.findall(r"(?<!\\)&", row))
        + sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", row))
        for row in rows
    }
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    return len(found[1]), widths


def test_every_row_has_the_columns_of_the_table(
    tables: list[PaperTable], of_one_seed: list[PaperTable]
) -> None:
    for table in (*tables, *of_one_seed):
        width, widths = shape(latex_paper_table(table))
        assert widths == {width}


def test_benchmarks_stand_abreast_and_sizes_above_one_another(
    tables: list[PaperTable], of_one_seed: list[PaperTable]
) -> None:
    assert [[name for name, _ in part.groups] for part in tables] == [
        ["ARC", "mine"],
        ["Mean over benchmarks"],
    ]
    assert [title for title, _ in tables[0].blocks] == ["m = 3", "m = 4"]
    assert [row.cells[0] for row in tables[0].blocks[0][1]] == list(ROUTERS)
    assert len(of_one_seed) == 1  # three abreast, as most numbers have no ±
    heads = [column.key for column in tables[0].columns[:4]]
    assert heads == ["mu", "v_b", "e_p", "mu"]  # no reference is known: V_R has no column


def test_the_spread_is_over_seeds_or_over_prompts(
    results: Results, tables: list[PaperTable], of_one_seed: list[PaperTable]
) -> None:
    cells = [c for c in results.of("our_s") if (c.benchmark, c.size) == ("arc", 3)]
    means = [c.metrics["v_b"] for c in cells]
    number = tables[0].blocks[0][1][0].cells[2]
    assert isinstance(number, Number)
    assert number.value == pytest.approx(np.mean(means))
    assert (number.high - number.low) / 2 == pytest.approx(np.std(means, ddof=1))
    mu, v_b = of_one_seed[0].blocks[0][1][0].cells[1:3]
    assert isinstance(mu, Number)
    assert isinstance(v_b, Number)
    assert (mu.low, mu.high) == cells[0].intervals["mu"]
    assert math.isnan(v_b.low)
    assert "standard deviation over 2 seeds" in tables[0].notes[0]
    assert "bootstrap" in of_one_seed[0].notes[0]


def test_marks_are_those_of_the_paired_test_by_holm(one_seed: Results) -> None:
    arc = replace(one_seed, cells=[c for c in one_seed.cells if c.benchmark == "arc"])
    small = replace(arc, cells=[c for c in arc.cells if c.size == 3])
    rows = {row.router: row.test for row in standings(small, "random").rows}
    scores = benchmark_scores(arc, "random", ("mu",))
    assert {(score.benchmark, score.size) for score in scores} == {("arc", 3), ("arc", 4)}
    for score in scores[: len(ROUTERS)]:
        assert score.test == rows[score.router]
        assert score.control == (score.router in {"best_single", "oracle"})
    test = next(score.test for score in scores if score.test)
    sure = replace(test, p_value=0.001, p_adjusted=None, difference=-0.2)
    assert scores[0]._replace(test=sure).direction == -1
    assert scores[0]._replace(test=replace(sure, difference=0.2)).direction == 1
    assert scores[0]._replace(test=replace(sure, p_adjusted=0.2)).direction == 0
    assert benchmark_scores(small, "cluster", ("mu",))[1].test is None
    with pytest.raises(SpecError, match="unknown router of this run 'no'"):
        benchmark_scores(arc, "no")


def test_latex_has_them_and_no_other_format(one_seed: Results) -> None:
    small = replace(one_seed, cells=[c for c in one_seed.cells if c.size == 3])
    text = small.to_latex()
    assert r"\multicolumn{3}{c}{ARC} & \multicolumn{3}{c}{mine}" in text
    assert r"our\_s & " in text
    assert r"C \& D & " in text
    assert r"$\mu_o\uparrow$ & $V_B\uparrow$ & $E_p$" in text
    assert "Routers by benchmark" not in small.to_markdown()
    found = standings(small, "our_s")
    assert r"worse than our\_s" in found.to_latex()
    assert "results" not in json.loads(found.to_json())
    assert replace(found, results=None).to_latex().count(r"\begin{tabular}") == 1


def test_all_of_one_printed_number_are_bold_and_controls_never() -> None:
    score = Column("s", digits=2, better="higher")
    rows = [Row(("a", 0.501)), Row(("b", 0.499)), Row(("c", 0.4)), Row(("d", 0.9), control=True)]
    text = latex_paper_table(PaperTable("t", [("g", [score])], [("m = 3", rows)]))
    assert re.findall(r"^(\w).*\\textbf", text, re.MULTILINE) == ["a", "b"]
    low = replace(score, better="lower")
    text = latex_paper_table(PaperTable("t", [("g", [low])], [("m = 3", rows)]))
    assert re.findall(r"^(\w).*\\textbf", text, re.MULTILINE) == ["c"]


def test_many_columns_are_as_wide_as_the_page() -> None:
    def table(n: int) -> str:
        columns = [Column(f"s{i}") for i in range(n)]
        return latex_paper_table(
            PaperTable("t", [("g", columns)], [("m = 3", [Row(("a", *[None] * n))])])
        )

    assert r"\begin{table}" in table(8)
    assert r"\begin{table*}" in table(9)
    assert r"\end{table*}" in table(9)


def test_the_published_tables_come_back_in_their_own_layout() -> None:
    rows = published_rows()
    ours = [
        replace(r, ours=Numbers(0.6, 0.7, 0.9, 1.0)) if r.benchmark == "MMLU" else r for r in rows
    ]
    document = reproduction_latex(Reproduction(ours, [], Results([], {})))
    computed, *published = document.paper
    assert [name for name, _ in computed.groups] == ["MMLU"]
    assert [len(part.groups) for part in published] == [4, 4, 4]
    assert [name for name, _ in published[0].groups] == ["ARC", "HellaSwag", "MMLU", "TruthfulQA"]
    text = latex_paper_table(published[0])
    assert shape(text) == (17, {17})
    assert r"PRknn & 0.60 & 0.71 & 0.97 & 1.56 & 0.72 & 0.76 & 0.97 & 1.57" in text
    assert r"MLC & \textbf{0.63} & \textbf{0.74} & \textbf{1.00} & 0.81" in text
    assert r"\textsuperscript{*}" in latex_paper_table(computed)
