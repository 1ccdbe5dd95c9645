"""The first screen: what to do, with what it rests on, for the person who decides."""

from __future__ import annotations

import math
import shlex

from routereval.report.run_report import AGAINST, RunReport, View
from routereval.report.sections.pieces import (
    absent,
    code_block,
    folded,
    interval_text,
    number,
    short,
    signed,
    wide,
)
from routereval.report.tags import Html, joined, prose, tag
from routereval.results.champions import ChampionRow, Champions, ModelScore
from routereval.results.regret import Regret
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
        _heat_map(report.champions),
        *(_after(report, view, place) for place, view in enumerate(report.views)),
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
        tag("div", *_tiles(view), class_="tiles"),
        class_="view",
        data_view=place,
        hidden=place > 0,
    )


def _word(view: View) -> str:
    return {"deploy": "Deploy", "do not": "Do not deploy", "more prompts": "Not decided yet"}[
        view.decision.light
    ]


def _tiles(view: View) -> list[Html]:
    return [_quality(view), *_money(view), _latency(view)]


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
            interval_text(own, 1000, _usd),
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


def _heat_map(found: Champions | None) -> Html:
    head = tag("h2", "Which model is best at what", id="champions")
    if found is None:
        return tag("div", head, absent("the prompts; a run of this version keeps them"))
    heads = [tag("th", found.what, scope="col"), tag("th", "n", scope="col")]
    heads += [tag("th", tag("span", model), scope="col", class_="model") for model in found.models]
    rows = [_heat_row(row) for row in found.rows]
    table = tag(
        "table",
        tag("thead", tag("tr", *heads)),
        tag("tbody", *rows),
        class_="heat",
    )
    left = []
    if found.left_out:
        left.append(f"{found.left_out} models of fewer pools are left out.")
    if found.rows_left_out:
        left.append(f"{found.rows_left_out} more rows are left out.")
    return tag(
        "div",
        head,
        wide(table, f"Mean score of each model by {found.what}"),
        tag(
            "p",
            "Mean score on the test prompts ± half the width of its 95 % interval. ★: the highest. "
            "Grey: cannot be told apart from it (paired test, Holm, 5 %). Shade: from the row's "
            "lowest to its highest model. Blank: in no pool of that row. " + " ".join(left),
            class_="note",
        ),
    )


