from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import routereval as rv
from routereval.cli.main import cli
from routereval.errors import DataError
from routereval.report.kept_document import keep_document, kept_document
from routereval.report.page import folder_document
from routereval.report.run_report import RunReport, run_report
from routereval.report.sections.next_steps import after_view
from routereval.report.tags import data, readable, tag
from routereval.results import Results
from routereval.results.champions import champions
from routereval.results.decision import decide
from routereval.results.operating_points import operating_points
from routereval.results.pool_rows import pool_rows
from routereval.results.regret import largest_regrets
from routereval.results.single_models import cheaper_model
from routereval.results.standings import standings
from routereval.results.two_runs import two_runs
from routereval.studies.known_prompts import SavedRouter
from routereval.studies.run import run
from tests.made import made

HOSTILE = "<script>alert(1)</script>\x00\u202e\"'&" + "A" * 2_000 + "\u0645\u0631\u062d"
ROUTERS = ["best_single", "knn(k=5)", "oracle", "random"]


def hostile_records(name: str = "one<b>") -> rv.Records:
    plain = made(name, n_prompts=150, n_models=4, costs=True, n_subsets=2)
    texts = [f"{HOSTILE} {row} </script><img src=x onerror=alert(2)>" for row in range(150)]
    models = ["<i>a</i>", "b`${c}`", "長い名前のモデル" * 8, 'd" onload="x']
    assert plain.costs is not None
    return rv.Records.from_arrays(
        name,
        plain.dense(),
        models,
        texts,
        subsets=[f"<u>{row % 2}" for row in range(150)],
        costs=np.asarray(plain.costs.T),
        features=plain.features["given"],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("report")
    run([hostile_records()], ROUTERS, [3], ["all-strong"], out=home / "out", n_boot=50, n_jobs=1)
    return home / "out"


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return rv.read_results(folder)


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    target = rv.report(folder, tmp_path_factory.mktemp("page") / "report.html", title="A <run>")
    return target.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.found.append((tag, held))
        if held.get("id"):
            self.ids.append(str(held["id"]))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts.append(data)


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


def held_data(page: str) -> Any:  # noqa: ANN401 - any JSON
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    held: Any = json.loads(found[1])
    return held


def test_the_page_has_all_parts_and_reads_nothing_from_elsewhere(page: str) -> None:
    tags = parsed(page)
    assert {"decide", "research", "prompts", "trade-off", "champions", "grid", "data"} <= set(
        tags.ids
    )
    assert len(tags.ids) == len(set(tags.ids))
    for name, attributes in tags.found:
        assert name not in {"link", "img", "iframe", "object", "base", "form"}
        assert "src" not in attributes
        href = attributes.get("href")
        assert href is None or href.startswith("#")
    assert "default-src 'none'" in unescape(page)
    assert len(page) < 3_000_000


def test_every_link_within_the_page_has_its_target(page: str) -> None:
    tags = parsed(page)
    for _, attributes in tags.found:
        if (href := attributes.get("href")) is not None:
            assert href.removeprefix("#") in tags.ids


def test_prompts_and_names_do_no_harm(page: str) -> None:
    tags = parsed(page)
    names = [name for name, _ in tags.found]
    assert names.count("script") == 2  # the data and the program
    assert not {"i", "u", "img"} & set(names)
    assert not any(key.startswith("on") for _, held in tags.found for key in held)
    assert "\x00" not in page
    assert "<title>A &lt;run&gt;</title>" in page


def test_the_data_gives_prompts_back_with_who_was_right(page: str, results: Results) -> None:
    held = held_data(page)
    [block] = held["explorer"]["blocks"]
    [kept] = results.prompts.values()
    cell = results.of("knn(k=5)")[0]
    place = block["routers"].index("knn(k=5)")
    outcome = results.outcomes[cell.key]
    at = kept.at(outcome.rows)
    assert block["id"] == [kept.ids[n] for n in at]
    assert all(text.startswith("<script>alert(1)") for text in block["text"])
    assert all(len(text) <= 520 for text in block["text"])
    for p, choice in enumerate(block["choice"][place]):
        assert block["scores"][p][choice] == pytest.approx(outcome.evidence.quality[p], abs=1e-3)
        own, other, value = block["predicted"][place][p]
        assert own is not None
        assert other != choice
        assert value <= own + 1e-3
    assert block["control"][block["routers"].index("oracle")] == 1


def test_the_slider_has_the_models_and_rising_points(page: str) -> None:
    [pool] = held_data(page)["pools"]
    assert len(pool["models"]) == len(pool["cost"]) == 3
    [router] = pool["routers"]
    assert router["name"] == "knn(k=5)"
    assert router["cost"] == sorted(router["cost"])
    assert router["score"] == sorted(router["score"])
    for sent, spent, cost in zip(router["sent"], router["spent"], router["cost"], strict=True):
        assert sum(sent.values()) == pytest.approx(1, abs=1e-3)
        assert sum(spent.values()) == pytest.approx(cost, rel=1e-3)


def test_the_exports_are_those_of_the_tables(page: str, folder: Path) -> None:
    exports = held_data(page)["exports"]
    tables = folder_document(folder).tables
    texts = [one["latex"] for one in exports.values()]
    assert len(texts) >= len(tables)
    assert all(r"\begin{tabular}" in text for text in texts)
    assert any("knn(k=5)" in one["csv"] for one in exports.values())


# The numbers


@pytest.fixture(scope="module")
def gathered(results: Results) -> RunReport:
    return run_report(results)


def test_operating_points_are_undominated_and_score_as_the_curve(results: Results) -> None:
    [pool] = operating_points(results, ["knn(k=5)"], most_points=4)
    [found] = pool.routers
    assert len(found.lam) <= 4
    assert (np.diff(found.cost) > 0).all()
    assert (np.diff(found.score) > 0).all()
    assert (found.low <= found.score).all()
    assert (found.score <= found.high).all()
    outcome = results.outcomes[results.of("knn(k=5)")[0].key]
    assert outcome.evidence.curve is not None
    assert found.score[-1] == pytest.approx(outcome.evidence.curve.points[1].max())
    assert found.sent is not None


def test_the_map_of_models_names_the_best_and_those_level_with_it(results: Results) -> None:
    found = champions(results, n_boot=50)
    assert found is not None
    assert found.what == "subset"
    assert sum(row.n_prompts for row in found.rows) == results.cells[0].n_test
    for row in found.rows:
        [best] = [one for one in row.models if one.best]
        assert best.mean == max(one.mean for one in row.models)
        assert all(one.interval.low <= one.mean <= one.interval.high for one in row.models)


def test_regrets_fall_and_are_of_prompts_that_a_model_solved(results: Results) -> None:
    found = largest_regrets(results, "knn(k=5)")
    assert found
    lost = [one.regret for one in found]
    assert lost == sorted(lost, reverse=True)
    assert all(one.choice not in one.better for one in found)
    assert not largest_regrets(results, "oracle")


def test_the_grid_has_each_cell_with_its_interval(results: Results) -> None:
    rows = pool_rows(results)
    assert [row.router for row in rows] == ROUTERS
    for row, cell in zip(rows, results.cells, strict=True):
        assert row.metrics["mu"].value == cell.metrics["mu"]
        assert row.metrics["mu"][1:] == cell.intervals["mu"]


def test_a_clear_lead_is_deployed_a_short_run_is_not() -> None:
    rng = np.random.default_rng(3)
    domain = np.repeat([0, 1], 300)
    scores = np.stack([domain == 0, domain == 1], axis=1) * 0.9 + 0.05
    scores = (rng.random(scores.shape) < scores).astype(float)
    features = np.eye(2)[domain] + rng.normal(scale=0.05, size=(600, 2))
    scores = np.column_stack([scores, np.zeros(600)])
    features = np.column_stack([features, np.zeros(600)])
    records = rv.Records.from_arrays("clear", scores, ["a", "b", "c"], features=features)
    left = run([records], ["knn(k=5)", "best_single"], [3], ["all-strong"], n_boot=50, n_jobs=1)
    found = decide(left, standings(left))
    assert (found.light, found.headline) == ("deploy", "Deploy knn(k=5)")
    noise = made("noise", n_prompts=60, n_models=3)
    less = run([noise], ["knn(k=5)", "best_single"], [3], ["all-strong"], n_boot=50, n_jobs=1)
    open_ = decide(less, standings(less))
    assert open_.light in {"more prompts", "do not"}
    assert open_.standing is not None


@pytest.mark.parametrize(
    ("protocol", "said"),
    [("clean", "--seeds 10 -o more-seeds"), ("cv(k=4)", "--protocol &#x27;cv(k=4)&#x27; -o more-")],
)
def test_more_prompts_are_asked_for_where_there_are_more(
    gathered: RunReport, protocol: str, said: str
) -> None:
    """Under cross-validation all prompts have been tested, whatever the seed."""
    view = gathered.views[0]
    decided = view.decision._replace(light="more prompts")
    text = str(after_view(gathered, replace(view, decision=decided, protocol=protocol), 0))
    assert said in text
    assert ("Every prompt was tested" in text) == (protocol != "clean")


def test_of_graded_scores_the_best_model_is_named_and_not_a_right_one(gathered: RunReport) -> None:
    view = gathered.views[0]
    one = view.regrets[0]
    for scores, said in (({"a": 0.0, "b": 1.0}, "right: b"), ({"a": 0.3, "b": 0.6}, "best: b")):
        lost = one._replace(scores=scores, better=("b",))
        assert said in str(after_view(gathered, replace(view, regrets=[lost]), 0))


def test_results_without_costs_or_prompts_say_so(tmp_path: Path) -> None:
    left = run([made()], ["knn(k=5)", "best_single"], [3], ["all-strong"], n_boot=20, n_jobs=1)
    bare = Results(left.cells, left.outcomes, left.notes, left.info)
    page = rv.report(bare, tmp_path / "bare.html").read_text("utf-8")
    assert page.count("Not in these results:") >= 3
    assert held_data(page)["explorer"] is None
    assert held_data(page)["pools"] == []


def test_results_without_a_yardstick_still_have_a_report(tmp_path: Path) -> None:
    left = run([made()], ["random"], [3], ["all-strong"], n_boot=20, n_jobs=1)
    page = rv.report(left, tmp_path / "random.html").read_text("utf-8")
    assert "Nothing to deploy" in page


def test_the_report_of_the_same_results_has_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first, again = (rv.report(folder, tmp_path / f"{n}.html").read_bytes() for n in "ab")
    assert first == again


# Pieces


def test_text_is_escaped_unless_it_is_marked_as_html() -> None:
    assert tag("p", tag("b", "<x>"), "<y>\x07", class_='"') == (
        '<p class="&quot;"><b>&lt;x&gt;</b>&lt;y&gt;\\x07</p>'
    )
    assert tag("p", hidden=True, id=None) == "<p hidden></p>"


def test_data_cannot_close_its_script_and_knows_no_nan() -> None:
    held = str(data({"a": "</ScRiPt>\u2028", "b": math.nan, "c": np.float64(0.5)}))
    assert "</ScRiPt>" not in held
    begin, end = '<script type="application/json" id="data">', "</script>"
    inside = held.removeprefix(begin).removesuffix(end)
    assert json.loads(inside) == {"a": "</ScRiPt>\u2028", "b": None, "c": 0.5}


def test_texts_keep_their_lines_and_show_control_characters() -> None:
    assert readable("a\r\nb\x00\ud800") == "a\nb\\x00\\ud800"


# Kept tables


def test_tables_are_kept_until_the_cells_change(folder: Path, tmp_path: Path) -> None:
    import shutil

    own = tmp_path / "own"
    shutil.copytree(folder, own)
    document = folder_document(own)
    again = kept_document(own)
    assert again is not None
    for name in ("table", "csv", "json", "latex", "markdown", "html"):
        from routereval.report import render

        assert render(again, name) == render(document, name)
    with (own / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert kept_document(own) is None
    keep_document(own, document)
    (own / "tables.json").write_text("{", encoding="utf-8")
    assert kept_document(own) is None


def test_the_commands(folder: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli, ["show", str(folder), "--format", "csv"])
    assert shown.exit_code == 0
    assert "knn(k=5)" in shown.output
    made_page = CliRunner().invoke(cli, ["report", str(folder), "-o", str(tmp_path / "x.html")])
    assert made_page.exit_code == 0
    assert "x.html" in made_page.output
    assert (tmp_path / "x.html").read_text("utf-8").startswith("<!doctype html>")


# Two runs


def test_two_runs_are_held_against_each_other_on_the_same_prompts(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other<b>"
    routers = ["best_single", "knn(k=1)", "knn(k=5)"]
    run([hostile_records()], routers, [3], ["all-strong"], out=other, n_boot=50, n_jobs=1)
    found = two_runs(rv.read_results(folder), rv.read_results(other))
    assert [change.router for change in found.changes] == ["best_single", "knn(k=5)"]
    for change in found.changes:
        assert change.scores[0] == change.scores[1]
        assert change.test.ties == change.test.n_prompts
    assert any("knn(k=1)" in note for note in found.left_out)
    assert "routers" in {name for name, _, _ in found.facts}
    written = tmp_path / "two.html"
    command = ["report", "--compare", str(folder), str(other), "-o", str(written)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    page = written.read_text("utf-8")
    assert "Every router scores the same on each prompt" in page
    assert "b" not in [name for name, _ in parsed(page).found]
    assert CliRunner().invoke(cli, ["report"]).exit_code != 0


def test_two_runs_without_a_common_cell_are_refused(results: Results) -> None:
    left = run([made("two")], ["knn(k=5)"], [3], ["all-strong"], n_boot=20, n_jobs=1)
    with pytest.raises(DataError, match="no cell in common"):
        two_runs(results, left)


# A saved router


@pytest.mark.slow
def test_the_certificate_of_a_saved_router_is_shown(tmp_path: Path) -> None:
    records = made("one", n_prompts=120, n_models=3, texts=True, costs=True)
    out = tmp_path / "out"
    left = run(
        [records], ["knn(k=5)", "best_single"], [3], ["all-strong"], out=out, n_boot=20, n_jobs=1
    )
    trained = rv.train(records, "knn(k=5)", embedder="tfidf")
    assert trained.certificate is not None
    more = replace(trained.certificate, unknown=("what a new model adds",)).to_dict()
    replace(trained, about={**trained.about, "certificate": more}).save(tmp_path / "router")
    void = replace(trained, about={"certificate": None, "void": "it was of 3 models"})
    assert SavedRouter.of(void, left.prompts).sentence == "it was of 3 models"
    saved = SavedRouter.read(tmp_path / "router", left.prompts)
    assert saved.certificate is not None
    share, n = saved.share
    assert n == left.cells[0].n_test
    assert 0 <= share <= 1
    page = rv.report(out, tmp_path / "r.html", router=tmp_path / "router").read_text("utf-8")
    assert "Void if" in unescape(page)
    assert "<li>what a new model adds</li>" in page
    assert saved.sentence in unescape(page)
    [block] = held_data(page)["explorer"]["blocks"]
    assert sum(block["unfamiliar"]) == round(share * n)


def test_a_cheaper_model_that_is_as_good_is_named_instead_of_a_router() -> None:
    rng = np.random.default_rng(5)
    n = 400
    skill = rng.random(n) < 0.8
    poor = np.where(np.arange(n) % 2, skill, 0)  # the dear model fails every other prompt kind
    scores = np.stack([skill, skill, poor], axis=1).astype(float)
    costs = np.tile([0.001, 0.01, 0.02], (n, 1)) * rng.uniform(0.9, 1.1, (n, 3))
    features = np.stack([np.arange(n) % 2, rng.normal(size=n)], axis=1)
    records = rv.Records.from_arrays("c", scores, ["a", "b", "d"], features=features, costs=costs)
    left = run([records], ["knn", "best_single"], [3], ["all-strong"], n_boot=20, n_jobs=1)
    dear = replace(left.of("knn")[0], router="dear")
    held = left.outcomes[left.of("knn")[0].key]
    curve = held.evidence.curve
    assert curve is not None
    column = dear.pool.index("b")  # as good as a, and ten times as dear
    quality, cost = (v[:, column].astype(float) for v in (curve.model_quality, curve.model_cost))
    evidence = replace(held.evidence, quality=quality, cost=cost)
    own = Results([dear], {dear.key: held._replace(evidence=evidence)})
    model = cheaper_model(own, "dear", 0.2)
    assert model is not None
    assert model.model == "a"
    assert model.saving.share == pytest.approx(0.9, abs=0.05)
    plain = run([made()], ["knn(k=5)"], [3], ["all-strong"], n_boot=20, n_jobs=1)
    assert cheaper_model(plain, "knn(k=5)", 0.01) is None
