"""Tables of results: rows routers, a block a pool size, columns μ_o V_R V_B E_p p*."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from routereval.errors import unknown
from routereval.report.learning import grouped, learning_markdown, learning_table
from routereval.report.trade_off import NOTES as TRADE_OFF_NOTES
from routereval.report.trade_off import markdown_table, rich_table, trade_offs
from routereval.results.breakdown import by_part
from routereval.results.learning_curves import learning_curves
from routereval.results.results import Results
from routereval.results.summary import MEAN, SHOWN, Line, summarise
from routereval.scoring import METRICS
from routereval.scoring.curve import USD
from routereval.scoring.estimates import UNSURE

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table

_MAIN = ("mu", "v_r", "v_b", "e_p", "p_star", "hallucination_rate")
_DAGGER = "†"
_UNSURE = "?"
_NAMED = 4  # benchmarks that a note lists by name
_PER = 1000  # calls that a cost is shown for


class Block(NamedTuple):
    """The lines of one protocol and pool size, with the best learned router of each column."""

    protocol: str
    size: int
    lines: list[Line]
    best: dict[str, str]


def to_text(results: Results, width: int | None = None) -> str:
    """The tables as text for a terminal, with styles where it shows them.

    Args:
        results: the cells of a run.
        width: columns of the terminal; as wide as need be if None.
    """
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width or 200, force_terminal=False)
    print_tables(results, console)
    output: io.StringIO = console.file  # type: ignore[assignment]
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def print_tables(results: Results, console: Console) -> None:
    """Draw the tables on a rich console."""
    lines = summarise(results)
    names = _benchmarks(lines)
    for block in _blocks(lines, MEAN):
        table = _titled(_title(results, block, names))
        table.add_column("router", no_wrap=True)
        columns = _columns(block.lines)
        for name in columns:
            table.add_column(_symbol(name, lines[0].unit), justify="right", no_wrap=True)
        for line in block.lines:
            cells = [_rich(line, name, block, console.is_terminal) for name in columns]
            table.add_row(_rich_name(line), *cells)
        console.print(table)
    for table in _details(results, lines, names, console.is_terminal):
        console.print(table)
    for one in trade_offs(results, lines, every=False):
        console.print(rich_table(one, styled=console.is_terminal))
    for footnote in _footnotes(results, lines):
        console.print(footnote, style="dim", highlight=False, markup=False, emoji=False)


def _details(
    results: Results, lines: Sequence[Line], names: Sequence[str], styled: bool
) -> Iterator[Table]:
    """What the means are made of: benchmarks, those of a stream, and learning curves."""
    for held in (lines if len(names) > 1 else [], by_part(results)):
        for rule, size in _places(held):
            yield _by_benchmark(held, _benchmarks(held), rule, size, styled)
    for curves in grouped(learning_curves(results, lines)).values():
        yield learning_table(curves, styled)


def to_markdown(results: Results) -> str:
    """The tables in Markdown."""
    lines = summarise(results)
    names = _benchmarks(lines)
    out = []
    for block in _blocks(lines, MEAN):
        columns = _columns(block.lines)
        out.append(f"**{_title(results, block, names)}**\n")
        out.append("| router | " + " | ".join(_symbol(c, lines[0].unit) for c in columns) + " |")
        out.append("|---|" + "---:|" * len(columns))
        for line in block.lines:
            cells = [_bold(_short(line, c), _is_best(line, c, block), "**{}**") for c in columns]
            out.append(f"| {_plain_name(line)} | " + " | ".join(cells) + " |")
        out.append("")
    out += map(learning_markdown, grouped(learning_curves(results, lines)).values())
    out += [markdown_table(one) for one in trade_offs(results, lines, every=False)]
    return "\n".join([*out, *(f"{note}\n" for note in _footnotes(results, lines))])


def to_latex(results: Results) -> str:
    """The tables for LaTeX, with booktabs."""
    lines = summarise(results)
    names = _benchmarks(lines)
    out = []
    for block in _blocks(lines, MEAN):
        columns = _columns(block.lines)
        heads = " & ".join(f"${_latex_symbol(c, lines[0].unit)}$" for c in columns)
        out += [r"\begin{table}", r"\centering", r"\begin{tabular}{l" + "r" * len(columns) + "}"]
        out += [r"\toprule", rf"router & {heads} \\", r"\midrule"]
        for line in block.lines:
            cells = [
                _bold(_latex_number(line, c), _is_best(line, c, block), r"\textbf{{{}}}")
                for c in columns
            ]
            out.append(f"{_tex(_plain_name(line))} & " + " & ".join(cells) + r" \\")
        caption = _tex(_title(results, block, names) + ". " + " ".join(_footnotes(results, lines)))
        out += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", r"\end{table}", ""]
    return "\n".join(out)


def to_csv(results: Results) -> str:
    """One row a size, router, benchmark (and their mean) and metric."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [
            "size",
            "router",
            "control",
            "benchmark",
            "cells",
            "metric",
            "value",
            "low",
            "high",
            "simulated",
            "protocol",
            "doubtful",
        ]
    )
    simulated = _simulated(results)
    for line in [*summarise(results), *by_part(results)]:
        for name, (value, low, high) in line.metrics.items():
            numbers = ["" if math.isnan(x) else repr(x) for x in (value, low, high)]
            row = [line.size, line.router, line.control, line.benchmark, line.n_cells, name]
            writer.writerow([*row, *numbers, simulated, line.protocol, name in line.doubtful])
    return buffer.getvalue()


