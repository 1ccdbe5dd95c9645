"""Which models of records can be dropped, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routereval.errors import DataError
from routereval.observed import column_means
from routereval.records import Records
from routereval.scoring.dominated import dominated
from routereval.tasks import mix

MOST_MODELS = 60
"""Pairs of more models are too many to be compared in passing."""


def dominated_notes(collection: Sequence[Records]) -> list[str]:
    """The models that another one dominates on all prompts of a collection, by `dominated`.

    Args:
        collection: one benchmark, or several, of which the models in common are compared.

    Returns:
        A sentence without its full stop; none where no model is dominated, costs are unknown, or
        there are more than 60 models.

    >>> good, bad = np.repeat([1.0, 0.0], [80, 20]), np.repeat([1.0, 0.0], [40, 60])
    >>> scores = np.stack([good, bad], axis=1)
    >>> costs = np.full((100, 2), [0.01, 0.02])
    >>> dominated_notes([Records.from_arrays("toy", scores, ["ann", "bob"], costs=costs)])
    ['toy: can be dropped, since another costs no more and scores more: bob (ann, +0.400)']
    """
    if any(records.costs is None for records in collection):
        return []
    try:
        records = collection[0] if len(collection) == 1 else mix(collection)
    except DataError:
        return []
    if records.costs is None or not 2 <= records.n_models <= MOST_MODELS:
        return []
    costs = column_means(records.costs.T.astype(np.float64))
    found = dominated(records.dense(), costs, records.groups, records.subsets)
    if not found:
        return []
    named = ", ".join(
        f"{records.models[one.model]} ({records.models[one.by]}, {-one.difference:+.3f})"
        for one in found
    )
    why = "can be dropped, since another costs no more and scores more"
    return [f"{records.name}: {why}: {named}"]
