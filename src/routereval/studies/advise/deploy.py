"""What a yes comes with: the router, its certificate, a configuration to fill in, and commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from routereval.errors import DataError
from routereval.records import Records
from routereval.routers import TrainedRouter, make_router, save_router
from routereval.sources import Source, open_source
from routereval.studies.advise.advice import Advice, BenchmarkAdvice, Learned, Routed
from routereval.studies.advise.study import costed
from routereval.studies.train import trained_on
from routereval.tasks import Pool, Split, Task, mix

ROUTER, GATEWAY, NEXT = "router", "gateway.toml", "next.txt"
_NOWHERE = "https://example.invalid/v1"


def deploy(
    advice: Advice,
    sources: Source | Sequence[Source],
    folder: str | Path,
    *,
    prices: str | Path | None = None,
) -> list[Path]:
    """Write what the verdict of all benchmarks asks for.

    On a yes: ``router/``, fitted on all prompts, with the certificate of the verdict; and
    ``gateway.toml``, in which the addresses of the models are to be filled in. Always:
    ``next.txt``, the commands to go on with; of records without texts, which train no router that
    could be kept, which model each subset goes to.

    Args:
        advice: from `advise`.
        sources: what it was given.
        folder: made if it does not exist; files of these names are replaced.
        prices: what it was given.

    Returns:
        What was written.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    benchmark = advice.benchmarks[-1]
    learned, routed = benchmark.decision.learned, benchmark.decision.served(advice.budget)
    written: list[Path] = []
    lines = [f"# {_alone(benchmark)}"]
    if benchmark.decision.answer in {"route", "save"} and learned and routed:
        opened, _ = costed(open_source(sources), prices)
        records = opened[0] if len(opened) == 1 else mix(opened)
        try:
            trained = _trained(records, benchmark, learned, routed)
        except DataError as error:
            lines = [f"# no router is kept: {error}", *_table(routed)]
        else:
            save_router(trained, home / ROUTER, overwrite=True)
            written += [home / ROUTER, home / GATEWAY]
            written[-1].write_text(gateway_toml(learned, routed), encoding="utf-8")
            lines = commands(home, routed.lam)
    if home / ROUTER not in written and (home / ROUTER).exists():
        lines.append(f"# {ROUTER} and {GATEWAY} in this folder are of an earlier verdict")
    written.append(home / NEXT)
    written[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return written


def commands(home: Path, lam: float) -> list[str]:
    """What to type next, in a shell."""
    router, gateway = (shlex.quote(str(home / name)) for name in (ROUTER, GATEWAY))
    trade_off = f" --lam {lam:g}" if lam else ""
    return [
        f'routereval route {router}{trade_off} "a prompt of yours"',
        f"# fill in the addresses of the models in {gateway}, then",
        f"routereval serve {router} -c {gateway} --check",
        f"routereval serve {router} -c {gateway}",
    ]


def gateway_toml(learned: Learned, routed: Routed) -> str:
    """A configuration of the gateway for the models of the router's pool.

    Args:
        learned: the router.
        routed: at the trade-off to serve it with.
    """
    head = [
        "# Fill in where each model is (base_url), what it is called there (model), the variable",
        "# that holds its key (key_env), and its prices in USD per million tokens, by which",
        "# budgets and savings are counted.",
        "",
        "[routing]",
        f"lam = {routed.lam:.6g}" if routed.lam else "lam = 0.0",
    ]
    tables = [
        line
        for model in learned.pool
        for line in (
            "",
            "[[upstream]]",
            f"name = {json.dumps(model, ensure_ascii=False)}",
            f'base_url = "{_NOWHERE}"',
            f"# model = {json.dumps(model, ensure_ascii=False)}",
            '# key_env = "OPENAI_API_KEY"',
            "# price_in = 0.0",
            "# price_out = 0.0",
        )
    ]
    return "\n".join([*head, *tables]) + "\n"


def _trained(
    records: Records, benchmark: BenchmarkAdvice, learned: Learned, routed: Routed
) -> TrainedRouter:
    """The router fitted on all prompts, with the certificate of the verdict."""
    task = Task(records, Pool.of(learned.pool), Split("cv"), "tfidf")
    trained = trained_on(make_router(learned.router), task, learned.router)
    held = trained.certificate
    if held is None:
        return trained
    best = benchmark.decision.best.model
    stays = dict(routed.share).get(best, 0.0)
    verdict = replace(
        held,
        scored_on=f"{learned.n_tested:,} prompts of {benchmark.name}, out of fold",
        n=learned.n_tested,
        fallback=best,
        gain=routed.gain.value,
        low=routed.gain.low,
        high=routed.gain.high,
        moved=1 - stays,
        risk=None,
    )
    return replace(trained, about={**trained.about, "certificate": verdict.to_dict()})


def _table(routed: Routed) -> list[str]:
    """What to do by hand where the router knows no more of a prompt than its subset."""
    if not routed.by_subset:
        return []
    return ["# what it does with each subset:", *(f"#   {s}" for s in routed.sent_by_subset())]


def _alone(benchmark: BenchmarkAdvice) -> str:
    """What to do where there is nothing to serve."""
    return f"no router: use {benchmark.decision.use} alone"
