"""The tables and figures of a paper, written to a folder, each with the command that makes it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from routereval._version import __version__
from routereval.errors import DataError
from routereval.report.curve_figure import curve_displays, more_displays
from routereval.report.data import to_csv
from routereval.report.display import Display
from routereval.report.layouts.ablation import ablation_tables
from routereval.report.layouts.compare import standings_document, verdict_document
from routereval.report.layouts.curves import trade_off_document
from routereval.report.layouts.learning import learning_tables
from routereval.report.layouts.paper import scores_document
from routereval.report.layouts.run import means_document
from routereval.report.learning_figure import learning_display
from routereval.report.markup import latex_paper_table, to_latex, to_markdown
from routereval.report.table import Column, Document, Row, Table
from routereval.results.ablation import ablations
from routereval.results.command import run_command
from routereval.results.comparison import compare
from routereval.results.folder import ResultsFolder
from routereval.results.learning_curves import learning_curves
from routereval.results.results import Results
from routereval.results.standings import standings
from routereval.studies.paper import Paper, Piece
from routereval.whole_files import write_whole

MADE = "made.json"
INDEX = "FILES.md"
_FORMATS = ("pdf", "png")


class MadeFile(NamedTuple):
    """One file of a paper.

    Attributes:
        path: relative to the folder of the paper.
        what: the kind of table or figure.
        command: what makes it again.
    """

    path: str
    what: str
    command: str


def write_paper(
    paper: Paper, results: Mapping[str, Results], only: Sequence[str] = ()
) -> list[MadeFile]:
    """Write the tables and figures of a paper; those of unchanged results are there already.

    Args:
        paper: the paper.
        results: of its protocols, from `paper_results`; those of what is in `only` will do.
        only: names of the tables and figures to write; all if empty.

    Returns:
        The files, in the order of the paper.

    Raises:
        DataError: if the results have nothing for a table or figure that the paper names.
        SpecError: if there is no table or figure of a name.
    """
    paper.check_names(only)
    shown = {protocol: _Shown(held) for protocol, held in results.items()}
    before = _made_before(paper)
    after: dict[str, dict[str, Any]] = {}
    for place, piece in enumerate(paper.pieces):
        kept = before.get(piece.name)
        whole = kept is not None and all((paper.out / path).is_file() for path in kept["files"])
        if only and piece.name not in only:
            after |= {piece.name: kept} if kept is not None and whole else {}
            continue
        key = _key(paper, piece, results[piece.protocol])
        if kept is None or not whole or kept["of"] != key:
            figure = place >= len(paper.tables)
            files = _written(paper, piece, shown[piece.protocol], figure=figure)
            kept = {"of": key, "files": files, "kind": piece.kind}
        after[piece.name] = kept
    write_whole(paper.out / MADE, json.dumps(after, indent=1, ensure_ascii=False))
    found = _files(paper, after)
    (paper.out / INDEX).write_text(_index(paper, found), encoding="utf-8")
    return found


def make_command(paper: Paper, name: str = "") -> str:
    """The command that makes a paper, or one table or figure of it."""
    more = ["--make", name] if name else []
    return shlex.join(["routereval", "run", str(paper.file), "-o", str(paper.out), *more])


def _written(paper: Paper, piece: Piece, shown: _Shown, *, figure: bool) -> list[str]:
    """The files of a table or figure, by their paths in the folder; none if nothing was asked."""
    try:
        if figure:
            return _figure_files(paper, piece, shown)
        return _table_files(paper, piece, _DOCUMENTS[piece.kind](shown.results, piece))
    except DataError as error:
        if not piece.asked:
            return []
        raise DataError(f"{paper.file}: {piece.name}: {error}") from None


# Tables


def _table_files(paper: Paper, piece: Piece, document: Document) -> list[str]:
    folder = paper.out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"tex": _latex(paper, piece, document), "csv": to_csv(document)}
    if document.parts:
        texts["md"] = to_markdown(document)
    for kind, text in texts.items():
        (folder / f"{piece.name}.{kind}").write_text(text, encoding="utf-8")
    return [f"tables/{piece.name}.{kind}" for kind in texts]


def _latex(paper: Paper, piece: Piece, document: Document) -> str:
    """The tables alone, without sentences around them, each with a label."""
    caption = piece.options.get("caption")
    tables: Sequence[Table] = document.tables
    papers = document.paper
    if caption is not None:
        title = str(caption).rstrip(".")
        tables = [replace(table, title=title) for table in tables]
        papers = [replace(table, title=title) for table in papers]
    if papers:
        texts = [latex_paper_table(table) for table in papers]
    else:
        alone = [replace(document, parts=[table], paper=()) for table in tables]
        texts = [to_latex(one).rstrip("\n") for one in alone]
    labelled = [
        text.replace(
            r"\end{table", rf"\label{{tab:{piece.name}{_behind(place)}}}" + "\n\\end{table"
        )
        for place, text in enumerate(texts, 1)
    ]
    head = f"% {make_command(paper, piece.name)}\n% needs \\usepackage{{booktabs}}"
    return "\n\n".join([head, *labelled]) + "\n"


def _behind(place: int) -> str:
    return "" if place == 1 else f"-{place}"


def _of_tables(tables: Sequence[Table], why: str) -> Document:
    if not tables:
        raise DataError(why)
    if len(tables) == 1:
        return Document(tables, tables[0])
    rows = [
        Row((table.title, str(column.name), row.cells[0], cell))
        for table in tables
        for row in table.rows
        for column, cell in list(zip(table.columns, row.cells, strict=True))[1:]
    ]
    return Document(
        tables, Table("", [Column(n) for n in ("table", "column", "row", "value")], rows)
    )


def _benchmarks(results: Results, piece: Piece) -> Document:
    options = {k: v for k, v in piece.options.items() if k in {"against", "metrics", "abreast"}}
    return scores_document(results, **options)


def _standings(results: Results, piece: Piece) -> Document:
    return standings_document(standings(results, piece.options.get("against", "best_single")))


def _comparison(results: Results, piece: Piece) -> Document:
    a, b = str(piece.options["a"]), str(piece.options["b"])
    return _with_data(verdict_document(compare(results, a, b, margin=piece.options.get("margin"))))


def _with_data(document: Document) -> Document:
    """A document with its long table, where it has no other."""
    if document.tables:
        return document
    return replace(document, parts=[*document.parts, document.data])


def _ablation(results: Results, piece: Piece) -> Document:
    why = "no two routers differ in a parameter; give a grid, such as knn(k=[5, 20])"
    return _of_tables(ablation_tables(ablations(results)), why)


def _learning(results: Results, piece: Piece) -> Document:
    why = "one number of labelled prompts was run; give several, as few_shot(n=[10, 100])"
    return _of_tables(learning_tables(learning_curves(results)), why)


_DOCUMENTS: Mapping[str, Callable[[Results, Piece], Document]] = {
    "means": lambda results, _: means_document(results),
    "benchmarks": _benchmarks,
    "standings": _standings,
    "comparison": _comparison,
    "ablation": _ablation,
    "learning": _learning,
    "costs": lambda results, _: trade_off_document(results),
}


# Figures


def _figure_files(paper: Paper, piece: Piece, shown: _Shown) -> list[str]:
    displays = shown.displays(piece.kind)
    if not displays:
        raise DataError(f"the results have nothing for a figure of kind {piece.kind}")
    folder = paper.out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    formats = piece.options.get("formats", _FORMATS)
    paths = []
    for name, display in displays.items():
        stem = piece.name if len(displays) == 1 else f"{piece.name}-{name}"
        paths += display.save(folder / stem, formats)
    return [f"figures/{path.name}" for path in paths]


class _Shown:
    """The results of a protocol, with figures that are drawn of them together."""

    def __init__(self, results: Results) -> None:
        self.results = results

    def displays(self, kind: str) -> dict[str, Display]:
        """The figures of a kind, by what tells them apart."""
        if kind == "learning":
            one = learning_display(self.results)
            return {} if one is None else {kind: one}
        every = curve_displays(self.results) if kind == "curves" else self._more
        return {
            name.removeprefix(f"{kind}-"): display
            for name, display in every.items()
            if name.startswith(kind)
        }

    @cached_property
    def _more(self) -> Mapping[str, Display]:
        return more_displays(self.results)


# What was made


def _key(paper: Paper, piece: Piece, results: Results) -> str:
    """What decides the files of a table or figure."""
    cells = [cell.to_json() for cell in results.cells]
    asked = [paper.title, str(paper.file), *map(str, piece)]
    return hashlib.sha256(json.dumps([__version__, asked, cells]).encode()).hexdigest()[:24]


def _made_before(paper: Paper) -> dict[str, dict[str, Any]]:
    with suppress(OSError, ValueError):
        held = json.loads((paper.out / MADE).read_text(encoding="utf-8"))
        if isinstance(held, dict):
            return held
    return {}


def _files(paper: Paper, made: Mapping[str, Mapping[str, Any]]) -> list[MadeFile]:
    return [
        MadeFile(str(path), str(one["kind"]), make_command(paper, name))
        for name, one in made.items()
        for path in one["files"]
    ]


def _index(paper: Paper, files: Sequence[MadeFile]) -> str:
    """``FILES.md``: every file with the command that makes it, and those of the results."""
    lines = [f"# {paper.title or paper.file.name}", "", f"All of it: `{make_command(paper)}`", ""]
    lines += ["| file | kind | command |", "|---|---|---|"]
    lines += [f"| [{one.path}]({one.path}) | {one.what} | `{one.command}` |" for one in files]
    lines += ["", "The results, as one command each:", ""]
    for protocol in paper.protocols:
        with suppress(DataError):  # which was not run yet
            folder = paper.folder(protocol)
            held = Results([], {}, info=ResultsFolder(folder).info())
            lines += ["```", run_command(held, str(folder)), "```", ""]
    return "\n".join(lines)
