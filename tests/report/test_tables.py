from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import polars as pl
import pytest
from rich.console import Console

from routereval.cli.output import FORMATS
from routereval.errors import SpecError
from routereval.report import draw
from routereval.results import Results
from routereval.results.summary import MEAN, SHOWN, Estimate, Line, summarise
from routereval.studies.run import run
from tests.made import made

ROUTERS = ("oracle", "best_single", "knn", "linear", "knn(k=5, ks=[1, 3])", "random")
LEARNED = ("knn", "linear", "knn(k=5, ks=[1, 3])")


def to_markdown(results: Results) -> str:
    return results.to_markdown()


def to_latex(results: Results) -> str:
    return results.to_latex()


def to_csv(results: Results) -> str:
    return results.to_csv()


def to_json(results: Results) -> str:
    return results.to_json()


def to_plain(results: Results, width: int | None = None) -> str:
    return results.render("table", width)


def render(results: Results, name: str) -> str:
    return results.render(name)


COLUMNS = {"mu": "μ_o", "v_b": "V_B", "e_p": "E_p", "p_star": "p*"}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def single() -> Results:
    return run(
        [made("math_100%", n_prompts=150, costs=True)], ROUTERS, [3, 4], n_boot=100, n_jobs=1
    )


@pytest.fixture(scope="module")
def least() -> Results:
    routers, groups = ["best_single", "random"], ["all-strong"]
    records = [made("math", n_prompts=80)]
    return run(records, routers, [3], groups, n_boot=20, n_jobs=1, protocol="clean")


@pytest.fixture(scope="module")
def several() -> Results:
    names = ("one_&_two", "three")
    found = run([made(n, n_prompts=80) for n in names], ROUTERS, [3, 9], n_boot=100, n_jobs=1)
    assert len(found.notes) == 2
    return found


def simulated(results: Results) -> Results:
    cells = [replace(cell, simulated=True) for cell in results.cells]
    return Results(cells, {c.key: results.outcomes[c.key] for c in cells}, results.notes)


def shown(value: float, low: float, high: float, scale: float = 1) -> str:
    half = f"{(high - low) / 2 * scale:.3f}".removeprefix("0")
    return f"{value * scale:.3f} ±{half}"


def expected(line: Line, column: str) -> str:
    text = shown(*line.metrics[column], scale=1000 if column == "cost" else 1)
    return text + "?" * (column in line.doubtful)


def means(results: Results, size: int = 3) -> dict[str, Line]:
    return {ln.router: ln for ln in summarise(results) if (ln.benchmark, ln.size) == (MEAN, size)}


def best(results: Results, column: str, size: int = 3) -> str:
    pick = min if column == "cost" else max
    lines = means(results, size)
    return pick(LEARNED, key=lambda router: lines[router].metrics[column].value)


Table = dict[str, dict[str, str]]


def markdown_tables(text: str) -> list[Table]:
    tables: list[Table] = []
    for block in re.split(r"\n\n+", text.split("**cost and quality", maxsplit=1)[0]):
        rows = [
            [cell.strip() for cell in row.strip("| ").split(" | ")]
            for row in block.splitlines()
            if row.startswith("|") and not row.startswith("|---")
        ]
        if rows:
            head = [name.replace("\\", "") for name in rows[0][1:]]
            tables.append({r[0]: dict(zip(head, r[1:], strict=True)) for r in rows[1:]})
    return tables


def latex_tables(text: str) -> list[Table]:
    tables: list[Table] = []
    for block in text.split(r"\begin{table}")[1:]:
        if "cost and quality" in block or r"\cmidrule" in block:
            continue
        inside = block.split(r"\toprule")[1].split(r"\bottomrule")[0]
        rows = [
            [cell.strip() for cell in row.split(" & ")]
            for row in inside.replace(r"\midrule", "").split("\\\\\n")
            if row.strip()
        ]
        head = rows[0][1:]
        tables.append({r[0]: dict(zip(head, r[1:], strict=True)) for r in rows[1:]})
    return tables


def plain_tables(text: str) -> list[Table]:
    """The tables of the means: a title, a head, and a row per router."""
    tables: list[Table] = []
    for block in re.split(r"\n\n", text.split("cost and quality ·", maxsplit=1)[0]):
        rows = [
            re.split(r"\s{2,}", row.strip())
            for row in block.splitlines()[1:]
            if row.strip() and "──" not in row
        ]
        if rows and rows[0][0] == "router":
            tables.append({r[0]: dict(zip(rows[0][1:], r[1:], strict=True)) for r in rows[1:]})
    return tables


