"""The words say what the numbers say; the files come out the same every time."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from routereval.cli.advise import advise as command
from routereval.records import Records
from routereval.report.advice_cost import AdviceCostDisplay
from routereval.report.advice_figure import advice_figure
from routereval.report.layouts.advise import save_advice
from routereval.report.layouts.advise_phrases import some_of
from routereval.report.layouts.advise_verdict import SHORT, verdict, verdict_sentence
from routereval.results.summary import Estimate
from routereval.routers import load_router
from routereval.studies.advise import Advice, advise
from routereval.studies.advise.advice import Answer

WORDS = ("sort the list", "cite the statute", "dose the patient")


def records(n: int = 240, m: int = 6, *, costs: bool = True, name: str = "kinds") -> Records:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, n)
    chance = np.where(kind[:, None] == np.arange(m) % 3, 0.9, 0.35)
    usd = np.tile(np.linspace(0.001, 0.01, m), (n, 1)) if costs else None
    scores = (rng.random((n, m)) < chance).astype(float)
    texts = [f"{WORDS[one]}, number {row}" for row, one in enumerate(kind)]
    return Records.from_arrays(name, scores, [f"llm-{i}" for i in range(m)], texts, costs=usd)


@pytest.fixture(scope="module")
def advice(tmp_path_factory: pytest.TempPathFactory) -> Advice:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTEREVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        return advise(
            records(), max_models=6, n_boot=100, budget=4.0, monthly=2e6, routers=["knn(k=5)"]
        )


def test_the_verdict_comes_first_then_what_it_rests_on(advice: Advice) -> None:
    found = advice.benchmarks[0].decision
    text = " ".join(advice.render("table", 100).split())
    assert text.startswith("Worth routing? Yes, for the score: knn(k=5) gains +")
    assert text.index("Yes: route") < text.index("Best single model")
    assert f"Best single model: {found.best.model}, {found.best.score.value:.3f}" in text
    assert "on 240 prompts that it has not seen (each fit learned from 216, by tfidf)" in text
    assert "Budget of $4.00 per 1,000 prompts: the best single model within it is" in text
    assert "At 2,000,000 prompts per month knn(k=5), for the score, saves $" in text
    assert "against a mixture of single models of the same cost (the Zero router)" in text
    assert "5 folds" in text


def test_what_is_left_is_no_less_than_what_a_router_gains(advice: Advice) -> None:
    one = advice.benchmarks[0]
    assert "What is left, at most: not known. How the " in advice.render("table", 2000)
    pools = tuple(replace(pool, gain=Estimate(0.9, 0.8, 0.95)) for pool in one.pools)
    more = replace(advice, benchmarks=(replace(one, pools=pools),))
    assert "What is left, at most: among" in more.render("table", 2000)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_too_long_and_no_number_is_cut(advice: Advice, width: int) -> None:
    text = advice.render("table", width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "-0.000" not in text
    assert "nan" not in text
    assert "…" not in text


def test_each_answer_has_its_verdict(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    found = bench.decision
    single = found.best
    cheap = replace(single, model="small", usd=1.0, lead=Estimate(-0.004, -0.02, 0.01))
    answers: tuple[Answer, ...] = ("route", "save", "cheaper", "cheaper?", "no", "unclear")
    assert set(answers) == set(SHORT)
    said = {
        answer: verdict(
            replace(bench, decision=replace(found, answer=answer, use="use-me", enough=cheap)), 0.01
        )
        for answer in answers
    }
    assert said["route"].startswith("Yes, for the score: knn(k=5) gains +")
    assert said["save"].startswith("Yes, for the cost: knn(k=5) costs")
    assert said["cheaper"].startswith("No router. Use small alone: it is within 0.01 of ")
    assert "which so few prompts do not show (-0.004 [-0.020, +0.010])" in said["cheaper?"]
    assert said["no"].startswith("No: knn(k=5) gains +")
    assert said["unclear"].startswith("Not shown: knn(k=5) gains +")
    for answer in ("no", "unclear"):
        assert "use use-me." in said[answer].lower()
    blind = replace(found, answer="unclear", learned=None, missing="no texts", use="use-me")
    assert verdict(replace(bench, decision=blind), 0.01) == "Not shown: no texts. Use use-me."
    for changed in (blind, replace(found, answer="no", use=single.model)):
        whole = replace(advice, benchmarks=(replace(bench, decision=changed),))
        assert single.model in whole.render("table", 100)


def test_what_would_change_the_verdict(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    found = replace(bench.decision, answer="unclear", price_factor=math.nan)
    text = " ".join(replace(advice, benchmarks=(replace(bench, decision=found),)).__str__().split())
    assert found.learned is not None
    needed = f"about {found.learned.prompts_needed:,.0f} labelled prompts would show"
    assert needed in text


def test_a_gain_below_the_margin_may_be_ruled_out(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    found = bench.decision
    assert found.learned is not None
    small = replace(found.learned.best, gain=Estimate(0.004, -0.01, 0.02))
    learned = replace(found.learned, best=small, to_rule_out=1234.0)
    changed = replace(found, answer="unclear", learned=learned)
    text = " ".join(str(replace(advice, benchmarks=(replace(bench, decision=changed),))).split())
    assert (
        "about 1,234 labelled prompts would rule out a gain of 0.01 if it stays at +0.004" in text
    )


def test_a_floor_that_was_named_is_what_is_not_shown(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    found = bench.decision
    assert found.learned is not None
    lost = replace(found.learned.best, lead=Estimate(0.01, -0.03, 0.05), usd=Estimate(1.5, 1, 2))
    learned = replace(found.learned, cheap=lost)
    named = replace(found, answer="unclear", learned=learned, floor=0.6, floor_model="", use="a")
    name = found.learned.router
    assert verdict(replace(bench, decision=named), 0.01) == (
        f"Not shown: that {name}, at $1.50 per 1,000 prompts, keeps the score 0.600 within 0.01 "
        "(+0.010 [-0.030, +0.050]). Until it is, use a."
    )
    kept = replace(learned, cheap=replace(lost, lead=Estimate(0.01, 0.0, 0.02)))
    text = verdict(replace(bench, decision=replace(named, learned=kept)), 0.01)
    assert "costs a tenth less than any single model that keeps the score 0.600" in text


def changed(advice: Advice, **fields: object) -> str:
    """The text of advice whose decision is another one."""
    bench = advice.benchmarks[0]
    other = replace(bench, decision=replace(bench.decision, **fields))  # type: ignore[arg-type]
    return " ".join(replace(advice, benchmarks=(other,)).render("table", 2000).split())


def test_what_a_month_saves_or_costs_is_of_what_the_answer_uses(advice: Advice) -> None:
    best = advice.benchmarks[0].decision.best.model
    more = changed(advice, answer="save", monthly=Estimate(-500.0, -700.0, -300.0))
    assert f"knn(k=5), at least cost, costs $500 [$300, $700] a month more than {best}." in more
    less = changed(advice, answer="cheaper", use="small", monthly=Estimate(5.0, 4.0, 6.0))
    assert f"per month small saves $5 [$4, $6] a month against {best}." in less


def test_a_verdict_above_the_budget_says_what_is_within(advice: Advice) -> None:
    found = advice.benchmarks[0].decision
    assert found.learned is not None
    routed = replace(found.learned.best, usd=Estimate(9.0, 8.0, 10.0))
    within = replace(routed, usd=Estimate(3.5, 3.0, 4.0), score=Estimate(0.7, 0.6, 0.8))
    small = replace(found.best, model="small", score=Estimate(0.5, 0.4, 0.6))
    learned = replace(found.learned, best=routed, within=within)
    above = "That is above the budget of $4.00, within which "
    text = changed(advice, answer="route", learned=learned, affordable=small)
    assert f"{above}knn(k=5) scores 0.700 and small alone 0.500." in text
    dear = replace(learned, within=replace(within, usd=Estimate(4.5, 4.0, 5.0)))
    assert f"{above}small alone scores 0.500." in changed(
        advice, answer="route", learned=dear, affordable=small
    )
    assert f"{above}there is nothing." in changed(
        advice, answer="route", learned=dear, affordable=None
    )
    assert above not in changed(advice, learned=replace(learned, best=within))
    decision = replace(found, answer="route", learned=learned)
    assert decision.served(4.0) == within
    assert decision.served(None) == decision.served(20.0) == routed
    assert replace(decision, learned=dear).served(4.0) == routed


def test_a_floor_that_only_the_router_keeps_has_its_least_cost(advice: Advice) -> None:
    text = changed(advice, enough=None, floor=0.8, floor_model="")
    assert "against the score 0.800, which no single model keeps; " in text


def test_a_model_is_not_within_the_margin_of_itself(advice: Advice) -> None:
    found = advice.benchmarks[0].decision
    small = replace(found.best, model="small", usd=found.best.usd / 2)
    text = changed(advice, answer="cheaper", enough=small, floor_model="small", use="small")
    assert "Use small alone: nothing cheaper keeps its score within 0.01, and it costs 50%" in text
    assert "Best cheaper model: none is within 0.01 of small." in text


def test_a_price_at_which_routing_saves_already_is_none_to_wait_for(advice: Advice) -> None:
    found = advice.benchmarks[0].decision
    assert found.learned is not None
    kept = replace(found.learned.best, lead=Estimate(0.01, 0.0, 0.02))
    learned = replace(found.learned, cheap=kept)
    said = "times its price would make routing save"
    for factor in (0.4, 14.9, math.inf, math.nan):
        assert said not in changed(advice, answer="route", learned=learned, price_factor=factor)
    assert f"1.4 {said}" in changed(advice, answer="route", learned=learned, price_factor=1.4)


def test_an_oracle_without_luck_is_no_less_than_one_model(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    best = bench.decision.best.score.value
    for least, shown in ((best - 0.1, best), (best + 0.1, best + 0.1)):
        pools = tuple(replace(pool, steady=Estimate(least, 0, 1)) for pool in bench.pools)
        text = replace(advice, benchmarks=(replace(bench, pools=pools),)).render("table", 2000)
        assert f"; at least {shown:.3f} without the luck of the draw" in text


def test_a_router_that_reads_no_text_says_what_it_needs(advice: Advice) -> None:
    found = advice.benchmarks[0].decision
    assert "hold no texts" not in changed(advice)
    assert found.learned is not None
    text = changed(advice, learned=replace(found.learned, known_by="columns"))
    assert "it can be served only where requests say these, as by a rule for each subset." in text
    assert "than its columns tell knn(k=5)." in text


def test_a_gain_is_explained_where_there_is_one(advice: Advice) -> None:
    assert "gain: score of the learned router" in changed(advice)
    assert "gain:" not in changed(advice, answer="no", learned=None, missing="no texts")


def test_one_more_name_is_not_counted() -> None:
    assert some_of("abcde") == "a, b, c, d, e"
    assert some_of("abcdef") == "a, b, c, d and 2 more"


def test_the_first_line_of_several_is_of_all(advice: Advice) -> None:
    both = replace(advice, benchmarks=(*advice.benchmarks, *advice.benchmarks))
    assert verdict_sentence(both).startswith("Worth routing? kinds: Yes")


def test_simulated_data_are_marked(advice: Advice) -> None:
    made = replace(advice, benchmarks=(replace(advice.benchmarks[0], simulated=True),))
    assert "SIMULATED DATA" in made.render("table", 100)
    assert "Simulated data" in str([t.get_text() for t in advice_figure(made).texts])


def test_json_holds_everything(advice: Advice) -> None:
    held = json.loads(advice.to_json())
    bench = advice.benchmarks[0]
    first = held["benchmarks"][0]
    assert first["decision"]["best"]["model"] == bench.decision.best.model
    assert first["decision"]["answer"] == "route"
    assert first["pools"][0]["gain"]["low"] == bench.pools[0].gain.low
    assert first["pools"][0]["known_least"]["value"] is None


def test_the_picture_shows_each_size(advice: Advice) -> None:
    figure = advice_figure(advice)
    (axes,) = figure.axes
    pools = advice.benchmarks[0].pools
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(p.size) for p in pools]
    shown = [text.get_text() for text in axes.texts]
    assert f"{pools[0].oracle.value:.3f}" in shown
    assert f"{pools[0].gain.value:+.3f}" in shown
    assert axes.get_ylim()[0] < advice.benchmarks[0].decision.best.score.value


def test_the_cost_twin_has_a_row_for_each_choice(advice: Advice) -> None:
    [panel] = AdviceCostDisplay(advice).panels()
    found = advice.benchmarks[0].decision
    assert panel.rows[0].value == found.best.usd
    assert found.learned is not None
    assert any(row.value == found.learned.best.usd.value for row in panel.rows)
    assert found.best.model in panel.rows[0].words
    unknown = replace(found, best=replace(found.best, usd=math.nan), enough=None, learned=None)
    bare = replace(advice, benchmarks=(replace(advice.benchmarks[0], decision=unknown),))
    assert AdviceCostDisplay(bare).panels() == []


def test_a_bar_without_a_ceiling_says_so(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    nothing = Estimate(math.nan, math.nan, math.nan)
    pools = tuple(replace(pool, ceiling=nothing, gain=nothing) for pool in bench.pools)
    made = replace(advice, benchmarks=(replace(bench, pools=pools),))
    texts = [text.get_text() for text in advice_figure(made).axes[0].texts]
    assert texts.count("not estimable") == sum(pool.size > 1 for pool in pools)


def test_files_are_whole_and_the_same(advice: Advice, tmp_path: Path) -> None:
    first, second = (save_advice(advice, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == [
        "advice.txt",
        "advice.json",
        "advice.png",
        "advice.svg",
        "advice-cost.png",
        "advice-cost.svg",
    ]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert imread(tmp_path / "a" / "advice.png").std() > 0.05


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(tmp_path / "cache"))
    source = str(records(90).save(tmp_path / "kinds"))
    options = ["-r", "knn(k=5)", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(command, [source, *options], catch_exceptions=False)
    assert "Yes" in result.stdout
    assert result.exit_code == 0
    assert result.stdout.startswith("Worth routing?")
    assert "routereval serve" in result.stderr
    trained = load_router(tmp_path / "out" / "router")
    assert trained.certificate is not None
    assert trained.certificate.scored_on == "90 prompts of kinds, out of fold"
    assert trained.about["n_train"] == 90
    pytest.importorskip("msgspec")
    from routereval.gateway.config import read_config

    read = read_config(tmp_path / "out" / "gateway.toml")
    assert [one.name for one in read.upstreams] == list(trained.models)
    kept = (tmp_path / "out" / "advice.txt").read_text(encoding="utf-8")
    words = re.sub(r"[─\s]+", " ", result.stdout)
    assert words == re.sub(r"[─\s]+", " ", kept)
    again = CliRunner().invoke(command, [source, *options, "--floor", "0.1"])
    assert "Next:\n# no router: use llm-" in again.stderr
