"""What a switch of models costs a conversation: its prompt is not in the new one's cache."""

from __future__ import annotations

from collections.abc import Callable

from routereval.gateway.protocols import Switch, Usage

Price = Callable[[Usage], float]
"""What tokens cost at a model, in USD."""


def booked_switch(origin: str, stay: Price, move: Price, usage: Usage, tokens: int) -> Switch:
    """A switch as it is booked: what the new model saves, and what its cold cache costs.

    Both are against the same answer of the model that the conversation was with, whose cache has
    the prompt. What the new model's upstream says that it read from its own cache is not cold.

    Args:
        origin: the label of the upstream that the conversation was with.
        stay: its price.
        move: the price of the one that answered.
        usage: of that answer.
        tokens: of the conversation in the cache of `origin`.

    A prompt of 250,000 tokens goes from a model that reads them from its cache at $0.45 per
    million, to one that does so at $0.25, but has to read them anew at $2.75: the switch saves
    $0.05 and pays $0.625, so $0.575 is lost.

    >>> switch = booked_switch(
    ...     "dear",
    ...     lambda usage: ((usage.tokens_in - usage.cached) * 5.0 + usage.cached * 0.45) / 1e6,
    ...     lambda usage: ((usage.tokens_in - usage.cached) * 2.75 + usage.cached * 0.25) / 1e6,
    ...     Usage(250_000),
    ...     250_000,
    ... )
    >>> round(switch.saved_usd, 6), round(switch.cold_usd, 6), round(switch.net_usd, 6)
    (0.05, 0.625, -0.575)
    """
    held = min(tokens, usage.tokens_in)
    written = min(usage.cache_written, usage.tokens_in - held)
    warm = usage._replace(cached=max(usage.cached, held), cache_written=written)
    both_warm = move(warm)
    return Switch(origin, held, stay(warm) - both_warm, move(usage) - both_warm)


def cold_price(price: Price, tokens: int) -> float:
    """What a model costs more for so many tokens that are not in its cache, in USD.

    >>> cold_price(lambda usage: (usage.tokens_in - usage.cached) * 2.5 / 1e6, 250_000)
    0.625
    """
    return price(Usage(tokens)) - price(Usage(tokens, cached=tokens))
