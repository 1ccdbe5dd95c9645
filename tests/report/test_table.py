"""Tables as values and their renderers: the same numbers in every format, and none of them cut."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from routereval.errors import SpecError
from routereval.report.cells import cell_text, visible
from routereval.report.data import to_csv, to_json, to_polars
from routereval.report.html import to_page
from routereval.report.render import FORMATS, render
from routereval.report.table import Column, Document, Heading, Kind, Number, Points, Row, Table
from routereval.report.terminal import draw, to_text
from routereval.shown import FORMATS as NAMES

LEFT_OUT = re.compile(r"Intervals are left out: they do not fit\s+into \d+\s+columns")
numbers = st.floats(-9, 9).map(lambda x: round(x, 4))
names = st.one_of(
    st.sampled_from(["knn(k=5, ks=[1, 3])", "qwen/coder-32b-int4-2026", "模型大大大", "[b]x[/b]"]),
    st.text(min_size=1, max_size=70),
)


KINDS: tuple[Kind, ...] = ("number", "count", "share", "p")


@st.composite
def tables(draw_: st.DrawFn) -> Table:
    columns = [Column("router", "text")]
    kinds = st.sampled_from(KINDS)
    for place in range(draw_(st.integers(1, 9))):
        head = f"{draw_(st.sampled_from(['μ_o', 'V_R', 'minus best_single', 'p*']))} {place}"
        columns.append(
            Column(
                head,
                draw_(kinds),
                digits=draw_(st.integers(0, 4)),
                interval=draw_(st.sampled_from(["half", "ends"])),
                better=draw_(st.sampled_from(["higher", "lower", ""])),
            )
        )
    rows = []
    for _ in range(draw_(st.integers(1, 4))):
        cells = [
            Number(value, value - half, value + half) if half else value
            for value, half in (
                (abs(draw_(numbers)), abs(draw_(numbers))) for _ in range(len(columns) - 1)
            )
        ]
        rows.append(Row((draw_(names), *cells), control=draw_(st.booleans())))
    return Table("A title", columns, rows, ["A note of some words."])


def of(table: Table) -> Document:
    return Document([table], table)


def lines_of(table: Table, width: int | None) -> list[str]:
    return to_text(of(table), width).splitlines()


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(60, 200))
def test_every_number_stands_in_the_terminal_or_a_note_says_what_does_not(
    table: Table, width: int
) -> None:
    text = to_text(of(table), width)
    intervals = not LEFT_OUT.search(text)
    words = Counter(text.split())
    expected = Counter(
        word
        for row in table.rows
        for cell, column in zip(row.cells[1:], table.columns[1:], strict=True)
        for word in cell_text(cell, column, intervals=intervals).split()
    )
    for word, times in expected.items():
        assert words[word] + words[f"{word}*"] >= times, word


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(60, 200))
def test_no_line_is_wider_than_the_terminal(table: Table, width: int) -> None:
    assert all(cell_len(line) <= width for line in lines_of(table, width))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_numbers_end_in_one_column_whatever_the_names(table: Table) -> None:
    lines = lines_of(table, None)
    first = next(n for n, line in enumerate(lines) if line.startswith("──")) + 1
    body = lines[first : first + len(table.rows)]
    assert len({cell_len(line.removesuffix("*")) for line in body}) == 1


@settings(max_examples=60, deadline=None)
@given(tables())
def test_data_formats_hold_every_number_in_full(table: Table) -> None:
    frame = to_polars(of(table))
    read = list(csv.DictReader(io.StringIO(to_csv(of(table)), newline="")))
    held = json.loads(to_json(of(table)))
    assert len(read) == len(held) == frame.height == len(table.rows)
    for place, column in enumerate(table.columns[1:], start=1):
        for number, row in enumerate(table.rows):
            cell = row.cells[place]
            value = cell.value if isinstance(cell, Number) else cell
            assert float(read[number][column.head]) == value
            assert held[number][column.head] == frame[column.head][number] == value
            if isinstance(cell, Number):
                assert float(read[number][f"{column.head}_low"]) == cell.low
                assert held[number][f"{column.head}_high"] == cell.high


@settings(max_examples=60, deadline=None)
@given(tables())
def test_html_is_well_formed_and_holds_no_tag_of_a_name(table: Table) -> None:
    page = to_page("<script>", [of(table)])
    body = page.partition("<body")[2].partition("</body>")[0]
    root = ET.fromstring(f"<body{body}</body>")  # noqa: S314 - our own
    assert {one.tag for one in root.iter()} <= {
        *("body", "h1", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "p")
    }
    assert len(root.findall(".//tbody/tr")) == len(table.rows)
    assert "http" not in page.lower() or any("http" in str(r.cells[0]).lower() for r in table.rows)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_a_row_of_markdown_has_as_many_cells_as_heads(table: Table) -> None:
    rows = [ln for ln in render(of(table), "markdown").split("\n") if ln.startswith("|")]
    assert len(rows) == len(table.rows) + 2
    for row in rows:
        bars = re.findall(r"(?<!\\)(?:\\\\)*\|", row)
        assert len(bars) == len(table.columns) + 1


def wide(n_columns: int = 12, n_rows: int = 5) -> Table:
    columns = [Column("router", "text")]
    columns += [Column(f"benchmark {n}", better="higher") for n in range(n_columns)]
    rows = [
        Row((f"router-{r}", *(Number(0.1 * r + 0.01 * n, 0.0, 0.2) for n in range(n_columns))))
        for r in range(n_rows)
    ]
    return Table("wide", columns, rows)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_a_wide_table_is_cut_in_parts_that_are_counted(width: int) -> None:
    text = to_text(of(wide()), width)
    parts = re.findall(r"part (\d+) of (\d+)", text)
    assert len(parts) > 1
    assert [int(n) for n, _ in parts] == list(range(1, len(parts) + 1))
    assert {int(n) for _, n in parts} == {len(parts)}
    assert text.count("router-0") == len(parts)
    for number in range(12):
        assert re.search(rf"\b{number}\b", text)


def test_a_wide_table_of_few_rows_is_turned() -> None:
    text = to_text(of(wide(n_rows=2)), 80)
    assert "part" not in text
    assert [line.split()[:2] for line in text.splitlines()[3:5]] == [
        ["benchmark", "0"],
        ["benchmark", "1"],
    ]


def test_where_nothing_fits_intervals_are_left_out_with_a_word() -> None:
    columns = [Column("router", "text"), Column("score", interval="ends", digits=9)]
    table = Table("narrow", columns, [Row(("a name", Number(0.5, 0.25, 0.75)))])
    assert "[0.250000000, 0.750000000]" in to_text(of(table), 80)
    text = to_text(of(table), 40)
    assert "0.500000000" in text
    assert "0.25" not in text
    assert LEFT_OUT.search(text)


def test_sentences_are_wrapped_by_the_columns_that_their_signs_take() -> None:
    sentence = "Of 通义千问 and 深度求索 on 1,000 prompts 通义千问 is ahead."
    table = Table("", [Column("n", "count")], [Row((1,))])
    text = to_text(Document([Points([sentence])], table, notes=[sentence]), 24)
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= 24
    assert " ".join(text.replace("•", "").split()) == f"{sentence} {sentence}"
    assert lines[0].startswith("• Of ")
    assert lines[1].startswith("  ")


def test_a_long_name_is_broken_at_its_signs() -> None:
    name = "organisation/some-family-of-models-with-a-long-name-32b-instruct-int4-2026"
    table = Table("t", [Column("model", "text"), Column("score")], [Row((name, 0.5))])
    lines = [line.split()[0] for line in lines_of(table, 60)[3:]]
    assert "".join(lines) == name
    assert all(line.endswith(("-", "/")) for line in lines[:-1])


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\tb", "a\\tb"),
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eabc", "\\u202eabc"),
        ("a\u2028b", "a\\u2028b"),
        ("a\ud800b", "a\\ud800b"),
        ("模型 é 🙂", "模型 é 🙂"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_what_no_line_can_show_is_escaped(raw: str, shown: str) -> None:
    assert visible(raw) == shown
    table = Table(raw, [Column(raw, "text")], [Row((raw,))], [raw])
    for name in ("table", "markdown", "html"):
        assert raw == shown or raw not in render(of(table), name)
    assert lines_of(table, 80)[3].strip() == shown


def test_rich_markup_in_a_name_is_a_name() -> None:
    table = Table("[red]t[/]", [Column("[b]m", "text")], [Row(("[link=x]y[/link] :smile:",))])
    console = Console(width=80, force_terminal=True, color_system="standard", file=io.StringIO())
    with console.capture() as capture:
        draw(of(table), console)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capture.get())
    assert "[link=x]y[/link] :smile:" in plain
    assert "[red]t[/]" in plain


def test_a_terminal_shows_the_best_in_bold_and_a_pipe_by_a_star() -> None:
    with_styles = Console(width=80, force_terminal=True, color_system="standard")
    with with_styles.capture() as capture:
        draw(of(wide(2)), with_styles)
    assert "\x1b[1;32m0.400" in capture.get()
    assert "*" not in capture.get()
    pipe = Console(width=80, force_terminal=False)
    with pipe.capture() as capture:
        draw(of(wide(2)), pipe)
    assert "0.400 ±.100*" in capture.get()


def test_the_best_is_of_learned_rows_and_equal_ones_share_it() -> None:
    columns = [
        Column("router", "text"),
        Column("mu", better="higher"),
        Column("cost", better="lower"),
        Column("entropy"),
    ]
    rows = [
        Row(("oracle", 0.9, 0.1, 1.0), control=True),
        Row(("a", 0.5, math.inf, 1.0)),
        Row(("b", 0.5, 0.3, 2.0)),
        Row(("c", None, math.nan, 3.0)),
    ]
    assert Table("t", columns, rows).best() == [frozenset(), {1}, {1, 2}, frozenset()]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 2 cells under 1 heads"):
        Table("t", [Column("a")], [Row((1, 2))])


def test_columns_of_which_nothing_is_known_go() -> None:
    columns = [Column("router", "text"), Column("a"), Column("b")]
    table = Table("t", columns, [Row(("x", math.nan, 0.0)), Row(("y", None, None))])
    assert [column.head for column in table.without_empty().columns] == ["router", "b"]


@pytest.mark.parametrize(
    ("cell", "column", "text"),
    [
        (Number(0.8, 0.7, 0.85), Column("x"), "0.800 ±.075"),
        (Number(0.8, 0.7, 0.85, "?"), Column("x", interval="ends"), "0.800 [0.700, 0.850]?"),
        (Number(0.0002, 0.0001, 0.0003), Column("$/1k", scale=1000), "0.200 ±.100"),
        (Number(12.0, 10.0, 14.0), Column("x", digits=1), "12.0 ±2.0"),
        (-0.0001, Column("x", signed=True), "+0.000"),
        (0.25, Column("x", signed=True), "+0.250"),
        (Number(0.1, 0.0, 0.2), Column("x", signed=True), "+0.100 ±.100"),
        (1234567, Column("n", "count"), "1,234,567"),
        (0.1234, Column("s", "share", digits=1), "12.3%"),
        (0.0004, Column("p", "p"), "<0.001"),
        (0.0123, Column("p", "p"), "0.012"),
        (math.inf, Column("x"), "∞"),
        (math.nan, Column("x"), "–"),
        (None, Column("x"), "–"),
        ("", Column("x"), ""),
        ("never", Column("x"), "never"),
        (True, Column("x"), "yes"),
    ],
)
def test_a_cell_is_written_by_the_rule_of_its_column(
    cell: Number | float | str | None, column: Column, text: str
) -> None:
    assert cell_text(cell, column) == text


def test_latex_escapes_and_marks() -> None:
    columns = [Column("router", "text"), Column("μ_o", better="higher", latex=r"\mu_o")]
    table = Table("a_b 50%", columns, [Row(("x_1 & {y}", Number(0.5, 0.4, 0.6)))], ["n #1"])
    text = render(Document([table], table, notes=["†"]), "latex")
    assert r"router & $\mu_o$ \\" in text
    assert r"x\_1 \& \{y\} & \textbf{0.500\,{\scriptsize$\pm$.100}} \\" in text
    assert r"\caption{a\_b 50\%. n \#1 $\dagger$}" in text


def test_latex_has_minus_signs_and_sentences_as_comments() -> None:
    columns = [Column("router", "text"), Column("gain", signed=True, interval="ends")]
    table = Table("", columns, [Row(("gpt-4", Number(-0.1, -0.2, 0.1)))])
    text = render(Document(["Winner: 50% of it\n\\input{x}.", table], table), "latex")
    assert r"gpt-4 & $-$0.100\,{\scriptsize [$-$0.200, +0.100]} \\" in text
    assert text.splitlines()[0] == "% Winner: 50% of it\\n\\input{x}."
    assert render(Document(["A -1 & B"], table), "latex") == "A $-$1 \\& B\n"


def test_an_empty_cell_among_numbers_is_null_in_a_frame() -> None:
    rows = [Row(("a", 0.5)), Row(("b", "")), Row(("", Number(1.5, 1.0, 2.0)))]
    frame = to_polars(of(Table("", [Column("name", "text"), Column("score")], rows)))
    assert frame["score"].to_list() == [0.5, None, 1.5]
    assert frame["name"].to_list() == ["a", "b", ""]


def test_a_document_holds_more_than_tables() -> None:
    table = wide(2)
    document = Document([Heading("H"), Points(["one " * 30, "two"]), "a text", table], table)
    text = to_text(document, 60)
    assert text.startswith("H\n─\n• one")
    assert "\n  one" in text
    assert "\n• two\n" in text
    assert "## H\n\n- one" in render(document, "markdown")
    assert "<h2>H</h2>" in render(document, "html")
    assert r"\item two" in render(document, "latex")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(SpecError, match="did you mean 'latex'"):
        render(of(wide()), "latx")


def test_a_value_renders_to_the_formats_there_are() -> None:
    assert tuple(FORMATS) == NAMES


def test_a_table_that_is_cut_anyway_wraps_no_name() -> None:
    columns = [Column("benchmark", "text"), *(Column(f"number {n}") for n in range(9))]
    columns += [Column("best model", "text"), Column("has", "text")]
    row = Row(("arc", *(0.5 for _ in range(9)), "sim-140b-generalist-2", "binary, text, costs"))
    text = to_text(of(Table("t", columns, [row] * 5)), 80)
    assert text.count("sim-140b-generalist-2") == text.count("binary, text, costs") == 5
