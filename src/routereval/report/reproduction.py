"""The paper's rows and ours side by side, for the terminal, Markdown and other programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from routereval.errors import unknown
from routereval.studies.reproduce import PAPER_ROUTERS, ROUNDING, Numbers, Reproduction, Row

if TYPE_CHECKING:
    from rich.console import Console

_SYMBOLS = {"mu": "μ_o", "v_r": "V_R", "v_b": "V_B", "e_p": "E_p"}
_NONE = "–"


def print_reproduction(reproduction: Reproduction, console: Console) -> None:
    """Draw the table on a rich console: for each metric the paper's number, then ours."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=_title(reproduction), title_justify="left")
    for name in ("benchmark", "m", "router"):
        table.add_column(name, no_wrap=True)
    for symbol in _SYMBOLS.values():
        table.add_column(symbol, justify="right", no_wrap=True)
        table.add_column("ours", justify="right", no_wrap=True)
    for number, row in enumerate(reproduction.rows, start=1):
        table.add_row(*_cells(row), end_section=number % len(PAPER_ROUTERS) == 0)
    console.print(table)
    for note in _footnotes(reproduction):
        console.print(note, style="dim", highlight=False, markup=False)


def reproduction_to_text(reproduction: Reproduction) -> str:
    """The table as plain text."""
    from rich.console import Console

    output = io.StringIO()
    print_reproduction(reproduction, Console(file=output, width=200, force_terminal=False))
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def reproduction_to_markdown(reproduction: Reproduction) -> str:
    """The table in Markdown."""
    heads = ["benchmark", "m", "router"]
    for symbol in _SYMBOLS.values():
        heads += [symbol, "ours"]
    lines = [f"**{_title(reproduction)}**", "", f"| {' | '.join(heads)} |"]
    lines.append("|---|---:|---|" + "---:|" * (len(heads) - 3))
    lines += [f"| {' | '.join(_cells(row))} |" for row in reproduction.rows]
    return "\n".join([*lines, "", *(f"{note}\n" for note in _footnotes(reproduction))])


def reproduction_to_csv(reproduction: Reproduction) -> str:
    """One line a published row: the paper's numbers, ours in full, and which differ."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    ours = [f"our_{name}" for name in Numbers._fields]
    writer.writerow(["benchmark", "size", "router", *Numbers._fields, *ours, "differs"])
    for row in reproduction.rows:
        found = row.ours or (math.nan,) * len(ours)
        numbers = ["" if math.isnan(x) else repr(x) for x in found]
        place = [row.benchmark, row.size, row.router]
        writer.writerow([*place, *row.paper, *numbers, " ".join(row.differs)])
    return buffer.getvalue()


REPRODUCTION_FORMATS: Mapping[str, Callable[[Reproduction], str]] = {
    "table": reproduction_to_text,
    "markdown": reproduction_to_markdown,
    "csv": reproduction_to_csv,
}


def render_reproduction(reproduction: Reproduction, format_name: str) -> str:
    """The table in a format by name.

    Raises:
        SpecError: if there is no such format.
    """
    if format_name not in REPRODUCTION_FORMATS:
        raise unknown("table format", format_name, REPRODUCTION_FORMATS)
    return REPRODUCTION_FORMATS[format_name](reproduction)


def _title(reproduction: Reproduction) -> str:
    compared = len(reproduction.compared)
    return (
        f"{compared} of the paper's {len(reproduction.rows)} rows computed here · "
        f"μ_o agrees in {reproduction.agreeing}"
    )


def _cells(row: Row) -> list[str]:
    cells = [row.benchmark, str(row.size), row.router]
    for name in Numbers._fields:
        cells += [f"{getattr(row.paper, name):.2f}", _ours(row, name)]
    return cells


def _ours(row: Row, name: str) -> str:
    value = math.nan if row.ours is None else getattr(row.ours, name)
    if math.isnan(value):
        return _NONE
    return f"{value:.3f}{'*' if name in row.differs else ' '}"


def _footnotes(reproduction: Reproduction) -> list[str]:
    ran = {cell.router for cell in reproduction.results.cells}
    skipped = [name for name, spec in PAPER_ROUTERS.items() if spec is not None and spec not in ran]
    notes = [
        "Means over the three groups of pools, by the faithful protocol. Paper: Huang et al. 2025, "
        "Tables 1 and 2, two digits.",
        f"* differs by more than {ROUNDING}, half a unit of the last published digit.",
        "Random and r_o(0.5) are exact expectations here and simulated in the paper.",
        f"{_NONE} not there: a benchmark without data here, or a router that did not run (MLC, a "
        "fine-tuned RoBERTa, never does).",
    ]
    if skipped:
        notes.append(f"Left out as slow: {', '.join(skipped)}; run them with --all.")
    return notes + [f"Note: {note}." for note in reproduction.notes]
