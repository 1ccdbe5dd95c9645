from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.features import make_embedder
from routereval.importers.gateway_log import Logged, read_log
from routereval.routers import TrainedRouter, make_router, save_router
from routereval.studies.offpolicy import Alternative, offpolicy
from tests.conftest import CommandLine

KINDS = ("prove the lemma", "cite the statute")
CHANCES = {"euclid": (0.9, 0.2), "portia": (0.3, 0.8)}
COSTS = {"euclid": 0.02, "portia": 0.001}
EXPLORE = 0.4


def trained() -> TrainedRouter:
    """Sends proofs to euclid and law to portia."""
    texts = [*KINDS] * 3
    embedder = make_embedder("tfidf(dims=2)").fit(texts)
    scores = np.array([[0.9, 0.3], [0.2, 0.8]] * 3)
    router = make_router("knn(k=1)").fit(embedder.transform(texts), scores)
    return TrainedRouter(router, ("euclid", "portia"), embedder, np.array([0.02, 0.001]))


def logged(n: int, explore: float = EXPLORE, **fields: Any) -> list[Logged]:  # noqa: ANN401
    """Everything goes to euclid, but for what is explored; portia is the better one for law."""
    rng = np.random.default_rng(7)
    rows = []
    for number in range(n):
        kind = int(rng.integers(2))
        choice = str(rng.choice(["euclid", "portia"])) if rng.random() < explore else "euclid"
        row = {
            "request_id": f"r{number:05}",
            "time": float(number),
            "prompt": str(kind),
            "text": KINDS[kind],
            "router": "constant",
            "lam": 0.0,
            "scores": {name: by_kind[kind] for name, by_kind in CHANCES.items()},
            "allowed": ("euclid", "portia"),
            "choice": choice,
            "propensity": explore / 2 + (1 - explore) * (choice == "euclid"),
            "model": choice,
            "cost": COSTS[choice],
            "shadows": {"new": "euclid" if kind == 0 else "portia"},
            "score": float(rng.random() < CHANCES[choice][kind]),
            **fields,
        }
        rows.append(Logged(**row))
    return rows


def by_name(rows: tuple[Alternative, ...]) -> dict[str, Alternative]:
    return {row.name: row for row in rows}


def test_a_router_a_shadow_and_each_llm() -> None:
    found = offpolicy(logged(4_000), {"mine": trained()})
    rows = by_name(found.rows)
    assert [*rows] == ["served", "shadow new", "mine", "always euclid", "always portia"]
    truths = {"shadow new": 0.85, "mine": 0.85, "always euclid": 0.55, "always portia": 0.55}
    for name, truth in truths.items():
        for estimate in (rows[name].ips, rows[name].snips, rows[name].dr):
            assert estimate.low - 0.03 <= truth <= estimate.high + 0.03, name
    assert rows["mine"].dr == rows["shadow new"].dr
    assert rows["mine"].dr.low > rows["served"].dr.high
    assert rows["always portia"].cost.value == pytest.approx(0.001)
    assert rows["mine"].cost.value == pytest.approx(0.0105, abs=0.001)
    assert 0 < rows["mine"].size < 4_000
    text = str(found)
    assert "4,000 of 4,000 decided requests have feedback" in text
    assert "nan" not in text


def test_without_exploration_nothing_is_claimed() -> None:
    found = offpolicy(logged(500, explore=0.0))
    rows = by_name(found.rows)
    assert rows["always euclid"].covered == 1.0
    assert rows["always portia"].covered == 0.0
    assert np.isnan(rows["always portia"].dr.value)
    assert np.isnan(rows["shadow new"].dr.value)
    assert "–: it would often have chosen what had no chance" in found.render("table")


def test_few_requests_are_marked() -> None:
    found = offpolicy(logged(40))
    assert "?: fewer than 30 requests' worth" in (text := str(found))
    [few] = [row for row in found.rows if 0 < row.size < 10][:1]
    assert f" {few.snips.value:.3f}? " in text  # without an interval, as the note has it
    assert "of fewer than 10 there is no interval, ±" in " ".join(text.split())


