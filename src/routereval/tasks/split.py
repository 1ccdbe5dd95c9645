"""Which prompts a router is trained, tuned and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.records import Records
from routereval.spec import parse_spec

Protocol = Literal["clean", "faithful"]
PROTOCOLS: tuple[Protocol, ...] = ("clean", "faithful")

_TRAIN, _VAL = 0.8, 0.9  # shares of each subset, cumulated
_SEEDS = 2**32  # as many as the legacy random stream has


class Rows(NamedTuple):
    """Prompt rows of the three parts."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """A protocol and the seed of its shuffle.

    Attributes:
        protocol: ``clean`` chooses pools on training prompts only and hyper-parameters on
            validation; ``faithful`` does everything as the RouterEval reference does.
        seed: of the shuffle, and of the pools that follow from it.

    >>> Split.parse("clean(seed=7)")
    Split(protocol='clean', seed=7)
    >>> str(Split("faithful"))
    'faithful(seed=42)'
    """

    protocol: Protocol = "clean"
    seed: int = 42

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise unknown("protocol", str(self.protocol), PROTOCOLS)
        if not isinstance(self.seed, int) or not 0 <= self.seed < _SEEDS:
            raise SpecError(f"a seed is a whole number from 0 to {_SEEDS - 1}, not {self.seed!r}")

    @classmethod
    def parse(cls, text: str | Split) -> Self | Split:
        """Read a split from its text; a `Split` passes through."""
        if isinstance(text, Split):
            return text
        spec = parse_spec(text)
        if set(spec.kwargs) - {"seed"}:
            raise SpecError(f"split {text!r}: the only parameter of a split is seed")
        return cls(spec.name, **spec.kwargs)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.protocol}(seed={self.seed})"


def shuffled_rows(subsets: NDArray[np.int64], seed: int) -> tuple[Rows, np.random.RandomState]:
    """RouterEval's split: in each subset, in order, 80 % train, 10 % validation, the rest test.

    Args:
        subsets: (n_prompts,) subset codes, numbered by first appearance.
        seed: of the legacy random stream that the reference uses.

    Returns:
        The rows, and the stream, from which the faithful protocol goes on to draw its pools.

    >>> rows, _ = shuffled_rows(np.zeros(10, dtype=np.int64), 42)
    >>> [len(part) for part in rows]
    [8, 1, 1]
    """
    stream = np.random.RandomState(seed)
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for subset in range(int(subsets.max()) + 1):
        rows = np.flatnonzero(subsets == subset)
        stream.shuffle(rows)
        cuts = [int(_TRAIN * len(rows)), int(_VAL * len(rows))]
        for part, piece in zip(parts, np.split(rows, cuts), strict=True):
            part.append(piece)
    return Rows(*(np.concatenate(part) for part in parts)), stream


def split_rows(records: Records, split: Split) -> tuple[Rows, np.random.RandomState]:
    """The rows of a split of records; faithful keeps a split that was published with them.

    Raises:
        DataError: if a part that is needed would be empty.
    """
    rows, stream = shuffled_rows(records.subsets, split.seed)
    published: dict[str, Any] | None = records.meta.get("published")
    if split.protocol == "faithful" and published:
        kept = published["split"]
        rows = Rows(*(np.asarray(kept[part], dtype=np.int64) for part in Rows._fields))
    if not len(rows.train) or not len(rows.test):
        raise DataError(
            f"{records.name}: {records.n_prompts} prompts are too few to train and to test on"
        )
    return rows, stream
