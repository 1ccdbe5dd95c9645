"""The first screen: what to do, with what it rests on, for the person who decides."""

from __future__ import annotations

import math

from routereval.report.run_report import RunReport, View
from routereval.report.sections.heat_map import heat_map
from routereval.report.sections.next_steps import after_view
from routereval.report.sections.pieces import absent, interval_text, number, signed
from routereval.report.tags import Html, joined, tag
from routereval.results.standings import AGAINST
from routereval.results.summary import Estimate

VOLUME = 1_000_000
"""Prompts per month that the page begins with."""

_LIGHTS = {"deploy": ("●", "deploy"), "do not": ("■", "stop"), "more prompts": ("▲", "wait")}


def decide_section(report: RunReport) -> Html:
    """The verdicts and tiles of all views, one of which is shown, and what comes after them."""
    views = [_view(view, place) for place, view in enumerate(report.views)]
    return tag(
        "section",
        _chooser(report),
        tag("div", *views, id="views"),
        _volume(report),
        _trade_off(report),
        heat_map(report.champions),
        *(after_view(report, view, place) for place, view in enumerate(report.views)),
        id="decide",
        aria_label="Decide",
    )


def _chooser(report: RunReport) -> Html:
    if len(report.views) == 1:
        return Html("")
    options = [
        tag("option", view.label, value=str(place)) for place, view in enumerate(report.views)
    ]
    return tag(
        "p",
        tag("label", "Decision about ", tag("select", *options, id="view"), class_="field"),
        class_="chooser",
    )


def _view(view: View, place: int) -> Html:
    sign, look = _LIGHTS[view.decision.light]
    return tag(
        "div",
        tag(
            "div",
            tag("p", tag("span", sign, aria_hidden="true"), " ", _word(view), class_="light"),
            tag("h2", view.decision.headline),
            tag("p", view.decision.reason),
            class_=f"verdict {look}",
        ),
        tag("div", _quality(view), *_money(view), _latency(view), class_="tiles"),
        class_="view",
        data_view=place,
        hidden=place > 0,
    )


def _word(view: View) -> str:
    return {"deploy": "Deploy", "do not": "Do not deploy", "more prompts": "Not decided yet"}[
        view.decision.light
    ]


def _tile(head: str, value: str | Html, *more: str | Html) -> Html:
    lines = [tag("p", line, class_="more") for line in more if line]
    return tag("div", tag("h3", head), tag("p", value, class_="value"), *lines, class_="tile")


def _quality(view: View) -> Html:
    row = view.decision.standing
    if row is None or row.test is None:
        return _tile(f"Quality against {AGAINST}", "–", "no learned router stands beside it")
    test = row.test
    ends = f"95 % interval {signed(test.low)} to {signed(test.high)}, {test.n_prompts:,} prompts"
    own = view.means.get(row.router, {}).get("mu")
    single = view.means.get(AGAINST, {}).get("mu")
    scores = f"{row.router}: {_score(own)}; {AGAINST}: {_score(single)}" if own and single else ""
    return _tile(
        f"Quality of {row.router} against {AGAINST}", signed(test.difference), ends, scores
    )


def _score(found: Estimate | None) -> str:
    return "–" if found is None else number(found.value)


def _money(view: View) -> list[Html]:
    row = view.decision.standing
    name = row.router if row is not None else AGAINST
    own = view.means.get(name, {}).get("cost")
    if own is None or math.isnan(own.value):
        reason = "no cost is known: run with --costs prices, or with costs in the records"
        return [_tile("Cost", "–", reason)]
    single = view.means.get(AGAINST, {}).get("cost")
    saved = view.decision.saving
    against = ""
    if saved is not None:
        word = "less" if saved.share >= 0 else "more"
        low, high = (saved.low, saved.high) if saved.share >= 0 else (-saved.high, -saved.low)
        against = (
            f"{abs(saved.share):.0%} {word} than {AGAINST} [{low:.0%} to {high:.0%}], each prompt "
            "going to the highest predicted score"
        )
    per_month = tag("span", _usd(own.value * VOLUME), data_month=own.value)
    at = joined("at ", tag("span", f"{VOLUME:,}", data_volume=True), " prompts per month")
    month = ""
    if single is not None and not math.isnan(single.value):
        spent = tag("span", _usd(single.value * VOLUME), data_month=single.value)
        month = joined(f"{AGAINST}: ", spent)
    return [
        _tile(
            f"USD per 1,000 prompts, {name}",
            _usd(own.value * 1000),
            interval_text(own, _usd),
            against,
        ),
        _tile(f"USD per month, {name}", per_month, at, month),
    ]


def _usd(value: float) -> str:
    """USD with three digits that tell."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 6)}f}"


def _latency(view: View) -> Html:
    row = view.decision.standing
    if row is None or row.router not in view.milliseconds:
        return _tile("Time to choose", "–", "")
    low, high = view.milliseconds[row.router]
    value = f"{high:.2g} ms" if high < 100 else f"{high:,.0f} ms"
    return _tile(
        "Time to choose, per prompt",
        f"≤ {value}",
        f"from {low:.2g} ms, in batches, on the machine of the run; features are not in it",
    )


def _volume(report: RunReport) -> Html:
    if not report.pools:
        return Html("")
    field = tag(
        "input", type="number", id="volume", min="0", step="1000", value=VOLUME, inputmode="numeric"
    )
    return tag(
        "p", tag("label", "Prompts per month ", field, class_="field"), class_="chooser screen-only"
    )


def _trade_off(report: RunReport) -> Html:
    head = tag("h2", "Trade-off of cost and quality", id="trade-off")
    if not report.pools:
        why = absent("costs; run with --costs prices, or with costs in the records")
        return tag("div", head, why)
    controls = tag(
        "div",
        tag("label", "Pool ", tag("select", id="pool"), class_="field"),
        tag("label", "Router ", tag("select", id="router"), class_="field"),
        tag("label", "Floor ", tag("select", id="floor"), class_="field"),
        class_="controls screen-only",
    )
    slider = tag(
        "label",
        "Cheaper ",
        tag("input", type="range", id="slider", min="0", value="0", step="1"),
        " better",
        class_="slider screen-only",
    )
    return tag(
        "div",
        head,
        tag("noscript", tag("p", "This part needs JavaScript.")),
        controls,
        slider,
        tag("p", id="point", class_="point", aria_live="polite"),
        tag(
            "div",
            tag("div", id="plane", class_="plane"),
            tag("div", id="shares", class_="shares"),
            class_="two",
        ),
        tag("p", _TRADE_OFF_NOTE, class_="note"),
        class_="trade-off",
    )


_TRADE_OFF_NOTE = (
    "Every point is a price of cost, λ, at which all test prompts were routed; points that another "
    "one dominates are left out. Bars and the pale band are 95 % intervals over prompts. The point "
    "was not chosen on other prompts, so the best one of many looks a little better than it is. "
    "A price that is edited scales what the model's calls cost; which prompts go to it stays."
)
