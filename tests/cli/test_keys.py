from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import CommandLine


def test_a_key_is_shown_once_listed_and_revoked(tmp_path: Path, command_line: CommandLine) -> None:
    store = tmp_path / "new" / "keys.sqlite"
    limits = ("--rpm", "60", "--usd-per-day", "2.5", "--models", "small, large")
    answer = command_line("keys", "add", store, "alice", *limits)
    assert answer.status == 0
    assert re.fullmatch(r"sk-routereval-[\w-]{43}\n", answer.out)
    assert "not shown again" in answer.err
    assert command_line("keys", "add", store, "bob").status == 0
    listed = command_line("keys", "list", store)
    assert [re.split(r"\s{2,}", row.strip()) for row in listed.out.splitlines()[-2:]] == [
        ["alice", "0.000000", "2.50", "60", "large, small", "valid"],
        ["bob", "0.000000", "any", "any", "all", "valid"],
    ]
    assert answer.out.strip() not in listed.out
    revoked = command_line("keys", "revoke", store, "bob")
    assert revoked.err == f"bob is revoked\nNext: routereval keys list {store}\n"
    assert command_line("keys", "list", store).out.splitlines()[-1].endswith("revoked")


def test_errors_are_sentences(tmp_path: Path, command_line: CommandLine) -> None:
    store = tmp_path / "keys.sqlite"
    assert command_line("keys", "add", store, "alice").status == 0
    for call, sentence in [
        (("add", store, "alice"), "there is a key 'alice' already"),
        (("add", store, "a b"), "a key's name is letters"),
        (("add", store, "bob", "--rpm", "0"), "at least 1 request per minute"),
        (("add", store, "bob", "--models", ","), "may reach no model"),
        (("add", "ftp://here", "bob"), "not at 'ftp://here'"),
        (("list", tmp_path / "none"), "holds no keys"),
        (("revoke", store, "bob"), "there is no key 'bob'"),
    ]:
        answer = command_line("keys", *call)
        assert answer.status == 2, call
        assert answer.err.startswith("Error: ")
        assert sentence in answer.err
        assert "Traceback" not in answer.err
    assert not (tmp_path / "none").exists()


def test_a_server_that_does_not_answer_is_told(command_line: CommandLine) -> None:
    pytest.importorskip("redis")
    answer = command_line("keys", "list", "redis://127.0.0.1:1/0")
    assert answer.status == 2
    assert "Redis: " in answer.err
