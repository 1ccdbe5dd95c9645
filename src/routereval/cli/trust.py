"""``routereval trust``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import (
    embedder_option,
    out_option,
    pool_names,
    pool_option,
    router_option,
    seed_option,
)
from routereval.cli.output import format_option, show


@click.command()
@click.argument("source")
@router_option(note="auto")
@pool_option("all models")
@embedder_option()
@seed_option(42)
@click.option(
    "--risk",
    "risks",
    type=float,
    multiple=True,
    metavar="SHARE",
    help="Share of all prompts that may be answered wrongly; may be repeated.  "
    "[default: 0.05, 0.1, 0.2]",
)
@out_option(
    "Draw the reliability and risk–coverage curves there.",
    type=click.Path(path_type=Path, file_okay=False),
)
@format_option
def trust(  # noqa: PLR0917 - the options of a command
    source: str,
    router: str | None,
    pool: str | None,
    embedder: str,
    seed: int,
    risks: tuple[float, ...],
    out: Path | None,
    format_name: str,
) -> None:
    """Say how far a router's predictions can be trusted.

    Calibration of predicted scores, thresholds of abstention with a guarantee, robustness to
    changed prompts beside the constant router's, and the milliseconds that routing takes. The
    embedder is tfidf where stored features cannot be made of a changed text.
    """
    from routereval.cli.progress import progress_bar
    from routereval.studies.trust import RISKS
    from routereval.studies.trust import trust as measured

    router, names = router or "auto", pool_names(pool)
    with progress_bar("Measuring") as progress:
        found = measured(
            source,
            router,
            names,
            embedder=embedder,
            seed=seed,
            risks=risks or RISKS,
            progress=progress,
        )
    show(found, format_name)
    if out:
        from routereval.report.trust_figure import save_trust

        for path in save_trust(found, out):
            say(str(path))
    next_command("train", source, "-r", router, "-o", "my-router")
