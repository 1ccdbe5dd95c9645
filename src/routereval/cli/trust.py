"""``routereval trust``."""

from __future__ import annotations

from pathlib import Path

import click

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
    default="auto",
    show_default=True,
    metavar="SPEC",
    help="What makes the features; tfidf where stored ones cannot be made of a changed text.",
)
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True, help="Of the split.")
@click.option(
    "--risk",
    "risks",
    type=float,
    multiple=True,
    metavar="SHARE",
    help="Share of all prompts that may be answered wrongly; may be repeated.  "
    "[default: 0.05, 0.1, 0.2]",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Draw the reliability and risk–coverage curves there.",
)
@format_option
def trust(  # noqa: PLR0917 - the options of a command
    source: str,
    router: str,
    pool: str | None,
    embedder: str,
    seed: int,
    risks: tuple[float, ...],
    out: Path | None,
    format_name: str,
) -> None:
    """Say how far a router's predictions can be trusted.

    Calibration of predicted scores, thresholds of abstention with a guarantee, robustness to
    changed prompts beside the constant router's, and the milliseconds that routing takes.
    """
    from routereval.studies.trust import RISKS
    from routereval.studies.trust import trust as measured

    names = pool.split(",") if pool and "(" not in pool else pool
    found = measured(source, router, names, embedder=embedder, seed=seed, risks=risks or RISKS)
    show(found, format_name)
    if out:
        from routereval.report.trust_figure import save_trust

        click.echo(", ".join(str(path) for path in save_trust(found, out)), err=True)
