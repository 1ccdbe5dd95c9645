"""``routereval score``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, same_command
from routereval.cli.options import n_boot_option, out_option, pool_option, protocol_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("source")
@click.option("--name", default="", help="What tables call it.  [default: the file]")
@click.option(
    "--prompts",
    type=click.Choice(["test", "file"]),
    default="test",
    show_default=True,
    help="Judge it on the test prompts of the split, or on the prompts in the file.",
)
@protocol_option("clean")
@pool_option("those that PREDICTIONS name")
@n_boot_option
@out_option("Add the results to those in DIR.")
@format_option
def score(  # noqa: PLR0917 - the options of a command
    predictions: Path,
    source: str,
    name: str,
    prompts: str,
    protocol: str,
    pool: str | None,
    n_boot: int | None,
    out: Path | None,
    format_name: str,
) -> None:
    """Judge a router of any language by its PREDICTIONS.

    They are of prompts of SOURCE. The file (CSV, JSON Lines or Parquet) has a prompt_id and a model
    on each line, or a score for each model. The table and its intervals are those of run; oracle,
    best_single and random stand beside, and dataset_best where there are several benchmarks.
    """
    from routereval.cli.progress import progress_bar
    from routereval.scoring import N_BOOT
    from routereval.studies.score import score as judge

    named = [one.strip() for one in pool.split(",")] if pool else None
    with progress_bar():
        results = judge(
            predictions,
            source,
            name=name,
            prompts=prompts,
            split=protocol,
            pool=named,
            n_boot=N_BOOT if n_boot is None else n_boot,
            out=out,
        )
    show(results, format_name)
    if out is None:
        same_command("-o", "results")
    else:
        next_command("compare", out)