def _heat_row(row: ChampionRow) -> Html:
    known = [one.mean for one in row.models if not math.isnan(one.mean)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    cells = [_heat_cell(one, low, high) for one in row.models]
    return tag(
        "tr",
        tag("th", row.name, scope="row", class_=short(row.name)),
        tag("td", f"{row.n_prompts:,}"),
        *cells,
    )


def _heat_cell(one: ModelScore, low: float, high: float) -> Html:
    if math.isnan(one.mean):
        return tag("td")
    look = "best" if one.best else "level" if one.level else ""
    shade = 0.0 if one.level else (one.mean - low) / (high - low) if high > low else 0.0
    half = (one.interval.high - one.interval.low) / 2
    return tag(
        "td",
        f"{one.mean:.3f}{' ★' if one.best else ''}",
        tag("span", f" ±{half:.3f}", class_="interval"),
        class_=look or None,
        style=f"--v:{shade:.2f}",
    )


def _after(report: RunReport, view: View, place: int) -> Html:
    """What depends on the view and comes below: regrets, next commands, what is not known."""
    return tag(
        "div",
        tag("h2", "Where it goes wrong"),
        _regrets(view),
        tag("h2", "What to do next"),
        *_next(report, view),
        tag("h2", "What it was tested on, and what would void it"),
        _standing_for(report, view),
        class_="view",
        data_view=place,
        hidden=place > 0,
    )


def _regrets(view: View) -> Html:
    if view.decision.router is None:
        return absent("a learned router")
    if not view.regrets:
        return tag("p", "No prompt that was kept lost anything to the oracle.")
    n = len(view.regrets)
    which = "The prompt" if n == 1 else f"The {n} prompts"
    intro = (
        f"{which} on which {view.decision.router} loses most to the oracle, which knows the "
        "answers; of equal ones, those it was surest of."
    )
    return joined(tag("p", intro), *(_regret(one) for one in view.regrets))


def _regret(one: Regret) -> Html:
    choice = one.choice or "a mix of models"
    sure = "" if math.isnan(one.predicted) else f", predicted {one.predicted:.2f}"
    summary = joined(
        tag("b", f"−{one.regret:.2f}"),
        f" {one.cell.benchmark}",
        f" · {one.subset}" if one.subset and one.subset != one.cell.benchmark else "",
        f" · chose {choice}{sure} · right: {', '.join(one.better[:4])}",
        f" and {len(one.better) - 4} more" if len(one.better) > 4 else "",
    )
    scores = "; ".join(f"{model} {score:.2f}" for model, score in one.scores.items())
    shown = tag("p", f"prompt {one.prompt}", class_="note")
    if one.text is None:
        return folded(summary, shown, tag("p", scores))
    words = tag("pre", prose(one.text), dir="auto", class_="prompt", tabindex="0")
    return folded(summary, shown, words, tag("p", scores))


def _next(report: RunReport, view: View) -> list[Html]:
    info = report.results.info
    sources = shlex.join(map(str, info.get("sources", ["SOURCE"])))
    kept = shlex.quote(report.source or "OUT")
    router = view.decision.router or "knn"
    quoted, spec, given = map(shlex.quote, _spelled(report, router))
    compare = f"routereval compare {kept} {quoted} {AGAINST} --size {view.size} --margin 0.01"
    if view.decision.light == "deploy":
        pool = _pool_words(view)
        lines = [
            f"routereval train {sources} -r {spec} --pool {pool} -o my-router",
            "routereval serve my-router -c gateway.toml --check",
            "routereval serve my-router -c gateway.toml",
        ]
        return [
            code_block("\n".join(lines), "Train it, then serve it"),
            folded("gateway.toml, to be filled in", code_block(_gateway(view), "")),
            code_block(compare, "The evidence"),
        ]
    if view.decision.light == "more prompts":
        more = f"routereval run {sources} -r {given} -r {AGAINST} --seeds 10 -o more-seeds"
        return [
            code_block(more, "Test on more of the prompts that there are, by more seeds"),
            code_block(compare, "The evidence so far"),
            code_block(f"routereval advise {sources}", "What a router could gain at most"),
        ]
    return [
        code_block(f"routereval advise {sources}", "What a router could gain at most"),
        code_block(compare, "The evidence"),
    ]


def _spelled(report: RunReport, router: str) -> tuple[str, str, str]:
    """A router by its name, by its spec, and as a run is given it."""
    known = router in report.results.routers
    spec = report.results.spec_of(router) if known else router
    return router, spec, router if spec == router else f"{router}={spec}"


def _pool_words(view: View) -> str:
    cell = view.results.cells[0]
    if len({one.pool for one in view.results.cells}) == 1:
        return shlex.quote(",".join(cell.pool))
    return shlex.quote(cell.pool_spec or f"{cell.group}(size={cell.size})")


def _gateway(view: View) -> str:
    blocks = [
        f'[[upstream]]\nname = {_toml(model)}\nbase_url = "https://…/v1"   # where it is served\n'
        'key_env = "…"                  # the environment variable that holds its key\n'
        "price_in = 0.0                 # USD per million tokens\nprice_out = 0.0\n"
        for model in view.results.cells[0].pool
    ]
    return "\n".join(blocks)


def _toml(name: str) -> str:
    """A name as a basic string of TOML."""
    import json

    return json.dumps(name, ensure_ascii=True).replace("\x7f", "\\u007f")


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _standing_for(report: RunReport, view: View) -> Html:
    cells = view.results.cells
    tested = sum(len(kept.rows) for kept in report.results.prompts.values())
    facts = [
        f"{_count(len({cell.benchmark for cell in cells}), 'benchmark')}, "
        f"{_count(len({cell.pool for cell in cells}), 'pool')}, "
        f"{_count(len({cell.seed for cell in cells}), 'seed')}"
        + (f"; {tested:,} test prompts are kept in these results." if tested else "."),
        "It holds for prompts like these, for the models as they answered then, and at the costs "
        "in the records. Other models, prices or kinds of prompts need a new run.",
    ]
    return joined(
        tag("ul", *(tag("li", fact) for fact in facts)),
        *_certificate(report),
    )


def _certificate(report: RunReport) -> list[Html]:
    saved = report.saved
    if saved is None:
        return [
            absent("a certificate; train writes one, and report --router-dir FOLDER shows it"),
            absent("the share of unfamiliar prompts; it too takes report --router-dir FOLDER"),
        ]
    share, n = saved.share
    unlike = f"{share:.1%} of the {n:,} test prompts whose whole text is kept are unfamiliar to it."
    held = saved.certificate
    if held is None:
        out = [absent(f"a certificate of {saved.name}; {saved.sentence or 'it was not scored'}")]
    else:
        out = [
            tag(
                "p",
                f"Certificate of {saved.name}, of {held.get('date') or 'no date'}: "
                f"{saved.sentence}. Void if:",
            ),
            tag("ul", *(tag("li", clause) for clause in held.get("void_if", ()))),
        ]
        if held.get("unknown"):
            out += [tag("p", "Not known:"), tag("ul", *(tag("li", c) for c in held["unknown"]))]
    known = tag("p", unlike) if n else absent("texts that the router could be asked about")
    return [*out, known]
