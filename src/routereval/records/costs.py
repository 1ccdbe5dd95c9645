"""Costs for records: as recorded, from list prices, or from the number of parameters."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.records.records import Records

Floats = NDArray[np.float64]

COSTS = ("auto", "records", "prices", "params", "none")
"""Where costs come from; ``auto``: as recorded, else from prices, where all are known."""

_PER_TOKENS = 1e6
_CHARACTERS = 4  # of text a token, about, in English
_TOKENS = ("input_tokens", "prompt_tokens")
_MIXTURE = re.compile(r"\d+x\d", re.IGNORECASE)
_SIZE = re.compile(r"(?<![a-z\d.])(\d+(?:\.\d+)?)b(?![a-z\d])", re.IGNORECASE)


@dataclass(frozen=True)
class PriceList:
    """What models cost, at some date.

    Attributes:
        date: of the prices.
        source: where they are from.
        usd: by model, USD per million tokens in and out.
        output_tokens: how long an answer is taken to be.
    """

    date: str
    source: str
    usd: Mapping[str, tuple[float, float]] = field(hash=False)
    output_tokens: float

    def of(self, model: str) -> tuple[float, float] | None:
        """The prices of a model, whatever the case of its name and whoever serves it."""
        plain = {_bare_name(name): price for name, price in self.usd.items()}
        return self.usd.get(model) or plain.get(_bare_name(model))


class Costed(NamedTuple):
    """Records with costs, and a note on how these came about; empty if as recorded."""

    records: Records
    note: str


def price_list(path: str | Path | None = None) -> PriceList:
    """A price list: a file of one's own, or the one of this package.

    Args:
        path: a TOML file with ``date``, ``source``, ``output_tokens`` and a table
            ``usd_per_million`` of ``"model" = [in, out]``; None for the one of this package.

    Raises:
        DataError: if there is no such file, or it holds something else.

    >>> price_list().of("gpt-4o-mini")
    (0.15, 0.6)
    """
    own = resources.files("routereval.records") / "prices.toml"
    try:
        text = own.read_text("utf-8") if path is None else Path(path).read_text("utf-8")
        held = tomllib.loads(text)
        usd = {str(name): (float(a), float(b)) for name, (a, b) in held["usd_per_million"].items()}
        tokens = float(held.get("output_tokens", 0))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a price list ({error})") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(
            f'{path}: a price list holds a table usd_per_million of "model" = [in, out]'
        ) from None
    if any(not 0 <= price < np.inf for both in usd.values() for price in (*both, tokens)):
        raise DataError(f"{path}: prices and output_tokens are numbers that are not negative")
    return PriceList(str(held.get("date", "")), str(held.get("source", "")), usd, tokens)


def with_costs(records: Records, costs: str = "auto", prices: str | Path | None = None) -> Costed:
    """Records with costs of the kind asked for.

    Args:
        records: one benchmark.
        costs: ``records``, as recorded; ``prices``, a price list times tokens; ``params``, billions
            of parameters times tokens, a proxy of what is computed; ``none``; ``auto``.
        prices: the file of a price list, or None for the one of this package.

    Returns:
        The records, themselves if nothing changes, and how their costs came about.

    Raises:
        SpecError: if there is no such kind.
        DataError: if the price, or the number of parameters, of no model is known.
    """
    if costs not in COSTS:
        raise unknown("kind of costs", costs, COSTS)
    if costs == "none":
        return Costed(_changed(records, None, None), "")
    if costs == "records" or (costs == "auto" and records.costs is not None):
        return Costed(records, "")
    if costs == "params":
        return _by_params(records)
    return _by_prices(records, price_list(prices), strict=costs == "prices")


def _by_prices(records: Records, listed: PriceList, *, strict: bool) -> Costed:
    info = records.model_info
    known: list[tuple[float, float] | None] = [listed.of(model) for model in records.models]
    if {"price_in", "price_out"} <= set(info.columns):
        own = zip(info["price_in"].to_list(), info["price_out"].to_list(), strict=True)
        known = [k if None in o else o for k, o in zip(known, own, strict=True)]
    missing = [m for m, price in zip(records.models, known, strict=True) if price is None]
    tokens, counted = _input_tokens(records)
    if not strict and (missing or tokens is None):
        return Costed(records, "")
    if len(missing) == len(known):
        raise DataError(
            f"{records.name}: the price list knows none of its models, such as {missing[0]!r}"
        )
    if tokens is None:
        raise DataError(
            f"{records.name}: prices need texts, or a column input_tokens; it has neither"
        )
    usd = np.array([(np.nan, np.nan) if price is None else price for price in known])
    answer = _output_tokens(records, listed.output_tokens)
    matrix = (usd[:, :1] * tokens + usd[:, 1:] * answer[:, None]) / _PER_TOKENS
    note = f"costs are estimates from list prices ({listed.date or 'no date'}), {counted}"
    left = f"; no price of {len(missing)} models" if missing else ""
    return Costed(_changed(records, matrix, None), note + left)


def _by_params(records: Records) -> Costed:
    billions = parameters(records)
    if np.isnan(billions).all():
        raise DataError(f"{records.name}: the number of parameters of none of its models is known")
    tokens, counted = _input_tokens(records)
    unit = "10⁹ parameters" if tokens is None else "10⁹ parameters × tokens"
    each = np.ones(records.n_prompts) if tokens is None else tokens
    note = f"costs are {unit} of a call, a proxy of what is computed, {counted}"
    return Costed(_changed(records, billions[:, None] * each, unit), note)


def parameters(records: Records) -> Floats:
    """(n_models,) billions of parameters, recorded or as the name says; NaN where unknown.

    Of a mixture of experts, such as 8x7b, a name does not say how many are at work.
    """
    info = records.model_info
    named = [_in_name(model) for model in records.models]
    if "params" not in info.columns:
        return np.array(named)
    recorded = info["params"].cast(float, strict=False).fill_null(float("nan")).to_numpy()
    return np.where(np.isnan(recorded), named, recorded)


def _in_name(model: str) -> float:
    """Billions of parameters by name.

    >>> _in_name("meta-llama/Llama-2-70b-hf"), _in_name("Mixtral-8x7B")
    (70.0, nan)
    """
    found = None if _MIXTURE.search(model) else _SIZE.search(model.replace("_", "-"))
    return float(found.group(1)) if found else float("nan")


def _input_tokens(records: Records) -> tuple[Floats | None, str]:
    """(n_prompts,) tokens of each prompt, None where nothing tells; and how they are known."""
    for name in _TOKENS:
        if name in records.prompts.columns and records.prompts[name].null_count() == 0:
            return records.prompts[name].to_numpy().astype(np.float64), "tokens as recorded"
    if not records.has_text:
        return None, "whatever the prompt"
    lengths = records.prompts["text"].str.len_chars().to_numpy()
    return np.ceil(
        lengths / _CHARACTERS
    ), f"a token taken for {_CHARACTERS} characters of the prompt"


def _output_tokens(records: Records, usual: float) -> Floats:
    """(n_models,) tokens of an answer: its mean if recorded, else as the price list says."""
    if "output_tokens" not in records.model_info.columns:
        return np.full(records.n_models, usual)
    return records.model_info["output_tokens"].cast(float, strict=False).fill_null(usual).to_numpy()


def _changed(records: Records, costs: Floats | None, unit: str | None) -> Records:
    meta = {key: value for key, value in records.meta.items() if key not in {"files", "cost_unit"}}
    if unit is not None:
        meta["cost_unit"] = unit
    held = None if costs is None else costs.astype(np.float32)
    if held is None and records.costs is None:
        return records
    return replace(records, costs=held, meta=meta, path=None)


def _bare_name(name: str) -> str:
    return name.rpartition("/")[2].lower()
