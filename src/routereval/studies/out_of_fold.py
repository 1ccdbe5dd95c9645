"""Routers of this package, learned out of fold on the very records that others are scored on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.features import TextEmbedder, make_embedder
from routereval.features.prompts import Prompts
from routereval.routers import make_router
from routereval.routers.validation import fold_codes

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_FOLDS = 5
_EMBEDDER = "tfidf"
_READ = ("features", "texts", "prompts")


def cross_fitted_choice(
    spec: str, texts: Sequence[str], scores: Floats, group: Codes, models: Sequence[str]
) -> Codes:
    """(n_prompts,) the columns that `cross_fitted_scores` are highest in."""
    found = cross_fitted_scores(spec, texts, scores, group, models)
    return np.asarray(found.argmax(axis=1))  # ties: the first model


def cross_fitted_scores(
    spec: str, texts: Sequence[str], scores: Floats, group: Codes, models: Sequence[str]
) -> Floats:
    """What a router predicts on each prompt, fitted on the other four fifths of the prompts.

    Args:
        spec: of a router that reads features or texts.
        texts: (n_prompts) of the prompts; the features are those of tf-idf, fitted without the
            fold as well.
        scores: (n_prompts, n_models), none missing.
        group: (n_prompts,) code of the group of equal prompts, which stay in one fold.
        models: their names.

    Returns:
        (n_prompts, n_models) predicted scores.

    Raises:
        SpecError: if there is no such router, or it reads what no text tells.
    """
    fold = folds_of_groups(group)
    found = np.zeros(scores.shape)
    for number in np.unique(fold):
        rest, inside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        embedder, router = make_embedder(_EMBEDDER), make_router(spec)
        learned, asked = ([texts[row] for row in rows.tolist()] for rows in (rest, inside))
        embedder.fit(learned)
        extra: dict[str, Any] = {"groups": group[rest]} if router.uses_groups else {}
        if router.uses_models:
            extra["models"] = models
        router.fit(_inputs(router.reads, embedder, learned), scores[rest], **extra)
        found[inside] = router.predict_scores(_inputs(router.reads, embedder, asked))
    return found


def folds_of_groups(group: Codes) -> Codes:
    """(n_prompts,) the fold of each prompt; those of a group are in one."""
    return fold_codes(len(group), _FOLDS, 0, group)


def _inputs(reads: str, embedder: TextEmbedder, texts: Sequence[str]) -> Any:  # noqa: ANN401
    """What a router of that kind is given."""
    if reads not in _READ:
        raise SpecError(f"a control reads features or texts, not {reads}")
    if reads == "texts":
        return list(texts)
    features = embedder.transform(texts)
    return Prompts(features, list(texts)) if reads == "prompts" else features
