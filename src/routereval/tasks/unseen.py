"""Models that are kept out of training: which of a pool, and the probes they are known by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.tasks.dates import cutoff, dates_of
from routereval.tasks.split import MODELS, Split


def known_first(
    records: Records, split: Split, models: Sequence[str]
) -> tuple[tuple[str, ...], int]:
    """The models of a pool, those kept out of training behind the others, and how many are known.

    ``unseen_model`` draws them by the seed; ``temporal(by=models)`` takes the newest, and models
    without a date for old ones.

    Raises:
        DataError: if none would be known, or none unseen, or no date is known.
    """
    size = len(models)
    if split.protocol == "unseen_model":
        new = np.zeros(size, dtype=np.bool_)
        order = np.random.default_rng([split.seed, size]).permutation(size)
        # at least one, and never all of two or more
        new[order[: max(1, min(size - 1, round(split["share"] * size)))]] = True
    elif split.protocol == "temporal" and split["by"] == MODELS:
        new = _newest(records, split, models)
    else:
        return tuple(models), size
    if new.all() or not new.any():
        what = "all" if new.all() else "none"
        raise DataError(
            f"{records.name}: {split.rule} makes {what} of {size} models new; it needs both"
        )
    names = np.array(models)
    return (*names[~new].tolist(), *names[new].tolist()), int((~new).sum())


def probes(split: Split, n_train: int) -> NDArray[np.int64]:
    """The places of k training prompts, on which the models kept out of training are known.

    Fewer are always among more.
    """
    return np.random.default_rng([split.seed, 2]).permutation(n_train)[: split["k"]]


def _newest(records: Records, split: Split, models: Sequence[str]) -> NDArray[np.bool_]:
    table = records.model_info[records.columns(models)]
    dates = dates_of(table, f"{records.name}: the models")
    return np.asarray(dates >= cutoff(dates, split["before"], split["share"]))
