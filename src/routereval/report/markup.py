"""Documents in Markdown and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from routereval.report.cells import cell_text, number_text, parts_of, visible
from routereval.report.table import (
    DAGGER,
    Cell,
    Column,
    Document,
    Heading,
    PaperTable,
    Part,
    Points,
    Row,
    Table,
    value_of,
)

_MARKDOWN = re.compile(r"[\\|*`<>]|(?<![^\W_])_|_(?![^\W_])|\](?=\()")
_TEX = {
    **{char: f"\\{char}" for char in "_%&#$"},
    **{"{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"\\": r"\textbackslash{}", "†": r"$\dagger$", "μ": r"$\mu$", "±": r"$\pm$"},
    **{"·": r"$\cdot$", "×": r"$\times$", "∞": r"$\infty$", "−": r"$-$", "–": "--"},
    **{"≤": r"$\leq$", "≥": r"$\geq$", "…": r"\ldots{}", "→": r"$\rightarrow$"},
    **{"↓": r"$\downarrow$", "↑": r"$\uparrow$"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "•": r"$\bullet$"},
}


_MINUS = re.compile(r"(?<![^\s\[(])-(?=\d)")
"""The sign of a number: a hyphen at the beginning of a word, before a digit."""

_WIDE = 9
"""A paper's table of more columns takes the width of the page."""


def to_markdown(document: Document) -> str:
    """A document in Markdown; tables as GitHub's Markdown has them."""
    parts = [_markdown_part(part) for part in document.parts]
    return "\n\n".join([*parts, *map(_markdown_text, document.notes)]) + "\n"


def to_latex(document: Document) -> str:
    """A document for LaTeX, whose tables need the package booktabs.

    The notes at its end stand in the caption of every table, so that each can be used alone.
    Sentences before and between tables are comments: a paper says such things in its own words.
    """
    parts = [_latex_part(part, document) for part in document.parts]
    parts += map(latex_paper_table, document.paper)
    return "\n\n".join(parts) + "\n"


def _markdown_part(part: Part) -> str:
    if isinstance(part, Table):
        return _markdown_table(part)
    if isinstance(part, Heading):
        return f"## {_markdown_text(part.text)}"
    if isinstance(part, Points):
        return "\n".join(f"- {_markdown_text(sentence)}" for sentence in part.sentences)
    return _markdown_text(part)


def _markdown_table(table: Table) -> str:
    heads = [_markdown_text(column.head) for column in table.columns]
    rule = ["---" if column.kind == "text" else "---:" for column in table.columns]
    rows = [
        [_markdown_text(text) if not best else f"**{_markdown_text(text)}**" for text, best in row]
        for row in _texts(table, cell_text)
    ]
    title = [f"**{_markdown_text(table.title)}**\n"] if table.title else []
    lines = [*title, _piped(heads), f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *map(_piped, rows), *_after(table)])


def _after(table: Table) -> Iterator[str]:
    for note in table.notes:
        yield f"\n{_markdown_text(note)}"


def _texts(
    table: Table, written: Callable[[Cell, Column], str]
) -> Iterator[list[tuple[str, bool]]]:
    """Of each row, the text of each cell, and whether it is the best of its column."""
    for row, best in zip(table.rows, table.best(), strict=True):
        cells = [
            written(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)
        ]
        yield [(_named(text, place, row), place in best) for place, text in enumerate(cells)]


def _named(text: str, place: int, row: Row) -> str:
    return f"{text} {DAGGER}" if row.control and not place else text


