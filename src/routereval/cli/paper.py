"""What ``routereval run`` does with the file of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routereval.report import Document

_TAKEN = {"sources", "out", "jobs", "make", "format_name", "quiet", "verbose"}


def is_paper(sources: Sequence[str]) -> bool:
    """Whether what is to be run is the file of a paper."""
    return any(source.endswith(".toml") for source in sources)


def made_paper(file: str, out: Path | None, jobs: int, make: Sequence[str]) -> Document:
    """Make a paper's results, tables and figures; the files, with the command of each.

    Args:
        file: the paper's.
        out: the folder for them, if it is not the one that the file names.
        jobs: processes.
        make: names of the tables and figures to make; all if empty.

    Raises:
        click.UsageError: if another option was given.
    """
    from routereval.cli.progress import progress_bar
    from routereval.report import Column, Document, Row, Table
    from routereval.report.paper_folder import write_paper
    from routereval.studies.paper import paper_results, read_paper

    _refuse_options(click.get_current_context(), file)
    paper = read_paper(file, out)
    with progress_bar() as progress:
        results = paper_results(paper, make, n_jobs=jobs, progress=progress)
    made = write_paper(paper, results, make)
    columns = [Column("file", "text"), Column("kind", "text"), Column("command", "text")]
    table = Table(str(paper.out), columns, [Row(tuple(one)) for one in made])
    return Document([table], table)


def _refuse_options(context: click.Context, file: str) -> None:
    """What is run stands in the file; an option beside it would be in no command of FILES.md."""
    if len(context.params["sources"]) > 1:
        raise click.UsageError(f"{file} names its sources; give it alone")
    for name in context.params:
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and name not in _TAKEN:
            raise click.UsageError(f"{name} stands in {file}; write it there")
