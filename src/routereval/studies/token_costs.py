"""Costs that records state, held against their own token counts and prices."""

from __future__ import annotations

import numpy as np

from routereval.records import Records

_PER = 1e6  # prices are per million tokens
_SAME = 0.01
_NEEDED = ("tokens_in", "tokens_out")
_PRICES = ("price_in", "price_out")


def repriced(records: Records) -> str:
    """Whether recorded costs are tokens × prices, in one sentence; empty where that is not known.

    Args:
        records: with costs, the axes ``tokens_in`` and ``tokens_out``, and ``price_in`` and
            ``price_out`` of the models, in USD per million tokens. Cached tokens and tokens of
            reasoning have no price of their own here.

    Returns:
        The share of the cells whose cost is off by no more than 1 %, and the models of whose cells
        most are off, with the median ratio.
    """
    known = all(name in records.axes for name in _NEEDED) and all(
        name in records.model_info.columns for name in _PRICES
    )
    if records.costs is None or not known:
        return ""
    price = np.array(records.model_info.select(_PRICES).to_numpy(), np.float64) / _PER
    read, written = (np.asarray(records.axes[name], np.float64) for name in _NEEDED)
    due = read * price[:, :1] + written * price[:, 1:]
    priced = due > 0
    if not priced.any():
        return ""
    ratio = np.asarray(records.costs, np.float64)[priced] / due[priced]
    model = np.nonzero(priced)[0]
    stated = ~np.isnan(ratio)
    ratio, model = ratio[stated], model[stated]
    if not len(ratio):
        return ""
    same = np.abs(ratio - 1) <= _SAME
    off = [
        f"{name} costs {np.median(ratio[model == row]):.2f} times that"
        for row, name in enumerate(records.models)
        if (model == row).any() and same[model == row].mean() <= 1 / 2
    ]
    text = f"{same.mean():.1%} of the recorded costs are tokens × prices".replace("%", " %")
    return "; ".join([text, *off])
