"""The probe prompts on which a new model was scored, as a table or a file holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.routers import Scores
from routereval.studies.probes import FEWEST, FIELDS, SCORE, SUFFIXES
from routereval.studies.table_file import read_table

Floats = NDArray[np.float64]

_CHARACTERS = 4  # of text a token, about, in English
_PER_TOKENS = 1e6
_NO_CATEGORY = ("prompt_id", "text", "answer", "group")


class Scored(NamedTuple):
    """What is known of the probe prompts on which the new model was scored.

    Attributes:
        texts: of the prompts.
        known: what else is known of them, by name, a category per prompt.
        scores: (n_probes,) of the new model.
        others: (n_probes, n_models) of the models of the router, NaN where the file has none.
        costs: (n_probes,) USD of the new model's calls; NaN where unknown.
        estimated: what of the costs is an estimate, in words; empty if nothing is.
        models: names of the models of the router, and of the new one.
    """

    texts: list[str]
    known: Mapping[str, list[str | None]]
    scores: Floats
    others: Scores
    costs: Floats
    estimated: str = ""
    models: tuple[str, ...] = ()


def read_scored(
    scores: str | Path | pl.DataFrame,
    models: tuple[str, ...],
    model: str,
    price: tuple[float, float] | None,
) -> Scored:
    """The rows of a table, or of the file of one, that hold a score of the new model.

    Args:
        scores: as `extend` takes it.
        models: of the router.
        model: the new one.
        price: USD per million tokens in and out, or None.

    Raises:
        DataError: if it cannot be read, lacks a column, or holds too few scores.
    """
    if isinstance(scores, pl.DataFrame):
        table = scores
    else:
        table = read_table(Path(scores), "scores", SUFFIXES, FIELDS)  # a subset may be 2024
    column = model if model in table.columns else SCORE
    if column not in table.columns or "text" not in table.columns:
        lacking = "text" if column in table.columns else f"{SCORE} or {model}"
        raise DataError(
            f"the scores of {model!r} have no column {lacking}; routereval probes SOURCE -o FILE "
            "writes a file to fill in"
        )
    values = _shares(table, column)
    kept = ~np.isnan(values) & table["text"].is_not_null().to_numpy()
    if kept.sum() < FEWEST:
        raise DataError(
            f"column {column} holds {int(kept.sum())} scores of prompts with a text; a new model "
            f"is known by {FEWEST} or more"
        )
    table = table.filter(pl.Series(kept))
    texts = table["text"].cast(pl.String).to_list()
    others = np.full((len(texts), len(models)), np.nan)
    for place, name in enumerate(models):
        if name in table.columns:
            others[:, place] = _shares(table, name)
    costs, estimated = _costs(table, texts, price)
    known = {
        name: table[name].to_list()
        for name, kind in table.schema.items()
        if kind == pl.String and name not in (*_NO_CATEGORY, *models)
    }
    return Scored(texts, known, values[kept], others, costs, estimated, (*models, model))


def _numbers(table: pl.DataFrame, column: str) -> Floats:
    """(n_rows,) a column as numbers, NaN where it is empty."""
    try:
        held = table[column].cast(pl.Float64)
    except pl.exceptions.PolarsError:
        raise DataError(f"column {column} holds something else than numbers") from None
    return np.asarray(held.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _shares(table: pl.DataFrame, column: str) -> Floats:
    """(n_rows,) a column of scores, NaN where it is empty."""
    values = _numbers(table, column)
    wrong = values[(values < 0) | (values > 1)]
    if len(wrong):
        raise DataError(f"column {column}: a score is from 0 to 1, not {wrong[0]:g}")
    return values


def _costs(
    table: pl.DataFrame, texts: list[str], price: tuple[float, float] | None
) -> tuple[Floats, str]:
    """(n_probes,) USD per call, and what of it is an estimate."""
    if "cost" in table.columns:
        return _numbers(table, "cost"), ""
    unknown = np.full(len(texts), np.nan)
    if price is None:
        return unknown, "what a call costs: neither a price nor a column cost is given"
    read, written = (
        _numbers(table, name) if name in table.columns else unknown
        for name in ("tokens_in", "tokens_out")
    )
    counted = np.ceil([len(text) / _CHARACTERS for text in texts])
    guesses = []
    if np.isnan(read).any():
        guesses.append(f"tokens in, one taken for {_CHARACTERS} characters of the prompt")
        read = np.where(np.isnan(read), counted, read)
    if np.isnan(written).all():
        usual = _usual_answer()
        guesses.append(f"tokens out, {usual:g} taken for each answer")
        written = np.full(len(texts), usual)
    written = np.where(np.isnan(written), np.nanmean(written), written)
    usd = (read * price[0] + written * price[1]) / _PER_TOKENS
    return (
        usd,
        f"what a call costs beyond an estimate from {' and '.join(guesses)}" if guesses else "",
    )


def _usual_answer() -> float:
    from routereval.records.prices import price_list

    return price_list().output_tokens
