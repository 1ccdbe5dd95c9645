"""``routereval train``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.output import format_option, show


@click.command()
@click.argument("source", required=False)
@click.option("-r", "--router", metavar="SPEC", help="Which one.  [default: knn]")
@click.option(
    "--from",
    "results",
    type=click.Path(path_type=Path),
    metavar="RESULTS",
    help="Take the best learned router of a run, its pool, protocol and, unless named, its SOURCE.",
)
@click.option(
    "--pool",
    metavar="SPEC",
    help="'all-strong(size=5)', or names with commas between.  [default: all models]",
)
@click.option(
    "--embedder",
    default="tfidf",
    show_default=True,
    metavar="SPEC",
    help="What makes features of a text.",
)
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True, help="Of the split.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the trained router is kept.",
)
@click.option("--overwrite", is_flag=True, help="Replace the router that is there.")
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
    from routereval.routers import make_router, save_router
    from routereval.studies.evaluate import evaluate
    from routereval.studies.train import best_of_run, has_test_prompts, task_of, trained_on

    names: str | list[str] | None = pool.split(",") if pool and "(" not in pool else pool
    protocol, sources = None, [source] if source else []
    if results is not None:
        best = best_of_run(results, names)
        router, protocol = router or best.router, best.protocol
        names, sources = names or list(best.pool), sources or list(best.sources)
    if not sources:
        raise click.UsageError("name the records to learn from, or a run with --from")
    router = router or "knn"
    chosen = chosen_models(sources, models, without)
    task = task_of(chosen, names, seed=seed, embedder=embedder, protocol=protocol)
    trained = trained_on(make_router(router), task, router)
    save_router(trained, out, overwrite=overwrite)
    if task.split.crossed:
        show(evaluate(router, task), format_name)
    elif has_test_prompts(task):
        show(evaluate(trained.router, task), format_name)
    else:
        click.echo(
            "No test prompt was put to every model, so what the router scores is not known from "
            "these records; of a gateway's log, routereval offpolicy LOG DIR estimates it.",
            err=True,
        )
    click.echo(f"{router} on {len(trained.models)} models in {out}", err=True)
    click.echo(f'Next: routereval route {shlex.quote(str(out))} "a prompt of yours"', err=True)
