"""What the routers trained by PyTorch share: weights start and end as arrays of numpy.

Losses are written once for both, with operators that arrays and tensors have in common. So what is
learned can be saved like any other state, and predicting needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import MissingDependencyError

Weights = dict[str, NDArray[np.float64]]


def import_torch() -> Any:  # noqa: ANN401 - a module
    """The module torch.

    Raises:
        MissingDependencyError: if it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingDependencyError.of("torch", "torch") from None
    return torch


@contextmanager
def seeded(seed: int, threads: int | None = 1) -> Iterator[Any]:
    """Torch draws from a seed inside, and from where it was afterwards.

    Args:
        seed: of all that is drawn inside.
        threads: how many work inside. With one, which is the fastest for small networks, sums are
            the same on every machine with as many cores as it may have; None leaves torch's own.

    Yields:
        The device to work on: a GPU if there is one.
    """
    torch = import_torch()
    before = torch.get_num_threads()
    gpus = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        torch.set_num_threads(threads or before)
        try:
            yield torch.device("cuda" if gpus else "cpu")
        finally:
            torch.set_num_threads(before)


class Descent:
    """AdamW on named weights (Loshchilov and Hutter 2019), its rate falling along half a cosine.

    Args:
        start: the weights at the start.
        device: where to work.
        lr: learning rate at the start.
        steps: how many steps there will be.
        decay: weight decay.
    """

    def __init__(
        self,
        start: Weights,
        device: Any,  # noqa: ANN401
        lr: float,
        steps: int,
        decay: float = 0.01,
    ) -> None:
        self._torch = import_torch()
        self.device = device
        self.weights = {name: self.tensor(value).requires_grad_() for name, value in start.items()}
        self._adam = self._torch.optim.AdamW(self.weights.values(), lr=lr, weight_decay=decay)
        self._rate = self._torch.optim.lr_scheduler.CosineAnnealingLR(self._adam, max(steps, 1))

    def tensor(self, array: NDArray[Any]) -> Any:  # noqa: ANN401
        """The array on the device; numbers in single precision, truth values and places as such."""
        whole = array.dtype.kind in "bi"
        kind = array.dtype if whole else np.dtype(np.float32)
        return self._torch.tensor(array.astype(kind), device=self.device)

    def step(self, loss: Any) -> None:  # noqa: ANN401
        """Move against the gradient of a loss of the weights."""
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        self._rate.step()

    def arrays(self) -> Weights:
        """The weights as they are now, in double precision."""
        return {
            name: value.detach().cpu().numpy().astype(np.float64)
            for name, value in self.weights.items()
        }


class Best:
    """The best weights seen so far, and whether to go on.

    Args:
        rate: how good weights are; higher is better.
        patience: ratings without a better one before training stops.
    """

    def __init__(self, rate: Callable[[Weights], float], patience: int) -> None:
        self._rate = rate
        self._patience = patience
        self._highest, self._waited = -math.inf, 0
        self.weights: Weights = {}

    def take(self, weights: Weights) -> bool:
        """Rate the weights, keep them if none were better; False once it is time to stop."""
        rating = self._rate(weights)
        if rating > self._highest or not self.weights:
            self.weights, self._highest, self._waited = weights, rating, 0
        else:
            self._waited += 1
        return self._waited < self._patience


def drawn(rng: np.random.Generator, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Weights to start from: normal with variance 1 / n_in, intercepts (one axis) 0."""
    return {
        name: rng.normal(scale=shape[0] ** -0.5, size=shape) if len(shape) > 1 else np.zeros(shape)
        for name, shape in shapes.items()
    }


def relu(x: Any) -> Any:  # noqa: ANN401 - an array or a tensor
    """Negative numbers are 0."""
    return x * (x > 0)


def unit(x: Any) -> Any:  # noqa: ANN401 - an array or a tensor
    """Rows scaled to length 1."""
    return x / ((x * x).sum(axis=1, keepdims=True) + 1e-12) ** 0.5


def batches(rng: np.random.Generator, n_rows: int, size: int) -> Sequence[NDArray[np.int64]]:
    """All rows in a drawn order, a few at a time."""
    order = rng.permutation(n_rows)
    return [order[start : start + size] for start in range(0, n_rows, size)]
