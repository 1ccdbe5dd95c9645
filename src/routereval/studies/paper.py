"""The evaluation section of a paper as one TOML file: what it runs, and which tables it has."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from routereval.errors import DataError, SpecError, unknown
from routereval.results.results import Results
from routereval.routers import lineup
from routereval.studies.progress import Progress
from routereval.studies.run import run
from routereval.tasks import Split

RUN_KEYS = (
    *("sources", "only", "models", "without", "pools", "sizes", "groups", "seeds", "protocols"),
    *("embedder", "costs", "prices", "n_boot"),
)
"""What ``[run]`` may say; but for ``protocols``, as `run` names its arguments."""

TABLES = ("means", "benchmarks", "standings", "comparison", "ablation", "learning", "costs")
FIGURES = ("curves", "differences", "shares", "savings", "models", "learning")
FORMATS = ("pdf", "png", "svg")

_USUAL = "as usual"
_NAME = re.compile(r"[\w.-]+")
_OF_TABLE = ("name", "kind", "protocol", "caption")
_OF_KIND = {
    "benchmarks": ("against", "metrics", "abreast"),
    "standings": ("against",),
    "comparison": ("a", "b", "margin"),
}
_OF_FIGURE = ("name", "kind", "protocol", "formats")


class Piece(NamedTuple):
    """One table or figure of a paper.

    Attributes:
        name: of its files.
        kind: one of `TABLES` or `FIGURES`.
        protocol: whose results it shows.
        options: what else the file says of it.
        asked: whether the file names it; else it is left out where there is nothing to show.
    """

    name: str
    kind: str
    protocol: str
    options: Mapping[str, Any]
    asked: bool = True


@dataclass(frozen=True)
class Paper:
    """What a file says.

    Attributes:
        file: the file.
        title: of the paper, or empty.
        out: the folder for everything that is made.
        options: of every run, as `run` names its arguments.
        routers: by what tables call them, or a list.
        protocols: a run each; ``as usual`` for the one that `run` takes by itself.
        tables: in the order of the file.
        figures: likewise.
    """

    file: Path
    title: str
    out: Path
    options: Mapping[str, Any]
    routers: Mapping[str, str] | Sequence[str] | None
    protocols: tuple[str, ...]
    tables: tuple[Piece, ...]
    figures: tuple[Piece, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The tables, then the figures."""
        return (*self.tables, *self.figures)

    def check_names(self, names: Sequence[str]) -> None:
        """See that there is a table or figure of each name.

        Raises:
            SpecError: if there is not.
        """
        known = [piece.name for piece in self.pieces]
        for name in names:
            if name not in known:
                raise unknown("table or figure of this paper", name, known)

    def folder(self, protocol: str) -> Path:
        """Where the results of a protocol are kept."""
        if protocol == _USUAL:
            return self.out / "results"
        return self.out / "results" / _file_name(protocol)


def read_paper(path: str | Path, out: str | Path | None = None) -> Paper:
    """Read the file of a paper; a source that lies beside it is found there.

    Args:
        path: a TOML file.
        out: the folder for what is made, if it is not the one that the file names.

    Raises:
        DataError: if there is no such file, or it is no TOML.
        SpecError: if it says what is not known, or not what is needed.
    """
    file = Path(path)
    held = _parsed(file)
    _refuse_unknown(held, ("title", "out", "run", "routers", "tables", "figures"), "a paper's file")
    options = _table(held, "run")
    _refuse_unknown(options, RUN_KEYS, "[run]")
    sources = _listed(options.get("sources"), "sources")
    if not sources:
        raise SpecError(f'{file}: [run] names no sources; write sources = ["demo"], or your own')
    protocols = tuple(_listed(options.pop("protocols", None), "protocols")) or (_USUAL,)
    for protocol in protocols:
        if protocol != _USUAL:
            Split.parse_all(protocol)
    routers = held.get("routers")
    if routers is not None:
        lineup(routers)  # an unknown one is refused before any work
    options["sources"] = [_beside(file, source) for source in sources]
    if "prices" in options:
        options["prices"] = _beside(file, str(options["prices"]))
    tables = _pieces(held, "tables", protocols)
    figures = _pieces(held, "figures", protocols)
    _refuse_twice([*tables, *figures])
    home = Path(out) if out is not None else file.parent / str(held.get("out", file.stem))
    title = str(held.get("title", ""))
    return Paper(file, title, home, options, routers, protocols, tables, figures)


