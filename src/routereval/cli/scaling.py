"""``routereval scaling``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from routereval.studies.scaling import ScalingResults

_ORDERS = ("random", "strong-to-weak", "weak-to-strong", "spread", "greedy", "greedy-cost")
_LEFT = {"benchmark"}


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--order",
    type=click.Choice(_ORDERS),
    default="random",
    show_default=True,
    help="How LLMs join the pool; random is the exact expectation over all pools.",
)
@click.option(
    "--reference",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="The score to pass, where the records name none.",
)
@click.option(
    "--below",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Weak LLMs score less than this.  [default: the reference]",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write figures (PNG and SVG) and all numbers (Parquet).",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the summary is printed.",
)
def scaling(
    sources: tuple[str, ...], out: Path | None, format_name: str, **options: object
) -> None:
    """Show how the best reachable score grows with the number of LLMs to choose from."""
    from routereval.cli.progress import progress_bar
    from routereval.studies.scaling import scaling as study

    with progress_bar() as progress:
        results = study(sources, progress=progress, **options)  # type: ignore[arg-type]
    _show(results, format_name)
    if out:
        from routereval.report.figures import save_scaling

        for path in save_scaling(results, out):
            click.echo(str(path), err=True)


def _show(results: ScalingResults, format_name: str) -> None:
    summary = results.summary()
    if format_name == "csv":
        click.echo(summary.write_csv(), nl=False)
    elif format_name == "json":
        import json

        held = {"notes": results.notes, "lines": summary.to_dicts()}
        click.echo(json.dumps(held, indent=1, ensure_ascii=False))
    else:
        from rich.console import Console

        console = Console()
        console.width = console.width if console.is_terminal else 160
        console.print(_table(summary.to_dicts()))
        for note in _footnotes(results):
            console.print(note, style="dim", highlight=False)


def _table(lines: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    rows = [_cells(line) for line in lines]
    for name in rows[0]:
        table.add_column(name, justify="left" if name in _LEFT else "right", no_wrap=True)
    for line, row in zip(lines, rows, strict=True):
        table.add_row(*row.values(), style="bold" if line["benchmark"] == "mean" else "")
    return table


def _cells(line: dict[str, Any]) -> dict[str, str]:
    return {
        "benchmark": line["benchmark"],
        "prompts": f"{line['prompts']:,}",
        "LLMs": f"{line['models']:,}",
        "best": f"{line['best_single']:.3f}",
        "m = 1": f"{line['mean']:.3f}",
        **{f"m = {m}": _interval(line, f"oracle_{m}") for m in (3, 5, 10, 100)},
        "all": _interval(line, "oracle_all"),
        "90 %": f"{line['m90']:,}",
        "99 %": f"{line['m99']:,}",
        "ref.": _number(line["reference"]),
        "passed": _count(line, "passes_at", line["reference"]),
        "half": _count(line, "half_passes_at", line["reference"]),
        "weak": _count(line, "weak_pool", line["weak_below"]),
    }


def _interval(line: dict[str, Any], name: str) -> str:
    value, low, high = (line[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "–"
    half = f" ±{(high - low) / 2:.3f}".replace("±0", "±") if low is not None else ""
    return f"{value:.3f}{half}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _count(line: dict[str, Any], name: str, target: float | None) -> str:
    if target is None:
        return "–"
    return "never" if line[name] is None else f"{line[name]:,}"


def _footnotes(results: ScalingResults) -> list[str]:
    order = results.curves[0].order
    pools = "random pools, expected" if order == "random" else f"LLMs join in the order {order}"
    notes = [
        f"m = …: score of the oracle with m LLMs ({pools}); ± is half the width of its 95 % "
        "bootstrap interval over prompts; all: with every LLM.",
        "90 %, 99 %: LLMs that bring so much of the headroom from one LLM to all of them. "
        "best: the best single LLM.",
    ]
    if any(curve.reference is not None for curve in results.curves):
        notes.append(
            "passed: LLMs with which the oracle passes the reference; half: r_o(0.5). weak: LLMs, "
            "each below it, that pass it together (greedy)."
        )
    if results.simulated:
        notes.append("Simulated data: no real LLM was asked; the numbers say nothing about any.")
    return [*notes, *(f"Note: {note}." for note in results.notes)]
