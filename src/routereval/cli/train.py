"""``routereval train``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say
from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.options import (
    embedder_option,
    out_option,
    overwrite_option,
    pool_names,
    pool_option,
    router_option,
    seed_option,
)
from routereval.cli.output import format_option, show
from routereval.number_of import number_of


@click.command()
@click.argument("source", required=False)
@router_option(note="auto")
@click.option(
    "--from",
    "results",
    type=click.Path(path_type=Path),
    metavar="RESULTS",
    help="Take the best learned router of a run, its pool, protocol and, unless named, its SOURCE.",
)
@pool_option("all models")
@embedder_option("tfidf")
@seed_option(42)
@out_option("Where the trained router is kept.", required=True)
@overwrite_option
@model_options
@format_option
def train(  # noqa: PLR0913, PLR0917 - the options of a command
    source: str | None,
    router: str | None,
    results: Path | None,
    pool: str | None,
    embedder: str,
    seed: int,
    out: Path,
    overwrite: bool,
    models: tuple[str, ...],
    without: tuple[str, ...],
    format_name: str,
) -> None:
    """Train a router on the records of SOURCE and keep it.

    It can then route texts and be served. Several benchmarks are learned from as one stream. It
    learns from the training prompts; what it scores on the test prompts is printed. From a run that
    was cross-validated, it learns from all prompts, and what is printed was scored out of fold.
    """
    from routereval.cli.progress import progress_bar
    from routereval.routers import make_router, save_router
    from routereval.studies.dominated import dominated_notes
    from routereval.studies.evaluate import evaluate
    from routereval.studies.train import best_of_run, has_test_prompts, task_of, trained_on
    from routereval.tasks.pool import above_band

    names = pool_names(pool)
    protocol, sources = None, [source] if source else []
    if results is not None:
        best = best_of_run(results, names)
        router, protocol = router or best.router, best.protocol
        names, sources = names or list(best.pool), sources or list(best.sources)
    if not sources:
        raise click.UsageError("name the records to learn from, or a run with --from")
    router = router or "auto"
    with progress_bar("Training") as progress:
        chosen = chosen_models(sources, models, without)
        task = task_of(chosen, names, seed=seed, embedder=embedder, protocol=protocol)
        trained = trained_on(make_router(router), task, router, progress)
        save_router(trained, out, overwrite=overwrite)
        tested = task.split.crossed or has_test_prompts(task)
        own = router if task.split.crossed else trained.router
        scored = evaluate(own, task, progress=progress) if tested else None
    if scored is not None:
        show(scored, format_name)
    else:
        say(
            "No test prompt was put to every model, so what the router scores is not known from "
            "these records; of a gateway's log, routereval offpolicy LOG DIR estimates it."
        )
    too_good = above_band(task.records, [task.pool], task.split)
    for note in [
        *filter(None, [too_good]),
        *dominated_notes([task.records.select(models=trained.models)]),
    ]:
        say(f"{note}.")
    say(f"{router} on {number_of(len(trained.models), 'model')} in {out}")
    next_command("route", out, "a prompt of yours")
