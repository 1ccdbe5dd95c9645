"""``routereval advise``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from routereval.cli.messages import same_command, say
from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.options import margin_option, options, out_option, prices_option, router_option
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


_advise_options = options(
    click.option(
        "--max-models",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        help="The largest pool to look at.",
    ),
    click.option(
        "--budget",
        type=click.FloatRange(0, min_open=True),
        metavar="USD_PER_1K",
        help="The most that 1,000 prompts may cost, in USD.",
    ),
    margin_option(0.01),
    click.option(
        "--floor",
        metavar="MODEL|SCORE",
        help="What must be kept within the margin at the least cost: a model's score, or a score.  "
        "[default: the best single model's]",
    ),
    click.option(
        "--traffic",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Shares of live traffic by subset or benchmark: lines such as code,30.",
    ),
    click.option(
        "--monthly",
        callback=_amount,
        metavar="PROMPTS",
        help="Prompts per month, such as 2M, to say USD saved a month.",
    ),
    click.option(
        "--latency-p95",
        type=click.FloatRange(0, min_open=True),
        metavar="MS",
        help="Leave out models of which more than 5 % of the calls take longer.",
    ),
    prices_option(),
    router_option("It is learned and tried.", note="auto, forest", multiple=True),
    click.option(
        "--repeats",
        type=click.IntRange(1),
        metavar="R",
        help="Each score is the mean of R right-or-wrong samples; corrects the oracle for noise.",
    ),
    out_option("Write advice.txt, .json, .png and .svg, and on a yes the router and gateway.toml."),
)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@_advise_options
@format_option
@model_options
def advise(sources: tuple[str, ...], out: Path | None, format_name: str, **given: Any) -> None:  # noqa: ANN401
    """Say whether routing is worth it, or a cheaper model alone.

    A gain in mean score below --margin is not worth a router, a loss below it does not matter.
    With --prices, recorded costs do not count.
    """
    from routereval.cli.import_reports import print_imports
    from routereval.cli.progress import progress_bar
    from routereval.report.layouts.advise import save_advice
    from routereval.studies.advise import advise as study

    print_imports(sources)
    chosen = chosen_models(sources, given.pop("models"), given.pop("without"))
    given["floor"] = _floor(given["floor"])
    if not given["routers"]:
        del given["routers"]
    with progress_bar() as progress:
        advice = study(chosen, progress=progress, **given)
    show(advice, format_name)
    if out is None:
        same_command("-o", "advice")
    else:
        from routereval.studies.advise.deploy import NEXT, deploy

        kept = deploy(advice, chosen, out, prices=given["prices"])
        for path in [*save_advice(advice, out), *kept]:
            say(str(path))
        say(f"Next:\n{(out / NEXT).read_text('utf-8').rstrip()}")
