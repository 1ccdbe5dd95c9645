"""What follows from a decision: where it goes wrong, what to do next, what would void it."""

from __future__ import annotations

import math
import shlex

from routereval.number_of import number_of, some_of
from routereval.report.run_report import RunReport, View
from routereval.report.sections.pieces import absent, code_block, folded
from routereval.report.tags import Html, joined, prose, tag
from routereval.results.regret import Regret
from routereval.results.standings import AGAINST


def after_view(report: RunReport, view: View, place: int) -> Html:
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
    word = "right" if set(one.scores.values()) <= {0, 1} else "best"
    summary = joined(
        tag("b", f"−{one.regret:.2f}"),
        f" {one.cell.benchmark}",
        f" · {one.subset}" if one.subset and one.subset != one.cell.benchmark else "",
        f" · chose {choice}{sure} · {word}: {some_of(one.better, 4)}",
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
    router = view.decision.router or "auto"
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
        return [
            _more_prompts(view, f"routereval run {sources} -r {given} -r {AGAINST}"),
            code_block(compare, "The evidence so far"),
            code_block(f"routereval advise {sources}", "What a router could gain at most"),
        ]
    return [
        code_block(f"routereval advise {sources}", "What a router could gain at most"),
        code_block(compare, "The evidence"),
    ]


def _more_prompts(view: View, run: str) -> Html:
    """The run that tests on more prompts: cross-validation has tested all that there are."""
    known = "" if view.protocol == "clean" else f" --protocol {shlex.quote(view.protocol)}"
    same = f"{run} --pool {_pool_words(view)}{known}"
    if view.protocol.startswith("cv("):
        what = "Every prompt was tested: label more, then run again"
        return code_block(f"{same} -o more-prompts", what)
    what = "Test on more of the prompts that there are, by more seeds"
    return code_block(f"{same} --seeds 10 -o more-seeds", what)


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


def _standing_for(report: RunReport, view: View) -> Html:
    cells = view.results.cells
    tested = sum(len(kept.rows) for kept in report.results.prompts.values())
    facts = [
        f"{number_of(len({cell.benchmark for cell in cells}), 'benchmark')}, "
        f"{number_of(len({cell.pool for cell in cells}), 'pool')}, "
        f"{number_of(len({cell.seed for cell in cells}), 'seed')}"
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