# Numbers


@pytest.mark.slow
def test_all_formats_tell_the_same_numbers(single: Results) -> None:
    columns = {**COLUMNS, "cost": "$/1k"}
    latex = {"mu": r"$\mu_o$", "v_b": "$V_B$", "e_p": "$E_p$", "p_star": r"$p^{\ast}$"}
    latex["cost"] = r"$\mathrm{USD/1k}$"
    markdown, tex = markdown_tables(to_markdown(single)), latex_tables(to_latex(single))
    plain = plain_tables(to_plain(single))
    assert len(markdown) == len(tex) == len(plain) == 2
    frame = pl.read_csv(io.StringIO(to_csv(single)))
    lines = {
        (ln["size"], ln["router"], ln["benchmark"]): ln["metrics"]
        for ln in json.loads(to_json(single))["lines"]
    }
    for table, size in enumerate((3, 4)):
        for router, line in means(single, size).items():
            name = f"{router} †" if line.control else router
            assert list(markdown[table][name]) == list(columns.values())
            for column, head in columns.items():
                text = expected(line, column)
                bold = router == best(single, column, size) and column != "e_p"
                assert markdown[table][name][head] == (f"**{text}**" if bold else text)
                assert plain[table][name][head] == (f"{text}*" if bold else text)
                value, _, half = text.partition(" ±")
                mark = r"\textsuperscript{?}" if half.endswith("?") else ""
                small = (
                    rf"{value.replace('-', '$-$')}\,{{\scriptsize$\pm${half.rstrip('?')}}}{mark}"
                )
                key = name.replace("_", r"\_").replace("†", r"$\dagger$")
                found = tex[table][key][latex[column]]
                assert found == (rf"\textbf{{{small}}}" if bold else small)
                estimate = line.metrics[column]
                assert Estimate(**lines[size, router, MEAN][column]) == estimate
                [row] = frame.filter(
                    size=size, router=router, benchmark=MEAN, metric=column
                ).iter_rows(named=True)
                assert (row["value"], row["low"], row["high"]) == tuple(estimate)


@pytest.mark.slow
def test_the_tables_of_means_have_one_row_a_router(several: Results) -> None:
    assert to_markdown(several).partition("by benchmark")[0].count("\n| knn |") == 1
    first = to_latex(several).partition(r"\end{table}")[0]
    assert first.count("\nknn & ") == 1
    means_only = to_plain(several).partition("by benchmark")[0]
    assert len(re.findall(r"^ *linear ", means_only, re.MULTILINE)) == 1


def test_csv_and_json_hold_every_line_and_metric(several: Results) -> None:
    frame = pl.read_csv(io.StringIO(to_csv(several)))
    lines = summarise(several)
    assert frame.height == len(lines) * len(SHOWN)
    assert frame.columns == [
        *("size", "router", "control", "benchmark", "cells", "metric", "value", "low", "high"),
        *("simulated", "protocol", "doubtful"),
    ]
    assert frame["benchmark"].unique().sort().to_list() == ["mean", "one_&_two", "three"]
    assert set(frame["router"]) == set(ROUTERS)
    assert frame["value"].dtype == pl.Float64
    assert frame.filter(metric="v_r")["value"].null_count() == len(lines)

    def strict(constant: str) -> None:
        raise AssertionError(constant)

    held = json.loads(to_json(several), parse_constant=strict)
    assert len(held["lines"]) == len(lines)
    assert held["notes"] == list(several.notes)
    assert held["simulated"] is False
    assert {ln["metrics"]["v_r"] for ln in held["lines"]} == {None}
    assert {tuple(ln["metrics"]) for ln in held["lines"]} == {SHOWN}


@pytest.mark.slow
def test_a_column_of_which_nothing_is_defined_is_left_out(several: Results) -> None:
    for text in (to_markdown(several), to_plain(several), to_latex(several)):
        assert "V_R" not in text
        assert "1k" not in text


def test_what_one_router_does_not_define_is_a_dash(single: Results) -> None:
    cells = [
        replace(c, metrics={**c.metrics, "p_star": float("nan")}) if c.router == "linear" else c
        for c in single.cells
    ]
    table = markdown_tables(to_markdown(Results(cells, single.outcomes)))[0]
    assert table["linear"]["p*"] == "–"
    assert table["knn"]["p*"] != "–"
    latex = latex_tables(to_latex(Results(cells, single.outcomes)))[0]
    assert latex["linear"][r"$p^{\ast}$"] == "--"


