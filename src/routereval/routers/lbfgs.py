"""Smooth losses of a few arrays, minimised over all prompts at once by L-BFGS.

For models of a few thousand parameters this needs no learning rate, no order of the prompts and
far fewer passes than stochastic gradients do (`adam.py` has those, for networks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from routereval.routers.inputs import Scores

Array = NDArray[np.float64]
Loss = Callable[[Sequence[Array]], tuple[float, Sequence[Array]]]
"""From some arrays to the loss and its gradient, one array for each."""


def minimise(loss: Loss, start: Sequence[Array], steps: int = 50) -> list[Array]:
    """Minimise a loss, from given arrays.

    Args:
        loss: the loss and its gradients.
        start: one array for each that the loss takes; they stay as they are.
        steps: the most steps to take; a model that predicts well needs no exact minimum.

    Returns:
        The arrays at the end.

    >>> [x] = minimise(lambda arrays: (((arrays[0] - 3) ** 2).sum(), [2 * (arrays[0] - 3)]),
    ...                [np.zeros(2)])
    >>> x.round(6)
    array([3., 3.])
    """
    from scipy.optimize import minimize

    ends = np.cumsum([part.size for part in start])[:-1]
    shapes = [part.shape for part in start]

    def parts(flat: Array) -> list[Array]:
        pieces = np.split(flat, ends)
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]

    def flattened(flat: Array) -> tuple[float, Array]:
        value, slopes = loss(parts(flat))
        return value, np.concatenate([slope.ravel() for slope in slopes])

    first = np.concatenate([part.ravel() for part in start])
    found = minimize(
        flattened,
        first,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxcor": 20, "ftol": 1e-7, "gtol": 1e-6},
    )
    return parts(found.x)


def cross_entropy(z: Scores, targets: Scores, seen: Scores) -> tuple[float, Scores]:
    """The cross-entropy of scores and log-odds: summed over the models, mean over the prompts.

    Args:
        z: (n_prompts, n_models) log-odds.
        targets: the scores, anything where not observed.
        seen: 1 where observed, else 0.

    Returns:
        The loss, and its gradient in `z`.

    >>> value, slope = cross_entropy(np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.array([[1.0, 0]]))
    >>> round(value, 4), slope
    (0.6931, array([[-0.5,  0. ]]))
    """
    from scipy.special import expit

    cells = (np.logaddexp(0, z) - targets * z) * seen
    slope = (expit(z) - targets) * seen
    return float(cells.sum() / len(z)), slope / len(z)


def log_odds(means: Array) -> Array:
    """The log-odds of mean scores, which stay within 0.001 and 0.999.

    >>> log_odds(np.array([0.5, 1.0])).round(2)
    array([0.  , 6.91])
    """
    clipped = np.clip(means, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(clipped / (1 - clipped)))
