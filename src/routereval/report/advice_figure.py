"""The figure of an advice: best single model, learned router, ceiling and oracle, by pool size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from routereval.report.draw_matplotlib import note_above, panels_in_rows, warn_simulated
from routereval.report.figure_style import styled
from routereval.report.titles import TITLES
from routereval.studies.advise.advice import Advice, BenchmarkAdvice, PoolAdvice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ORACLE, _CEILING, _BEST = "#dcdcdc", "#d95f02", "#222222"
_LEARNED = "#0072b2"
_INK = "#a34800"  # text is darker than its point, to be read as easily
_MOST_COLUMNS = 4


def advice_figure(advice: Advice) -> Figure:
    """Small multiples, a panel per benchmark: what is in reach of a router, and what is luck.

    From the best single model's score a bar rises to the oracle of the greedy pool of each size; a
    point marks the ceiling, with the interval of its lead. A band across is what the learned router
    gains, with its interval.

    Args:
        advice: from `routereval.studies.advise`.
    """
    # Where a single model is left there is nothing to draw.
    benchmarks = [one for one in advice.benchmarks if _drawn(one)] or advice.benchmarks[:1]
    with styled():
        figure = panels_in_rows(benchmarks, _panel, _MOST_COLUMNS, _size, "score")
        handles = _legend(benchmarks)
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=len(handles) if len(benchmarks) > 2 else 1,
            handlelength=1.4,
            fontsize=6.5,
        )
        if any(benchmark.simulated for benchmark in benchmarks):
            warn_simulated(figure)
    return figure


def _size(columns: int, rows: int) -> tuple[float, float]:
    return max(3.6, 2.3 * columns), 2.5 * rows + 0.7


def _panel(ax: Axes, benchmark: BenchmarkAdvice) -> None:
    pools = _drawn(benchmark)
    best = benchmark.decision.best.score.value
    for place, pool in enumerate(pools):
        _bars(ax, place, pool, best)
        if math.isnan(pool.ceiling.value):
            _not_estimable(ax, place)
        else:
            _ceiling(ax, place, pool)
    ax.axhline(best, color=_BEST, linewidth=1.0, zorder=4)
    learned = benchmark.decision.learned
    if learned is not None:
        gain = learned.best.gain
        ax.axhspan(best + gain.low, best + gain.high, color=_LEARNED, alpha=0.25, lw=0, zorder=3)
        ax.axhline(best + gain.value, color=_LEARNED, linewidth=1.0, linestyle="--", zorder=4)
    ax.annotate(
        f"{best:.3f}",
        (len(pools) - 0.5, best),
        xytext=(2, 0),
        textcoords="offset points",
        va="center",
        fontsize=6.5,
        annotation_clip=False,
    )
    ax.set_xlim(-0.5, max(len(pools), 1) - 0.5)
    ax.set_ylim(*_limits(benchmark, pools))
    ax.set_xticks(range(len(pools)), [str(pool.size) for pool in pools])
    ax.set_xlabel("models in the greedy pool")
    ax.set_title(TITLES.get(benchmark.name, benchmark.name), fontweight="bold", pad=13)
    note_above(ax, f"{benchmark.n_prompts:,} prompts, {benchmark.n_models:,} models")


def _drawn(benchmark: BenchmarkAdvice) -> list[PoolAdvice]:
    return [pool for pool in benchmark.pools if pool.size > 1]


def _bars(ax: Axes, place: int, pool: PoolAdvice, best: float) -> None:
    ax.bar(place, pool.oracle.value - best, 0.8, bottom=best, color=_ORACLE, zorder=2)
    ax.annotate(
        f"{pool.oracle.value:.3f}",
        (place, pool.oracle.value),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        color="#666666",
        fontsize=6.5,
    )


def _not_estimable(ax: Axes, place: int) -> None:
    """A bar without a ceiling says so, lest it be read as a ceiling of nothing."""
    ax.annotate(
        "not estimable",
        (place, 0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        va="bottom",
        rotation=90,
        color="#777777",
        fontsize=6.5,
        zorder=7,
    )


def _ceiling(ax: Axes, place: int, pool: PoolAdvice) -> None:
    """The ceiling, with the interval of its lead: what does not touch the line is a gain.

    The lead itself stands at the foot, where no bar or whisker is in its way.
    """
    found, gain = pool.ceiling.value, pool.gain
    ax.errorbar(
        place,
        found,
        yerr=[[gain.value - gain.low], [gain.high - gain.value]],
        fmt="o",
        markersize=3.6,
        color=_CEILING,
        elinewidth=1.0,
        zorder=6,
    )
    ax.annotate(
        f"{round(gain.value, 3) + 0.0:+.3f}",
        (place, 0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color=_INK,
        fontsize=6.5,
    )
    if pool.near:
        apart: Any = {"markerfacecolor": "white", "markeredgecolor": _CEILING}
        ax.plot(place + 0.12, pool.ceiling_apart.value, "o", markersize=3.6, zorder=6, **apart)


def _limits(benchmark: BenchmarkAdvice, pools: list[PoolAdvice]) -> tuple[float, float]:
    """From a little below the least that is drawn to a little above the highest oracle."""
    best = benchmark.decision.best.score.value
    known = [pool for pool in pools if not math.isnan(pool.gain.low)]
    ends = [end for pool in known for end in (pool.gain.low, pool.gain.high, pool.gain_apart.value)]
    least = best + min([0.0, *ends])
    most = max([best, best + max([0.0, *ends]), *(pool.oracle.value for pool in pools)])
    learned = benchmark.decision.learned
    if learned is not None:
        least = min(least, best + learned.best.gain.low)
        most = max(most, best + learned.best.gain.high)
    room = max(most - least, 0.02)
    return least - 0.15 * room, most + 0.12 * room


def _legend(benchmarks: Sequence[BenchmarkAdvice]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    pools = [pool for benchmark in benchmarks for pool in benchmark.pools]
    point: Any = {"marker": "o", "linestyle": "", "markersize": 3.6}
    handles: list[Any] = [
        Line2D([], [], color=_BEST, linewidth=1.0, label="best single model"),
        Patch(color=_ORACLE, label="oracle, luck included"),
        Line2D(
            [],
            [],
            color=_CEILING,
            **point,
            label="achievable ceiling, its lead with a 95 % interval",
        ),
    ]
    if any(benchmark.decision.learned for benchmark in benchmarks):
        label = "learned router, its gain with a 95 % interval"
        handles.insert(
            1, Line2D([], [], color=_LEARNED, linestyle="--", linewidth=1.0, label=label)
        )
    if any(pool.near for pool in pools):
        apart: Any = {"markerfacecolor": "white", "markeredgecolor": _CEILING}
        handles.append(Line2D([], [], **point, **apart, label="ceiling without near-duplicates"))
    return handles
