"""The options of ``routereval run``: what is run, on what, and how."""

from __future__ import annotations

import click

from routereval.cli.model_options import model_options
from routereval.cli.options import (
    embedder_option,
    jobs_option,
    n_boot_option,
    numbers,
    options,
    out_option,
    pool_option,
    prices_option,
    protocol_option,
    router_option,
    seeds,
    words,
)

_NAMES = (
    "'ours=knn(k=5)' gives it a name, 'knn(k=[5, 20])' stands for one of each value, all-cpu for "
    "all that need nothing."
)

run_options = options(
    router_option(_NAMES, note="controls and baselines", multiple=True),
    click.option(
        "--only",
        multiple=True,
        metavar="BENCHMARK",
        help="Only this benchmark of the sources. May be repeated.",
    ),
    model_options,
    pool_option("by sizes and groups", multiple=True),
    click.option(
        "--sizes",
        callback=numbers,
        metavar="M,M,…",
        help="Pool sizes.  [default: 3,5; of up to 8 models all]",
    ),
    click.option(
        "--groups",
        callback=words,
        metavar="G,G,…",
        help="Pool groups.  [default: all-strong,all-weak,strong-to-weak]",
    ),
    protocol_option(note="clean; of up to 8 models on fewer than 2,000 prompts cv(k=10)"),
    click.option(
        "--seeds",
        callback=seeds,
        metavar="N|S,S,…",
        default="1",
        show_default=True,
        help="How many seeds, from 42 on, or the seeds; each has its own split and pools.",
    ),
    n_boot_option,
    embedder_option(multiple=True),
    out_option("Keep the results, and draw the curves; a run that was stopped goes on from there."),
    click.option(
        "--costs",
        type=click.Choice(["auto", "records", "prices", "batch", "params", "none"]),
        default="auto",
        show_default=True,
        help="Where costs come from: the records, a price list, numbers of parameters.",
    ),
    prices_option(),
    click.option(
        "--make",
        multiple=True,
        metavar="NAME",
        help="Of a paper.toml: only this table or figure. May be repeated.",
    ),
    jobs_option,
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Compute on the workers of a Dask scheduler, such as tcp://10.0.0.1:8786.",
    ),
)
"""All of them, as `routereval.studies.run.run` names its arguments, but for ``jobs``."""
