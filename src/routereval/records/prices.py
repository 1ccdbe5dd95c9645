"""Price lists: what models cost per token, at a date; read from TOML and from public JSON lists."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Date  # noqa: N812 - a list has a date of its own
from functools import cached_property
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from routereval.errors import DataError
from routereval.regular_files import read_whole

OLD_DAYS = 90
"""From how many days on a list is said to be old."""

_PER_TOKENS = 1e6
_LARGEST = 1 << 27  # bytes of a price list
_DEAREST = 1e6  # USD per million tokens; what is above is no price
_DIGITS = 10


class Price(NamedTuple):
    """What a model costs, in USD per million tokens.

    Attributes:
        input: of the prompt.
        output: of the answer.
        cached: of what of the prompt is read from a cache; None if as `input`.
        reasoning: of what of the answer is reasoning; None if as `output`.
        batch_input: of the prompt in a batch; None if there is no such price.
        batch_output: of the answer in a batch; None if there is no such price.
    """

    input: float
    output: float
    cached: float | None = None
    reasoning: float | None = None
    batch_input: float | None = None
    batch_output: float | None = None

    def in_batch(self) -> Price | None:
        """The prices of a batch, in which nothing is cached; None if there are none."""
        if self.batch_input is None or self.batch_output is None:
            return None
        return Price(self.batch_input, self.batch_output)


@dataclass(frozen=True)
class PriceList:
    """What models cost, at some date.

    Attributes:
        date: of the prices, as YYYY-MM-DD, or "".
        source: where they are from.
        usd: by model.
        output_tokens: how long an answer is taken to be.
    """

    date: str
    source: str
    usd: Mapping[str, Price] = field(hash=False)
    output_tokens: float

    def of(self, model: str) -> Price | None:
        """The prices of a model, whatever the case of its name and whoever serves it.

        Of several who serve it, the one with the shortest path of names counts, such as the model's
        own maker, who has none.
        """
        if model in self.usd:
            return self.usd[model]
        return self._by_bare_name.get(_bare_name(model))

    @cached_property
    def _by_bare_name(self) -> dict[str, Price]:
        found: dict[str, Price] = {}
        for name in sorted(self.usd, key=_n_parts):
            found.setdefault(_bare_name(name), self.usd[name])
        return found

    def age(self, today: Date) -> int | None:
        """How many days old the list is; None if it has no date."""
        try:
            return (today - Date.fromisoformat(self.date)).days
        except ValueError:
            return None

    def warning(self, today: Date) -> str:
        """What is to be said of the list's age; empty if nothing is.

        >>> listed = PriceList("2025-01-01", "mine", {}, 200)
        >>> listed.warning(Date(2025, 4, 2))
        'prices are of 2025-01-01, over 90 days ago: routereval prices update brings new ones'
        >>> listed.warning(Date(2025, 4, 1))
        ''
        """
        age = self.age(today)
        if age is None:
            return "the price list has no date"
        if age <= OLD_DAYS:
            return ""
        return (
            f"prices are of {self.date}, over {OLD_DAYS} days ago: routereval prices update "
            "brings new ones"
        )


def price_list(path: str | Path | None = None) -> PriceList:
    """A price list: a file of one's own, or the one of this package.

    Args:
        path: a TOML file with ``date``, ``source``, ``output_tokens`` and a table
            ``usd_per_million`` of ``"model" = [in, out]``, or of ``"model" = {input = …,
            output = …}`` with any of ``cached``, ``reasoning``, ``batch_input`` and
            ``batch_output``; None for the one of this package.

    Raises:
        DataError: if there is no such file, or it holds something else.

    >>> price_list().of("gpt-4o-mini").cached
    0.075
    """
    own = resources.files("routereval.records") / "prices.toml"
    try:
        text = own.read_text("utf-8") if path is None else _text(Path(path))
        held = tomllib.loads(text)
        usd = {str(name): _price(price) for name, price in held["usd_per_million"].items()}
        tokens = float(held.get("output_tokens", 0))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give a price list in TOML") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as a price list ({error})") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(
            f'{path}: a price list holds a table usd_per_million of "model" = [in, out], or '
            f'"model" = {{{", ".join(f"{name} = …" for name in Price._fields)}}}'
        ) from None
    numbers = [
        tokens,
        *(usd_of for price in usd.values() for usd_of in price if usd_of is not None),
    ]
    if any(not (isfinite(number) and number >= 0) for number in numbers):
        raise DataError(f"{path}: prices and output_tokens are numbers that are not negative")
    return PriceList(str(held.get("date", "")), str(held.get("source", "")), usd, tokens)


def public_prices(path: str | Path) -> dict[str, Price]:
    """The prices of a public list, by model.

    Args:
        path: LiteLLM's ``model_prices_and_context_window.json``, or what OpenRouter answers to
            ``GET /api/v1/models``.

    Raises:
        DataError: if the file is neither, or has no price.
    """
    try:
        held = json.loads(_text(Path(path)))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give a public price list in JSON") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from None
    data = held.get("data") if isinstance(held, dict) else None
    pairs = _openrouter(data) if isinstance(data, list) else _litellm(held)
    found = {name: price for name, price in pairs if price is not None}
    if not found:
        raise DataError(
            f"{path}: holds no price; give LiteLLM's model_prices_and_context_window.json, or what "
            "OpenRouter answers to GET /api/v1/models"
        )
    return found


def updated(listed: PriceList, found: Mapping[str, Price], source: str, day: Date) -> PriceList:
    """A list with the prices of another one in the place of its own, of that date.

    A model of the list that the other one names with who serves it has that price too.
    """
    other = replace(listed, usd=found)
    kept = {name: other.of(name) or price for name, price in listed.usd.items()}
    lacking = any(other.of(name) is None for name in listed.usd)
    rest = f"; models that it lacks: {listed.source}, {listed.date}" if lacking else ""
    usd = {**kept, **found}
    return replace(listed, date=day.isoformat(), source=f"{source}{rest}", usd=usd)


def as_toml(listed: PriceList) -> str:
    """A price list as the text of its file."""
    lines = [
        "# USD per million tokens. Copy this file, set your own prices and give it to --prices.",
        f"date = {_quoted(listed.date)}",
        f"source = {_quoted(listed.source)}",
        "# how long an answer is taken to be, where the records do not say it",
        f"output_tokens = {listed.output_tokens:g}",
        "",
        "[usd_per_million]",
        *(f"{_quoted(name)} = {_toml_price(price)}" for name, price in listed.usd.items()),
    ]
    return "\n".join(lines) + "\n"


def _toml_price(price: Price) -> str:
    if price[2:] == (None,) * 4:
        return f"[{_number(price.input)}, {_number(price.output)}]"
    held = price._asdict().items()
    return f"{{ {', '.join(f'{k} = {_number(v)}' for k, v in held if v is not None)} }}"


def _number(value: float) -> str:
    text = f"{value:.{_DIGITS}f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _quoted(text: str) -> str:
    return json.dumps(text)  # TOML's basic strings have the same escapes


def _price(value: Any) -> Price:  # noqa: ANN401 - TOML's values
    if isinstance(value, Mapping):
        return Price(**{name: float(usd) for name, usd in value.items()})
    read, written = value
    return Price(float(read), float(written))


def _litellm(held: object) -> Iterator[tuple[str, Price | None]]:
    """The models of LiteLLM's list that answer in text and are paid per token."""
    for name, entry in held.items() if isinstance(held, dict) else ():
        if isinstance(entry, dict) and name != "sample_spec":
            reasoning = _usd(entry, "output_cost_per_reasoning_token")
            yield (
                name,
                _of_tokens(
                    _usd(entry, "input_cost_per_token"),
                    _usd(entry, "output_cost_per_token"),
                    _usd(entry, "cache_read_input_token_cost"),
                    reasoning,
                    _usd(entry, "input_cost_per_token_batches"),
                    _usd(entry, "output_cost_per_token_batches"),
                )
                if entry.get("mode") in {"chat", "completion", "responses"}
                else None,
            )


