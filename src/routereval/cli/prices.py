"""``routereval prices``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.group import CommandGroup
from routereval.cli.messages import next_command
from routereval.cli.options import names, out_option, prices_option
from routereval.cli.output import format_option
from routereval.cli.output import show as printed

if TYPE_CHECKING:
    from routereval.records.prices import PriceList
    from routereval.report import Document

_LIST = prices_option("path")


def _day(_: click.Context, __: click.Parameter, value: str | None) -> date:
    try:
        return date.fromisoformat(value) if value else datetime.now(UTC).date()
    except ValueError:
        raise click.BadParameter(f"{value!r} is no date; write YYYY-MM-DD") from None


@click.group(cls=CommandGroup)
def prices() -> None:
    """Show a price list, or bring it up to date from a public one."""


@prices.command()
@click.argument("models", nargs=-1)
@_LIST
@click.option("--today", callback=_day, metavar="DATE", help="The day to judge its age by.")
@format_option
def show(models: tuple[str, ...], path: Path | None, today: date, format_name: str) -> None:
    """Print the prices of MODELS, or of all, in USD per million tokens."""
    from routereval.errors import DataError
    from routereval.records.prices import price_list

    listed = price_list(path)
    for model in models:
        if listed.of(model) is None:
            raise DataError(_unlisted(model, listed))
    printed(_document(listed, models, today), format_name)
    next_command("prices", "update", "FILE")


@prices.command()
@click.argument("file", type=click.Path(path_type=Path))
@_LIST
@out_option(
    "Where the list is written; give it to --prices.",
    metavar="FILE",
    default="prices.toml",
    show_default=True,
)
@click.option("--models", callback=names, metavar="NAME,…", help="Only these models.")
@click.option("--source", metavar="TEXT", help="What to call FILE.  [default: its name]")
@click.option("--date", "day", callback=_day, metavar="DATE", help="Of FILE.  [default: today]")
def update(
    file: Path,
    path: Path | None,
    out: Path,
    models: tuple[str, ...],
    source: str | None,
    day: date,
) -> None:
    """Write a price list with the prices of FILE in the place of older ones.

    FILE is LiteLLM's model_prices_and_context_window.json, or what OpenRouter answers to
    GET https://openrouter.ai/api/v1/models.
    """
    from routereval.errors import DataError
    from routereval.records.prices import as_toml, price_list, public_prices, updated
    from routereval.whole_files import write_whole

    listed, found = price_list(path), public_prices(file)
    if models:
        missing = [name for name in models if name not in found]
        if missing:
            raise DataError(f"{file} has no price of {missing[0]!r}")
        found = {name: found[name] for name in models}
    new = updated(listed, found, source or file.name, day)
    write_whole(out, as_toml(new))
    changed = sum(new.usd[name] != price for name, price in listed.usd.items())
    added = len(new.usd) - len(listed.usd)
    click.echo(f"{out}: {len(new.usd):,} models, {added:,} new, {changed:,} with another price")
    next_command("advise", "SOURCE", "--prices", out)


def _unlisted(model: str, listed: PriceList) -> str:
    """That the list knows no such model, with the nearest that it does."""
    import difflib

    near = difflib.get_close_matches(model, listed.usd, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"the price list knows no {model!r}; {hint}routereval prices show names all"


def _document(listed: PriceList, models: tuple[str, ...], today: date) -> Document:
    from routereval.records.prices import Price
    from routereval.report import Column, Document, Row, Table

    names = models or tuple(listed.usd)
    rows = [(name, price) for name in names if (price := listed.of(name)) is not None]
    columns = [
        Column("model", "text"),
        *(Column(name.replace("_", " "), digits=4, key=name) for name in Price._fields),
    ]
    table = Table("", columns, [Row((name, *price)) for name, price in rows])
    notes = [f"USD per million tokens, {listed.date or 'no date'}: {listed.source or 'no source'}"]
    warning = listed.warning(today)
    held = {
        "date": listed.date,
        "source": listed.source,
        "usd_per_million": {name: price._asdict() for name, price in rows},
    }
    return Document([table], table, held, [*notes, *([warning] if warning else [])])