def to_json(results: Results) -> str:
    """The summary as JSON: lines with value and interval of each metric, and the notes."""
    lines = [
        {
            **line._asdict(),
            "doubtful": sorted(_defined(line) & line.doubtful),
            "metrics": {
                name: None if math.isnan(e.value) else {k: _told(x) for k, x in e._asdict().items()}
                for name, e in line.metrics.items()
            },
        }
        for line in [*summarise(results), *by_part(results)]
    ]
    held = {"simulated": _simulated(results), "notes": list(results.notes), "lines": lines}
    return json.dumps(held, indent=1, ensure_ascii=False) + "\n"


def _told(number: float) -> float | str:
    """A number that JSON knows; what is infinite as text."""
    return number if math.isfinite(number) else str(number)


FORMATS: dict[str, Callable[[Results], str]] = {
    "table": to_text,
    "markdown": to_markdown,
    "latex": to_latex,
    "csv": to_csv,
    "json": to_json,
}


def render(results: Results, format_name: str) -> str:
    """The results in a format by name.

    Raises:
        SpecError: if there is no such format.
    """
    if format_name not in FORMATS:
        raise unknown("table format", format_name, FORMATS)
    return FORMATS[format_name](results)


def _blocks(lines: Sequence[Line], benchmark: str) -> list[Block]:
    blocks = []
    for rule, size in _places(lines):
        held = [ln for ln in _at(lines, rule, size) if ln.benchmark == benchmark]
        blocks.append(Block(rule, size, held, {m: _best(held, m) for m in SHOWN}))
    return blocks


def _places(lines: Sequence[Line]) -> list[tuple[str, int]]:
    """The protocols and pool sizes, in order: a block each."""
    return list(dict.fromkeys((line.protocol, line.size) for line in lines))


def _at(lines: Sequence[Line], rule: str, size: int) -> list[Line]:
    return [line for line in lines if (line.protocol, line.size) == (rule, size)]


def _best(lines: Sequence[Line], name: str) -> str:
    """The learned router that is best in a column; empty where no direction is better."""
    better = METRICS[name].higher_is_better
    learned = [ln for ln in lines if not ln.control and not math.isnan(ln.metrics[name].value)]
    if better is None or not learned:
        return ""
    pick = max if better else min
    return pick(learned, key=lambda line: line.metrics[name].value).router


def _is_best(line: Line, name: str, block: Block) -> bool:
    return line.router == block.best[name]


def _columns(lines: Sequence[Line]) -> list[str]:
    """The columns of which at least one number is defined."""
    names = (*_MAIN, "cost")
    return [m for m in names if any(not math.isnan(line.metrics[m].value) for line in lines)]


def _benchmarks(lines: Sequence[Line]) -> list[str]:
    return [name for name in dict.fromkeys(line.benchmark for line in lines) if name != MEAN]


def _title(results: Results, block: Block, names: Sequence[str]) -> str:
    what = names[0] if len(names) == 1 else f"mean over {len(names)} benchmarks"
    groups = len(dict.fromkeys(c.group for c in results.cells))
    spread = f", {groups} pool groups" if groups > 1 else f", {results.cells[0].group}"
    seeds = len(dict.fromkeys(c.seed for c in results.cells))
    more = f", {seeds} seeds" if seeds > 1 else ""
    label = "SIMULATED DATA · " if _simulated(results) else ""
    return f"{label}m = {block.size} LLMs · {what}{spread}{more} · {block.protocol}"


def _by_benchmark(
    lines: Sequence[Line], names: Sequence[str], rule: str, size: int, styled: bool
) -> Table:
    from rich.markup import escape

    table = _titled(f"μ_o by benchmark · m = {size} LLMs · {rule}")
    table.add_column("router", no_wrap=True)
    for name in names:
        head = escape(name.replace("_", " "))
        table.add_column(head, justify="right", overflow="fold", min_width=4)
    held = _at(lines, rule, size)
    best = {n: _best([ln for ln in held if ln.benchmark == n], "mu") for n in names}
    for router in dict.fromkeys(line.router for line in held):
        own = {ln.benchmark: ln for ln in held if ln.router == router}
        cells = [_mu(own.get(n), best[n], styled) for n in names]
        table.add_row(_rich_name(next(iter(own.values()))), *cells)
    return table


