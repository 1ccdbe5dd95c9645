"""The decision log: what is in it, what is not, and that it comes back as records."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.gateway.api_error import ApiError
from routereval.gateway.observe.decision_log import DecisionLog, LogFiles, hash_of
from routereval.gateway.observe.feedback import Feedback, read_feedback
from routereval.gateway.protocols import Attempt, LogEntry, Usage
from routereval.importers.gateway_log import read_log
from routereval.routers.trained import Decision
from routereval.sources import open_source

POOL = ("euclid", "portia")


def entry(number: int = 1, text: str = "my secret question", **fields: Any) -> LogEntry:  # noqa: ANN401
    decision = Decision("euclid", 0, (0.9, math.nan), (0.02, 0.01), "predicted score 0.900")
    held: dict[str, Any] = {
        "key": "alice",
        "path": "/v1/chat/completions",
        "asked": "auto",
        "text": text,
        "lam": 0.25,
        "allowed": POOL,
        "decision": decision,
        "router": "knn",
        "propensity": 0.95,
        "model": "euclid",
        "attempts": [Attempt("portia", "500"), Attempt("euclid")],
        "status": 200,
        "usage": Usage(7, 5, True),
        "usd": 0.0123456,
        "decided_s": 0.001,
        "first_byte_s": 0.1,
        "total_s": 0.5,
    }
    return LogEntry(f"r{number}", 1_700_000_000.25, **{**held, **fields})


def lines_in(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def logged(folder: Path, *entries: LogEntry, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    async def story() -> None:
        log = DecisionLog(folder, {"knn": POOL}, **options)
        await log.open()
        for one in entries:
            log.record(one)
        await log.close()

    asyncio.run(story())
    return lines_in(folder)


def test_a_line_says_it_all_but_the_text(tmp_path: Path) -> None:
    (line,) = logged(tmp_path / "log", entry())
    assert line == {
        "id": "r1",
        "time": 1_700_000_000.25,
        "key": "alice",
        "path": "/v1/chat/completions",
        "asked": "auto",
        "model": "euclid",
        "status": 200,
        "error": "",
        "attempts": [["portia", "500"], ["euclid", ""]],
        "tokens": [7, 5],
        "estimated": True,
        "usd": 0.0123456,
        "seconds": [0.001, 0.1, 0.5],
        "prompt": hash_of("my secret question"),
        "router": "knn",
        "lam": 0.25,
        "scores": {"euclid": 0.9, "portia": None},
        "allowed": ["euclid", "portia"],
        "choice": "euclid",
        "propensity": 0.95,
        "unfamiliar": False,
    }


def test_texts_are_logged_if_asked_for_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    (line,) = logged(tmp_path / "log", entry(text="é\ud800\n"), texts=True)
    assert line["text"] == "é\ud800\n"
    files = [tmp_path / "log", *(tmp_path / "log").iterdir()]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_a_request_that_no_router_decided(tmp_path: Path) -> None:
    (line,) = logged(tmp_path / "log", entry(decision=None, text=""), texts=True)
    assert not {"choice", "text", "prompt"} & line.keys()


def test_a_prompt_that_is_empty_is_a_prompt(tmp_path: Path) -> None:
    (line,) = logged(tmp_path / "log", entry(text=""))
    assert line["prompt"] == hash_of("")
    assert [row.choice for row in read_log(tmp_path / "log")] == ["euclid"]


def test_the_log_comes_back_with_feedback(tmp_path: Path) -> None:
    async def story() -> None:
        log = DecisionLog(tmp_path / "log", {"knn": POOL}, texts=True)
        await log.open()
        for number in range(20):
            log.record(entry(number, text=f"question {number % 5}"), {"other": "portia"})
        for number in range(0, 20, 2):
            log.feedback(f"r{number}", number / 20, "alice", 1_700_000_001.0)
        await log.close()

    asyncio.run(story())
    rows = read_log(tmp_path / "log")
    assert len(rows) == 20
    assert sorted(row.score for row in rows if row.score == row.score) == [
        number / 20 for number in range(0, 20, 2)
    ]
    assert rows[0].shadows == {"other": "portia"}
    (records,) = open_source(tmp_path / "log")
    assert records.name == "gateway"
    assert records.has_text
    assert records.dense().shape == (5, 1)


def test_a_new_file_is_begun_when_one_is_large(tmp_path: Path) -> None:
    async def story() -> None:
        log = DecisionLog(tmp_path / "log", {"knn": POOL}, file_mb=0.001)
        for number in range(10):
            log.record(entry(number))
            log.record(entry(100 + number))
            await log.write()
        await log.close()

    asyncio.run(story())
    files = sorted((tmp_path / "log").iterdir())
    assert len(files) > 3
    assert all(file.stat().st_size < 2_500 for file in files)
    assert len(read_log(tmp_path / "log")) == 20


def test_the_log_writes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.gateway.observe.decision_log.WRITE_S", 0.01)

    async def story() -> None:
        log = DecisionLog(tmp_path / "log", {})
        await log.open()
        log.record(entry())
        while not lines_in(tmp_path / "log"):
            await asyncio.sleep(0.01)
        assert len(lines_in(tmp_path / "log")) == 1
        await log.close()

    asyncio.run(story())


def test_what_the_disk_does_not_take_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = LogFiles.write

    def full(self: LogFiles, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def story() -> None:
        monkeypatch.setattr("routereval.gateway.observe.decision_log.LONGEST_WAIT", 2_000)
        log = DecisionLog(tmp_path / "log", {})
        monkeypatch.setattr(LogFiles, "write", full)
        for number in range(20):
            log.record(entry(number))
            await log.write()
        monkeypatch.setattr(LogFiles, "write", write)
        await log.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    kept = len(lines_in(tmp_path / "log"))
    assert 3 <= kept < 20
    assert "No space left on device" in caplog.text
    assert "lost 8 lines" in caplog.text
    assert "secret" not in caplog.text


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"the decision log .*file"):
        DecisionLog(tmp_path / "file", {})


def test_feedback_that_is_read() -> None:
    assert read_feedback(b'{"request_id": "ab_-1", "score": 0.5}') == Feedback("ab_-1", 0.5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 4096,
        b'{"request_id": "a", "score": 1.1}',
        b'{"request_id": "a", "score": -1}',
        b'{"request_id": "a", "score": NaN}',
        b'{"request_id": "a", "score": true}',
        b'{"request_id": "a", "score": "1"}',
        b'{"request_id": "a"}',
        b'{"request_id": 7, "score": 1}',
        b'{"request_id": "a\\n", "score": 1}',
        b'{"request_id": "", "score": 1}',
        b'{"request_id": "' + b"a" * 65 + b'", "score": 1}',
    ],
)
def test_feedback_that_is_none(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        read_feedback(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")
