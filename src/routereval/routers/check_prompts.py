"""The made prompts and scores that routers are checked on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from routereval.routers.base import Router, Scores


class Made(NamedTuple):
    """Made records: what the router reads of training and test prompts, and the scores."""

    X: Any
    scores: Scores
    costs: Scores
    X_test: Any


def made_for(router: Router, n_prompts: int = 40, n_models: int = 4, seed: int = 0) -> Made:
    """Prompts in two clouds, on each of which other models tend to be right."""
    rng = np.random.default_rng(seed)
    n_test = 12
    cloud = rng.integers(2, size=n_prompts + n_test)
    X = rng.normal(size=(len(cloud), 6)) + 3 * cloud[:, None]
    skill = rng.uniform(0.2, 0.9, size=(2, n_models))
    truth = (rng.random((len(cloud), n_models)) < skill[cloud]).astype(np.float64)
    costs = np.broadcast_to(rng.uniform(1e-4, 1e-2, size=n_models), truth.shape).copy()
    read: dict[str, Any] = {
        "features": X.astype(np.float32),
        "prompts": X.astype(np.float32),
        "texts": [" ".join(f"word{round(number)}" for number in row) for row in X],
        "origins": np.stack([cloud, cloud], axis=1),
        "truth": truth,
        "subset_means": skill[cloud],
    }
    given = read[router.reads]
    return Made(given[:n_prompts], truth[:n_prompts].copy(), costs[:n_prompts], given[n_prompts:])


def templated_for(router: Router) -> Made:
    """Prompts that say nothing of which model is right, and others that are unlike all of them."""
    rng, n_prompts = np.random.default_rng(4), 60
    truth = (rng.random((n_prompts, 4)) < [0.3, 0.35, 0.9, 0.3]).astype(np.float64)
    costs = np.broadcast_to([1e-3, 2e-3, 3e-3, 4e-3], truth.shape).copy()
    if router.reads == "texts":
        known = [
            f"invoice {i % 9} was billed twice, refund order {i % 7}" for i in range(n_prompts)
        ]
        new = [
            "",
            "quel temps fait-il",
            "天気はどうですか",
            "x" * 5000,
            "def f(n): return n * f(n - 1)",
        ]
        misspelt = [text.replace("refund", "rufund") for text in known[:20]]
        return Made(known, truth, costs, [*new, *misspelt])
    X = np.hstack([rng.normal(size=(n_prompts, 6)), 1e-8 * rng.normal(size=(n_prompts, 6))])
    typos = X[:20].copy()
    typos[np.arange(20), 6 + np.arange(20) % 6] += rng.choice([-0.5, 0.5], size=20)
    far = 1000 * rng.normal(size=(20, 12))
    strange = np.concatenate([typos, np.zeros((1, 12)), far])
    return Made(X.astype(np.float32), truth, costs, strange.astype(np.float32))
