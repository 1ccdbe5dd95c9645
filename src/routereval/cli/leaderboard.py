"""``routereval leaderboard``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from routereval.cli.group import CommandGroup
from routereval.cli.messages import next_command
from routereval.cli.options import names, out_option, train_option
from routereval.cli.output import format_option, show

_BOARD = click.argument("board", type=click.Path(path_type=Path))
_SOURCE = click.argument("source")
_SALT = click.option(
    "--salt", default="", envvar="ROUTEREVAL_SALT", help="Of a private board; keep it secret."
)
_REVEAL = click.option("--reveal", is_flag=True, help="Show a private board's scores as they are.")


@click.group(cls=CommandGroup)
def leaderboard() -> None:
    """Keep a leaderboard of routers that anybody can verify.

    BOARD is the folder, SOURCE the records that it is about, which the folder does not hold.
    """


@leaderboard.command()
@_BOARD
@_SOURCE
@click.option("--name", default="", help="What tables call it.  [default: the records' name]")
@_SALT
@click.option("--step", type=click.FloatRange(0, 1, min_open=True), help="Of a private ladder.")
def init(board: Path, source: str, *, name: str, salt: str, step: float | None) -> None:
    """Begin a board. With --salt it is private: it holds a hash, and scores climb a ladder."""
    from routereval.studies.leaderboard import init as begin

    click.echo(f"{begin(board, source, name=name, salt=salt, step=step)}")
    next_command("leaderboard", "add", board, source, "NAME", "FILE")


@leaderboard.command()
@_BOARD
@_SOURCE
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--hash", "sha256", default="", help="Instead of FILE: its sha256, as a promise.")
@click.option("--author", default="", help="Whose it is.")
@click.option("--pool", callback=names, metavar="NAME,…", help="The models it might choose from.")
@click.option("--constant", is_flag=True, help="It always chooses one model.")
@click.option("--calls-models", is_flag=True, help="It calls models in order to route.")
@train_option
@click.option("--supersedes", default="", metavar="NAME", help="Its last version on this board.")
@_SALT
def add(
    board: Path,
    source: str,
    name: str,
    file: Path | None,
    *,
    sha256: str,
    salt: str,
    train: str | None,
    pool: tuple[str, ...],
    **declared: Any,  # noqa: ANN401 - of click
) -> None:
    """Add FILE as NAME: choices, predicted scores, or the folder of a saved router."""
    from routereval.sources import open_source
    from routereval.studies.leaderboard import add as added
    from routereval.studies.submission_folder import Declared

    held = [] if train is None else open_source(train)
    texts = tuple(text for one in held for text in one.prompts["text"].to_list() if text)
    declaration = Declared(pool=pool, train=texts, **declared)
    entry = added(board, source, name, file, declaration, sha256=sha256, salt=salt)
    what = "its hash is noted" if entry.kind == "hash" else f"score {entry.score:.4f}"
    click.echo(f"{name}: {what}")
    next_command("leaderboard", "verify", board, source)


@leaderboard.command()
@_BOARD
@_SOURCE
@_SALT
@_REVEAL
@format_option
def verify(board: Path, source: str, *, salt: str, reveal: bool, format_name: str) -> None:
    """Score every submission again; exit status 1 if one does not hold."""
    from routereval.cli.progress import progress_bar
    from routereval.studies.leaderboard import verify as verified

    with progress_bar("Scoring"):
        found = verified(board, source, salt=salt, reveal=reveal)
    show(found, format_name)
    next_command("leaderboard", "build", board, source)
    if found.refused:
        sys.exit(1)


@leaderboard.command()
@_BOARD
@_SOURCE
@out_option("The folder of the site.", default=Path("site"), show_default=True)
@_SALT
@_REVEAL
def build(board: Path, source: str, *, out: Path, salt: str, reveal: bool) -> None:
    """Write the board as a static site: one page, which needs no network."""
    from routereval.cli.progress import progress_bar
    from routereval.report.leaderboard_site import build_site
    from routereval.studies.leaderboard import judged
    from routereval.studies.leaderboard import verify as verified

    with progress_bar("Scoring"):
        found = verified(board, source, salt=salt, reveal=reveal)
        site = build_site(found, judged(found, source), out)
    click.echo(f"{site}")
    next_command("leaderboard", "verify", board, source)
