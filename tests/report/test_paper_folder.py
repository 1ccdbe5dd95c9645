"""A paper's evaluation section from one TOML file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from routereval.errors import DataError, RouterEvalError
from routereval.report.paper_folder import write_paper
from routereval.results import Results, read_results
from routereval.studies.paper import FIGURES, TABLES, Paper, paper_results, read_paper
from tests.conftest import CommandLine
from tests.made import made

EXAMPLE = Path(__file__).parents[2] / "examples" / "paper" / "paper.toml"
SMALL = """
title = "A paper"
[run]
sources = ["mine"]
sizes = [3]
groups = ["all-weak"]
seeds = [1, 2]
protocols = ["clean"]
n_boot = 20
[routers]
ours = "knn(k=[1, 5])"
single = "best_single"
"""
PIECES = """
[[tables]]
name = "main"
kind = "benchmarks"
caption = "All routers."
metrics = ["mu"]
[[tables]]
kind = "ablation"
[[tables]]
name = "a-and-b"
kind = "comparison"
a = "ours(k=5)"
b = "ours(k=1)"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "paper.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Paper, dict[str, Results]]:
    """A paper of small results, with nothing written of it but these."""
    home = tmp_path_factory.mktemp("paper")
    made(costs=True).save(home / "mine")
    paper = read_paper(written(home, SMALL + PIECES))
    return paper, paper_results(paper, n_jobs=1)


# The file


def test_what_lies_beside_the_file_is_found_from_anywhere(
    small: tuple[Paper, dict[str, Results]],
) -> None:
    paper, results = small
    assert paper.out == paper.file.parent / "paper"
    assert paper.options["sources"] == [str(paper.file.parent / "mine")]
    assert paper.folder("clean") == paper.out / "results" / "clean"
    assert read_results(paper.folder("clean")).routers == results["clean"].routers
    assert results["clean"].routers == ["ours(k=1)", "ours(k=5)", "single"]
    assert {cell.seed for cell in results["clean"].cells} == {1, 2}


