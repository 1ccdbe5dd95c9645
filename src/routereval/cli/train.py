"""``routereval train``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.output import format_option, show


@click.command()
@click.argument("source")
@click.option("-r", "--router", default="knn", show_default=True, metavar="SPEC", help="Which one.")
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
def train(  # noqa: PLR0917 - the options of a command
    source: str,
    router: str,
    pool: str | None,
    embedder: str,
    seed: int,
    out: Path,
    overwrite: bool,
    models: tuple[str, ...],
    without: tuple[str, ...],
    format_name: str,
) -> None:
    """Train a router on the records of SOURCE and keep it, to route texts and to serve.

    Several benchmarks are learned from as one stream. It learns from the training prompts; what
    it scores on the test prompts is printed.
    """
    from routereval.routers import make_router, save_router
    from routereval.studies.evaluate import evaluate
    from routereval.studies.train import has_test_prompts, task_of, trained_on

    names = pool.split(",") if pool and "(" not in pool else pool
    task = task_of(chosen_models([source], models, without), names, seed=seed, embedder=embedder)
    trained = trained_on(make_router(router), task, router)
    save_router(trained, out, overwrite=overwrite)
    if has_test_prompts(task):
        show(evaluate(trained.router, task), format_name)
    else:
        click.echo(
            "No test prompt was put to every model, so what the router scores is not known from "
            "these records; of a gateway's log, routereval offpolicy LOG DIR estimates it.",
            err=True,
        )
    click.echo(f"{router} on {len(trained.models)} models in {out}", err=True)
