"""The access log: who came and how it went, a line each."""

from __future__ import annotations

import json

from routereval.gateway.observe.access_log import MOST_WAITING, AccessLog, access_line
from routereval.gateway.protocols import LogEntry
from tests.gateway.loop import in_loop
from tests.gateway.stubs import rig


@in_loop
async def test_each_request_is_a_line_without_its_words() -> None:
    parts: list[bytes] = []
    async with rig(observers=(AccessLog(parts.append),)) as at:
        await at.ask("prove the secret lemma")
        await at.ask("cite it", "no-such-model")
    lines = [json.loads(line) for line in b"".join(parts).splitlines()]
    first, second = lines
    assert (first["model"], first["status"], first["tokens_in"]) == ("euclid", 200, 7)
    assert first["reason"] == "predicted score 0.900, next 0.600"
    assert (second["model"], second["status"]) == ("", 404)
    assert second["error"] == "model_not_found"
    assert b"secret" not in b"".join(parts)


def test_what_a_client_names_can_do_nothing_to_a_terminal() -> None:
    line = access_line(LogEntry("r", 0.0, asked="a\x1b[31m\ud800\u202e" + "x" * 500))
    assert line["asked"].startswith("a\x1b[31m\\ud800\\u202exx")
    assert len(line["asked"]) < 250
    assert b"\x1b" not in json.dumps(line).encode()


def test_lines_that_nobody_reads_are_bounded() -> None:
    log = AccessLog(lambda _: None)
    log._lines = [b""] * MOST_WAITING
    log.record(LogEntry("r", 0.0))
    assert len(log._lines) == MOST_WAITING
