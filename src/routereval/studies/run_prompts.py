"""The test prompts that a run keeps beside its results, for a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from routereval.records import Records
from routereval.results.prompts import MOST_MODELS, MOST_PROMPTS, MOST_TEXT, KeptPrompts
from routereval.results.results import Cell, Outcome


def kept_prompts(
    records: Records, cells: Sequence[Cell], outcomes: Mapping[str, Outcome]
) -> KeptPrompts:
    """The prompts that some cells were tested on, with the scores of the models of their pools.

    Args:
        records: the benchmark, or the stream of several.
        cells: those of these records, in the order of the run.
        outcomes: by the key of their cell.
    """
    every = np.unique(np.concatenate([outcomes[cell.key].rows for cell in cells]))
    places = np.linspace(0, len(every) - 1, min(len(every), MOST_PROMPTS)).astype(np.int64)
    rows = every[places]
    models = list(dict.fromkeys(model for cell in cells for model in cell.pool))[:MOST_MODELS]
    columns = records.columns(models)
    prompts = records.prompts[rows]
    costs = records.costs
    return KeptPrompts(
        benchmark=records.name,
        rows=rows,
        ids=tuple(prompts["prompt_id"].to_list()),
        subsets=tuple(prompts["subset"].fill_null("").to_list()),
        groups=records.groups[rows],
        texts=tuple(None if text is None else text[:MOST_TEXT] for text in prompts["text"]),
        models=tuple(models),
        scores=records.scores.dense(rows, columns).astype(np.float32),
        costs=None if costs is None else np.ascontiguousarray(costs[columns][:, rows].T),
        n_test=len(every),
    )


def rounded_predictions(predicted: NDArray[np.float64] | None) -> NDArray[np.float16] | None:
    """What a report shows of predicted scores: three digits; None for pools of many models."""
    if predicted is None or predicted.shape[1] > MOST_MODELS:
        return None
    most = float(np.finfo(np.float16).max)
    return np.clip(predicted, -most, most).astype(np.float16)
