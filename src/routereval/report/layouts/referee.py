"""How a judgement of published routers is laid out: sentences, then everybody by score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from math import inf, isnan
from typing import Any

from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Cell, Column, Document, Heading, Number, Points, Row, Table
from routereval.scoring.comparison import Comparison
from routereval.studies.claims import Claim
from routereval.studies.referee import Entry, Judgement

_LEVEL = 0.05
_NAMED = 4  # routers that a sentence names

_KEYS = ("name", "kind", "score", "low", "high", "cost", "zero", "shuffled", "shuffled_p")
_NOTES = (
    "always: a constant, one model for every prompt. Intervals: 95 % bootstrap over prompts; *: "
    "more than chance after Holm's correction; can tell: the smallest difference that these "
    "prompts show four times in five.",
    "shuffled: what the same choices score if they are dealt at random to the prompts of a "
    "benchmark; what is above it is what a router knows of single prompts.",
    "The best constant was chosen on these very prompts, which favours it. † a control; "
    "best_single and dataset_best (one model per benchmark) choose on the other nine tenths of "
    "these prompts, which no published router had.",
    "The oracle takes the best of single answers, lucky ones too. Only repeated runs show how much "
    "of its lead is luck: a third to three fifths on Terminal-Bench (routereval trials).",
)
_ZERO = "zero: what a mix of constants scores at the same cost."


def judgement_document(found: Judgement) -> Document:
    """The sentences, everybody by score, and what was published against what was found."""
    columns = [
        Column("", "text", key="name"),
        Column("score", interval="ends"),
        Column("USD", digits=2, key="cost"),
        Column(
            f"minus {found.best_constant}".strip(), signed=True, interval="ends", key="difference"
        ),
        Column("p", "p"),
        Column("can tell", key="detectable"),
        Column("shuffled"),
        Column("zero"),
        Column("models", "count"),
        Column("top", "share", digits=0, key="top_share"),
    ]
    rows = [Row(_cells(one), one.kind != "router") for one in found.entries]
    parts: list[Any] = [Points(sentences(found))]
    parts.append(Table(_title(found), columns, rows).without_empty())
    parts += _claims(found)
    parts += _findings(found)
    known = any(not isnan(one.zero) for one in found.entries)
    notes = [*found.notes, *_NOTES, *([_ZERO] if known else [])]
    data = Table("", [Column(key, _kind(key)) for key in _KEYS], [Row(r) for r in _data(found)])
    held = {**asdict(found), "sentences": sentences(found)}
    return Document(parts, data, held, [*notes, *([SIMULATED] if found.simulated else [])])


def _title(found: Judgement) -> str:
    n = len(found.benchmarks)
    what = found.benchmarks[0] if n == 1 else f"{n} benchmarks"
    return f"{what} · {found.n_prompts:,} prompts, each counting alike"


def _cells(one: Entry) -> tuple[Cell, ...]:
    name = f"always {one.name}" if one.kind == "constant" else one.name
    score = Number(one.score, *one.interval)
    cost = None if isnan(one.cost) else one.cost
    zero = None if isnan(one.zero) else one.zero
    tested: tuple[Cell, ...] = ("", "", "")
    if (test := one.against) is not None:
        mark = "*" if test.significant else ""
        low, high = test.low, test.high
        tested = (Number(test.difference, low, high, mark), test.p, test.detectable)
    if one.kind != "router" or one.shuffled is None:
        return (name, score, cost, *tested, "", zero, "", "")
    dealt = "" if isnan(one.shuffled.p) else one.shuffled.score
    return (name, score, cost, *tested, dealt, zero, one.n_models, one.top_share)


def _claims(found: Judgement) -> Iterator[str | Table]:
    """The published figures beside these, and a sentence on how many agree."""
    if not found.claims:
        return
    held = [one for one in found.claims if one.entry]
    wrong = [one for one in held if not (one.score_holds and one.cost_holds)]
    yield (
        f"Of {len(found.claims)} published rows, {len(held)} are among these files; of these, "
        f"{len(held) - len(wrong)} agree with them and {len(wrong)} do not."
    )
    columns = [
        Column("published as", "text", key="name"),
        Column("score", key="published_score", digits=4),
        Column("files say", key="score", digits=4),
        Column("USD", digits=2, key="published_cost"),
        Column("files say USD", digits=2, key="cost"),
        Column("", "text", key="verdict"),
    ]
    yield Table("published, and what the files say", columns, [_claim(c) for c in found.claims])


def _findings(found: Judgement) -> Iterator[Heading | Points]:
    """What the checks of integrity found, one sentence each."""
    if found.findings:
        yield Heading("to be asked, or mended")
        yield Points([f"{one.router} {one.text} ({one.check})." for one in found.findings])


def _claim(one: Claim) -> Row:
    what = "not among the files"
    if one.entry:
        parts = {"score": one.score_holds, "cost": one.cost_holds}
        what = " and ".join(f"{name} differs" for name, holds in parts.items() if not holds)
    return Row((one.name, one.score, one.found_score, one.cost, one.found_cost, what))


def _kind(key: str) -> Any:  # noqa: ANN401 - a kind of column
    return "text" if key in {"name", "kind"} else "number"


def _data(found: Judgement) -> Iterator[tuple[Cell, ...]]:
    for one in found.entries:
        dealt = (None, None) if one.shuffled is None else tuple(one.shuffled)
        yield (one.name, one.kind, one.score, *one.interval, one.cost, one.zero, *dealt)


def sentences(found: Judgement) -> list[str]:
    """What was found, in plain words."""
    sentences = [_first(found), _against_constants(found), _unlisted(found), _prompts_read(found)]
    return [sentence for sentence in sentences if sentence]


def _cost(found: Judgement, router: str) -> float:
    cost = found.entry(router, "router").cost
    return inf if isnan(cost) else cost


def _first(found: Judgement) -> str:
    """Who is first, and who is level with it."""
    if not found.routers:
        return "Every router that is listed chooses a best model on every prompt."
    first, n = found.routers[0], len(found.routers)
    of = f"scores highest of {n} published routers" if n > 1 else "is the only router listed"
    text = f"{first.name} {of}: {_figures(first)}"
    same = [name for name, test in found.rivals.items() if not test.significant]
    if not same:
        return f"{text}, more than any other by more than chance." if n > 1 else f"{text}."
    name = min(same, key=lambda one: _cost(found, one))
    test, saved = found.rivals[name], found.savings[name]
    less = (
        "" if saved is None or saved.share <= 0 else f", {saved.share:.0%} less".replace("%", " %")
    )
    among = "" if len(same) == 1 else f"; nor from {len(same) - 1} more"
    return (
        f"{text}. It cannot be told apart from {name} ({_figures(found.entry(name, 'router'))}"
        f"{less}): difference {test.difference:+.3f} [{test.low:.3f}, {test.high:.3f}]{among}."
    )


def _against_constants(found: Judgement) -> str:
    if not found.best_constant:
        return "No model has a score on every prompt, so no constant stands beside them."
    best = found.entry(found.best_constant, "constant")
    if not found.routers:
        return f"The best constant is {best.name} ({_figures(best)})."
    moving = [one for one in found.routers if one.against is not None and not one.constant]
    tests = [one.against for one in moving if one.against is not None]
    if not tests:
        return f"Every router is a constant; the best model is {best.name} ({_figures(best)})."
    if len(tests) == 1:
        return (
            f"The best constant is {best.name} ({_figures(best)}): {moving[0].name} "
            f"{_outcome(tests[0])} it (5 %)."
        )
    won = sum(test.significant and test.difference > 0 for test in tests)
    lost = sum(test.significant and test.difference < 0 for test in tests)
    return (
        f"The best constant is {best.name} ({_figures(best)}): of {len(tests)} routers that are "
        f"not constant, {won} beat it, {lost} lose to it, and {len(tests) - won - lost} cannot be "
        "told apart from it (Holm, 5 %)."
    )


def _outcome(test: Comparison) -> str:
    """What a router does to a constant."""
    if not test.significant:
        return "cannot be told apart from"
    return "beats" if test.difference > 0 else "loses to"


def _unlisted(found: Judgement) -> str:
    """The best constant that the published table leaves out, if it beats some of its routers."""
    others = [one for one in found.routers if not one.constant]
    best = found.unlisted[0] if found.unlisted else None
    if best is None or not others or others[-1].score >= best.score:
        return ""
    above = [one.name for one in others if one.score >= best.score]
    named = f" but {', '.join(above)}" if above else ""
    than = "all of them" if not named or len(above) < _NAMED else ""
    below = f"{len(others) - len(above)} of them" if not than else f"{than}{named}"
    return (
        f"Not listed is the constant {best.name} ({_figures(best)}): it scores higher than {below}."
    )


def _prompts_read(found: Judgement) -> str:
    """How many routers know more of a prompt than its benchmark."""
    known = [one for one in found.routers if one.shuffled and not isnan(one.shuffled.p)]
    if not known:
        return ""
    read = [one for one in known if one.shuffled and one.shuffled.p * len(known) < _LEVEL]
    where = "within each benchmark " if len(found.benchmarks) > 1 else ""
    if len(known) == 1:
        does = "chooses better" if read else "is not shown to choose better"
        return f"{known[0].name} {does} than its choices dealt at random {where}(5 %)."
    return (
        f"Of {len(known)} routers whose choices vary {where}from prompt to prompt, {len(read)} "
        f"choose better than the same choices dealt at random {where}(Bonferroni, 5 %)."
    )


def _figures(entry: Entry) -> str:
    cost = "" if isnan(entry.cost) else f" at ${entry.cost:,.2f}"
    return f"{entry.score:.2%}{cost}".replace("%", " %")
