"""Traces of calls, as LangSmith's and Braintrust's exports hold them: a row per span.

The spans of a trace have an identifier in common; the scores stand with one of them, mostly its
root, and the model with that one or with the calls below it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from routereval.importers.rows import BadRows
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import Call, drafts_of_calls, first_text, json_in
from routereval.importers.table_files import rows_of
from routereval.records.draft import Draft


class Span(NamedTuple):
    """A span, with the file and the line or number of the row that it stands in."""

    file: Path
    line: int
    row: dict[str, Any]


def drafts_of_traces(
    path: Path,
    files: Iterable[Path],
    spans: Callable[[dict[str, Any]], Iterable[dict[str, Any]]],
    trace_of: Callable[[dict[str, Any]], str],
    calls: Callable[[Sequence[Span]], Iterator[Call]],
    *,
    score: str | None,
    rescale: Rescale,
    unscored: str,
) -> Iterator[Draft]:
    """One draft per benchmark, as `drafts_of_calls` makes it of the calls of each trace.

    Args:
        path: what is imported.
        files: those of its files that are of the format.
        spans: the spans of a row.
        trace_of: what the spans of a trace have in common; empty for one that stands alone.
        calls: the scored calls of a trace.
        score: as in `drafts_of_calls`.
        rescale: likewise.
        unscored: likewise.

    Raises:
        DataError: if there is no score, several and none chosen, or rows cannot be read.
    """
    bad = BadRows()
    traces: dict[tuple[Path, str], list[Span]] = defaultdict(list)
    for file in files:
        for line, row in rows_of(file, bad):
            for number, span in enumerate(spans(dict(row))):
                name = trace_of(span) or f"{line}.{number}"
                traces[file, name].append(Span(file, line, span))
    found = [call for trace in traces.values() for call in calls(trace)]
    yield from drafts_of_calls(path, found, bad, score=score, rescale=rescale, unscored=unscored)


def with_objects(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A row whose cells of these names are objects, also where CSV holds them as JSON.

    >>> with_objects({"scores": '{"ok": 1}', "input": "Hi"}, ["scores"])
    {'scores': {'ok': 1}, 'input': 'Hi'}
    """
    return {name: json_in(cell) if name in names else cell for name, cell in row.items()}


def model_of(own: str, others: Iterable[str], experiment: str) -> str:
    """The model that a scored span is of; empty if spans name several.

    Args:
        own: the model that it names itself.
        others: those that other spans of its trace name.
        experiment: what was tried, where no span names a model.

    >>> model_of("", ["o3", "o3"], "baseline"), model_of("", ["o3", "o4"], "baseline")
    ('o3', '')
    """
    models = {name for name in others if name}
    if own or len(models) > 1:
        return own
    return first_text(*models, experiment)
