"""How comparisons of routers are laid out: the sentences first, the evidence beneath them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Cell, Column, Document, Number, Row, Table
from routereval.results.comparison import Verdict
from routereval.results.standings import Standing, Standings
from routereval.scoring import Comparison
from routereval.scoring.ranking import Omnibus, Tally
from routereval.scoring.sameness import Sameness

_TESTED = (
    Column("p", "p"),
    Column("can tell", key="detectable"),
)


def verdict_document(verdict: Verdict) -> Document:
    """The sentences, and a row per benchmark beneath them where there are several."""
    parts: list[str | Table] = [verdict.sentence]
    if verdict.seeds:
        parts.append(verdict.seeds.sentence(verdict.a, verdict.b))
    parts += _sameness(verdict)
    columns = [
        Column("benchmark", "text"),
        _difference_column(f"{verdict.a} minus {verdict.b}"),
        *_TESTED,
        Column("prompts", "count"),
    ]
    rows = [
        Row((name, *_tested(test), test.n_prompts)) for name, test in verdict.by_benchmark.items()
    ]
    title = f"{verdict.a} against {verdict.b} by benchmark"
    if len(rows) > 1:
        n_significant = sum(test.significant for test in verdict.by_benchmark.values())
        parts.append(Table(title, columns, rows))
        parts.append(
            f"{verdict.a} is {_tally(verdict.tally)} of {sum(verdict.tally)} benchmarks; on "
            f"{n_significant} the difference is more than chance (*: p after Holm's correction)."
        )
    everything = Row(("all", *_tested(verdict.test), verdict.test.n_prompts))
    data = Table(title, columns, rows if len(rows) == 1 else [*rows, everything])
    notes = [SIMULATED] if verdict.simulated else []
    return Document(parts, data, _json(verdict), notes)


def standings_document(standings: Standings) -> Document:
    """The sentence, and a row per router beneath it."""
    several = standings.n_benchmarks > 1
    columns = [
        Column("router", "text"),
        Column("μ_o", interval="ends", key="mu"),
        _difference_column(f"minus {standings.against}"),
        Column("p (Holm)", "p", key="p"),
        _TESTED[1],
    ]
    if several:
        columns += [
            Column("ahead–level–behind", key="tally"),
            Column("mean rank", digits=1, interval="ends", key="mean_rank"),
        ]
    rows = [Row(_standing(row, several), row.control) for row in standings.rows]
    table = Table(f"all routers against {standings.against}", columns, rows)
    return Document([standings.sentence, table], table, _json(standings), _notes(standings))


def _notes(standings: Standings) -> list[str]:
    notes = [
        "Intervals: 95 % bootstrap over prompts; *: more than chance; can tell: the smallest "
        "difference that these prompts show four times in five."
    ]
    if standings.n_benchmarks > 1:
        notes.append(
            f"Ranks are means over {standings.n_benchmarks} benchmarks; their intervals resample "
            "benchmarks and prompts."
        )
    if standings.omnibus:
        notes.append(_omnibus(standings.omnibus))
    notes.append("p is of these fitted routers; name two for the variance of training.")
    if any(row.control for row in standings.rows):
        notes.append("† a control, which is not tested.")
    return [*notes, SIMULATED] if standings.simulated else notes


def _json(found: Verdict | Standings) -> dict[str, Any]:
    if isinstance(found, Standings):
        found = replace(found, results=None)
    held = {name: value for name, value in asdict(found).items() if name != "results"}
    return {**held, "sentence": found.sentence}


def _omnibus(found: Omnibus) -> str:
    p = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    if found.p_value >= 0.05:
        return f"The ranks of {found.n_routers} routers cannot be told apart (Friedman, {p})."
    return (
        f"The ranks of {found.n_routers} routers differ (Friedman, {p}); mean ranks further apart "
        f"than {found.critical_difference:.1f} differ (Nemenyi, 5 %)."
    )


def _sameness(verdict: Verdict) -> list[str]:
    """A line on the margin and one on the probabilities, where they were asked for."""
    a, b, out = verdict.a, verdict.b, []
    scope = "" if verdict.over_fits else " (of these fits)"
    if verdict.sameness:
        out.append(f"{_as_good(verdict, verdict.sameness)}{_saved(verdict)}{scope}.")
    if verdict.probabilities:
        rope, better, same, worse = verdict.probabilities
        out.append(
            f"Probability{scope} that {a} is better than {b} by more than {rope:g}: {better:.3f}; "
            f"that they are within {rope:g}: {same:.3f}; that it is worse: {worse:.3f}."
        )
    return out


def _as_good(verdict: Verdict, found: Sameness) -> str:
    p = found.p_non_inferior
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    ends = f"difference in [{found.low:+.3f}, {found.high:+.3f}] with 90 %"
    if not found.non_inferior:
        return (
            f"{verdict.a} is not shown to be as good as {verdict.b} within {found.margin:g} "
            f"({text}; {ends})"
        )
    both = "; nor is it better by more" if found.equivalent else ""
    return (
        f"{verdict.a} is as good as {verdict.b} within {found.margin:g} "
        f"(non-inferior, {text}{both}; {ends})"
    )


def _saved(verdict: Verdict) -> str:
    held = verdict.saving
    if held is None:
        return ""
    share, low, high = held
    if share < 0:
        share, low, high = -share, -high, -low
    word = "less" if held.share >= 0 else "more"
    return f", at {share:.0%} {word} cost [{low:.0%}, {high:.0%}]"


def _standing(row: Standing, several: bool) -> tuple[Cell, ...]:
    mu = Number(row.mu, *row.interval)
    tested = (None, None, None) if row.test is None else _tested(row.test)
    if not several:
        return (row.router, mu, *tested)
    rank = None if row.rank is None else Number(row.rank.mean, row.rank.low, row.rank.high)
    return (row.router, mu, *tested, "–".join(str(count) for count in row.tally), rank)


def _difference_column(head: str) -> Column:
    return Column(head, signed=True, interval="ends", key="difference")


def _tested(test: Comparison) -> tuple[Cell, Cell, Cell]:
    """The difference with its interval, the p-value, and the smallest that could be found."""
    mark = "*" if test.significant else ""
    return Number(test.difference, test.low, test.high, mark), test.p, test.detectable


def _tally(tally: Tally) -> str:
    level = f", level on {tally.ties}" if tally.ties else ""
    return f"ahead on {tally.wins}{level} and behind on {tally.losses}"
