"""Records made up for tests: small, with something to learn, the same for the same arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routereval.records import Records

Floats = NDArray[np.float64]

TEXTS = ("prove the lemma of rings", "cite the statute of fraud", "dose the patient twice")


def made_scores(
    n_prompts: int,
    n_models: int,
    *,
    seed: int = 0,
    kind: str = "binary",
    low: float = 0.25,
    high: float = 0.75,
) -> tuple[Floats, Floats]:
    """Scores of models of rising skill, each good in its own direction, and features that tell it.

    `low` and `high` are about the means of the weakest and the strongest model.
    """
    rng = np.random.default_rng([seed, n_prompts, n_models])
    vectors = rng.normal(size=(n_prompts, 4))
    liking = vectors @ rng.normal(size=(4, n_models)) / 8
    chance = np.clip(np.linspace(low, high, n_models) + liking, 0.02, 0.98)
    if kind == "binary":
        return (rng.random(chance.shape) < chance).astype(float), vectors
    return np.clip(chance + rng.normal(scale=0.1, size=chance.shape), 0, 1), vectors


def made(
    name: str = "one",
    n_prompts: int = 60,
    n_models: int = 6,
    *,
    seed: int = 0,
    kind: str = "binary",
    n_subsets: int = 1,
    missing: float = 0.0,
    costs: bool = False,
    texts: bool = False,
    features: bool = True,
    low: float = 0.25,
    high: float = 0.75,
) -> Records:
    """Records of `made_scores`; `missing` is the share of cells that were not observed."""
    scores, vectors = made_scores(n_prompts, n_models, seed=seed, kind=kind, low=low, high=high)
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(n_models)  # no test may lean on columns sorted by skill
    scores = scores[:, order]
    scores[rng.random(scores.shape) < missing] = np.nan
    prices = np.linspace(0.002, 0.02, n_models)  # the better, the dearer
    subsets = [f"part-{row * n_subsets // n_prompts}" for row in range(n_prompts)]
    return Records.from_arrays(
        name,
        scores,
        [f"org/model_{i}" for i in order],
        [f"{TEXTS[row % len(TEXTS)]}, case {row}" for row in range(n_prompts)] if texts else None,
        subsets=subsets,
        costs=prices[order] * rng.uniform(0.5, 1.5, scores.shape) if costs else None,
        features=vectors if features else None,
    )


def neutral_folder(path: Path, *benchmarks: Records) -> Path:
    """The folder that the neutral importer reads, one of its benchmarks for each of the records."""
    import polars as pl

    prompts, scores = [], []
    for records in benchmarks:
        ids = records.prompts["prompt_id"]
        named = {"prompt_id": ids, "benchmark": [records.name] * len(ids)}
        prompts.append(
            pl.DataFrame(
                {**named, "prompt": records.prompts["text"], "subset": records.prompts["subset"]}
            )
        )
        dense = pl.DataFrame(records.dense(), schema=list(records.models)).fill_nan(None)
        scores.append(dense.insert_column(0, ids))
    path.mkdir(parents=True, exist_ok=True)
    pl.concat(prompts).write_parquet(path / "prompts.parquet")
    pl.concat(scores, how="diagonal").write_parquet(path / "scores.parquet")
    return path
