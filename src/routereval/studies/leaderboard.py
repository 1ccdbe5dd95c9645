"""A leaderboard as a folder of submissions, which anybody can score again offline.

A board holds no records, only their hashes: ``board.json``, and a folder for each submission with
the file that was handed in and a manifest. All paths in it are relative.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, isnan, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from routereval._version import __version__
from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.shown import Shown
from routereval.sources import open_source
from routereval.studies.integrity import Finding, findings
from routereval.studies.referee import Judgement, referee
from routereval.studies.submission import JoinedSubmission, Submission, read_submission, scored
from routereval.studies.submission_folder import (
    NAME,
    PROTOCOL,
    SCHEMA,
    Declared,
    declared_of,
    digest_of,
    figures,
    file_of,
    manifest_for,
    manifest_of,
    read_json,
    write_json,
    write_submission,
)
from routereval.tasks import mix
from routereval.whole_folders import whole_folder

BOARD, SUBMISSIONS = "board.json", "submissions"


_SAME = 1e-9


@dataclass(frozen=True)
class Entry:
    """One submission, scored again.

    Attributes:
        name: of the submission.
        author: whose it is.
        kind: ``choices``, ``predictions``, ``router``, or ``hash`` while only that was handed in.
        score: mean score over all prompts; on a private board what the ladder lets out.
        cost: USD of all choices by the records, and of the router's own calls; NaN where unknown.
        refused: why it does not count; empty if it does.
        models: (n_prompts) the models chosen, in the order of the records.
    """

    name: str
    author: str
    kind: str
    score: float
    cost: float
    refused: tuple[str, ...] = ()
    models: tuple[str | None, ...] = ()


@dataclass(frozen=True, repr=False)
class Board(Shown):
    """A leaderboard, verified.

    Attributes:
        name: of the board.
        n_prompts: how many prompts.
        step: the ladder's step on a private board; 0 on an open one.
        entries: in the order of their submission.
        prompts: (n_prompts) names of the prompts; empty on a private board.
        simulated: True if no real model was asked.
    """

    name: str
    n_prompts: int
    step: float
    entries: tuple[Entry, ...]
    prompts: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def refused(self) -> list[Entry]:
        """The submissions that do not count."""
        return [one for one in self.entries if one.refused]

    @property
    def standing(self) -> list[Entry]:
        """Those that count, the highest score first; of equals the cheapest."""
        held = [one for one in self.entries if not one.refused and one.kind != "hash"]
        return sorted(held, key=lambda one: (-one.score, isnan(one.cost), one.cost))


def init(
    board: str | Path,
    source: Records | Sequence[Records] | str | Path,
    *,
    name: str = "",
    salt: str = "",
    step: float | None = None,
) -> Path:
    """Begin a board on some records.

    Args:
        board: a folder that is not there yet.
        source: the records that submissions are scored on.
        name: of the board; that of the records if empty.
        salt: makes the board private: it then holds only the hash of the salt and the records'
            hash. Publish both with the records once the board closes, and anybody can verify it.
        step: of the ladder of a private board; half of 1 / √n_prompts if None, which no standard
            error of a score exceeds.

    Returns:
        The folder.

    Raises:
        DataError: if the folder exists.
    """
    path, stream = Path(board), _stream(source)
    if path.exists():
        raise DataError(f"{path} exists already; choose another folder")
    private = bool(salt)
    least = 0.5 / sqrt(stream.n_prompts)
    held = {
        "schema": SCHEMA,
        "name": name or stream.name,
        "protocol": PROTOCOL,
        "n_prompts": stream.n_prompts,
        "models": stream.models,
        "records": _committed(stream.hash, salt),
        "private": private,
        "step": (least if step is None else step) if private else 0.0,
        "routereval": __version__,
    }
    with whole_folder(path, overwrite=False) as part:
        (part / SUBMISSIONS).mkdir()
        write_json(part / BOARD, held)
    return path


def add(
    board: str | Path,
    source: Records | Sequence[Records] | str | Path,
    name: str,
    file: str | Path | None = None,
    declared: Declared | None = None,
    *,
    sha256: str = "",
    salt: str = "",
) -> Entry:
    """Add a submission, if nothing is wrong with it.

    Args:
        board: the folder.
        source: the records of the board.
        name: of the submission.
        file: choices (one router) or predicted scores, CSV, JSON Lines or Parquet; or the folder of
            a saved router, which then has to read texts.
        declared: what the submitter says of it.
        sha256: instead of a file its hash, before outcomes are known; the file comes later under
            the same name, and must have it.
        salt: of a private board.

    Raises:
        DataError: if it cannot be read, is there already, or is refused; the message says why.
        SpecError: if the name is none, or neither a file nor a hash is given.
    """
    path, stream, facts = _opened(board, source, salt)
    if not NAME.fullmatch(name):
        raise SpecError(f"a submission is named by letters, digits, '.', '_' and '-', not {name!r}")
    if (file is None) == (not sha256):
        raise SpecError("give a file, or the sha256 of one")
    stated = declared or Declared()
    place = path / SUBMISSIONS / name
    promised = _promised(place)
    if file is None:
        write_submission(place, None, manifest_for("hash", sha256, stated, _number(path)))
        return Entry(name, stated.author, "hash", float("nan"), float("nan"))
    kind, given = read_submission(file, stream, name)
    held, digest = _with(given, stated), digest_of(Path(file))
    reasons = [one.text for one in _findings(held, stream, path, stated)]
    if promised and promised["sha256"] != digest:
        reasons.append("it is not the file whose hash was handed in")
    if reasons:
        raise DataError(f"{name} is refused: {'; '.join(reasons)}")
    joined = JoinedSubmission.of(held, stream)
    score, cost = scored(joined)
    number = promised["number"] if promised else _number(path)
    write_submission(
        place, Path(file), manifest_for(kind, digest, stated, number) | figures(score, cost)
    )
    if facts["private"]:
        return next(one for one in verify(path, stream, salt=salt).entries if one.name == name)
    return Entry(name, stated.author, kind, score, cost, (), joined.chosen)


def verify(
    board: str | Path,
    source: Records | Sequence[Records] | str | Path,
    *,
    salt: str = "",
    reveal: bool = False,
) -> Board:
    """Score every submission of a board again, and say which do not count.

    Args:
        board: the folder.
        source: the records of the board.
        salt: of a private board.
        reveal: show the scores of a private board as they are, without the ladder.

    Raises:
        DataError: if the board cannot be read, or the records are not its own.
    """
    path, stream, facts = _opened(board, source, salt)
    manifests = [(place, manifest_of(place)) for place in sorted((path / SUBMISSIONS).iterdir())]
    manifests.sort(key=lambda one: one[1].get("number", 0))  # stable: then by name
    entries = [_verified(place, held, stream, path) for place, held in manifests]
    if facts["private"] and not reveal:
        entries = _climbed(entries, float(facts["step"]))
    return Board(
        facts["name"],
        stream.n_prompts,
        float(facts["step"]) if not reveal else 0.0,
        tuple(entries),
        () if facts["private"] and not reveal else tuple(stream.prompts["prompt_id"].to_list()),
        stream.simulated,
    )


def judged(board: Board, source: Records | Sequence[Records] | str | Path) -> Judgement | None:
    """The submissions that count beside every constant; None on a private board, or without any."""
    import polars as pl

    if not board.prompts or not board.standing:
        return None
    columns = {one.name: list(one.models) for one in board.standing}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "choices.parquet"
        pl.DataFrame({"prompt_id": list(board.prompts), **columns}).write_parquet(file)
        # each was checked by what its submitter declares, which this file does not say
        return replace(referee(file, source), findings=())


def ladder(scores: Sequence[float], step: float) -> list[float]:
    """What a private board lets out of the scores of one author, in the order of submission.

    The Ladder of Blum and Hardt (2015, arXiv 1502.04585): a score is shown, rounded to the step,
    only if it is above the best one shown by more than the step; else that one is shown again. So
    the error of the best score grows with the logarithm of the number of submissions, not with
    their number, and small changes tell nothing of the test prompts.

    >>> ladder([0.500, 0.503, 0.497, 0.541], 0.02)
    [0.5, 0.5, 0.5, 0.54]
    """
    best, shown = float("-inf"), []
    for score in scores:
        if score > best + step:
            best = round(floor(score / step + 0.5) * step, 10)
        shown.append(best)
    return shown


def _climbed(entries: Sequence[Entry], step: float) -> list[Entry]:
    """With the scores that the ladder lets out, author by author; costs are not let out."""
    found = list(entries)
    counting = [n for n, one in enumerate(entries) if not one.refused and one.kind != "hash"]
    for author in dict.fromkeys(entries[n].author for n in counting):
        own = [n for n in counting if entries[n].author == author]
        for n, score in zip(own, ladder([entries[n].score for n in own], step), strict=True):
            found[n] = replace(found[n], score=score, cost=float("nan"), models=())
    return found


def _verified(place: Path, held: Mapping[str, Any], stream: Records, board: Path) -> Entry:
    """One submission, with every reason why it does not count."""
    author, kind = str(held["declared"]["author"]), held["kind"]
    nothing = float("nan")
    if kind == "hash":
        return Entry(place.name, author, kind, nothing, nothing)
    try:
        file = file_of(place, held)
        digest = digest_of(file)
        found, given = read_submission(file, stream, place.name)
    except (DataError, OSError) as error:
        return Entry(place.name, author, kind, nothing, nothing, (str(error).splitlines()[0],))
    stated = declared_of(held)
    joined = JoinedSubmission.of(_with(given, stated), stream)
    score, cost = scored(joined)
    reasons = [] if digest == held["sha256"] else ["its file is not the one that was handed in"]
    if found != kind:
        reasons.append(f"it holds {found}, where {kind} were handed in")
    for what, now in (("score", score), ("cost", cost)):
        if not _alike(held[what], now):
            reasons.append(f"its {what} is {now:.6g}, where the manifest says {held[what]}")
    reasons += [one.text for one in _findings(joined.given, stream, board, stated)]
    return Entry(place.name, author, kind, score, cost, tuple(reasons), joined.chosen)


def _alike(noted: object, now: float) -> bool:
    if noted is None:
        return isnan(now)
    return isinstance(noted, int | float) and abs(noted - now) <= _SAME * max(1.0, abs(now))


def _findings(
    held: Submission, stream: Records, board: Path, stated: Declared
) -> tuple[Finding, ...]:
    """What the checks say, beside the last version if there is one."""
    return findings(held, stream, _previous(board, stated, stream))


def _previous(board: Path, stated: Declared, stream: Records) -> Submission | None:
    if not stated.supersedes:
        return None
    place = board / SUBMISSIONS / stated.supersedes
    if not NAME.fullmatch(stated.supersedes) or not place.is_dir():
        raise DataError(f"{stated.supersedes!r}, which it supersedes, is not on the board")
    held = manifest_of(place)
    if held["kind"] == "hash":
        return None
    return read_submission(file_of(place, held), stream, place.name)[1]


def _with(given: Submission, stated: Declared) -> Submission:
    return replace(
        given,
        pool=stated.pool,
        constant=stated.constant,
        calls_models=stated.calls_models,
        train=stated.train,
    )


def _stream(source: Records | Sequence[Records] | str | Path) -> Records:
    collection = open_source(source)
    return mix(collection) if len(collection) > 1 else collection[0]


def _committed(digest: str, salt: str) -> str:
    """The hash of records, or of a salt and it, from which nobody can guess the records."""
    return hashlib.sha256(f"{salt}:{digest}".encode()).hexdigest() if salt else digest


def _opened(
    board: str | Path, source: Records | Sequence[Records] | str | Path, salt: str
) -> tuple[Path, Records, Mapping[str, Any]]:
    path = Path(board)
    if not (path / BOARD).exists():
        raise DataError(f"{path} is no leaderboard; begin one with routereval leaderboard init")
    facts = read_json(path / BOARD)
    if facts.get("schema") != SCHEMA:
        raise DataError(f"{path / BOARD} is of schema {facts.get('schema')}, not {SCHEMA}")
    stream = _stream(source)
    if facts["private"] and not salt:
        raise DataError(f"{path} is a private board; give its salt")
    if facts["records"] != _committed(stream.hash, salt if facts["private"] else ""):
        what = "records or salt" if facts["private"] else "records"
        raise DataError(f"{stream.name}: these are not the {what} of {path}: their hash differs")
    return path, stream, facts


def _number(board: Path) -> int:
    """The place of the next submission in the order."""
    return 1 + max(
        (int(manifest_of(one).get("number", 0)) for one in (board / SUBMISSIONS).iterdir()),
        default=0,
    )


def _promised(place: Path) -> Mapping[str, Any] | None:
    """The manifest of a hash that was handed in before the file."""
    if not place.exists():
        return None
    held = manifest_of(place)
    if held["kind"] != "hash":
        raise DataError(f"{place.name} is on the board already; name the new version otherwise")
    return held
