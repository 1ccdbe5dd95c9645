"""Options that several commands have: one spelling, one help text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
from click.shell_completion import CompletionItem

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Decorator(Protocol):
    def __call__(self, command: _Command, /) -> _Command: ...


def options(*several: _Decorator) -> _Decorator:
    """All of several options, in this order on the help page."""

    def added(command: _Command) -> _Command:
        for one in reversed(several):
            command = one(command)
        return command

    return added


def with_default(text: str, note: str) -> str:
    """A help text with a note on what is taken by default, where that is no value."""
    return f"{text}  [default: {note}]" if note else text


def names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """A callback: names with commas between, empty where there are none."""
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


def words(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """A callback: names with commas between, None where the option was not given."""
    return None if value is None else names(context, parameter, value)


def numbers(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """A callback: whole numbers with commas between, None where there are none."""
    if value is None:
        return None
    try:
        return tuple(int(word) for word in value.rstrip(", ").split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 3,5,10") from None


def seeds(
    context: click.Context, parameter: click.Parameter, value: str
) -> int | tuple[int, ...] | None:
    """A callback: how many seeds; or the seeds themselves, which a comma tells."""
    if value.strip().isdecimal() and int(value) > 0:
        return int(value)
    if "," not in value:
        raise click.BadParameter(
            f"{value!r} is neither a number of seeds, such as 3, nor a list of them, such as 1,2,3"
        )
    return numbers(context, parameter, value)


def pool_names(value: str | None) -> str | list[str] | None:
    """What ``--pool`` names: a spec such as ``all-strong(size=5)``, or the models themselves."""
    return [name.strip() for name in value.split(",")] if value and "(" not in value else value


def _completed(kind: str) -> Callable[..., list[CompletionItem]]:
    """What a shell offers for a name of a kind: those that `routereval list` prints."""

    def complete(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
        from routereval.cli.catalogue import catalogue

        known = [entry for entry in catalogue(kind) if entry.name.startswith(start)]
        return [CompletionItem(entry.name, help=entry.meaning) for entry in known]

    return complete


def router_option(what: str = "", *, note: str = "", multiple: bool = False) -> _Decorator:
    """``-r/--router SPEC``, as ``router``, or ``routers`` where it may be repeated."""
    text = "A router, such as knn or 'knn(k=5)'; see routereval list routers."
    text += f" {what}" if what else ""
    return click.option(
        "-r",
        "--router",
        "routers" if multiple else "router",
        multiple=multiple,
        metavar="SPEC",
        shell_complete=_completed("routers"),
        help=with_default(text + (" May be repeated." if multiple else ""), note),
    )


def router_dir_option(what: str) -> _Decorator:
    """``--router-dir ROUTER_DIR``: a saved router, as ``router``."""
    return click.option(
        "--router-dir",
        "router",
        type=click.Path(path_type=Path),
        metavar="ROUTER_DIR",
        help=f"A saved router: {what}",
    )


def pool_option(note: str = "", **settings: Any) -> _Decorator:  # noqa: ANN401 - of click
    """``--pool SPEC``."""
    text = "Models to choose from: 'all-strong(size=5)', or names with commas between."
    if settings.get("multiple"):
        text = f"{text} 'small=a,b' gives a name. May be repeated."
    name = "pools" if settings.get("multiple") else "pool"
    return click.option("--pool", name, metavar="SPEC", help=with_default(text, note), **settings)


def protocol_option(default: str | None = None, note: str = "") -> _Decorator:
    """``--protocol SPEC``: a default that is a value, or a note on what is taken otherwise."""
    text = (
        "What is trained and tested on what: clean, cv(k=10), faithful, mixed, leave_one_out, "
        "few_shot(n=[10,100]), unseen_model(k=50), temporal(by=prompts)."
    )
    return click.option(
        "--protocol",
        metavar="SPEC",
        default=default,
        show_default=True,
        shell_complete=_completed("protocols"),
        help=with_default(text, note),
    )


def embedder_option(default: str = "auto", *, multiple: bool = False) -> _Decorator:
    """``--embedder SPEC``; a tuple where it may be repeated."""
    text = "What makes features of prompts: auto, tfidf, 'stored(name=…)', …; see routereval list "
    return click.option(
        "--embedder",
        default=[default] if multiple else default,
        multiple=multiple,
        show_default=True,
        metavar="SPEC",
        shell_complete=_completed("embedders"),
        help=f"{text}embedders.{' May be repeated.' if multiple else ''}",
    )


def prices_option(name: str = "prices") -> _Decorator:
    """``--prices FILE``."""
    return click.option(
        "--prices",
        name,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A price list of your own, in TOML; see routereval prices.",
    )


def out_option(what: str, **settings: Any) -> _Decorator:  # noqa: ANN401 - of click
    """``-o/--out DIR``, with what is written there."""
    given = {"type": click.Path(path_type=Path), "metavar": "DIR", **settings}
    return click.option("-o", "--out", help=what, **given)


n_boot_option = click.option(
    "--n-boot", type=click.IntRange(1), help="Resamples of every interval.  [default: 1000]"
)
jobs_option = click.option(
    "--jobs",
    type=int,
    default=-1,
    show_default=True,
    metavar="N",
    help="Processes; -1 for one per core.",
)
gateway_config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default="gateway.toml",
    show_default=True,
    help="The gateway's upstreams with their prices, its limits and where it listens.",
)
network_option = click.option(
    "--allow-network",
    multiple=True,
    metavar="HOST[=VARIABLE]",
    help="A host that the saved router may send prompts to, and the environment variable whose "
    "value it gets as a key; may be repeated. See `routereval inspect DIR`.",
)
level_option = click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence of the intervals.",
)
cells_options = options(
    click.option("--size", type=int, metavar="M", help="Only pools of this size.  [default: all]"),
    click.option(
        "--protocol", metavar="RULE", help="Only this one, as 'few_shot(n=30)'.  [default: all]"
    ),
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there already.")
train_option = click.option(
    "--train", metavar="SOURCE", help="What the routers were trained on, by its texts."
)


def seed_option(default: int) -> _Decorator:
    """``--seed N``."""
    return click.option(
        "--seed",
        type=click.IntRange(0),
        default=default,
        show_default=True,
        metavar="N",
        help="Of the random numbers: the same seed gives the same result.",
    )


def margin_option(default: float | None = None) -> _Decorator:
    """``--margin D``."""
    return click.option(
        "--margin",
        type=click.FloatRange(0, 1, max_open=True),
        default=default,
        show_default=True,
        metavar="D",
        help="A difference in mean score, up to 1, that does not matter.",
    )
