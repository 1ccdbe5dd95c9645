"""``routereval reproduce``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, same_command
from routereval.cli.options import jobs_option, out_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("data", default="data", required=False)
@click.option(
    "--slow",
    is_flag=True,
    help="Train linear and mlp too, prompt by prompt as the paper does: slow, up to 100 epochs.",
)
@click.option(
    "--mlc",
    metavar="MODEL",
    help="Fine-tune this encoder as MLC too: a folder, or a name on the hub (the paper's is "
    "FacebookAI/roberta-base). Needs the extra torch and the prompts' texts; slow without a GPU.",
)
@out_option("Keep the results; a run that was stopped goes on from there.")
@jobs_option
@format_option
def reproduce(
    data: str, slow: bool, mlc: str | None, out: Path | None, jobs: int, format_name: str
) -> None:
    """Run the paper's baselines beside its 192 published rows.

    They are run by its protocol. DATA are the published files in either layout, or a collection
    that `routereval download` made of them; by default the folder data. Numbers that rounding
    cannot explain are marked.
    """
    from routereval.cli.progress import progress_bar
    from routereval.studies.reproduce import reproduce as study

    with progress_bar() as progress:
        found = study([data], slow=slow, mlc=mlc, out=out, n_jobs=jobs, progress=progress)
    show(found, format_name)
    if out is None:
        same_command("-o", "results")
    else:
        next_command("compare", out)
