from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.records import Records
from routereval.report.trust_figure import TrustDisplay, bins_of
from routereval.routers import make_router
from routereval.studies.perturbation import CHANGES, changed, option_order
from routereval.studies.train import task_of
from routereval.studies.trust import trust
from tests.conftest import CommandLine
from tests.made import made

QUESTION = "Which is the lemma of rings?\n(A) one\n(B) two\n(C) three"


@pytest.fixture(scope="module")
def records() -> Records:
    """Three kinds of prompts, each with a model of its own that is mostly right there."""
    rng = np.random.default_rng(0)
    kinds = ["prove the lemma of rings", "cite the statute of fraud", "dose the patient twice"]
    topic = np.arange(300) % 3
    right = np.where(np.arange(3) == topic[:, None], 0.9, 0.3)
    scores = (rng.random((300, 3)) < right).astype(float)
    texts = [f"{kinds[kind]}, case {n}\nA. {n} one\nB. {n} two" for n, kind in enumerate(topic)]
    return Records.from_arrays("kinds", scores, ["a", "b", "c"], texts)


# changes


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_the_same_for_the_same_seed(change: str) -> None:
    texts = [QUESTION, QUESTION, "Prove it."]
    once = changed(texts, change, 3)
    assert once == changed(texts, change, 3)
    assert once[0] != QUESTION
    assert [changed([text], change)[0] for text in ("", "1 2")] == ["", "1 2"] or change in {
        "paraphrase"
    }


def test_typos_keep_the_letters() -> None:
    [text] = changed([QUESTION], "typos")
    assert sorted(text) == sorted(QUESTION)
    assert sum(a != b for a, b in zip(text, QUESTION, strict=True)) <= 2


def test_case_changes_nothing_else() -> None:
    assert changed([QUESTION, "abc"], "case") == [QUESTION.lower(), "ABC"]


def test_a_frame_holds_the_prompt() -> None:
    assert all(QUESTION in text for text in changed([QUESTION] * 9, "paraphrase"))
    assert len(set(changed([QUESTION] * 9, "paraphrase"))) > 1


def test_options_turn_and_letters_stay() -> None:
    seen = set(changed([QUESTION] * 9, "option_order"))
    assert seen == {
        "Which is the lemma of rings?\n(A) two\n(B) three\n(C) one",
        "Which is the lemma of rings?\n(A) three\n(B) one\n(C) two",
    }
    alone = "A. one\nno option"
    assert changed([alone, "A. same\nB. same"], "option_order") == [alone, "A. same\nB. same"]


@given(st.text())
def test_any_text_can_be_changed(text: str) -> None:
    for change in CHANGES:
        [other] = changed([text], change)
        assert isinstance(other, str)
    lines = option_order(text, np.random.default_rng(0)).split("\n")
    assert len(lines) == len(text.split("\n"))


# trust


def test_what_is_found_agrees_with_the_router(records: Records) -> None:
    found = trust(records, "forest", embedder="tfidf", seed=1, risks=(0.2, 0.5))
    task = task_of(records, None, seed=1, embedder="tfidf")
    router = make_router("forest").fit(task.train.X, task.train.scores)
    predicted = router.predict_scores(task.test.X)
    choice = predicted.argmax(axis=1)
    rows = np.arange(len(choice))
    assert found.mu == pytest.approx(task.test.scores[rows, choice].mean())
    assert found.best_single == pytest.approx(task.test.scores[:, task.best_single].mean())
    assert found.n_calibration == len(task.val.rows)  # the forest does not tune itself
    assert found.n_test == 30
    assert found.of_choice.counts.sum() == 30
    assert found.of_all.counts.sum() == 90
    sure, scored = predicted[rows, choice], task.test.scores[rows, choice]
    for one in found.abstentions:
        answered = sure > one.threshold
        assert one.answered == pytest.approx(answered.mean())
        assert one.wrong == pytest.approx(((1 - scored) * answered).mean())
    assert found.curve.risk[-1] == pytest.approx(1 - found.mu)


def test_a_router_that_tunes_itself_does_not_see_the_calibration_half(records: Records) -> None:
    found = trust(records, "knn", embedder="tfidf")
    assert found.n_calibration == 15
    assert found.mu > found.best_single


