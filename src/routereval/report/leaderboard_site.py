"""A leaderboard as a static site: one page, and its numbers for other programs."""

from __future__ import annotations

from pathlib import Path

from routereval.errors import DataError
from routereval.report.data import to_csv, to_json
from routereval.report.html import to_page
from routereval.report.table import Document
from routereval.studies.leaderboard import Board
from routereval.studies.referee import Judgement
from routereval.whole_folders import whole_folder

PAGE = "index.html"


def build_site(found: Board, judgement: Judgement | None, out: str | Path) -> Path:
    """Write a verified board as a site that needs no network and no server.

    Args:
        found: what `verify` returned.
        judgement: the submissions beside every constant, of `judged`; None on a private board.
        out: the folder, which appears whole; one of an earlier build is replaced.

    Returns:
        The page, ``index.html``, with ``leaderboard.csv`` and ``leaderboard.json`` beside it.

    Raises:
        DataError: if the folder holds anything but a site.
    """
    path = Path(out)
    if path.exists() and not (path / PAGE).is_file() and any(path.iterdir()):
        raise DataError(f"{path} holds more than a site; choose another folder")
    board: Document = found.document()
    documents = [board, *([] if judgement is None else [judgement.document()])]
    with whole_folder(path, overwrite=True) as part:
        (part / PAGE).write_text(to_page(found.name, documents), encoding="utf-8")
        (part / "leaderboard.csv").write_text(to_csv(board), encoding="utf-8")
        (part / "leaderboard.json").write_text(to_json(board), encoding="utf-8")
    return path / PAGE