def test_requests_without_feedback_are_counted_only() -> None:
    rows = [*logged(100), *logged(50, score=float("nan"))]
    found = offpolicy(rows)
    assert (found.n_requests, found.n_scored, found.rows[0].n) == (150, 100, 100)


def test_routers_that_served_side_by_side() -> None:
    rows = [*logged(100, router="a"), *logged(60, router="b")]
    names = [row.name for row in offpolicy(rows).rows]
    assert names[:3] == ["served", "served by a", "served by b"]


def test_what_was_not_allowed_is_left_out() -> None:
    rows = [*logged(100), *logged(50, allowed=("euclid",), choice="euclid", propensity=1.0)]
    found = by_name(offpolicy(rows).rows)
    assert (found["always portia"].n, found["always euclid"].n) == (100, 150)


def test_texts_are_needed_by_a_router_and_feedback_by_all() -> None:
    with pytest.raises(DataError, match="mine needs the prompts' texts, and the log holds hashes"):
        offpolicy(logged(10, text=None), {"mine": trained()})
    with pytest.raises(DataError, match="none of 5 logged requests has feedback"):
        offpolicy(logged(5, score=float("nan")))


def written(path: Path, rows: list[Logged]) -> Path:
    lines = []
    for row in rows:
        held = {**row.__dict__, "id": row.request_id, "usd": row.cost, "asked": "auto"}
        held |= {"attempts": [], "key": ""}
        for name in ("request_id", "cost", "score"):
            del held[name]
        lines += [held, {"feedback": row.request_id, "time": 0, "key": "", "score": row.score}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_command(tmp_path: Path, command_line: CommandLine) -> None:
    rows = logged(300)
    log = written(tmp_path / "log.jsonl", rows)
    assert read_log(log) == rows
    save_router(trained(), tmp_path / "router")
    answer = command_line("offpolicy", log, tmp_path / "router", "--level", "0.9")
    assert answer.status == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].split() == ["router", "n", "ESS", "IPS", "SNIPS", "DR", "$/1k"]
    assert lines[2].startswith("  served ")
    assert any(line.startswith(f"  {tmp_path / 'router'}") for line in lines)
    assert "90% interval" in answer.out
    missing = command_line("offpolicy", tmp_path / "none")
    assert missing.status == 2
    assert missing.err.startswith("Error: ")


def test_the_loop_of_the_page_runs_as_written(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway's log, one answer per prompt, becomes records, then a router, then an estimate."""
    log = tmp_path / "log"
    log.mkdir()
    lines: list[dict[str, Any]] = []
    for number, row in enumerate(logged(160)):
        text = f"{row.text} number {number} of {number % 7}"
        held = {"id": row.request_id, "time": row.time, "key": "k", "asked": "auto"}
        held |= {"attempts": [[row.model, ""]], "prompt": f"p{number}", "text": text}
        held |= {name: getattr(row, name) for name in ("router", "lam", "choice", "propensity")}
        held |= {"model": row.model, "usd": row.cost, "scores": dict(row.scores)}
        lines += [held | {"allowed": list(row.allowed)}]
        lines += [{"feedback": row.request_id, "time": 1e6, "key": "k", "score": row.score}]
    (log / "1.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "offpolicy.md").read_text(encoding="utf-8")
    commands = [shlex.split(line, comments=True) for line in page.split("```")[1].splitlines()]
    answers = [command_line(*words[1:]) for words in commands if words[:1] == ["routereval"]]
    assert [answer.status for answer in answers] == [0, 0, 0], [a.err for a in answers]
    imported, trained_, estimated = answers
    assert "160 of 320 cells observed" in imported.out
    assert "No test prompt was put to every model" in trained_.err
    assert "router-2" in estimated.out
