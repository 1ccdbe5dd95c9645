"""Trajectories step by step: what each arm would score and cost at every step of a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StepRecords:
    """Steps × arms, of one of two kinds.

    *Shared* steps: every arm was asked at each step of one trajectory, so what a router that
    changes arms on the way would have scored is known, as far as the steps that follow do not
    depend on who took the last one. *Whole runs*: each arm took the task alone, from its first
    step to its last; what follows a change of arms in the middle is then not in the records.

    Attributes:
        name: of the records.
        trajectories: (n) names, in order.
        arms: (m) names: models, or models at an effort.
        shared: whether steps are shared.
        trajectory: (n_steps,) code of the trajectory of each row; a trajectory's rows follow each
            other in the order of its steps.
        costs: (n_steps, m) USD where the arm took the step before as well, or it is the first;
            NaN where the run of an arm had ended.
        cold: (n_steps, m) USD where another arm took the step before, so that nothing is cached.
        scores: (n_steps, m) from 0 to 1: whether the step is good enough, where steps are shared;
            else NaN.
        outcome: (n, m) from 0 to 1: the score of a trajectory that one arm takes alone.
        groups: (n,) code of the task; trajectories of one task count as one.
        texts: (n_steps) what the step answers to; "" where unknown.
        simulated: whether no real model was asked.
        notes: what was left out or assumed in reading them.
    """

    name: str
    trajectories: tuple[str, ...]
    arms: tuple[str, ...]
    shared: bool
    trajectory: Codes
    costs: Floats
    cold: Floats
    scores: Floats
    outcome: Floats
    groups: Codes
    texts: tuple[str, ...]
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, m = len(self.trajectories), len(self.arms)
        rows = (len(self.trajectory), m)
        shapes = (self.costs.shape, self.cold.shape, self.scores.shape)
        if shapes != (rows,) * 3 or self.outcome.shape != (n, m) or len(self.texts) != rows[0]:
            raise DataError(f"{self.name}: {n} trajectories of {m} arms have arrays of other sizes")
        if (
            not np.array_equal(np.unique(self.trajectory), np.arange(n))
            or (np.diff(self.trajectory) < 0).any()
        ):
            raise DataError(f"{self.name}: the steps of a trajectory must follow each other")

    @property
    def starts(self) -> Codes:
        """(n,) the first row of each trajectory."""
        return np.flatnonzero(np.diff(self.trajectory, prepend=-1))

    @property
    def step(self) -> Codes:
        """(n_steps,) the place of each row in its trajectory, from 0."""
        return np.arange(len(self.trajectory)) - self.starts[self.trajectory]

    @property
    def lengths(self) -> Codes:
        """(n, m) steps that an arm took; those of the trajectory where steps are shared."""
        return self.by_trajectory((~np.isnan(self.costs)).astype(np.float64)).astype(np.int64)

    @property
    def paid(self) -> Floats:
        """(n, m) USD of a trajectory that one arm takes alone."""
        return self.by_trajectory(np.nan_to_num(self.costs))

    def by_trajectory(self, values: Floats) -> Floats:
        """(n, …) sums of (n_steps, …) values over the steps of each trajectory."""
        return np.add.reduceat(values, self.starts, axis=0)
