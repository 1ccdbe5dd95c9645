"""How savings are laid out: what routing paid, then each model that might have answered alone."""

from __future__ import annotations

from dataclasses import asdict

from routereval.number_of import number_of
from routereval.report.table import Column, Document, Number, Points, Row, Table
from routereval.studies.savings import Savings, SingleModel

_COLUMNS = (
    Column("always", "text", key="model"),
    Column("USD", digits=2, key="usd"),
    Column("saved", digits=2, signed=True, key="saved"),
    Column("of it", "share", digits=1, key="share"),
    Column("unable", "count"),
)


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
    table = Table(title, _COLUMNS, rows)
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


def sentences(found: Savings) -> list[str]:
    """What was paid and saved, in plain words."""
    texts = [f"Routing paid ${found.usd:,.2f} for {found.n_requests:,} answers."]
    if found.lost_usd:
        texts.append(f"Answers that nobody got cost ${found.lost_usd:,.2f} beside that.")
    if found.n_switches:
        times = "Once" if found.n_switches == 1 else f"{found.n_switches:,} times"
        texts.append(
            f"{times} a conversation went on with another model, whose cold cache cost "
            f"${found.cold_usd:,.2f}, which is in it."
        )
    return [*texts, *map(_against, found.rows)]


def _against(one: SingleModel) -> str:
    low, high = one.interval
    if low <= 0 <= high:
        return f"Against {one.model} alone nothing can be told: {low:+,.2f} to {high:+,.2f} USD."
    gained, more = ("saved", "") if one.saved > 0 else ("cost", " more")
    least, most = sorted((abs(low), abs(high)))
    sizes = f"${abs(one.saved):,.2f}{more} (${least:,.2f} to ${most:,.2f})"
    return f"Against {one.model} alone it {gained} {sizes}."
