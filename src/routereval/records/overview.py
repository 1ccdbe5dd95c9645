"""What is in a benchmark's records, in one line of numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from routereval.records import bits
from routereval.records.groups import GROUP, Shares, shares
from routereval.records.matrix import complete_block
from routereval.records.records import UNNAMED, Records

_LEAST_MODELS = 2  # of one there is nothing to route between


class Overview(NamedTuple):
    """The size of records, and what the best model, a random one and the oracle score on them.

    Attributes:
        name: the benchmark.
        n_prompts: prompts.
        n_models: models.
        kind: ``binary`` or ``real``.
        observed: share of cells observed.
        complete: (prompts, models) of the complete block that best, mean and oracle are computed
        on. best: highest mean of a single model.
        best_model: that model.
        mean: mean of the models' means.
        oracle: mean over prompts of the best score of any model.
        repeated: share of prompts whose text another prompt of the benchmark has, NaN where no
            prompt has a text; see `groups.normalised`.
        near: share of prompts that are a near-duplicate of one with another text, NaN likewise;
            see `groups.near_duplicates`.
        named: True if the prompt table names groups.
        text: True if every prompt has its text.
        costs: True if costs are known.
        signals: what calls reveal beside their score: ``answer``, ``length``.
        axes: names of the axes beside the scores, such as ``latency_ms``.
        trials: the most runs of a cell, 1 where each is one run.
        n_runs: all runs of all cells that have several.
        judges: names of the judges, the one whose scores these are first; empty if it is one only.
        versions: dates at which cells were measured again.
        efforts: how many models are said to be at an effort, as ``base_model`` and ``effort``.
        features: names of stored features.
        simulated: True if no real model was asked.
    """

    name: str
    n_prompts: int
    n_models: int
    kind: str
    observed: float
    complete: tuple[int, int]
    best: float
    best_model: str
    mean: float
    oracle: float
    repeated: float
    near: float
    named: bool
    text: bool
    costs: bool
    signals: tuple[str, ...]
    axes: tuple[str, ...]
    trials: int
    n_runs: int
    judges: tuple[str, ...]
    versions: tuple[str, ...]
    efforts: int
    features: tuple[str, ...]
    simulated: bool


def overview(records: Records) -> Overview:
    """Look records over; best, mean and oracle are those of the complete block.

    Raises:
        DataError: if a file is not as it was written.
    """
    records.verify()
    seen = records.scores.observed()
    cells = records.n_prompts * records.n_models
    block = complete_block(records.scores, _LEAST_MODELS)
    whole = seen is None
    matrix = records.scores if whole else records.scores.select(block.prompts, block.models)
    means = matrix.means()
    best = int(np.argmax(means))
    texts = records.prompts["text"]
    alike = shares(texts.to_list()) if texts.null_count() < len(texts) else Shares(np.nan, np.nan)
    return Overview(
        name=records.name,
        n_prompts=records.n_prompts,
        n_models=records.n_models,
        kind=records.kind,
        observed=1.0 if seen is None else float(bits.count(seen).sum()) / cells,
        complete=(len(block.prompts), len(block.models)),
        best=float(means[best]),
        best_model=records.models[block.models[best]],
        mean=float(means.mean()),
        oracle=float(matrix.draw_oracles(np.arange(matrix.shape[1])[None])[0]),
        repeated=alike.repeated,
        near=alike.near,
        named=GROUP in records.prompts.columns,
        text=records.has_text,
        costs=records.costs is not None,
        signals=tuple(records.signals),
        axes=tuple(records.axes),
        trials=1 if records.trials is None else records.trials.n_trials,
        n_runs=0 if records.trials is None else records.trials.n_runs(),
        judges=(records.judge or UNNAMED, *records.judges) if records.judges else (),
        versions=tuple(records.versions),
        efforts=_n_efforts(records),
        features=tuple(records.features),
        simulated=records.simulated,
    )


def _n_efforts(records: Records) -> int:
    info = records.model_info
    return 0 if "effort" not in info.columns else len(info) - info["effort"].null_count()