def test_the_constant_router_never_flips(records: Records) -> None:
    found = trust(records, "best_single", embedder="tfidf")
    assert [one.stable for one in found.robustness] == [1.0] * 4
    assert {one.change for one in found.robustness} == set(CHANGES)
    assert found.mu == found.best_single
    everyone = [one for one in found.robustness if one.pairs == found.n_test]
    assert len(everyone) >= 3
    assert all(one.mu == pytest.approx(found.mu) for one in everyone)


def test_flips_are_counted(records: Records) -> None:
    """Of the pairs, those whose choice is another."""
    found = trust(records, "knn(k=1)", embedder="tfidf")
    by_change = {one.change: one for one in found.robustness}
    assert by_change["case"].stable == 1  # tfidf lowers all letters itself
    for one in found.robustness:
        assert 27 <= one.pairs <= 30  # swapping two equal letters changes nothing
        assert one.interval.low <= one.stable <= one.interval.high
        flips = round((1 - one.stable) * one.pairs)
        assert one.stable == pytest.approx(1 - flips / one.pairs)


def test_without_texts_there_is_calibration_and_abstention() -> None:
    found = trust(made("one", 200, 4), "logistic")
    assert found.robustness == []
    assert found.overhead is None
    text = found.render("table")
    assert "this router reads no prompt texts" in text
    assert "Calibration" in text
    assert "Simulated" not in text


@pytest.mark.parametrize("router", ["oracle", "random"])
def test_what_predicts_nothing_is_refused(router: str, records: Records) -> None:
    with pytest.raises(DataError, match="predicts no scores from prompts"):
        trust(records, router)


def test_overhead_is_ordered(records: Records) -> None:
    took = trust(records, "cluster", embedder="tfidf").overhead
    assert took is not None
    assert 0 < took.p50 <= took.p95 <= took.p99
    assert took.batch > 0


def test_the_command(command_line: CommandLine, records: Records, tmp_path: object) -> None:
    source = records.save(f"{tmp_path}/records")
    asked = ("trust", source, "-r", "knn(k=5)", "--embedder", "tfidf", "--risk", "0.3")
    answer = command_line(*asked)
    following = f"Next: routereval train {source} -r 'knn(k=5)' -o my-router\n"
    assert (answer.status, answer.err) == (0, following)
    for words in (
        *("knn(k=5) on kinds: 3 models, 30 test prompts", "ECE", "Brier", "AURC", "30%"),
        *("(constant router)", "typos", "option_order", "p99"),
    ):
        assert words in answer.out, words
    held = json.loads(command_line("trust", source, "--embedder", "tfidf", "--format", "json").out)
    assert held["router"] == "auto"
    assert [one["risk"] for one in held["abstentions"]] == [0.05, 0.1, 0.2]
    assert len(held["curve"]["risk"]) == 30
    assert command_line("trust", source, "--risk", "2").status == 2
    drawn = command_line("trust", source, "--embedder", "tfidf", "-o", f"{tmp_path}/figures")
    assert drawn.err.splitlines()[:-1] == [f"{tmp_path}/figures/trust.{e}" for e in ("png", "svg")]


def test_the_figure_shows_what_was_found(records: Records) -> None:
    found = trust(records, "logistic", embedder="tfidf", risks=(0.2,))
    reliability, risk = TrustDisplay(found).figure().axes
    drawn = [line.get_xydata() for line in reliability.get_lines()]
    for held in (found.of_all, found.of_choice):
        bins = bins_of(held)
        assert all(one.n >= 20 for one in bins)
        assert all(one.low <= one.observed <= one.high for one in bins)
        assert sum(one.n for one in bins) == held.counts.sum()
        points = [[one.predicted, one.observed] for one in bins]
        assert any(np.array_equal(line, points) for line in drawn)
    curves = [line.get_xydata() for line in risk.get_lines()]
    wanted = np.stack([found.curve.coverage, found.curve.risk], axis=1)
    assert any(np.array_equal(line, wanted) for line in curves)
    assert bins_of(found.of_choice, least=10_000) == []


def test_it_says_how_far_it_is(records: Records) -> None:
    heard: list[tuple[str, int, int]] = []
    trust(records, "knn(k=5)", embedder="tfidf", progress=lambda *what: heard.append(what))
    assert [one for one in heard if one[0] == "Changes of the prompts"] == [
        ("Changes of the prompts", done, 4) for done in range(4)
    ]
    assert heard[-1] == ("Timed prompts", 29, 30)
