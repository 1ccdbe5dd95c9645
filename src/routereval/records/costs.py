"""Costs for records: as recorded, from list prices, or from the number of parameters."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.number_of import number_of
from routereval.records.prices import Price, PriceList, price_list
from routereval.records.records import Records

Floats = NDArray[np.float64]

COSTS = ("auto", "records", "prices", "batch", "params", "none")
"""Where costs come from; ``auto``: as recorded, else from prices, where all are known."""

_PER_TOKENS = 1e6
_CHARACTERS = 4  # of text a token, about, in English
_TOKENS = ("input_tokens", "prompt_tokens")
_MIXTURE = re.compile(r"\d+x\d", re.IGNORECASE)
_SIZE = re.compile(r"(?<![a-z\d.])(\d+(?:\.\d+)?)b(?![a-z\d])", re.IGNORECASE)


class Costed(NamedTuple):
    """Records with costs, and a note on how these came about; empty if as recorded."""

    records: Records
    note: str


def with_costs(
    records: Records,
    costs: str = "auto",
    prices: str | Path | None = None,
    today: date | None = None,
) -> Costed:
    """Records with costs of the kind asked for.

    Args:
        records: one benchmark.
        costs: ``records``, as recorded; ``prices``, a price list times tokens; ``batch``, its
            prices of batches; ``params``, billions of parameters times tokens, a proxy of what is
            computed; ``none``; ``auto``.
        prices: the file of a price list, or None for the one of this package.
        today: the day at which the price list may be old; None for the clock's.

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
    listed = price_list(prices)
    costed = _by_prices(records, listed, strict=costs != "auto", batch=costs == "batch")
    used = costed.note and not _has_own(records).all()
    old = listed.warning(today or datetime.now(UTC).date()) if used else ""
    return Costed(costed.records, f"{costed.note}; {old}") if old else costed


def _by_prices(records: Records, listed: PriceList, *, strict: bool, batch: bool) -> Costed:
    known = [price and price.in_batch() if batch else price for price in _prices(records, listed)]
    missing = [m for m, price in zip(records.models, known, strict=True) if price is None]
    tokens, counted = _input_tokens(records)
    if not strict and (missing or tokens is None):
        return Costed(records, "")
    if len(missing) == len(known):
        of_batches = "the price of a batch of " if batch else ""
        raise DataError(
            f"{records.name}: the price list knows {of_batches}none of its models, such as "
            f"{missing[0]!r}; routereval prices update, or --prices FILE, brings others"
        )
    if tokens is None:
        raise DataError(
            f"{records.name}: prices need texts, a column input_tokens, or tokens_in of the calls; "
            "there is none"
        )
    usd = np.array([_usd(price) for price in known])[:, :, None]
    answer = _output_tokens(records, listed.output_tokens)
    read, thought = (_axis(records, name) for name in ("tokens_cached", "tokens_reasoning"))
    read, thought = np.minimum(read, tokens), np.minimum(thought, answer)
    matrix = (tokens - read) * usd[:, 0] + read * usd[:, 2]
    matrix += (answer - thought) * usd[:, 1] + thought * usd[:, 3]
    own = "the records' own prices" if _has_own(records).all() else ""
    source = own or f"list prices ({listed.date or 'no date'})"
    note = f"costs are estimates from {source}, {counted}"
    note += ", of batches" if batch else ""
    note += f"; no price of {_some_of(missing)}" if missing else ""
    return Costed(_changed(records, matrix / _PER_TOKENS, None), note)


def _some_of(models: list[str]) -> str:
    """The first three names, and how many more there are.

    >>> _some_of(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more models'
    """
    shown = 3 if len(models) > 4 else len(models)
    more = f" and {number_of(len(models) - shown, 'more model')}" if len(models) > shown else ""
    return ", ".join(models[:shown]) + more


def _has_own(records: Records) -> NDArray[np.bool_]:
    """(n_models,) whether the table of models says what each costs."""
    info = records.model_info
    if not {"price_in", "price_out"} <= set(info.columns):
        return np.zeros(records.n_models, dtype=bool)
    return (info["price_in"].is_not_null() & info["price_out"].is_not_null()).to_numpy()


def _prices(records: Records, listed: PriceList) -> list[Price | None]:
    """The price of each model: as its table says, else of its name, else of its base model."""
    info = records.model_info
    columns = set(info.columns)
    found = []
    for model, row in zip(records.models, info.iter_rows(named=True), strict=True):
        read, written = row.get("price_in"), row.get("price_out")
        price = listed.of(model)
        if price is None and "base_model" in columns and row["base_model"]:
            price = listed.of(str(row["base_model"]))
        if read is not None and written is not None:
            cached = row.get("price_cached")
            price = Price(float(read), float(written), None if cached is None else float(cached))
        found.append(price)
    return found


def _usd(price: Price | None) -> tuple[float, ...]:
    """USD per million tokens in, out, read from a cache, and of reasoning; NaN where unknown."""
    if price is None:
        return (np.nan,) * 4
    read = price.input if price.cached is None else price.cached
    return (
        price.input,
        price.output,
        read,
        price.output if price.reasoning is None else price.reasoning,
    )


def _by_params(records: Records) -> Costed:
    billions = parameters(records)
    if np.isnan(billions).all():
        raise DataError(f"{records.name}: the number of parameters of none of its models is known")
    tokens, counted = _prompt_tokens(records)
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
    """(n_models, n_prompts), or one row for all models, of the tokens of each prompt; how so.

    None where nothing says it. What calls recorded goes first, then a column of the prompts, then
    the length of the text.
    """
    asked, counted = _prompt_tokens(records)
    recorded = records.axes.get("tokens_in")
    if recorded is None:
        return (None if asked is None else asked[None]), counted
    seen = ~np.isnan(recorded)
    if asked is None:
        return np.asarray(recorded, np.float64), "tokens as recorded"
    part = "" if seen.all() else f"; where they are not, {counted}"
    return np.where(seen, recorded, asked).astype(np.float64), f"tokens as recorded{part}"


def _prompt_tokens(records: Records) -> tuple[Floats | None, str]:
    """(n_prompts,) tokens of each prompt, None where nothing says it; and how they are known."""
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
    """(n_models, n_prompts), or a column of models, of the tokens of answers.

    As recorded per call, else their mean in the table of models, else as the price list says.
    """
    info = records.model_info
    mean = np.full(records.n_models, usual)
    if "output_tokens" in info.columns:
        mean = info["output_tokens"].cast(float, strict=False).fill_null(usual).to_numpy()
    recorded = records.axes.get("tokens_out")
    if recorded is None:
        return mean[:, None]
    return np.where(np.isnan(recorded), mean[:, None], recorded).astype(np.float64)


def _axis(records: Records, name: str) -> Floats:
    """(n_models, n_prompts) numbers of an axis, 0 where they are not known."""
    held = records.axes.get(name)
    return np.zeros((1, 1)) if held is None else np.nan_to_num(held).astype(np.float64)


def _changed(records: Records, costs: Floats | None, unit: str | None) -> Records:
    meta = {key: value for key, value in records.meta.items() if key not in {"files", "cost_unit"}}
    if unit is not None:
        meta["cost_unit"] = unit
    held = None if costs is None else costs.astype(np.float32)
    if held is None and records.costs is None:
        return records
    return replace(records, costs=held, meta=meta, path=None)