def _piped(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_text(text: str) -> str:
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", visible(text))


def _latex_part(part: Part, document: Document) -> str:
    if isinstance(part, Table):
        return _latex_table(part, document)
    if isinstance(part, Heading):
        return rf"\paragraph{{{tex(part.text)}}}"
    if isinstance(part, Points):
        items = "\n".join(rf"\item {tex(sentence)}" for sentence in part.sentences)
        return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
    return f"% {visible(part)}" if document.tables or document.paper else tex(part)


def _latex_table(table: Table, document: Document) -> str:
    align = "".join("l" if column.kind == "text" else "r" for column in table.columns)
    heads = [f"${c.latex}$" if c.latex else tex(c.head) for c in table.columns]
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
    lines += [rf"{' & '.join(heads)} \\", r"\midrule"]
    for row, best in zip(table.rows, table.best(), strict=True):
        cells = [
            _latex_cell(row, place, column, place in best)
            for place, column in enumerate(table.columns)
        ]
        lines.append(rf"{' & '.join(cells)} \\")
        if row.ends and row is not table.rows[-1]:
            lines.append(r"\midrule")
    sentences = [f"{table.title}." if table.title else "", *table.notes, *document.notes]
    caption = rf"\caption{{{tex(' '.join(filter(None, sentences)))}}}"
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", caption, r"\end{table}"])


def latex_paper_table(table: PaperTable) -> str:
    """A table as papers have it, for LaTeX with booktabs; of many columns as wide as the page."""
    columns = table.columns
    width = len(columns) + 1
    kind = "table*" if width > _WIDE else "table"
    align = "l" + "".join("r" * len(own) for _, own in table.groups)
    heads = ["Router", *map(_paper_head, columns)]
    lines = [rf"\begin{{{kind}}}", r"\centering\footnotesize\setlength{\tabcolsep}{3pt}"]
    lines += [rf"\begin{{tabular}}{{{align}}}", r"\toprule", *_group_heads(table)]
    lines.append(rf"{' & '.join(heads)} \\")
    for title, rows in table.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\textit{{{tex(title)}}}}} \\"]
        for row, best in zip(rows, _best_of_block(columns, rows), strict=True):
            cells = [
                _latex_cell(row, place, column, place in best)
                for place, column in enumerate((Column("router", "text"), *columns))
            ]
            lines.append(rf"{' & '.join(cells)} \\")
    caption = tex(" ".join([f"{table.title}.", *table.notes]))
    end = [r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", rf"\end{{{kind}}}"]
    return "\n".join([*lines, *end])


def _group_heads(table: PaperTable) -> list[str]:
    """The titles of groups, each above its columns, and the rules beneath them."""
    heads, rules, first = [""], [], 2
    for title, own in table.groups:
        heads.append(rf"\multicolumn{{{len(own)}}}{{c}}{{{tex(title)}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + len(own) - 1}}}")
        first += len(own)
    return [rf"{' & '.join(heads)} \\", " ".join(rules)]


def _paper_head(column: Column) -> str:
    """Its symbol, with an arrow to where it is better."""
    arrow = {"higher": r"\uparrow", "lower": r"\downarrow", "": ""}[column.better]
    return f"${column.latex}{arrow}$" if column.latex else tex(column.head)


def _best_of_block(columns: Sequence[Column], rows: Sequence[Row]) -> list[frozenset[int]]:
    """Of each row, the cells that no learned router's beats by the digits that are printed."""
    found: list[set[int]] = [set() for _ in rows]
    for place, column in enumerate(columns, 1):
        values = {n: value_of(row.cells[place]) for n, row in enumerate(rows) if not row.control}
        known = {n: value for n, value in values.items() if math.isfinite(value)}
        if column.better and known:
            best = max(known.values()) if column.better == "higher" else min(known.values())
            for n, value in known.items():
                if number_text(value, column) == number_text(best, column):
                    found[n].add(place)
    return [frozenset(one) for one in found]


def _latex_cell(row: Row, place: int, column: Column, best: bool) -> str:
    value, interval, mark = parts_of(row.cells[place], column)
    text = tex(_named(value, place, row))
    if interval.startswith("±"):
        text += rf"\,{{\scriptsize$\pm${interval[1:]}}}"
    elif interval:
        text += rf"\,{{\scriptsize {tex(interval)}}}"
    text += rf"\textsuperscript{{{tex(mark)}}}" if mark else ""
    return rf"\textbf{{{text}}}" if best else text


def tex(text: str) -> str:
    r"""A text with what LaTeX would take for commands escaped.

    >>> tex("50% of a_b")
    '50\\% of a\\_b'
    >>> tex("gpt-4: -0.1 [-0.2, 0.1]")
    'gpt-4: $-$0.1 [$-$0.2, 0.1]'
    """
    return "".join(_TEX.get(char, char) for char in _MINUS.sub("−", visible(text)))