# Marks


@pytest.mark.slow
def test_controls_are_marked_and_explained(single: Results) -> None:
    for text in (to_markdown(single), to_plain(single)):
        for control in ("oracle", "best_single", "random"):
            assert f"{control} †" in text
        assert "knn †" not in text
        assert "† a control, which learns no routing." in text
    learned = Results([c for c in single.cells if not c.control], single.outcomes)
    daggers = [row for row in to_markdown(learned).splitlines() if "†" in row]
    assert {row.split(" †")[0] for row in daggers if row[0] == "|"} == {"| Zero router"}
    assert "dagger" in to_latex(single)


def test_without_controls_there_is_no_dagger(several: Results) -> None:
    learned = Results([c for c in several.cells if not c.control], several.outcomes)
    assert "†" not in to_markdown(learned)
    assert "dagger" not in to_latex(learned)


def test_only_controls_have_no_best(single: Results) -> None:
    controls = Results([c for c in single.cells if c.control], single.outcomes)
    assert "**0." not in to_markdown(controls)
    assert r"\textbf" not in to_latex(controls)
    assert not re.search(r"\d\*", to_plain(controls))


def test_entropy_has_no_best_and_cost_the_lowest(single: Results) -> None:
    for table, size in zip(markdown_tables(to_markdown(single)), (3, 4), strict=True):
        bold = {c: {r for r, row in table.items() if row[c].startswith("**")} for c in table["knn"]}
        assert bold["E_p"] == set()
        assert bold["$/1k"] == {best(single, "cost", size)}
        assert bold["μ_o"] == {best(single, "mu", size)}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_simulated_data_are_labelled_in_every_format(name: str, single: Results) -> None:
    text, labelled = render(single, name), render(simulated(single), name)
    assert text != labelled
    if name == "csv":
        assert set(pl.read_csv(io.StringIO(labelled))["simulated"]) == {True}
        assert set(pl.read_csv(io.StringIO(text))["simulated"]) == {False}
    elif name == "json":
        assert json.loads(labelled)["simulated"] is True
    else:
        assert labelled.count("SIMULATED DATA") == 2  # above each table
        assert "no real model was asked" in labelled
        assert "imulated" not in text
        assert "SIMULATED" not in text


def test_a_single_simulated_benchmark_labels_the_whole(several: Results) -> None:
    cells = [replace(c, simulated=c.benchmark == "three") for c in several.cells]
    mixed = Results(cells, {c.key: several.outcomes[c.key] for c in cells})
    assert "SIMULATED DATA" in to_markdown(mixed)


# Titles and notes


def test_titles_tell_what_is_shown(single: Results, several: Results) -> None:
    assert "**m = 3 models · math_100%, 3 pool groups · clean**" in to_markdown(single)
    assert "m = 3 models · mean over 2 benchmarks, 3 pool groups · clean" in to_markdown(several)
    assert "m = 4 models" in to_plain(single)
    seeds = run([made()], ["random"], [3], ["all-weak"], seeds=2, protocol="faithful", n_jobs=1)
    assert "m = 3 models · one, all-weak, 2 seeds · faithful" in to_plain(seeds)


@pytest.mark.slow
def test_notes_that_say_the_same_are_said_once(several: Results) -> None:
    note = "Note: one_&_two, three: 6 models are too few for a pool of 9."
    for text in (to_plain(several), to_markdown(several)):
        assert text.count("too few for a pool of 9") == 1
        assert note in text.replace("\\", "")
    assert r"one\_\&\_two, three: 6 models" in to_latex(several)


def test_many_notes_name_a_few(single: Results) -> None:
    notes = [f"b{n}: too small" for n in range(7)] + ["a note of its own"]
    text = to_plain(Results(single.cells, single.outcomes, notes))
    assert "Note: b0, b1, b2, b3 and 3 more: too small." in text
    assert "Note: a note of its own." in text


def test_one_benchmark_has_no_table_by_benchmark(single: Results, several: Results) -> None:
    assert "by benchmark" not in to_plain(single)
    text = to_plain(several)
    assert text.count("μ_o by benchmark · m = 3 models") == 1
    by_benchmark = text.partition("by benchmark")[2]
    for ln in (ln for ln in summarise(several) if ln.benchmark == "three"):
        row = next(r for r in by_benchmark.splitlines() if r.strip().startswith(ln.router))
        assert f"{ln.metrics['mu'].value:.3f}" in row


