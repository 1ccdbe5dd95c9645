"""From the gateway's log: what routing saved against each single model on the same traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.importers.gateway_log import Logged, Tokens, read_log
from routereval.number_of import number_of
from routereval.scoring import Interval, interval, resamples
from routereval.shown import Shown

CACHE_S = 300.0
"""How long providers keep a prompt in their cache, unless the caller says otherwise."""
_PER = 1e6
_CENT = 0.01


class TokenPrices(NamedTuple):
    """Prices of one model, in USD per million tokens.

    Attributes:
        read, written: of the prompt and of the answer.
        cached: of tokens of the prompt that are read from a cache; None where as `read`.
        cache_written: of those that are written to one; None where as `read`.
        reasoning: of tokens of the answer that nobody sees; None where as `written`.
    """

    read: float
    written: float
    cached: float | None = None
    cache_written: float | None = None
    reasoning: float | None = None

    def usd(self, tokens: Tokens) -> float:
        """What a call costs.

        >>> TokenPrices(5.0, 20.0, cached=0.5).usd(Tokens(100_000, 1_000, cached=80_000))
        0.16
        """
        usual = tokens.tokens_in * self.read + tokens.tokens_out * self.written
        parts = (
            (tokens.cached, self.cached, self.read),
            (tokens.cache_written, self.cache_written, self.read),
            (tokens.reasoning, self.reasoning, self.written),
        )
        more = sum(n * (price - base) for n, price, base in parts if price is not None)
        return max(usual + more, 0.0) / _PER


@dataclass(frozen=True)
class SingleModel:
    """One model that might have answered everything.

    Attributes:
        model: its name.
        usd: what the traffic would have cost.
        saved: what routing saved against it, in USD; negative where it cost more.
        interval: of `saved`, by a bootstrap over conversations.
        unable: requests that it was not allowed or able to serve, priced all the same.
    """

    model: str
    usd: float
    saved: float
    interval: Interval
    unable: int


@dataclass(frozen=True, repr=False)
class Savings(Shown):
    """What routing saved; as text a table.

    Attributes:
        rows: a row per model, the dearest first.
        usd: what the answers cost by tokens × prices.
        logged_usd: what the log says that they cost.
        lost_usd: what was booked for answers that nobody got, in neither sum.
        n_requests: that were routed and answered.
        n_conversations: that they belong to.
        n_switches: times that a conversation went on with another model while its cache was warm.
        cold_usd: what these switches cost: prompts read anew that the cache had held.
        cache_s: how long a cache was taken to stay warm.
        level: confidence of the intervals.
        notes: what was left out or assumed.
    """

    rows: tuple[SingleModel, ...]
    usd: float
    logged_usd: float
    lost_usd: float
    n_requests: int
    n_conversations: int
    n_switches: int
    cold_usd: float
    cache_s: float
    level: float
    notes: tuple[str, ...]


class _Turn(NamedTuple):
    """A request, and what the turn before it in its conversation left in a cache.

    Attributes:
        model: who answered.
        tokens: of the call.
        prefix: tokens of the prompt that the turn before had; 0 for the first, and after a pause.
        before: who answered that turn; empty for none.
    """

    model: str
    tokens: Tokens
    prefix: int
    before: str


class _Shares(NamedTuple):
    """Of a prompt that was there before, the share read from a cache; of the rest, that written."""

    cached: float
    cache_written: float


def savings(
    log: str | Path | Sequence[Logged],
    prices: Mapping[str, TokenPrices],
    *,
    cache_s: float = CACHE_S,
    level: float = 0.95,
    seed: int = 0,
) -> Savings:
    """What routing saved against each single model on the same traffic.

    Everything is priced by tokens × prices: the answers that were given, and the same tokens at
    each other model. Where the log knows conversations, caches count. A model that answers all
    turns finds the prompt of the turn before in its cache, in the share that turns which stayed
    with a model found there; routing pays for prompts that a switch made it read anew, because its
    calls are priced as they were.

    Args:
        log: the gateway's log, or what `read_log` made of it.
        prices: of the models, by name: of all that answered.
        cache_s: seconds after which a cache is cold.
        level: confidence of the intervals.
        seed: decides the resamples of conversations.

    Raises:
        DataError: if no routed request has an answer with tokens.
        SpecError: for a model that has no price.
    """
    logged = read_log(Path(log)) if isinstance(log, str | Path) else list(log)
    rows = _answered(logged, prices)
    talks = _conversations(rows)
    turns = _turns(rows, talks, cache_s)
    shares = {model: _shares(turns, model) for model in prices}
    paid = np.array([prices[turn.model].usd(turn.tokens) for turn in turns])
    n_talks = int(talks.max()) + 1
    weights = resamples(np.zeros(n_talks), seed=seed)
    found = []
    for model, price in prices.items():
        usd = np.array([price.usd(_tokens_at(turn, model, shares[model])) for turn in turns])
        saved = float((usd - paid).sum())
        drawn = n_talks * (weights @ np.bincount(talks, usd - paid))
        unable = sum(bool(row.allowed) and model not in row.allowed for row in rows)
        found.append(
            SingleModel(model, float(usd.sum()), saved, interval(saved, drawn, level), unable)
        )
    switches = [turn for turn in turns if turn.prefix and turn.before != turn.model]
    return Savings(
        rows=tuple(sorted(found, key=lambda one: -one.usd)),
        usd=float(paid.sum()),
        logged_usd=float(np.nansum([row.cost for row in rows])),
        lost_usd=float(np.nansum([row.lost for row in logged])),
        n_requests=len(rows),
        n_conversations=n_talks,
        n_switches=len(switches),
        cold_usd=sum(_cold_usd(turn, prices[turn.model], shares[turn.model]) for turn in switches),
        cache_s=cache_s,
        level=level,
        notes=tuple(_notes(logged, rows, float(paid.sum()))),
    )


def _answered(logged: Sequence[Logged], prices: Mapping[str, TokenPrices]) -> list[Logged]:
    """The requests that were routed and answered, in the order of time; each model has a price."""
    rows = [row for row in logged if row.model and row.tokens is not None]
    if not rows:
        raise DataError(f"none of {len(logged)} logged requests was routed, answered and counted")
    for row in rows:
        if row.model not in prices:
            raise unknown("model without a price", row.model, prices)
    return sorted(rows, key=lambda row: (row.time, row.request_id))


def _conversations(rows: Sequence[Logged]) -> NDArray[np.int64]:
    """(n_rows,) code of each request's conversation, its own where the log does not say."""
    codes: dict[str, int] = {}
    names = [row.conversation or f"\0{number}" for number, row in enumerate(rows)]
    return np.array([codes.setdefault(name, len(codes)) for name in names], np.int64)