def _titled(title: str) -> Table:
    """A table at least as wide as its title, which then stays on one line."""
    from rich.markup import escape
    from rich.table import Table

    return Table(title=escape(title), title_justify="left", box=_box(), min_width=len(title))


def _footnotes(results: Results, lines: Sequence[Line]) -> list[str]:
    notes = [
        "± is half the width of the 95 % bootstrap interval over test prompts.",
        "Bold (or *): the best learned router of the column.",
    ]
    if any(_defined(line) & line.doubtful for line in lines):
        notes.append(UNSURE)
    if any(line.control for line in lines):
        notes.append(f"{_DAGGER} a control, which learns no routing.")
    if _simulated(results):
        notes.append("Simulated data: no real LLM was asked; the numbers say nothing about any.")
    if any(not math.isnan(line.metrics["cost"].value) for line in lines):
        usd = lines[0].unit == USD
        told = (
            "$/1k: mean cost of 1,000 calls, in USD." if usd else f"cost: {lines[0].unit}, a call."
        )
        notes.append(told)
    if any(not math.isnan(line.metrics["aiq"].value) for line in lines):
        notes += TRADE_OFF_NOTES
    return [*notes, *(f"Note: {note}." for note in _merged(results.notes))]


def _defined(line: Line) -> frozenset[str]:
    """The metrics that the line has a number for."""
    return frozenset(m for m, found in line.metrics.items() if not math.isnan(found.value))


def _merged(notes: Sequence[str]) -> list[str]:
    """Notes that say the same of several benchmarks, said once."""
    subjects: dict[str, list[str]] = {}
    for note in notes:
        subject, _, what = note.rpartition(": ")
        subjects.setdefault(what, []).append(subject)
    return [f"{_listed(names)}: {what}".removeprefix(": ") for what, names in subjects.items()]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _simulated(results: Results) -> bool:
    return any(cell.simulated for cell in results.cells)


def _symbol(name: str, unit: str = USD) -> str:
    return "$/1k" if name == "cost" and unit == USD else METRICS[name].symbol


def _latex_symbol(name: str, unit: str = USD) -> str:
    return r"\mathrm{USD/1k}" if name == "cost" and unit == USD else METRICS[name].latex


def _mu(line: Line | None, best: str, styled: bool) -> str:
    if line is None:
        return "–"
    text = f"{line.metrics['mu'].value:.3f}"
    if line.router == best:
        return _marked(text, styled)
    return text if styled else f"{text} "


def _rich(line: Line, name: str, block: Block, styled: bool) -> str:
    text = _short(line, name)
    if _is_best(line, name, block):
        return _marked(text, styled)
    text = text if styled else f"{text} "
    return f"[dim]{text}[/]" if line.control else text


def _marked(text: str, styled: bool) -> str:
    """Bold where there are styles, else a star."""
    return f"[bold green]{text}[/]" if styled else f"{text}*"


def _rich_name(line: Line) -> str:
    from rich.markup import escape

    return f"[dim]{escape(_plain_name(line))}[/]" if line.control else escape(_plain_name(line))


def _plain_name(line: Line) -> str:
    return f"{line.router} {_DAGGER}" if line.control else line.router


def _short(line: Line, name: str) -> str:
    value, low, high = line.metrics[name]
    if math.isnan(value):
        return "–"
    scale = _PER if name == "cost" and line.unit == USD else 1
    half = f"{(high - low) / 2 * scale:.3f}"
    mark = _UNSURE if name in line.doubtful else ""
    return f"{value * scale:.3f} ±{half.removeprefix('0')}{mark}"


def _latex_number(line: Line, name: str) -> str:
    value, _, half = _short(line, name).partition(" ±")
    return rf"{value}\,{{\scriptsize$\pm${half}}}" if half else value


def _bold(text: str, best: bool, form: str) -> str:
    return form.format(text) if best else text


def _tex(text: str) -> str:
    special = {
        **{c: f"\\{c}" for c in "_%&#$"},
        **{"{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{"\\": r"\textbackslash{}", "†": r"$\dagger$", "μ": r"$\mu$", "±": r"$\pm$"},
        "·": r"$\cdot$",
    }
    return "".join(special.get(c, c) for c in text)


def _box() -> Box:
    from rich import box

    return box.SIMPLE_HEAD
