from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from routereval.cli.main import cli
from routereval.report.metrics_page import GROUPS, metric_line, metrics_page
from routereval.scoring import METRICS, metric

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_in_the_documents_is_that_of_the_registry() -> None:
    assert metrics_page() in PAGE.read_text(encoding="utf-8")


def test_every_metric_stands_on_the_page_once() -> None:
    names = re.findall(r"^\| `([^`]+)`", metrics_page(), re.MULTILINE)
    assert sorted(names) == sorted(METRICS)
    assert {m.group for m in METRICS.values()} == set(GROUPS)


def test_the_list_says_what_the_page_says() -> None:
    shown = CliRunner().invoke(cli, ["list", "metrics"]).output
    for one in METRICS.values():
        assert re.search(rf"^ +{re.escape(one.name)} .*{re.escape(metric_line(one))}", shown, re.M)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_tells_direction_range_and_source(name: str) -> None:
    one = METRICS[name]
    [row] = [line for line in metrics_page().splitlines() if line.startswith(f"| `{name}`")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 6
    assert cells[2] == {True: "higher", False: "lower", None: "–"}[one.higher_is_better]
    assert cells[5] == one.source
    for name_, option in one.options.items():
        if name_ != "at":
            assert f"`{name_}=" in cells[1]
            assert str(option.default) in cells[1]


def test_names_on_the_page_are_metrics() -> None:
    for name in re.findall(r"`(\w+(?:@[\d.]+|\([^`]*\)))`", metrics_page()):
        assert metric(name)
