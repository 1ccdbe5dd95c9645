"""What routing saved, on logs whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.importers.gateway_log import Logged, Tokens
from routereval.studies.savings import Savings, TokenPrices, savings
from tests.conftest import CommandLine

PRICES = {
    "large": TokenPrices(5.0, 25.0, cached=0.5),
    "small": TokenPrices(1.0, 4.0, cached=0.1),
}


def logged(number: int, model: str, tokens: Tokens, talk: str = "", time: float = 0.0) -> Logged:
    usd = PRICES[model].usd(tokens) if model in PRICES else 0.0
    return Logged(
        *(f"r{number:06}", time, "p", None, "knn", 0.0, {}, ("large", "small"), model, 1.0, model),
        cost=usd,
        conversation=talk,
        tokens=tokens,
    )


def by_model(found: Savings) -> dict[str, float]:
    return {one.model: one.saved for one in found.rows}


def test_a_switch_that_pays_more_for_a_cold_cache_than_it_saves_is_a_loss() -> None:
    """125,000 tokens read anew at $5 a million cost $0.625; the shorter answer saves $0.05."""
    prices = {
        "stays": TokenPrices(5.0, 50.0, cached=0.0),
        "other": TokenPrices(5.0, 0.0, cached=0.0),
    }
    first = replace(logged(1, "stays", Tokens(125_000, 0), "t"), cost=0.625)
    second = replace(logged(2, "other", Tokens(125_000, 1_000), "t", 60.0), cost=0.625)
    found = savings([first, second], prices)
    assert by_model(found)["stays"] == pytest.approx(0.05 - 0.625)
    assert found.n_switches == 1
    assert found.cold_usd == pytest.approx(0.625)
    assert found.usd == found.logged_usd == 1.25
    later = savings([first, replace(second, time=1000.0)], prices)
    assert by_model(later)["stays"] == pytest.approx(0.05)  # by then it had been cold anyhow
    assert later.n_switches == 0


def world(n_talks: int, seed: int) -> tuple[list[Logged], dict[str, float]]:
    """Conversations that switch at random, and what each model alone would have cost.

    A cache holds the prompt of the turn before, and only that of the model that had it.
    """
    rng = np.random.default_rng(seed)
    rows: list[Logged] = []
    alone = dict.fromkeys(PRICES, 0.0)
    for talk in range(n_talks):
        size, before = 0, ""
        for turn in range(int(rng.integers(1, 6))):
            prefix, size = size, size + int(rng.integers(200, 20_000))
            model = str(rng.choice(["large", "small"], p=[0.3, 0.7]))
            answer = int(rng.integers(10, 900))
            held = prefix if model == before else 0
            when = 1e4 * talk + 60.0 * turn
            rows.append(logged(len(rows), model, Tokens(size, answer, held), f"t{talk}", when))
            for name, price in PRICES.items():
                alone[name] += price.usd(Tokens(size, answer, prefix))
            before = model
    return rows, alone


def test_a_made_log_is_right_to_the_cent() -> None:
    rows, alone = world(150, 1)
    found = savings(rows, PRICES)
    paid = sum(row.cost for row in rows)
    assert found.usd == pytest.approx(paid)
    for name, saved in by_model(found).items():
        assert round(saved, 2) == round(alone[name] - paid, 2)
    assert [one.model for one in found.rows] == ["large", "small"]
    assert found.n_conversations == 150
    assert found.notes == ()


@pytest.mark.slow
def test_intervals_cover_what_more_such_traffic_would_save() -> None:
    rows, alone = world(5_000, 2)
    paid = sum(row.cost for row in rows)
    truth = {name: 60 * (usd - paid) / 5_000 for name, usd in alone.items()}
    found = [one for seed in range(100, 140) for one in savings(world(60, seed)[0], PRICES).rows]
    hits = [one.interval.low <= truth[one.model] <= one.interval.high for one in found]
    assert np.mean(hits) >= 0.88  # 95 % but for 40 worlds


def test_what_the_log_does_not_know_is_said() -> None:
    rows = [logged(n, "small", Tokens(1000, 100), time=n) for n in range(4)]
    rows += [replace(rows[0], request_id="x", tokens=None)]
    found = savings([replace(row, cost=1.0, lost=0.25, allowed=("small",)) for row in rows], PRICES)
    text = found.render("table")
    assert "1 answer without counts of tokens is left out" in text
    assert "Of 4 requests the log does not know the conversation" in text
    assert "Routing paid $0.0056 for 4 answers" in text
    assert "small alone would have cost the same" in text
    assert "The log says $4.00 where tokens × prices are $0.01" in text
    assert "Answers that nobody got cost $1.2500 beside that" in text
    assert [one.unable for one in found.rows] == [4, 0]
    with pytest.raises(SpecError, match="model without a price 'other'"):
        savings([logged(1, "other", Tokens(1, 1))], PRICES)
    with pytest.raises(DataError, match="none of 0 logged requests"):
        savings([], PRICES)


def test_tokens_written_to_a_cache_have_their_price() -> None:
    prices = {"a": TokenPrices(4.0, 0.0, 0.4, 5.0), "b": TokenPrices(1.0, 0.0)}
    rows = [
        replace(logged(1, "a", Tokens(1000, 0, 0, 1000), "t"), cost=0.005),
        replace(logged(2, "a", Tokens(3000, 0, 1000, 2000), "t", 1.0), cost=0.0104),
        replace(logged(3, "b", Tokens(4000, 0), "t", 2.0), cost=0.004),
    ]
    found = savings(rows, prices)
    assert by_model(found)["a"] == pytest.approx(3000 * 0.4e-6 + 1000 * 5e-6 - 0.004)
    assert by_model(found)["b"] == pytest.approx(0.001 + 0.003 + 0.004 - 0.0194)


def test_the_command(tmp_path: Path, command_line: CommandLine) -> None:
    pytest.importorskip("aiohttp")
    lines = [
        {
            "id": f"r{n}",
            "time": 60.0 * n,
            "asked": "auto",
            "attempts": [],
            "prompt": "p",
            "choice": "small",
            "propensity": 1.0,
            "allowed": ["large", "small"],
            "model": "small",
            "usd": 1.0 - 0.45 * n,
            "tokens": [1_000_000, 0],
            "tokens_cached": 500_000 * n,
            "conversation": "t",
        }
        for n in range(2)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    toml = "\n".join(
        f'[[upstream]]\nname = "{name}"\nbase_url = "http://127.0.0.1:1/v1"\n'
        f"price_in = {price.read}\nprice_out = {price.written}\nprice_cached = {price.cached}\n"
        for name, price in PRICES.items()
    )
    (tmp_path / "gateway.toml").write_text(toml)
    answer = command_line(
        "savings", tmp_path / "log.jsonl", "-c", tmp_path / "gateway.toml", "--format", "json"
    )
    assert answer.status == 0, answer.err
    found = {one["model"]: one for one in json.loads(answer.out)["rows"]}
    assert found["small"]["saved"] == 0.0
    assert found["large"]["saved"] == pytest.approx(5.0 + 2.75 - 1.55)
    missing = command_line("savings", tmp_path / "none", "-c", tmp_path / "gateway.toml")
    assert (missing.status, missing.err[:7]) == (2, "Error: ")
