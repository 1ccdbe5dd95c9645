"""Price lists: what they hold, what public ones become, and what calls cost by them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.costs import with_costs
from routereval.records.prices import (
    Price,
    PriceList,
    as_toml,
    price_list,
    public_prices,
    updated,
)
from tests.conftest import CommandLine

LITELLM = {
    "sample_spec": {"mode": "one of: chat", "input_cost_per_token": 0.0},
    "azure/large": {"mode": "chat", "input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06},
    "large": {
        "mode": "chat",
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 2.5e-07,
        "output_cost_per_reasoning_token": 2e-05,
        "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token_batches": 5e-06,
    },
    "drawn": {"mode": "image_generation", "input_cost_per_token": 1, "output_cost_per_token": 1},
    "free": {"mode": "chat", "input_cost_per_token": "0", "output_cost_per_token": 0.0},
    "odd": {"mode": "chat", "input_cost_per_token": "dear", "output_cost_per_token": 1e-06},
}
OPENROUTER = {
    "data": [
        {
            "id": "maker/large",
            "pricing": {
                "prompt": "0.0000025",
                "completion": "0.00001",
                "input_cache_read": "0.00000025",
                "internal_reasoning": "0",
            },
        },
        {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
        {"id": "none"},
    ]
}
LARGE = Price(2.5, 10.0, 0.25, 20.0, 1.25, 5.0)
TODAY = date(2026, 11, 28)


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def listed(tmp_path: Path, **usd: Price) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(as_toml(PriceList("2026-11-01", "mine", usd, 100)), encoding="utf-8")
    return path


def test_litellms_list(tmp_path: Path) -> None:
    found = public_prices(written(tmp_path / "p.json", LITELLM))
    assert found == {"azure/large": Price(9, 9), "large": LARGE, "free": Price(0, 0)}


def test_openrouters_list(tmp_path: Path) -> None:
    found = public_prices(written(tmp_path / "p.json", OPENROUTER))
    assert found == {"maker/large": Price(2.5, 10.0, 0.25)}


@pytest.mark.parametrize("content", [{}, [], {"data": []}, {"a": {"mode": "chat"}}, 3])
def test_what_is_no_list_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no price; give LiteLLM's"):
        public_prices(written(tmp_path / "p.json", content))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\xff"])
def test_what_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read as JSON"):
        public_prices(tmp_path / "p.json")
    with pytest.raises(DataError, match=r"none\.json does not exist; give a public price list"):
        public_prices(tmp_path / "none.json")


def test_a_list_is_written_as_it_is_read(tmp_path: Path) -> None:
    names = {'a "b"\\c': Price(0.1, 1e-7), "é/x": LARGE, "zero": Price(0, 0, 0)}
    back = price_list(listed(tmp_path, **names))
    assert (back.usd, back.date, back.source, back.output_tokens) == (
        names,
        "2026-11-01",
        "mine",
        100,
    )


def test_the_makers_price_goes_before_that_of_others() -> None:
    usd = {"azure/eu/x": Price(3, 3), "X": Price(1, 1), "azure/x": Price(2, 2), "b/y": Price(4, 4)}
    found = PriceList("", "", usd, 1)
    assert found.of("x") == Price(1, 1)
    assert found.of("azure/x") == Price(2, 2)
    assert found.of("Y") == Price(4, 4)
    assert found.of("z") is None


def test_an_update_keeps_what_the_other_list_lacks() -> None:
    old = PriceList("2025-01-01", "mine", {"large": Price(1, 1), "own": Price(2, 2)}, 50)
    new = updated(old, {"maker/large": LARGE, "other": Price(3, 3)}, "theirs", TODAY)
    assert new.usd == {
        "large": LARGE,
        "own": Price(2, 2),
        "maker/large": LARGE,
        "other": Price(3, 3),
    }
    assert new.source == "theirs; models that it lacks: mine, 2025-01-01"
    assert (new.date, new.output_tokens) == ("2026-11-28", 50)
    whole = updated(old, {"large": LARGE, "own": LARGE}, "theirs", TODAY)
    assert whole.source == "theirs"


def calls(**axes: Any) -> Records:  # noqa: ANN401
    held = {name: np.array([values]) for name, values in axes.items()}
    return Records.from_arrays("one", np.array([[1.0, 0.0]]), ["large", "small"], axes=held)


def cents(records: Records) -> list[float]:
    assert records.costs is not None
    return [round(float(usd) * 1e6, 2) for usd in records.costs[:, 0]]


def test_calls_cost_their_tokens_cached_and_reasoning_ones_apart(tmp_path: Path) -> None:
    file = listed(tmp_path, large=LARGE, small=Price(1, 2))
    records = calls(
        tokens_in=[1000, 1000],
        tokens_cached=[600, 600],
        tokens_out=[50, np.nan],
        tokens_reasoning=[30, np.nan],
    )
    costed = with_costs(records, "prices", file, TODAY)
    large = 400 * 2.5 + 600 * 0.25 + 20 * 10 + 30 * 20
    assert cents(costed.records) == [large, 1000 * 1 + 100 * 2]  # the list's 100 tokens out
    assert costed.note.endswith("(2026-11-01), tokens as recorded")
    batch = with_costs(records, "batch", file, TODAY)
    assert batch.records.costs is not None
    assert cents(batch.records)[0] == 1000 * 1.25 + 50 * 5
    assert np.isnan(batch.records.costs[1, 0])
    assert "of batches; no price of " in batch.note


def test_prices_of_the_records_own_are_called_so(tmp_path: Path) -> None:
    records = calls(tokens_in=[10, 10], tokens_out=[0, 0])
    info = records.model_info.with_columns(price_in=pl.Series([1.0, 2.0]), price_out=pl.lit(1.0))
    file = tmp_path / "prices.toml"
    file.write_text(as_toml(PriceList("2020-01-01", "", {}, 1)))
    costed = with_costs(replace(records, model_info=info), "prices", file, TODAY)
    assert costed.note == "costs are estimates from the records' own prices, tokens as recorded"
    assert cents(costed.records) == [10, 20]


def test_an_arm_costs_what_its_base_model_does(tmp_path: Path) -> None:
    records = calls(tokens_in=[10, 10], tokens_out=[0, 0])
    info = pl.DataFrame({"model": ["large [effort=low]", "b"], "base_model": ["large", None]})
    arms = Records(
        name="x",
        scores=records.scores,
        models=("large [effort=low]", "b"),
        prompts=records.prompts,
        model_info=info,
        costs=None,
        features={},
        meta={},
        axes=records.axes,
    )
    costed = with_costs(arms, "prices", listed(tmp_path, large=LARGE), TODAY)
    assert costed.records.costs is not None
    assert cents(costed.records)[0] == 25


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-08-30", None),
        ("2026-08-29", "prices are of 2026-08-29, over 90 days ago"),
        ("", "the price list has no date"),
        ("soon", "the price list has no date"),
    ],
)
def test_an_old_list_is_warned_of(day: str, words: str | None, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(as_toml(PriceList(day, "", {"large": LARGE, "small": LARGE}, 1)))
    note = with_costs(calls(tokens_in=[1, 1]), "prices", file, TODAY).note
    assert (words in note) if words else ("ago" not in note and "no date" not in note)


def test_the_list_of_the_package_has_all_kinds_of_prices() -> None:
    usd = price_list().usd.values()
    for field in Price._fields:
        assert any(getattr(price, field) is not None for price in usd), field


def test_the_commands(tmp_path: Path, command_line: CommandLine) -> None:
    public = written(tmp_path / "p.json", LITELLM)
    out = tmp_path / "mine.toml"
    base = listed(tmp_path, own=Price(1, 1), large=Price(1, 1))
    answer = command_line(
        "prices", "update", public, "--prices", base, "-o", out, "--date", "2026-11-28"
    )
    assert answer.out == f"{out}: 4 models, 2 new, 1 with another price\n"
    assert price_list(out).of("large") == LARGE
    shown = command_line(
        *("prices", "show", "LARGE", "--prices", out, "--today", "2027-11-28", "--format", "json")
    )
    held = json.loads(shown.out)
    assert held["usd_per_million"] == {"LARGE": LARGE._asdict()}
    text = command_line("prices", "show", "--prices", out, "--today", "2027-11-28").out
    assert "over 90 days ago" in text
    assert "0.2500" in text
    for wrong in (
        ["show", "nobody"],
        ["update", public, "--models", "x"],
        ["show", "--today", "x"],
    ):
        assert command_line("prices", *wrong).status == 2
