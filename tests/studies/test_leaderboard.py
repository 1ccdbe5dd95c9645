"""A leaderboard: what is tampered with is refused with the reason, what is honest passes."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import routereval as rv
from routereval.cli.main import cli
from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.report.leaderboard_site import build_site
from routereval.studies.integrity import findings
from routereval.studies.leaderboard import (
    BOARD,
    SUBMISSIONS,
    Board,
    add,
    init,
    judged,
    ladder,
    verify,
)
from routereval.studies.submission import JoinedSubmission, Submission, scored
from routereval.studies.submission_folder import MANIFEST, Declared
from tests.studies.submissions import HONEST, TAMPERED, by_topic, made_records


@pytest.fixture(scope="module")
def records() -> Records:
    return made_records()


def written(path: Path, given: Submission) -> Path:
    """A submission as a file, with all that it says."""
    columns: dict[str, object] = {"prompt_id": given.prompts, "model": given.models}
    columns |= {name: values.tolist() for name, values in given.numbers.items()}
    if given.answered:
        columns["answered_by"] = given.answered
    pl.DataFrame(columns).write_csv(path)
    return path


def declared(given: Submission, supersedes: str = "") -> Declared:
    return Declared(
        "somebody", given.pool, given.constant, given.calls_models, given.train, supersedes
    )


def placed(
    board: Path, records: Records, name: str, given: Submission, supersedes: str = ""
) -> None:
    """A submission put on a board by hand, past all checks, with a manifest that fits its file."""
    place = board / SUBMISSIONS / name
    place.mkdir()
    file = written(place / "choices.csv", given)
    said = declared(given, supersedes)
    score, cost = scored(JoinedSubmission.of(given, records))
    held = {
        "schema": 1,
        "number": len(list((board / SUBMISSIONS).iterdir())),
        "kind": "choices",
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "score": score,
        "cost": cost,
        "declared": vars(said),
    }
    (place / MANIFEST).write_text(json.dumps(held))


@pytest.fixture(scope="module")
def full(records: Records, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Board]:
    """Ten honest submissions that came by `add`, twenty put there by hand; and then moved."""
    here = tmp_path_factory.mktemp("here")
    board = init(here / "board", records, name="made board")
    for name, make in HONEST.items():
        given, previous = make(records)
        if previous is not None:
            add(board, records, f"{name}-before", written(here / "b.csv", previous))
        supersedes = "" if previous is None else f"{name}-before"
        file = written(here / "a.csv", given)
        add(board, records, name, file, declared(given, supersedes))
    for name, make in TAMPERED.items():
        given, _ = make(records)
        placed(board, records, f"bad-{name}", given, "plain" if name.startswith("changed") else "")
    there = tmp_path_factory.mktemp("elsewhere") / "another machine" / "b"
    there.parent.mkdir()
    shutil.move(board, there)
    records.save(there.parent / "records")
    return there, verify(there, there.parent / "records")


def test_ten_honest_submissions_pass_on_another_layout(full: tuple[Path, Board]) -> None:
    standing = {one.name for one in full[1].standing}
    assert set(HONEST) <= standing
    assert not any(name.startswith("bad-") for name in standing)


@pytest.mark.parametrize("name", sorted(TAMPERED))
def test_a_tampered_submission_is_refused_on_the_board(
    name: str, records: Records, full: tuple[Path, Board]
) -> None:
    (entry,) = [one for one in full[1].refused if one.name == f"bad-{name}"]
    given, previous = TAMPERED[name](records)
    check = name.partition("-")[0]
    (reason,) = [one.text for one in findings(given, records, previous) if one.check == check]
    assert reason in entry.refused
    assert not any("manifest" in one for one in entry.refused)


@pytest.mark.parametrize("name", ["outcomes-all", "prices-cheaper", "training-some"])
def test_a_tampered_submission_is_not_added(name: str, records: Records, tmp_path: Path) -> None:
    board = init(tmp_path / "board", records)
    given, _ = TAMPERED[name](records)
    with pytest.raises(DataError, match="bad is refused: "):
        add(board, records, "bad", written(tmp_path / "a.csv", given), declared(given))
    assert list((board / SUBMISSIONS).iterdir()) == []


def plain_board(folder: Path, records: Records) -> Path:
    board = init(folder / "board", records)
    add(board, records, "plain", written(folder / "a.csv", HONEST["plain"](records)[0]))
    return board


def reasons(board: Path, records: Records) -> str:
    (entry,) = verify(board, records).entries
    return "; ".join(entry.refused)


def test_a_file_that_was_changed_is_refused(records: Records, tmp_path: Path) -> None:
    board = plain_board(tmp_path, records)
    assert reasons(board, records) == ""
    file = board / SUBMISSIONS / "plain" / "choices.csv"
    file.write_text(file.read_text().replace("q0,big", "q0,mini"))
    assert "its file is not the one that was handed in" in reasons(board, records)
    file.unlink()
    assert "there is no file 'choices.csv'" in reasons(board, records)


def test_a_score_that_does_not_reproduce_is_refused(records: Records, tmp_path: Path) -> None:
    board = plain_board(tmp_path, records)
    manifest = board / SUBMISSIONS / "plain" / MANIFEST
    held = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**held, "score": 0.99}))
    assert "where the manifest says 0.99" in reasons(board, records)
    manifest.write_text(json.dumps({**held, "file": "../../board.json"}))
    assert "there is no file '../../board.json'" in reasons(board, records)
    manifest.write_text("{}")
    with pytest.raises(DataError, match="lacks cost"):
        verify(board, records)


def test_other_records_are_refused(records: Records, tmp_path: Path) -> None:
    board = plain_board(tmp_path, records)
    with pytest.raises(DataError, match="these are not the records of"):
        verify(board, made_records(costs=False))
    (board / BOARD).write_text("[]")
    with pytest.raises(DataError, match="is no JSON object"):
        verify(board, records)


def test_rows_may_stand_in_any_order(records: Records, tmp_path: Path) -> None:
    board = plain_board(tmp_path, records)
    table = pl.read_csv(tmp_path / "a.csv").sample(fraction=1, shuffle=True, seed=1)
    table.write_csv(tmp_path / "shuffled.csv")
    add(board, records, "shuffled", tmp_path / "shuffled.csv")
    first, second = verify(board, records).entries
    assert (first.score, first.models) == (second.score, second.models)


def test_predictions_are_scored_by_their_highest_column(records: Records, tmp_path: Path) -> None:
    board = init(tmp_path / "board", records)
    values = np.eye(3)[by_topic(records)]
    columns = {model: values[:, place] for place, model in enumerate(records.models)}
    table = pl.DataFrame({"prompt_id": records.prompts["prompt_id"], **columns})
    table.write_csv(tmp_path / "p.csv")
    entry = add(board, records, "predicted", tmp_path / "p.csv")
    assert entry.kind == "predictions"
    right = records.dense()[np.arange(records.n_prompts), by_topic(records)]
    assert entry.score == pytest.approx(right.mean())
    assert verify(board, records).refused == []


def test_a_saved_router_chooses_again(records: Records, tmp_path: Path) -> None:
    board = init(tmp_path / "board", records)
    router = rv.train(records, "best_single", embedder="tfidf(dims=4)")
    router.save(tmp_path / "router")
    add(board, records, "trained", tmp_path / "router", Declared(constant=True))
    assert [one.kind for one in verify(board, records).standing] == ["router"]


def test_a_saved_router_that_learned_from_these_prompts_is_refused(
    records: Records, tmp_path: Path
) -> None:
    board = init(tmp_path / "board", records)
    rv.train(records, "knn", embedder="tfidf(dims=4)").save(tmp_path / "router")
    with pytest.raises(DataError, match=r"was trained on \d+ of these very prompts"):
        add(board, records, "trained", tmp_path / "router")
    assert verify(board, records).entries == ()


def test_a_declared_constant_is_not_to_be_asked_on_the_site(
    records: Records, tmp_path: Path
) -> None:
    board = init(tmp_path / "board", records)
    one = records.models[0]
    given = replace(HONEST["plain"](records)[0], constant=True)
    given = replace(given, models=(one,) * len(given.prompts))
    add(board, records, "one", written(tmp_path / "one.csv", given), declared(given))
    shown = verify(board, records)
    text = build_site(shown, judged(shown, records), tmp_path / "site").read_text()
    assert f"always {one}" in text
    assert "to be asked" not in text


def test_a_board_that_is_not_there_is_said(records: Records, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no leaderboard; begin one with routereval leaderboard"):
        verify(tmp_path / "none", records)


def test_a_hash_comes_first_and_the_file_must_have_it(records: Records, tmp_path: Path) -> None:
    board = init(tmp_path / "board", records)
    file = written(tmp_path / "a.csv", HONEST["plain"](records)[0])
    other = written(tmp_path / "b.csv", HONEST["random"](records)[0])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    add(board, records, "later", sha256=digest)
    assert verify(board, records).standing == []
    with pytest.raises(DataError, match="not the file whose hash was handed in"):
        add(board, records, "later", other)
    add(board, records, "later", file)
    assert [one.name for one in verify(board, records).standing] == ["later"]
    with pytest.raises(DataError, match="on the board already"):
        add(board, records, "later", file)
    with pytest.raises(SpecError, match="64 digits"):
        add(board, records, "short", sha256="abc")
    with pytest.raises(SpecError, match="a file, or the sha256"):
        add(board, records, "nothing")
    with pytest.raises(SpecError, match="is named by letters"):
        add(board, records, "../x", file)


def test_a_private_board_holds_a_hash_and_lets_out_little(records: Records, tmp_path: Path) -> None:
    board = init(tmp_path / "board", records, salt="pepper")
    assert records.hash not in (board / BOARD).read_text()
    for number, name in enumerate(("plain", "little-luck", "random")):
        file = written(tmp_path / f"{number}.csv", HONEST[name](records)[0])
        add(board, records, name, file, Declared("one"), salt="pepper")
    with pytest.raises(DataError, match="give its salt"):
        verify(board, records)
    with pytest.raises(DataError, match="not the records or salt"):
        verify(board, records, salt="sugar")
    shown = verify(board, records, salt="pepper")
    revealed = verify(board, records, salt="pepper", reveal=True)
    exact = [one.score for one in revealed.entries]
    assert [one.score for one in shown.entries] == ladder(exact, shown.step)
    assert shown.step == pytest.approx(0.5 / records.n_prompts**0.5)
    assert all(np.isnan(one.cost) and not one.models for one in shown.entries)
    text = (build_site(shown, judged(shown, records), tmp_path / "site")).read_text()
    assert "the Ladder" in text
    assert "always" not in text


def test_the_ladder_does_not_let_an_author_climb_on_noise() -> None:
    noise = (0.5 + np.random.default_rng(0).normal(0, 0.01, 400)).tolist()
    assert max(ladder(noise, 0.03)) == pytest.approx(0.5, abs=0.04)
    assert len(set(ladder(noise, 0.03))) <= 2
    assert ladder([0.2, 0.9], 0.01) == [0.2, 0.9]


@pytest.mark.slow
def test_the_site_needs_no_network(full: tuple[Path, Board], tmp_path: Path) -> None:
    folder, found = full
    held = judged(found, folder.parent / "records")
    page = build_site(found, held, tmp_path / "site")
    text = page.read_text()
    assert "made board" in text
    assert "always big" in text
    assert "bad-metering-none" in text
    assert "http://" not in text and "https://" not in text and "<script" not in text  # noqa: PT018
    assert (tmp_path / "site" / "leaderboard.csv").is_file()
    assert len(json.loads((tmp_path / "site" / "leaderboard.json").read_text())) >= 30
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(DataError, match="holds more than a site"):
        build_site(found, held, tmp_path / "mine")


def test_on_the_command_line(records: Records, tmp_path: Path) -> None:
    def called(*args: object, fails: bool = False) -> str:
        result = CliRunner().invoke(cli, ["leaderboard", *map(str, args)])
        assert result.exit_code == int(fails), result.output
        return result.output

    source, board = tmp_path / "records", tmp_path / "board"
    records.save(source)
    file = written(tmp_path / "a.csv", HONEST["plain"](records)[0])
    called("init", board, source)
    assert "score 0." in called("add", board, source, "mine", file, "--author", "me")
    assert "1 submission counts, none refused" in called("verify", board, source)
    called("build", board, source, "-o", tmp_path / "site")
    placed(board, records, "forged", TAMPERED["outcomes-all"](records)[0])
    assert "what did it see of the outcomes" in called("verify", board, source, fails=True)
