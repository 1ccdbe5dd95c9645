"""``routereval referee``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, same_command
from routereval.cli.options import n_boot_option, train_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("choices")
@click.argument("source", required=False)
@click.option(
    "--published",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="What was published (router, score, cost), to be held against these files.",
)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="NAME=MODEL",
    help="What the files call a model of the records; may be repeated.",
)
@click.option(
    "--previous",
    type=click.Path(path_type=Path),
    metavar="CHOICES",
    help="An earlier version of these choices, on the same outcomes.",
)
@train_option
@click.option(
    "--control",
    "controls",
    multiple=True,
    metavar="SPEC",
    help="A router of this package, as auto or guard(router=knn), learned out of fold; may be "
    "repeated.",
)
@n_boot_option
@format_option
def referee(
    choices: str,
    source: str | None,
    *,
    published: Path | None,
    aliases: tuple[str, ...],
    previous: Path | None,
    train: str | None,
    controls: tuple[str, ...],
    n_boot: int | None,
    format_name: str,
) -> None:
    """Score published routers by the models they chose.

    Every constant choice stands beside them. CHOICES is a table of prompts × routers, a table with
    a row per prompt and router, a file of one router's choices, or a folder of such files; or the
    address of a running router, as http://localhost:8000/v1, which is sent the prompts. SOURCE
    holds the scores of all models; without it, the scores in the files themselves are taken.
    """
    from routereval.cli.progress import progress_bar
    from routereval.scoring import N_BOOT
    from routereval.studies.referee import referee as scored

    pairs = [alias.rpartition("=") for alias in aliases]
    for name, sign, model in pairs:
        if not (name and sign and model):
            raise click.UsageError(f"--alias takes NAME=MODEL, not {name + sign + model!r}")
    with progress_bar() as progress:
        found = scored(
            choices,
            source,
            published=published,
            aliases={name: model for name, _, model in pairs},
            previous=previous,
            train=train,
            controls=controls,
            n_boot=N_BOOT if n_boot is None else n_boot,
            progress=progress,
        )
    show(found, format_name)
    if source is None:
        next_command("referee", choices, "SOURCE")
    elif not controls:
        same_command("--control", "auto")
    else:
        next_command("leaderboard", "init", "BOARD", source)