# Text that means something elsewhere


def test_latex_escapes_what_latex_reads(single: Results) -> None:
    text = to_latex(single)
    assert r"best\_single $\dagger$ &" in text
    assert r"math\_100\%" in text
    assert r"\$/1k" in text  # in the notes
    read = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    outside_math = re.sub(r"\$[^$]*\$", "", read.replace(r"\$", ""))
    assert not re.search(r"(?<!\\)[_%#^]", outside_math)
    assert text.count("{") == text.count("}")
    assert text.count(r"\begin{tabular}{lrrrrr}") == 4
    assert all(mark not in text for mark in "†±μ·")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "benchmark", ["[bold]b[/bold]", "[/x]", "a]b[c", "\\[red]", "50% & ~{x}^#$", "a,b\"c'", "a b"]
)
def test_a_name_is_never_read_as_markup(benchmark: str, name: str, least: Results) -> None:
    cells = [replace(c, benchmark=benchmark) for c in least.cells]
    outcomes = {n.key: least.outcomes[o.key] for n, o in zip(cells, least.cells, strict=True)}
    notes = [f"{benchmark}, knn(ks=[a, b]): no [/good]"]
    text = render(Results(cells, outcomes, notes), name)
    if name == "table":
        assert f"m = 3 models · {benchmark}" in text
        assert f"Note: {benchmark}, knn(ks=[a, b]): no [/good]." in text
    elif name == "csv":
        assert set(pl.read_csv(io.StringIO(text))["benchmark"]) == {benchmark, MEAN}
    elif name == "json":
        assert {ln["benchmark"] for ln in json.loads(text)["lines"]} == {benchmark, MEAN}


def test_names_stand_in_heads_as_they_are(several: Results) -> None:
    names = {"one_&_two": "[red]x[/]", "three": "[/y]"}
    cells = [replace(c, benchmark=names[c.benchmark]) for c in several.cells]
    outcomes = {n.key: several.outcomes[o.key] for n, o in zip(cells, several.cells, strict=True)}
    head = to_plain(Results(cells, outcomes)).partition("by benchmark")[2].splitlines()[1:3]
    assert "[red]x[/]" in " ".join(head)
    assert "[/y]" in " ".join(head)


def test_routers_with_brackets_are_shown_whole(single: Results) -> None:
    for text in (to_plain(single), to_markdown(single)):
        assert "knn(k=5, ks=[1, 3])" in text


# Styles


def test_plain_text_has_no_styles(several: Results) -> None:
    text = to_plain(several)
    assert "\x1b" not in text
    assert "[/]" not in text
    assert "[dim]" not in text
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "Bold (or *): the best learned router of the column." in text


def test_a_terminal_shows_bold_and_dim_and_the_same_words(single: Results) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=200, color_system="standard")
    draw(single.document(), console)
    text = file.getvalue()
    value = f"{means(single)[best(single, 'mu')].metrics['mu'].value:.3f}"
    assert re.search(rf"\x1b\[1;32m{re.escape(value)}", text)
    assert re.search(r"\x1b\[2m.*oracle", text)
    plain = ANSI.sub("", text)
    assert "**" not in plain
    assert not re.search(r"[\d?]\*", plain)
    words = re.findall(r"[^\s─]+", re.sub(r"(?<=[\d\]?])\*", "", to_plain(single)))
    assert re.findall(r"[^\s─]+", plain) == words


@pytest.mark.slow
def test_text_may_be_as_narrow_as_a_terminal(several: Results) -> None:
    for width in (60, 80, 100, 120, 160):
        text = several.render("table", width)
        assert max(len(line) for line in text.splitlines()) <= width
        for line in summarise(several):
            shown_mu = f"{line.metrics['mu'].value:.3f}"
            assert shown_mu in text


# Formats by name


@pytest.mark.slow
def test_formats_by_name(single: Results) -> None:
    assert list(FORMATS) == ["table", "markdown", "latex", "csv", "json"]
    made_by = (to_plain, to_markdown, to_latex, to_csv, to_json)
    for name, function in zip(FORMATS, made_by, strict=True):
        assert render(single, name) == function(single)
        assert render(single, name).endswith("\n")
    with pytest.raises(SpecError, match="unknown table format 'latx'; did you mean 'latex'"):
        render(single, "latx")


@pytest.mark.parametrize("name", FORMATS)
def test_no_cells_are_a_table_too(name: str) -> None:
    assert isinstance(render(Results([], {}, ["b: nothing"]), name), str)
