"""``routereval advise``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.output import format_option, show

_SIZES = {"k": 1e3, "m": 1e6, "b": 1e9}


def _amount(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """A number such as 250000, 250k or 2M."""
    if value is None:
        return None
    text = value.strip().lower().replace(",", "").replace("_", "")
    try:
        found = float(text[:-1]) * _SIZES[text[-1]] if text[-1:] in _SIZES else float(text)
    except ValueError:
        found = float("nan")
    if not 0 < found < float("inf"):
        raise click.BadParameter(f"{value!r} is no number of prompts such as 250000, 250k or 2M")
    return found


def _floor(value: str | None) -> str | float | None:
    """A score, if it is a number; else the name of a model."""
    try:
        return value if value is None else float(value)
    except ValueError:
        return value


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--max-models",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="The largest pool to look at.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="USD_PER_1K",
    help="The most that 1,000 prompts may cost, in USD.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.01,
    show_default=True,
    help="A gain in mean score below this is not worth a router; a loss below it does not matter.",
)
@click.option(
    "--floor",
    metavar="MODEL|SCORE",
    help="What must be kept within the margin at the least cost: a model's score, or a score.  "
    "[default: the best single model's]",
)
@click.option(
    "--traffic",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Shares of live traffic by subset or benchmark: lines such as code,30.",
)
@click.option(
    "--monthly",
    callback=_amount,
    metavar="PROMPTS",
    help="Prompts per month, such as 2M, to say USD saved a month.",
)
@click.option(
    "--latency-p95",
    type=click.FloatRange(0, min_open=True),
    metavar="MS",
    help="Leave out models of which more than 5 % of the calls take longer.",
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A price list of your own, in TOML, in place of recorded costs.",
)
@click.option(
    "-r",
    "--router",
    "routers",
    multiple=True,
    metavar="SPEC",
    help="A learned router to try; may be repeated.  [default: auto, forest]",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    metavar="R",
    help="Each score is the mean of R right-or-wrong samples; corrects the oracle for noise.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write advice.txt, .json, .png and .svg, and on a yes the router and gateway.toml.",
)
@format_option
@model_options
def advise(sources: tuple[str, ...], out: Path | None, format_name: str, **options: Any) -> None:  # noqa: ANN401
    """Say whether routing is worth it, or a cheaper model alone."""
    from routereval.cli.import_reports import print_imports
    from routereval.cli.progress import progress_bar
    from routereval.report.layouts.advise import save_advice
    from routereval.studies.advise import advise as study

    print_imports(sources)
    chosen = chosen_models(sources, options.pop("models"), options.pop("without"))
    options["floor"] = _floor(options["floor"])
    if not options["routers"]:
        del options["routers"]
    with progress_bar() as progress:
        advice = study(chosen, progress=progress, **options)
    show(advice, format_name)
    if out:
        from routereval.studies.advise.deploy import NEXT, deploy

        kept = deploy(advice, chosen, out, prices=options["prices"])
        for path in [*save_advice(advice, out), *kept]:
            click.echo(str(path), err=True)
        click.echo(f"Next:\n{(out / NEXT).read_text('utf-8')}", err=True, nl=False)