def _turns(rows: Sequence[Logged], talks: NDArray[np.int64], cache_s: float) -> list[_Turn]:
    last: dict[int, Logged] = {}
    found = []
    for row, talk in zip(rows, talks.tolist(), strict=True):
        tokens, before = row.tokens or Tokens(0, 0), last.get(talk)
        last[talk] = row
        if before is None or before.tokens is None or row.time - before.time > cache_s:
            found.append(_Turn(row.model, tokens, 0, ""))
        else:
            prefix = min(tokens.tokens_in, before.tokens.tokens_in)
            found.append(_Turn(row.model, tokens, prefix, before.model))
    return found


def _shares(turns: Sequence[_Turn], model: str) -> _Shares:
    """What a model's cache held where it stayed; what all did where it never stayed."""
    stayed = [turn for turn in turns if turn.prefix and turn.before == turn.model]
    own = [turn for turn in stayed if turn.model == model] or stayed
    prefix = sum(turn.prefix for turn in own)
    cached = min(sum(turn.tokens.cached for turn in own) / prefix, 1.0) if prefix else 1.0
    answered = [turn for turn in turns if turn.model == model]
    fresh = sum(turn.tokens.tokens_in - turn.tokens.cached for turn in answered)
    written = sum(turn.tokens.cache_written for turn in answered)
    return _Shares(cached, min(written / fresh, 1.0) if fresh > 0 else 0.0)


def _tokens_at(turn: _Turn, model: str, shares: _Shares) -> Tokens:
    """The tokens of a turn, had the model answered all turns of the conversation."""
    if turn.model == model and turn.before in {"", model}:
        return turn.tokens  # as it was
    if turn.prefix:
        return _warm(turn, shares)
    fresh = turn.tokens.tokens_in - turn.tokens.cached
    return turn.tokens._replace(cache_written=round(fresh * shares.cache_written))


def _warm(turn: _Turn, shares: _Shares) -> Tokens:
    cached = round(turn.prefix * shares.cached)
    fresh = turn.tokens.tokens_in - cached
    return turn.tokens._replace(cached=cached, cache_written=round(fresh * shares.cache_written))


def _cold_usd(turn: _Turn, price: TokenPrices, shares: _Shares) -> float:
    """What a turn cost beyond what it would have, had its model's cache been warm."""
    return price.usd(turn.tokens) - price.usd(_warm(turn, shares))


def _notes(logged: Sequence[Logged], rows: Sequence[Logged], usd: float) -> list[str]:
    notes = []
    if left := sum(bool(row.model) and row.tokens is None for row in logged):
        verb = "is" if left == 1 else "are"
        notes.append(f"{number_of(left, 'answer')} without counts of tokens {verb} left out.")
    if apart := sum(not row.conversation for row in rows):
        notes.append(
            f"Of {apart:,} requests the log does not know the conversation: "
            "each stands for itself, with its cache as it was."
        )
    booked = float(np.nansum([row.cost for row in rows]))
    if abs(booked - usd) > max(_CENT, _CENT * usd):
        notes.append(
            f"The log says ${booked:,.2f} where tokens × prices are ${usd:,.2f}: prices have "
            "changed since, or it was served with others. Both sides are by the prices given."
        )
    return notes
