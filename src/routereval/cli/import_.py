"""``routereval import``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import overwrite_option

_TAKEN = {"format_name", "source", "dest", "overwrite", "path"}


def _pairs(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = {name.strip(): value for name, _, value in (text.partition("=") for text in given)}
    if any("=" not in text for text in given):
        raise click.BadParameter("write KEY=VALUE, such as metric=acc")
    if taken := _TAKEN & pairs.keys():
        raise click.BadParameter(f"{min(taken)} is no option of a format")
    return pairs


@click.command("import")
@click.argument("format_name", metavar="FORMAT")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--columns",
    metavar="ROLE=COLUMN,…",
    help="For plain tables: which column is the model, prompt_id, score, cost, prompt, benchmark.",
)
@click.option(
    "--scale",
    metavar="LOW,HIGH",
    help="The scale of the scores, as 0,100; 10,0 where less is better. It is mapped onto [0, 1].",
)
@click.option("--clip", is_flag=True, help="Take scores beyond the scale for its ends.")
@click.option("--missing", metavar="VALUE,…", help="What stands for no score, such as -1 or ERROR.")
@click.option(
    "--worth", metavar="WORD=SCORE,…", help="What words are worth, as in refusal=0,partial=0.5."
)
@click.option(
    "--prompt-texts",
    metavar="FILE",
    help="A table of the prompts' ids and texts, for results that have no texts.",
)
@click.option("--rescale", is_flag=True, help="Map scores onto [0, 1]; needs --scale.")
@click.option("--strict", is_flag=True, help="Take warnings for errors: nothing is written then.")
@click.option(
    "-O",
    "--option",
    "options",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="An option of the format, such as metric=acc; may be repeated.",
)
@overwrite_option
def import_command(
    format_name: str,
    source: Path,
    dest: Path,
    *,
    options: dict[str, str],
    overwrite: bool,
    strict: bool,
    **named: str | bool | None,
) -> None:
    """Turn the results of other tools into a collection of records.

    FORMAT is auto or one of `routereval list formats`. How they were read is printed. DEST appears
    whole or not at all.
    """
    from routereval.cli.import_reports import report_text
    from routereval.cli.progress import progress_bar
    from routereval.importers import import_records

    given = {name: value for name, value in {**named, **options}.items() if value}
    with progress_bar():
        imported = import_records(
            format_name, source, dest, overwrite=overwrite, strict=strict, **given
        )
    for records in imported:
        click.echo(f"{records.path}: {records}")
    click.echo(report_text(imported), nl=False)
    next_command("info", dest)
