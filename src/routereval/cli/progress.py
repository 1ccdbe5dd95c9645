"""How far a command is, on standard error: what is done, at which rate, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from routereval.cli.messages import detail, is_quiet

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Report = Callable[[str, int, int], None]
"""Called with what is done, how many of it are done, and how many there are."""

_TENTHS = 10


@contextmanager
def progress_bar(what: str = "Reading") -> Iterator[Report]:
    """A callback that draws bars while the block runs; on a pipe lines, and only with -v.

    Args:
        what: is shown with the time that has passed, until something is reported.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or is_quiet():
        yield _lines()
        return
    with _bars(console) as bars:
        first = bars.add_task(what, total=None)
        steps: dict[str, object] = {}

        def report(step: str, done: int, total: int) -> None:
            bars.update(first, visible=False)
            if step not in steps:
                steps[step] = bars.add_task(step, total=total)
            bars.update(steps[step], completed=done, total=total)  # type: ignore[arg-type]

        yield report


def _bars(console: Console) -> Progress:
    """Bars with counts, rates and times; without a total, only the time that has passed."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Pace(ProgressColumn):
        """Count, rate and time left."""

        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text(f"{task.elapsed or 0:.0f} s")
            return Text(pace(int(task.completed), int(task.total), task.speed, task.time_remaining))

    columns = (TextColumn("{task.description}"), BarColumn(), Pace())
    return Progress(*columns, console=console, transient=True)


def pace(done: int, total: int, speed: float | None, left: float | None) -> str:
    """The words beside a bar.

    Args:
        done: how many are done.
        total: how many there are.
        speed: how many per second; None for unknown.
        left: seconds to go; None for unknown.

    >>> pace(3, 1200, 1.26, 950.0)
    '3/1,200 · 1.3/s · 15:50 left'
    """
    words = [f"{done:,}/{total:,}"]
    if speed:
        words.append(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")
    if left is not None and done < total:
        words.append(f"{_clock(int(left))} left")
    return " · ".join(words)


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _lines() -> Report:
    """A callback that says every tenth of the way, if everything is to be said."""
    shown: dict[str, int] = {}

    def report(what: str, done: int, total: int) -> None:
        tenth = _TENTHS * done // max(1, total)
        if tenth > shown.get(what, 0):
            shown[what] = tenth
            detail(f"{what}: {done:,} of {total:,}")

    return report
