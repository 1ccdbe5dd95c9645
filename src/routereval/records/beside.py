"""Every matrix that stands beside the scores of records, in one list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.records.matrix import Index
from routereval.records.records import Records
from routereval.records.trials import Trials

Floats = NDArray[np.floating]


class Key(NamedTuple):
    """Which matrix it is.

    Attributes:
        kind: ``signals``, ``axes``, ``trials``, ``judges`` or ``versions``.
        name: its name there; of trials the number of the run.
    """

    kind: str
    name: str | int


@dataclass(frozen=True)
class Layer:
    """One matrix of records.

    Attributes:
        key: which one.
        block: (n_prompts, models) its numbers for some models, NaN where there is none.
    """

    key: Key
    block: Callable[[Index], Floats]


def layers_beside(records: Records) -> Iterator[Layer]:
    """The matrices beside the scores and costs: signals, axes, trials, judges, versions."""
    for kind, held in (("signals", records.signals), ("axes", records.axes)):
        for name, values in held.items():
            yield Layer(Key(kind, name), _stored(values))
    if records.trials is not None:
        for number in range(records.trials.n_trials):
            yield Layer(Key("trials", number), _run(records.trials, number))
    for kind, layers in (("judges", records.judges), ("versions", records.versions)):
        for name, matrix in layers.items():
            yield Layer(Key(kind, name), _dense(matrix))


def united_keys(collection: Iterable[Records]) -> list[Key]:
    """The matrices that any of some records have."""
    found = dict.fromkeys(layer.key for one in collection for layer in layers_beside(one))
    return sorted(found, key=lambda key: key.kind == "trials" and int(key.name))


def draft_fields(found: Mapping[Key, Floats], collection: Sequence[Records]) -> dict[str, Any]:
    """The matrices as the arguments of a `Draft` that is made of some records."""
    fields: dict[str, Any] = {kind: {} for kind in ("signals", "axes", "judges", "versions")}
    for key, matrix in found.items():
        if key.kind != "trials":
            fields[key.kind][key.name] = matrix
    runs = [matrix for key, matrix in found.items() if key.kind == "trials"]
    trials = [one.trials for one in collection if one.trials is not None]
    return {
        **fields,
        "trials": np.stack(runs) if runs else None,
        "numbered": all(one.numbered for one in trials),
        "judge": next((one.judge for one in collection if one.judge), ""),
        "version": next((one.version for one in collection if one.version), ""),
    }


def _stored(values: Floats) -> Callable[[Index], Floats]:
    return lambda columns: values[columns].T


def _dense(matrix: Any) -> Callable[[Index], Floats]:  # noqa: ANN401 - either kind of matrix
    return lambda columns: matrix.dense(models=columns)


def _run(trials: Trials, number: int) -> Callable[[Index], Floats]:
    return lambda columns: trials.run(number, models=columns)