def _openrouter(models: list[Any]) -> Iterator[tuple[str, Price | None]]:
    """The models of OpenRouter's list; those whose price is negative vary."""
    for model in models:
        pricing = model.get("pricing") if isinstance(model, dict) else None
        if isinstance(pricing, dict) and isinstance(model.get("id"), str):
            yield (
                model["id"],
                _of_tokens(
                    _usd(pricing, "prompt"),
                    _usd(pricing, "completion"),
                    _usd(pricing, "input_cache_read"),
                    _usd(pricing, "internal_reasoning") or None,  # 0 there says that there is none
                ),
            )


def _of_tokens(read: float | None, written: float | None, *more: float | None) -> Price | None:
    return None if read is None or written is None else Price(read, written, *more)


def _usd(entry: Mapping[str, Any], key: str) -> float | None:
    """USD per million tokens from a price per token; None where it is no such number."""
    value = entry.get(key)
    try:
        usd = float(value) * _PER_TOKENS if isinstance(value, str | int | float) else -1.0
    except (ValueError, OverflowError):
        return None
    return round(usd, _DIGITS) if 0 <= usd <= _DEAREST else None


def _text(path: Path) -> str:
    return read_whole(path, _LARGEST).decode("utf-8")


def _bare_name(name: str) -> str:
    return name.rpartition("/")[2].lower()


def _n_parts(name: str) -> int:
    return name.count("/")
