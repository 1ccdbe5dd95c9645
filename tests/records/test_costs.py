from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from routereval.cli.main import cli
from routereval.errors import DataError, SpecError
from routereval.records import Records, read_records
from routereval.records.costs import parameters, with_costs
from routereval.records.prices import price_list
from routereval.studies.run import run
from tests.made import made

LIST = """
date = "2020-01-02"
output_tokens = 10
[usd_per_million]
"small-7b" = [1.0, 2.0]
"Big-70B" = [10.0, 30.0]
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(LIST, encoding="utf-8")
    return path


def two(
    texts: list[str] | None = None, models: tuple[str, str] = ("org/Small-7b", "big-70b")
) -> Records:
    return Records.from_arrays("two", np.eye(2), list(models), texts or ["abcd", "abcde"])


def cost_of(records: Records) -> list[list[float]]:
    assert records.costs is not None
    return [[round(float(usd) * 1e6, 3) for usd in row] for row in records.costs]


def test_prices_times_tokens(prices: Path) -> None:
    costed = with_costs(two(), "prices", prices)
    # one token and two: a token is taken for four characters; answers are of ten
    assert cost_of(costed.records) == [[1 + 20, 2 + 20], [10 + 300, 20 + 300]]
    assert "2020-01-02" in costed.note
    assert "estimates" in costed.note


def test_recorded_tokens_and_prices_go_first(prices: Path) -> None:
    records = two()
    prompts = records.prompts.with_columns(pl.Series("input_tokens", [100, 200]))
    info = records.model_info.with_columns(
        pl.Series("price_in", [5.0, None]),
        pl.Series("price_out", [0.0, None]),
        pl.Series("output_tokens", [1, None]),
    )
    costed = with_costs(replace(records, prompts=prompts, model_info=info), "prices", prices)
    assert cost_of(costed.records) == [[500, 1000], [1000 + 300, 2000 + 300]]
    assert "as recorded" in costed.note


def test_auto_estimates_only_where_every_price_is_known(prices: Path) -> None:
    assert with_costs(two(), "auto", prices).records.costs is not None
    unknown = two(models=("small-7b", "nobody"))
    assert with_costs(unknown, "auto", prices) == (unknown, "")
    recorded = made(costs=True)
    assert with_costs(recorded, "auto", prices) == (recorded, "")
    costed = with_costs(unknown, "prices", prices)
    assert costed.records.costs is not None
    assert np.isnan(costed.records.costs[1]).all()
    assert "no price of " in costed.note


def test_parameters_times_tokens_are_a_proxy(tmp_path: Path) -> None:
    costed = with_costs(two(), "params")
    assert costed.records.costs is not None
    assert costed.records.costs.tolist() == [[7, 14], [70, 140]]
    assert "proxy" in costed.note
    read = read_records(costed.records.save(tmp_path / "kept"))
    assert read.meta["cost_unit"] == "10⁹ parameters × tokens"
    assert read.hash == costed.records.hash != two().hash
    blind = Records.from_arrays("blind", np.eye(2), ["a-7b", "b-1.5b"])
    assert with_costs(blind, "params").records.costs.tolist() == [[7, 7], [1.5, 1.5]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("meta-llama/Llama-2-70b-hf", 70),
        ("org__tiny-1.1B", 1.1),
        ("Mixtral-8x7B-v0.1", None),
        ("gpt-4", None),
        ("bloom-560m", None),
        ("abc7bd", None),
        ("qwen_0.5b_chat", 0.5),
    ],
)
def test_parameters_by_name(name: str, billions: float | None) -> None:
    found = parameters(Records.from_arrays("one", np.ones((1, 1)), [name]))[0]
    assert np.isnan(found) if billions is None else found == billions


def test_recorded_parameters_go_first() -> None:
    records = two()
    info = records.model_info.with_columns(pl.Series("params", [None, 3.0]))
    assert parameters(replace(records, model_info=info)).tolist() == [7, 3]


def test_none_leaves_costs_out() -> None:
    assert with_costs(made(costs=True), "none").records.costs is None
    plain = made()
    assert with_costs(plain, "none").records is plain


@pytest.mark.parametrize(
    ("records", "kind", "words"),
    [
        (made(), "prices", "the price list knows none of its models"),
        (made(), "params", "the number of parameters of none of its models"),
        (Records.from_arrays("x", np.eye(2), ["gpt-4o", "gpt-4"]), "prices", "prices need texts"),
    ],
)
def test_what_cannot_be_costed_is_said(records: Records, kind: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        with_costs(records, kind)


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(SpecError, match="did you mean 'prices'"):
        with_costs(made(), "price")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[usd_per_million", "cannot be read as a price list"),
        ("date = 'x'", "holds a table usd_per_million"),
        ("[usd_per_million]\na = 3", "holds a table usd_per_million"),
        ("[usd_per_million]\na = [1, -1]", "not negative"),
    ],
)
def test_a_damaged_list_is_said(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        price_list(path)
    with pytest.raises(DataError, match=r"missing\.toml does not exist"):
        price_list(tmp_path / "missing.toml")


def test_the_list_of_the_package_has_a_date_and_a_source() -> None:
    listed = price_list()
    assert listed.date
    assert listed.source
    assert len(listed.usd) > 20


def test_a_run_tells_where_costs_come_from() -> None:
    names = {"org/model_0": "gpt-4o", "org/model_1": "gpt-4o-mini", "org/model_2": "gpt-4"}
    records = made(n_prompts=100, n_models=3, texts=True)
    models = [names[model] for model in records.models]
    known = Records.from_arrays(
        "priced", records.dense(), models, records.prompts["text"].to_list()
    )
    found = run([known], ["random"], [3], ["all-weak"], n_jobs=1)
    assert any("estimates from list prices" in note for note in found.notes)
    assert found.cells[0].metrics["cost"] > 0
    without = run([known], ["random"], [3], ["all-weak"], n_jobs=1, costs="none")
    assert np.isnan(without.cells[0].metrics["cost"])
    assert without.cells[0].key != found.cells[0].key


def test_a_model_that_the_list_lacks_is_refused_with_the_nearest() -> None:
    found = CliRunner().invoke(cli, ["prices", "show", "gpt4o"])
    assert "knows no 'gpt4o'; did you mean 'gpt-4o'?" in str(found.exception)