def paper_results(
    paper: Paper,
    only: Sequence[str] = (),
    *,
    n_jobs: int = -1,
    progress: Progress | None = None,
) -> dict[str, Results]:
    """Run what a paper rests on; what was stopped goes on, what is finished is not run again.

    Args:
        paper: the paper.
        only: names of tables and figures: the protocols of others are not run; all if empty.
        n_jobs: processes; -1 for one per core.
        progress: called as the runs proceed.

    Returns:
        The results of each protocol that was run.

    Raises:
        DataError: if nothing at all could be run.
        SpecError: if there is no table or figure of a name, or an option is not what `run` takes.
    """
    paper.check_names(only)
    shown = {piece.protocol for piece in paper.pieces if piece.name in only}
    options = dict(paper.options)
    sources = options.pop("sources")
    named = inspect.signature(run).parameters
    given = {key: value for key, value in options.items() if key in named}
    return {
        protocol: run(
            sources,
            paper.routers,
            protocol=None if protocol == _USUAL else protocol,
            out=paper.folder(protocol),
            n_jobs=n_jobs,
            progress=progress,
            **given,
        )
        for protocol in paper.protocols
        if not only or protocol in shown
    }


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{file} is no TOML: {error}") from None


def _refuse_unknown(held: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in held:
        if key not in known:
            raise unknown(f"key of {where}", key, known)


def _table(held: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = held.get(name, {})
    if not isinstance(found, dict):
        raise SpecError(f"[{name}] is a table; write its keys beneath a line [{name}]")
    return dict(found)


def _listed(value: Any, name: str) -> list[str]:  # noqa: ANN401 - what a file holds
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise SpecError(f"{name} is a list of texts, not {value!r}")
    return values


def _beside(file: Path, source: str) -> str:
    """A source that lies beside the file, found from anywhere; another as it is."""
    here = file.parent / source
    return str(here) if here.exists() else source


def _pieces(held: Mapping[str, Any], what: str, protocols: Sequence[str]) -> tuple[Piece, ...]:
    """The tables or figures that the file names; all kinds of both if it names neither."""
    kinds = TABLES if what == "tables" else FIGURES
    if "tables" not in held and "figures" not in held:
        usual = [kind for kind in kinds if kind != "comparison"]
        return tuple(_usual(kind, protocol, protocols) for protocol in protocols for kind in usual)
    named = held.get(what, [])
    if not isinstance(named, list) or not all(isinstance(one, dict) for one in named):
        raise SpecError(f"write each of the {what} beneath a line [[{what}]]")
    return tuple(_piece(one, what, kinds, protocols) for one in named)


def _usual(kind: str, protocol: str, protocols: Sequence[str]) -> Piece:
    behind = f"-{_file_name(protocol)}" if len(protocols) > 1 else ""
    return Piece(f"{kind}{behind}", kind, protocol, {}, asked=False)


def _file_name(protocol: str) -> str:
    return re.sub(r"[^\w.-]+", "-", protocol).strip("-")


def _piece(
    held: Mapping[str, Any], what: str, kinds: Sequence[str], protocols: Sequence[str]
) -> Piece:
    kind = str(held.get("kind", ""))
    if kind not in kinds:
        raise unknown(f"kind of [[{what}]]", kind, kinds)
    known = _OF_FIGURE if what == "figures" else (*_OF_TABLE, *_OF_KIND.get(kind, ()))
    _refuse_unknown(held, known, f"[[{what}]] of kind {kind}")
    name, protocol = str(held.get("name", kind)), str(held.get("protocol", protocols[0]))
    if not _NAME.fullmatch(name):
        raise SpecError(f"{name!r} is no name for a file; take letters, digits, dots and hyphens")
    if protocol not in protocols:
        raise unknown("protocol of this paper", protocol, protocols)
    for one in _listed(held.get("formats"), "formats"):
        if one not in FORMATS:
            raise unknown("figure format", one, FORMATS)
    if kind == "comparison" and not {"a", "b"} <= set(held):
        raise SpecError(f"[[tables]] {name}: a comparison is of two routers; name a and b")
    options = {key: held[key] for key in held if key not in {"name", "kind", "protocol"}}
    return Piece(name, kind, protocol, options)


def _refuse_twice(pieces: Sequence[Piece]) -> None:
    asked = [piece.name for piece in pieces if piece.asked]
    twice = [name for name in asked if asked.count(name) > 1]
    if twice:
        raise SpecError(f"two tables or figures are named {twice[0]!r}; give one another name")