def test_without_tables_and_figures_there_is_one_of_each_kind(tmp_path: Path) -> None:
    paper = read_paper(written(tmp_path, SMALL))
    assert {piece.kind for piece in paper.tables} == {*TABLES} - {"comparison"}
    assert {piece.kind for piece in paper.figures} == set(FIGURES)
    two = read_paper(written(tmp_path, SMALL.replace('"clean"', '"clean", "few_shot(n=9)"')))
    assert [piece.name for piece in two.tables if piece.kind == "means"] == [
        "means-clean",
        "means-few_shot-n-9",
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title", "titel", "unknown key of a paper's file 'titel'; did you mean 'title'"),
        ("sizes", "size", r"unknown key of \[run\] 'size'; did you mean 'sizes'"),
        ('sources = ["mine"]', "", "names no sources"),
        ('["mine"]', "3", "sources is a list of texts"),
        ("knn(k", "kn(k", "unknown router 'kn'"),
        ('"clean"', '"claen"', "unknown protocol 'claen'"),
        ("[run]", "run = 3\n[x]", "unknown key of a paper's file 'x'"),
        ("seeds = [", "seeds = ", "is no TOML"),
        ('kind = "ablation"', 'kind = "ablations"', "did you mean 'ablation'"),
        ('b = "ours(k=1)"', "", "a comparison is of two routers"),
        ('name = "main"', 'name = "a b"', "no name for a file"),
        ('name = "main"', 'name = "ablation"', "two tables or figures are named 'ablation'"),
        ('name = "main"', 'protocol = "cv"', "unknown protocol of this paper 'cv'"),
        ('kind = "ablation"', 'kind = "ablation"\nagainst = "x"', "unknown key of .* 'against'"),
        ("[[tables]]", "[tables]", "is no TOML|each of the tables"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    file = written(tmp_path, (SMALL + PIECES).replace(old, new))
    with pytest.raises(RouterEvalError, match=words):
        read_paper(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_paper(tmp_path / "paper.toml")


# The folder


def test_every_table_is_written_and_named_with_its_command(
    small: tuple[Paper, dict[str, Results]],
) -> None:
    paper, results = small
    found = write_paper(paper, results)
    assert [one.path for one in found] == [
        *("tables/main.tex", "tables/main.csv"),
        *(f"tables/ablation.{kind}" for kind in ("tex", "csv", "md")),
        *(f"tables/a-and-b.{kind}" for kind in ("tex", "csv", "md")),
    ]
    main = (paper.out / "tables" / "main.tex").read_text("utf-8")
    command = f"routereval run {shlex.quote(str(paper.file))} -o {shlex.quote(str(paper.out))}"
    assert main.startswith(f"% {command} --make main\n")
    assert r"\caption{All routers. " in main
    assert r"\label{tab:main}" in main
    assert "standard deviation over 2 seeds" in main
    scores = pl.read_csv(paper.out / "tables" / "main.csv")
    assert scores["router"].to_list() == ["ours(k=1)", "ours(k=5)", "single"]
    assert "ours(k=5) minus ours(k=1)" in (paper.out / "tables" / "a-and-b.md").read_text("utf-8")
    index = (paper.out / "FILES.md").read_text("utf-8")
    assert all(f"| `{one.command}` |" in index for one in found)
    assert "-r 'ours(k=1)=knn(k=1)'" in index


def test_what_has_not_changed_is_not_written_again(
    small: tuple[Paper, dict[str, Results]], monkeypatch: pytest.MonkeyPatch
) -> None:
    paper, results = small
    first = write_paper(paper, results)
    (paper.out / "tables" / "ablation.tex").unlink()
    seen: list[str] = []
    monkeypatch.setattr(
        "routereval.report.paper_folder.scores_document", lambda *_, **__: seen.append("main")
    )
    assert write_paper(paper, results) == first
    assert (paper.out / "tables" / "ablation.tex").exists()
    assert seen == []
    with pytest.raises(RouterEvalError, match="unknown table or figure of this paper 'mian'"):
        write_paper(paper, results, ["mian"])


def test_only_what_was_named_is_made(
    small: tuple[Paper, dict[str, Results]], tmp_path: Path
) -> None:
    paper = read_paper(small[0].file, tmp_path)
    found = write_paper(paper, small[1], ["ablation"])
    assert {one.path.rpartition(".")[0] for one in found} == {"tables/ablation"}


def test_what_no_named_table_shows_is_not_run(
    small: tuple[Paper, dict[str, Results]], tmp_path: Path
) -> None:
    mine = str(small[0].file.parent / "mine")
    text = (SMALL + PIECES).replace('"mine"', f'"{mine}"').replace("seeds = [1, 2]", "seeds = [1]")
    text = text.replace('"clean"', '"clean", "few_shot(n=9)"').replace("knn(k=[1, 5])", "random")
    text += '[[tables]]\nname = "few"\nkind = "means"\nprotocol = "few_shot(n=9)"\n'
    paper = read_paper(written(tmp_path, text))
    assert list(paper_results(paper, ["main"], n_jobs=1)) == ["clean"]
    few = paper_results(paper, ["few"], n_jobs=1)
    assert list(few) == ["few_shot(n=9)"]
    assert {one.path for one in write_paper(paper, few, ["few"])} == {
        f"tables/few.{kind}" for kind in ("tex", "csv", "md")
    }
    index = (paper.out / "FILES.md").read_text("utf-8")
    assert index.count("routereval run") == 4 + 2  # all of it, three files, and two runs
    with pytest.raises(RouterEvalError, match="unknown table or figure of this paper 'few1'"):
        paper_results(paper, ["few1"])


def test_a_table_of_nothing_is_an_error_where_it_was_asked_for(
    small: tuple[Paper, dict[str, Results]], tmp_path: Path
) -> None:
    paper, results = small
    text = SMALL.replace('"mine"', f'"{paper.file.parent / "mine"}"')
    asked = read_paper(written(tmp_path, text + '[[tables]]\nkind = "learning"\n'))
    asked.out.mkdir()
    with pytest.raises(DataError, match="learning: one number of labelled prompts was run"):
        write_paper(asked, results)
    drawn = read_paper(written(tmp_path, text + '[[figures]]\nkind = "learning"\n'))
    with pytest.raises(DataError, match="nothing for a figure of kind learning"):
        write_paper(drawn, results)


def test_options_beside_the_file_are_refused(command_line: CommandLine, tmp_path: Path) -> None:
    file = written(tmp_path, SMALL)
    for words in (("--sizes", "3"), ("-r", "knn"), ("demo",)):
        answer = command_line("run", file, *words)
        assert (answer.status, answer.out) == (2, "")
        assert re.search("stands in|give it alone", answer.err)
    answer = command_line("run", "demo", "--make", "main")
    assert answer.status == 2
    assert "paper.toml" in answer.err


def test_the_command_makes_it_all(
    small: tuple[Paper, dict[str, Results]], command_line: CommandLine
) -> None:
    file = small[0].file
    answer = command_line("run", file, "--make", "main", "--jobs", 1, "--format", "csv")
    assert (answer.status, answer.err) == (0, "")
    assert "tables/main.tex,benchmarks" in answer.out


@pytest.mark.slow
def test_the_example_makes_every_table_and_figure_of_tiny_data(tmp_path: Path) -> None:
    made("arc", n_prompts=100, costs=True).save(tmp_path / "tiny")
    text = EXAMPLE.read_text("utf-8")
    for old, new in (
        ('"demo"', '"tiny"'),
        (', "gsm8k"', ""),
        (', "strong-to-weak(size=5)"', ""),
        ("[5, 20, 80]", "[5, 20]"),
        ("[50, 200]", "[20, 40]"),
        ("seeds = [1, 2, 3]", "seeds = [1]\nn_boot = 20"),
        ('formats = ["pdf", "png"]', 'formats = ["png"]'),
    ):
        assert old in text
        text = text.replace(old, new)
    paper = read_paper(written(tmp_path, text))
    results: Any = paper_results(paper, n_jobs=1)
    found = write_paper(paper, results)
    names = {piece.name for piece in (*paper.tables, *paper.figures)}
    assert {Path(one.path).stem for one in found} == names
    before = {one.path: (paper.out / one.path).read_bytes() for one in found}
    assert all(before.values())
    (paper.out / "figures" / "differences.png").unlink()
    assert write_paper(paper, results) == found
    assert {path: (paper.out / path).read_bytes() for path in before} == before
