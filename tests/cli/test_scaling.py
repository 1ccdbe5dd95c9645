"""``routereval scaling`` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from routereval.cli.scaling import _ORDERS, scaling
from routereval.errors import DataError
from routereval.records import Records
from routereval.studies.orders import ORDERS


@pytest.fixture
def records(tmp_path: Path) -> str:
    scores = (np.random.default_rng(0).random((40, 12)) < 0.5).astype(float)
    names = [f"llm-{c}" for c in range(12)]
    return str(Records.from_arrays("toy", scores, names).save(tmp_path / "toy"))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(scaling, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table(records: str) -> None:
    text = run(records, "--reference", "0.9")
    assert "toy" in text
    assert "m = 10" in text
    assert "0.900" in text
    assert "random pools, expected" in text
    assert "Simulated" not in text


@pytest.mark.parametrize("order", [order for order in _ORDERS if order != "greedy-cost"])
def test_every_order(records: str, order: str) -> None:
    (line,) = json.loads(run(records, "--order", order, "--format", "json"))["lines"]
    assert line["order"] == order
    assert line["oracle_all"] == 1.0


def test_the_choices_are_the_orders_of_the_study() -> None:
    assert list(_ORDERS) == list(ORDERS)


def test_csv_holds_the_summary(records: str) -> None:
    frame = pl.read_csv(run(records, "--format", "csv", "--reference", "0.9").encode())
    assert frame["benchmark"].to_list() == ["toy"]
    assert frame["passes_at"][0] >= 2


def test_figures_and_numbers_are_written(records: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(records, "-o", str(out))
    assert sorted(p.name for p in out.iterdir()) == [
        "scaling.parquet",
        "scaling.png",
        "scaling.svg",
    ]


def test_unknown_costs_are_told(records: str) -> None:
    with pytest.raises(DataError, match="use --order greedy"):
        run(records, "--order", "greedy-cost")
