"""How sources were imported, as commands print it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from routereval.cli.messages import is_verbose, say

if TYPE_CHECKING:
    from routereval.records import Records

_MOST_LISTED = 4
_SEVERAL = 2


def print_imports(sources: Sequence[str]) -> None:
    """Import what of some sources is not records yet, and print to stderr how it was read."""
    from routereval.cli.progress import progress_bar
    from routereval.sources import is_raw, open_source

    for source in filter(is_raw, sources):
        with progress_bar():
            opened = open_source(source)
        say(report_text(opened, most=None if is_verbose() else _MOST_LISTED).rstrip())


def report_text(found: Sequence[Records], *, most: int | None = _MOST_LISTED) -> str:
    """The import reports of records, each line after the benchmark's name; empty if there are none.

    What all benchmarks say stands once. Warnings are all there; of many benchmarks only the other
    facts of the first few are.

    Args:
        found: records, imported or not.
        most: of how many benchmarks the facts are; None for all.
    """
    from routereval.records import ImportReport
    from routereval.report.cells import visible

    reports = [
        (records.name, [f"format: {report.format}", *report.facts], list(report.warnings))
        for records in found
        if (report := ImportReport.of(records.meta)) is not None
    ]
    same = _of_all([facts for _, facts, _ in reports])
    warned = _of_all([warnings for _, _, warnings in reports])
    lines = [f"all {len(reports)}: {line}" for line in same]
    lines += [f"all {len(reports)}: warning: {line}" for line in warned]
    for at, (name, facts, warnings) in enumerate(reports):
        if most is None or at < most:
            lines += [f"{name}: {line}" for line in facts if line not in same]
        lines += [f"{name}: warning: {line}" for line in warnings if line not in warned]
    left = 0 if most is None else len(reports) - most
    if left > 0:
        lines.append(f"How {left} more were read is in their manifest.json.")
    return "".join(f"{visible(line)}\n" for line in lines)


def _of_all(reports: Sequence[Sequence[str]]) -> list[str]:
    """The lines of the first of several reports that all the others have, too."""
    if len(reports) < _SEVERAL:
        return []
    return [line for line in reports[0] if all(line in other for other in reports[1:])]
