from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from routereval.routers import load_router
from tests.conftest import CommandLine
from tests.made import made


@pytest.fixture
def router(tmp_path: Path, command_line: CommandLine) -> Path:
    made("mine", n_prompts=150, n_models=4, costs=True, texts=True, features=False).save(
        tmp_path / "mine"
    )
    answer = command_line("train", tmp_path / "mine", "-r", "knn(k=5)", "-o", tmp_path / "router")
    assert answer.status == 0, answer.err
    assert "test prompts" in answer.out
    return tmp_path / "router"


def test_route_says_who_answers_and_why(router: Path, command_line: CommandLine) -> None:
    answer = command_line("route", router, "prove the lemma of rings")
    first, *rows = answer.out.splitlines()
    assert first.startswith("org/model_")
    assert "predicted score" in first
    assert len([row for row in rows if "org/model_" in row]) == 4
    assert sum("→" in row for row in rows) == 1


def test_route_marks_a_text_unlike_all_training_prompts(
    router: Path, command_line: CommandLine
) -> None:
    text = "xyzzy plugh frobnicate quux"
    assert "unfamiliar: unlike all training prompts" in command_line("route", router, text).out
    answer = command_line("route", router, text, "--format", "json")
    assert json.loads(answer.out)["unfamiliar"] is True


def test_route_in_json(
    router: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one text\nanother\n")))
    answer = command_line("route", router, "-", "--format", "json", "--lam", "1000")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["text"] for line in lines] == ["one text", "another"]
    for line in lines:
        assert line["costs"][line["model"]] == min(line["costs"].values())


def test_route_wants_a_prompt(
    router: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    answer = command_line("route", router)
    assert answer.status == 2
    assert "there is no prompt" in answer.err


def test_route_finds_the_lam_of_a_share_of_calls(router: Path, command_line: CommandLine) -> None:
    texts = ["prove the lemma", "cite the statute", "dose the patient", "why"]
    answer = command_line("route", router, "--share", "0", *texts, "--format", "json")
    found = re.match(r"--lam (\S+) sends 0\.0% of 4 prompts to (\S+)\n", answer.err)
    assert found is not None
    held = [json.loads(line)["model"] for line in answer.out.splitlines()]
    assert found[2] not in held
    again = command_line("route", router, "--lam", found[1], *texts, "--format", "json")
    assert [json.loads(line)["model"] for line in again.out.splitlines()] == held
    assert command_line("route", router, "--share", "0.3", "--lam", "1", "why").status == 2


def test_errors_are_sentences(router: Path, tmp_path: Path, command_line: CommandLine) -> None:
    for call, sentence in [
        (("train", tmp_path / "mine", "-o", router), "exists already"),
        (("train", tmp_path / "mine", "-r", "kn", "-o", tmp_path / "x"), "did you mean 'knn'"),
        (("train", tmp_path / "mine", "--pool", "a,b", "-o", tmp_path / "x"), "unknown model 'a'"),
        (("route", tmp_path, "text"), "no trained router"),
        (
            ("route", router, "text", "--lam", "-1"),
            "lam must be a number that is not negative, not -1.0",
        ),
    ]:
        answer = command_line(*call)
        assert answer.status == 2
        assert sentence in answer.err
        assert "Traceback" not in answer.err


def test_it_learns_from_the_models_that_are_named(
    tmp_path: Path, command_line: CommandLine
) -> None:
    records = made("mine", n_prompts=60, n_models=4, texts=True, features=False)
    records.save(tmp_path / "mine")
    first, second, *_ = records.models
    chosen = [
        ("--models", f"{first},{second}"),
        ("--without", ",".join(records.models[2:])),
    ]
    for number, options in enumerate(chosen):
        out = tmp_path / f"router-{number}"
        answer = command_line("train", tmp_path / "mine", "-r", "best_single", "-o", out, *options)
        assert "best_single on 2 models" in answer.err
        assert load_router(out).models == (first, second)
    answer = command_line("train", tmp_path / "mine", "--without", "nobody", "-o", tmp_path / "x")
    assert answer.status == 2
    assert "unknown model 'nobody'" in answer.err


@pytest.mark.slow
def test_the_best_router_of_a_run_is_taken(tmp_path: Path, command_line: CommandLine) -> None:
    source, out = tmp_path / "mine", tmp_path / "out"
    made("mine", n_prompts=60, n_models=3, texts=True, features=False).save(source)
    ran = command_line("run", source, "-r", "knn(k=5)", "-r", "best_single", "-o", out)
    assert ran.status == 0, ran.err
    answer = command_line("train", "--from", out, "-o", tmp_path / "router")
    assert answer.status == 0, answer.err
    assert "60 test prompts" in " ".join(answer.out.split())
    assert "Next: routereval route" in answer.err
    trained = load_router(tmp_path / "router")
    assert (trained.about["router"], trained.about["n_train"]) == ("knn(k=5)", 60)
    assert trained.certificate is not None
    assert trained.certificate.n == 60
    nothing = command_line("train", "-o", tmp_path / "x")
    assert nothing.status == 2
    assert "name the records to learn from" in nothing.err
