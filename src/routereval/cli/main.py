"""The command group, and how errors leave it: one sentence, exit status 2."""

from __future__ import annotations

import os
import sys

import click

from routereval._version import __version__
from routereval.cli.advise import advise
from routereval.cli.check import check
from routereval.cli.compare import compare
from routereval.cli.curves import curves
from routereval.cli.defaults import set_defaults
from routereval.cli.download import download
from routereval.cli.drift import drift
from routereval.cli.experiment import experiment
from routereval.cli.export import export
from routereval.cli.extend import extend
from routereval.cli.group import CommandGroup
from routereval.cli.import_ import import_command
from routereval.cli.info import info
from routereval.cli.inspect_ import inspect_command
from routereval.cli.judges import judges
from routereval.cli.keys import keys
from routereval.cli.leaderboard import leaderboard
from routereval.cli.list_ import list_command
from routereval.cli.merge import merge
from routereval.cli.offpolicy import offpolicy
from routereval.cli.prices import prices
from routereval.cli.probes import probes
from routereval.cli.referee import referee
from routereval.cli.replay import replay
from routereval.cli.report import report
from routereval.cli.reproduce import reproduce
from routereval.cli.route import route
from routereval.cli.run import run
from routereval.cli.savings import savings
from routereval.cli.scaling import scaling
from routereval.cli.score import score
from routereval.cli.serve import serve
from routereval.cli.show import show
from routereval.cli.simulate import simulate
from routereval.cli.split import split
from routereval.cli.train import train
from routereval.cli.trajectories import trajectories
from routereval.cli.trials import trials
from routereval.cli.trust import trust
from routereval.errors import RouterEvalError

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_SETTINGS, cls=CommandGroup)
@click.version_option(__version__, prog_name="routereval")
@click.option(
    "--defaults",
    "file",
    envvar="ROUTEREVAL_DEFAULTS",
    metavar="FILE",
    help="Defaults of options, in TOML; none to read none.  [default: routereval.toml, or "
    "[tool.routereval] of pyproject.toml]",
)
@click.pass_context
def cli(context: click.Context, file: str | None) -> None:
    """Evaluate routers that send each prompt to one model of a pool.

    SOURCE is 'demo' (simulated, needs nothing), a folder of records, a collection of such folders,
    or a file or folder of foreign results that an importer recognises.
    """
    set_defaults(context, file, os.environ)


SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Data": (
        import_command,
        download,
        simulate,
        info,
        merge,
        split,
        export,
        prices,
        list_command,
    ),
    "Evaluate": (
        run,
        show,
        report,
        curves,
        compare,
        score,
        referee,
        leaderboard,
        reproduce,
        scaling,
        replay,
        trials,
        judges,
        trajectories,
    ),
    "Decide": (
        advise,
        check,
        trust,
        drift,
    ),
    "Serve": (
        train,
        route,
        inspect_command,
        probes,
        extend,
        serve,
        keys,
        offpolicy,
        savings,
        experiment,
    ),
}
for title, commands in SECTIONS.items():
    cli.add_section(title, commands)


def main() -> None:
    """Run the command line."""
    try:
        cli(standalone_mode=False, prog_name="routereval")
    except RouterEvalError as error:
        _fail(str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Stopped. With -o the finished cells are kept: the same command goes on.", err=True
        )
        sys.exit(130)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}")


def _fail(sentence: str) -> None:
    from routereval.report.cells import visible

    lines = map(visible, f"Error: {sentence}".split("\n"))
    click.echo("\n".join(lines), err=True)
    sys.exit(2)
