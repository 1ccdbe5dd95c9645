"""What can be read from prompts: a simple router, learned out of fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from routereval.features import make_embedder
from routereval.records import Records
from routereval.records.groups import groups_of

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_FOLDS = 10
_PENALTY = 1.0
_DIMS = 256


def learned_choice(records: Records, scores: Floats, part: Codes) -> Codes:
    """The choices of a ridge regression that is learned on the other nine tenths of the prompts.

    It predicts every model's score from the benchmark and the vector of the prompt: the records'
    own features if they have any, else hashed words and word pairs of the text. The penalty is 1
    on vectors of length 1; groups of equal prompts stay in one fold.

    Args:
        records: whose prompts these are.
        scores: (n_prompts, n_models), none missing.
        part: (n_prompts,) code of the benchmark.

    Returns:
        (n_prompts,) columns.
    """
    X = _vectors(records, part)
    groups = groups_of(records.prompts["text"].to_list())
    fold = (np.random.default_rng(0).permutation(int(groups.max()) + 1) % _FOLDS)[groups]
    found = np.zeros(len(scores), np.int64)
    with threadpool_limits(1):  # threads cost far more than they gain on matrices so small
        for number in range(_FOLDS):
            inside, rest = fold == number, fold != number
            if inside.any() and rest.any():
                predicted = _ridge(X[rest], scores[rest], X[inside])
                found[inside] = predicted.argmax(axis=1)  # ties: the first model
    return found


def _ridge(X: Floats, scores: Floats, others: Floats) -> Floats:
    """(n_others, n_models) what scores are predicted of other vectors."""
    centre = scores.mean(axis=0)
    gram = X.T @ X + _PENALTY * np.eye(X.shape[1])
    return np.asarray(others @ np.linalg.solve(gram, X.T @ (scores - centre)) + centre)


def _vectors(records: Records, part: Codes) -> Floats:
    """(n_prompts, d) the benchmark, and what is known of the prompt."""
    own = np.eye(int(part.max()) + 1)[part]
    if records.features:
        given = np.asarray(next(iter(records.features.values())), np.float64)
        size = np.linalg.norm(given, axis=1, keepdims=True)
        return np.hstack([own, given / np.where(size > 0, size, 1.0)])
    texts = [text or "" for text in records.prompts["text"].to_list()]
    if not any(texts):
        return own
    embedder = make_embedder(f"hashing(dims={_DIMS})")
    return np.hstack([own, np.asarray(embedder.transform(texts), np.float64)])
