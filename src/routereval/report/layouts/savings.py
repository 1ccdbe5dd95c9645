"""How savings are laid out: what routing paid, then each model that might have answered alone."""

from __future__ import annotations

from dataclasses import asdict

from routereval.number_of import number_of
from routereval.report.table import Column, Document, Number, Points, Row, Table
from routereval.studies.savings import Savings, SingleModel

_SMALL_USD = 10.0  # below it, cents do not tell what one model costs from another
_NOTHING = 1e-9  # USD


def savings_document(found: Savings) -> Document:
    """What routing saved against each model."""
    rows = [
        Row(
            (
                one.model,
                one.usd,
                Number(one.saved, *one.interval),
                one.saved / one.usd if one.usd else None,
                one.unable,
            )
        )
        for one in found.rows
    ]
    requests = number_of(found.n_requests, "request")
    title = f"{requests} · {number_of(found.n_conversations, 'conversation')}"
    digits = _digits(found)
    columns = (
        Column("always", "text", key="model"),
        Column("USD", digits=digits, key="usd"),
        Column("saved", digits=digits, signed=True, key="saved"),
        Column("of it", "share", digits=1, key="share"),
        Column("unable", "count"),
    )
    table = Table(title, columns, rows)
    notes = [
        *found.notes,
        f"± is half of the {found.level:.0%} interval, by a bootstrap over conversations.",
        "Each model is priced for the same tokens, as if it needed as many and wrote as much; with "
        f"its cache warm within a conversation for {found.cache_s:g} s.",
    ]
    if any(one.unable for one in found.rows):
        notes.append("unable: requests that it may or can not serve, priced all the same.")
    held = {**asdict(found), "sentences": sentences(found)}
    return Document([Points(sentences(found)), table], table, held, notes)


def _digits(found: Savings) -> int:
    """Decimals of the amounts: cents, and more of them where all are small."""
    return 2 if max([found.usd, *(one.usd for one in found.rows)]) >= _SMALL_USD else 4


def sentences(found: Savings) -> list[str]:
    """What was paid and saved, in plain words."""
    digits = _digits(found)
    answers = number_of(found.n_requests, "answer")
    texts = [f"Routing paid ${found.usd:,.{digits}f} for {answers}."]
    if found.lost_usd:
        texts.append(f"Answers that nobody got cost ${found.lost_usd:,.{digits}f} beside that.")
    if found.n_switches:
        times = "Once" if found.n_switches == 1 else f"{found.n_switches:,} times"
        texts.append(
            f"{times} a conversation went on with another model, whose cold cache cost "
            f"${found.cold_usd:,.{digits}f}, which is in it."
        )
    return [*texts, *(_against(one, digits) for one in found.rows)]


def _against(one: SingleModel, digits: int) -> str:
    low, high = one.interval
    if abs(low) < _NOTHING and abs(high) < _NOTHING:
        return f"{one.model} alone would have cost the same."
    if low <= 0 <= high:
        ends = f"{low:+,.{digits}f} to {high:+,.{digits}f}"
        return f"Against {one.model} alone nothing can be told: {ends} USD."
    gained, more = ("saved", "") if one.saved > 0 else ("cost", " more")
    least, most = sorted((abs(low), abs(high)))
    sizes = f"${abs(one.saved):,.{digits}f}{more} (${least:,.{digits}f} to ${most:,.{digits}f})"
    return f"Against {one.model} alone it {gained} {sizes}."
