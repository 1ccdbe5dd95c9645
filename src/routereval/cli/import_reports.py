"""How sources were imported, as commands print it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routereval.records import Records

_MOST_LISTED = 4


def print_imports(sources: Sequence[str]) -> None:
    """Import what of some sources is not records yet, and print to stderr how it was read."""
    import click

    from routereval.sources import is_raw, open_source

    for source in filter(is_raw, sources):
        click.echo(report_text(open_source(source)), nl=False, err=True)


def report_text(found: Sequence[Records], *, warnings_only: bool = False) -> str:
    """The import reports of records, each line after the benchmark's name; empty if there are none.

    Warnings are all there; of many benchmarks only the facts of the first few are.

    Args:
        found: records, imported or not.
        warnings_only: leave out the facts.
    """
    from routereval.records import ImportReport
    from routereval.report.cells import visible

    lines: list[str] = []
    reports = [(r.name, report) for r in found if (report := ImportReport.of(r.meta)) is not None]
    for at, (name, report) in enumerate(reports):
        if not warnings_only and at < _MOST_LISTED:
            lines += [f"{name}: {line}" for line in (f"format: {report.format}", *report.facts)]
        lines += [f"{name}: warning: {line}" for line in report.warnings]
    left = len(reports) - _MOST_LISTED
    if left > 0 and not warnings_only:
        lines.append(f"How {left} more were read is in their manifest.json.")
    return "".join(f"{visible(line)}\n" for line in lines)
