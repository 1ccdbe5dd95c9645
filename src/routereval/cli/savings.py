"""``routereval savings``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import gateway_config_option, level_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("log", type=click.Path(path_type=Path))
@gateway_config_option
@click.option(
    "--cache-s",
    type=click.FloatRange(0),
    default=300,
    show_default=True,
    help="Seconds after which a provider's cache is cold.",
)
@level_option
@format_option
def savings(log: Path, config_path: Path, cache_s: float, level: float, format_name: str) -> None:
    """Say what routing saved against each single model.

    The traffic is in a gateway's LOG. The same tokens are priced at each model, with cold caches
    where a conversation switched.
    """
    from routereval.gateway.requirements import check_installed

    check_installed()
    from routereval.gateway import read_config
    from routereval.studies.savings import TokenPrices
    from routereval.studies.savings import savings as found

    prices = {
        one.name: TokenPrices(
            one.price_in,
            one.price_out,
            one.price_cached,
            one.price_cache_write,
            one.price_reasoning,
        )
        for one in reversed(read_config(config_path).upstreams)  # of a model's, the first counts
    }
    show(found(log, prices, cache_s=cache_s, level=level), format_name)
    next_command("offpolicy", log)
