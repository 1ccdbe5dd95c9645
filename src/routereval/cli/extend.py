"""``routereval extend``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import network_option, out_option, overwrite_option
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.report import Document
    from routereval.studies.extend import Extension


def _price(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Two numbers, as in 0.5,1.5."""
    if value is None:
        return None
    try:
        read, written = (float(part) for part in value.split(","))
    except ValueError:
        read = written = -1.0
    if not (0 <= read < float("inf") and 0 <= written < float("inf")):
        raise click.BadParameter(f"{value!r} is no price IN,OUT in USD per million tokens: 0.5,1.5")
    return read, written


@click.command()
@click.argument("router", type=click.Path(path_type=Path), metavar="ROUTER_DIR")
@click.option("--model", required=True, metavar="NAME", help="What the new model is called.")
@click.option(
    "--scores",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Its scores on probe prompts: the file of probes, filled in.",
)
@click.option(
    "--price",
    callback=_price,
    metavar="IN,OUT",
    help="USD per million tokens; not needed where FILE has a column cost.",
)
@out_option("Where the router of all models is kept.  [default: ROUTER_DIR, with --overwrite]")
@overwrite_option
@network_option
@format_option
def extend(  # noqa: PLR0917 - the options of a command
    router: Path,
    model: str,
    scores: Path,
    price: tuple[float, float] | None,
    out: Path | None,
    overwrite: bool,
    allow_network: tuple[str, ...],
    format_name: str,
) -> None:
    """Add a new model to a trained router, by a few scores.

    The router in ROUTER_DIR takes it by its scores on probe prompts, as probes names them. What the
    router is known to gain is renewed as far as they tell, and else void; what is not known is
    said.
    """
    from routereval.routers import load_router, save_router
    from routereval.studies.extend import extend as study

    if out is None and not overwrite:
        raise click.UsageError(
            f"say where the router goes with -o DIR, or replace {router} with --overwrite"
        )
    found = study(load_router(router, allow_network=allow_network), model, scores, price)
    home = out or router
    save_router(found.trained, home, overwrite=overwrite)
    show(_document(found), format_name)
    say(f"{len(found.trained.models)} models in {home}")
    next_command("route", home, "a prompt of yours")


def _document(found: Extension) -> Document:
    from routereval.report import Document, from_mappings
    from routereval.report.table import Points

    fields: dict[str, str | int | float | None] = {
        "model": found.model,
        "probes": found.n,
        "score": found.score,
        "error": found.error,
        "lead": found.lead,
        "over": found.fallback,
        "chosen": found.chosen,
        "usd": found.usd,
    }
    held = {
        **fields,
        "lead": None if math.isnan(found.lead) else found.lead,
        "usd": None if math.isnan(found.usd) else found.usd,
        "certificate": found.certificate.to_dict() if found.certificate else None,
        "void": found.void,
        "unknown": list(found.unknown),
        "dominated": [{"model": model, "by": by} for model, by in found.dominated],
    }
    return Document([Points(_sentences(found))], from_mappings("", [fields]), held)


def _sentences(found: Extension) -> list[str]:
    score = f"{found.model} scores {found.score:.3f} ± {found.error:.3f} on {found.n} probes"
    lines = [f"{score}{_against(found)}."]
    lines.append(f"Of these probes, each held out, {found.chosen} go to it at lam 0{_step(found)}.")
    if not math.isnan(found.usd):
        lines.append(f"It is expected to cost ${1000 * found.usd:.4g} per 1,000 calls.")
    lines += [
        f"{model} costs no less than {by} and scores less on the probes: it can be dropped."
        for model, by in found.dominated
    ]
    held = found.certificate
    lines.append(f"Certificate: {held}." if held else f"The certificate is void: {found.void}.")
    return [*lines, *(f"Not known: {clause}." for clause in found.unknown)]


def _against(found: Extension) -> str:
    if math.isnan(found.lead):
        return f"; nothing compares it with {found.fallback}, whose scores on them are not given"
    sure = "which is sure" if found.sure else "not sure by two standard errors"
    ahead = "ahead of" if found.lead > 0 else "behind"
    surety = f", {sure}" if found.lead > 0 else ""
    return f", {abs(found.lead):.3f} {ahead} {found.fallback}{surety}"


def _step(found: Extension) -> str:
    if found.step is None:
        return ""
    return (
        f", which gains {found.step.mean:+.3f} ± {found.step.error:.3f} over the choices of the "
        "router without it"
    )
