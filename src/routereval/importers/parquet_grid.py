"""The matrix of one benchmark while it grows, and its prompts and models as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.importers.benchmark_columns import prompt_table, rescaled
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft
from routereval.records.matrix import narrowed
from routereval.records.routereval import reference_of

if TYPE_CHECKING:
    import polars as pl

COST = "cost"
"""What costs are called among the numbers beside scores."""
KNOWN = ("prompt", "subset", "chance")
"""What may be known of a prompt, by the role of its column."""

Codes = NDArray[np.int64]


class Numbering:
    """Numbers 0, 1, … for codes, in the order in which they first come."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._number = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.codes)

    def of(self, codes: Codes) -> Codes:
        """The number of each code."""
        if not len(codes):
            return codes
        self._number = _grown(self._number, (int(codes.max()) + 1,), -1)
        numbers = self._number[codes]
        if numbers.min() < 0:
            new = codes[numbers < 0]
            different, first = np.unique(new, return_index=True)
            fresh = different[np.argsort(first, kind="stable")]
            self._number[fresh] = np.arange(len(self.codes), len(self.codes) + len(fresh))
            self.codes += fresh.tolist()
            numbers = self._number[codes]
        return numbers


class Grid:
    """The matrix of one benchmark, model-major while it grows."""

    def __init__(self) -> None:
        self.models, self.prompts = Numbering(), Numbering()
        self._scores: NDArray[Any] = np.empty((0, 0), dtype=np.int8)  # -1: not observed
        self._beside: dict[str, NDArray[np.float64]] = {}
        self._known: dict[str, dict[int, Any]] = {}
        self._lacking: dict[str, NDArray[np.bool_]] = {}
        self._hashes: dict[str, NDArray[np.uint64]] = {}
        self._n_put = 0

    @property
    def n_again(self) -> int:
        """How many scores stood there before, with the same value."""
        return self._n_put - int(np.count_nonzero(_observed(self._scores)))

    def know(self, role: str, prompts: Codes, column: pl.Series, rows: Codes) -> Codes:
        """Keep the first text, subset or chance of each prompt.

        Returns:
            The positions of prompts that came with another one before, each different one once.
        """
        self._keep_first(role, prompts, column, rows)
        return self._differing(role, prompts, column, rows)

    def known(self, role: str, prompt: int) -> object:
        """The first text, subset or chance of a prompt."""
        return self._known[role][prompt]

    def _differing(self, role: str, prompts: Codes, column: pl.Series, rows: Codes) -> Codes:
        if role == "chance" or not len(prompts):
            return np.empty(0, dtype=np.int64)
        hashes = column.hash().to_numpy()
        hashes = hashes if len(rows) == len(hashes) else hashes[rows]
        held = _grown(self._hashes.get(role, np.empty(0, np.uint64)), (len(self.prompts),), 0)
        self._hashes[role] = held
        other: Codes = np.flatnonzero(held[prompts] != hashes)
        if column.null_count():
            other = other[column.is_not_null().to_numpy()[rows[other]]]
        new = other[held[prompts[other]] == 0][::-1]
        held[prompts[new]] = hashes[new]  # of several, the first is written last
        other = other[held[prompts[other]] != hashes[other]]
        if not len(other):
            return other
        pairs = np.stack([prompts[other].astype(np.uint64), hashes[other]])
        _, first = np.unique(pairs, axis=1, return_index=True)
        return np.sort(other[first])

    def _keep_first(self, role: str, prompts: Codes, column: pl.Series, rows: Codes) -> None:
        lacking = _grown(
            self._lacking.get(role, np.empty(0, dtype=bool)), (len(self.prompts),), True
        )
        self._lacking[role] = lacking
        wanted = lacking[prompts]
        if not wanted.any():
            return
        wanted &= column.is_not_null().to_numpy()[rows]
        different, first = np.unique(prompts[wanted], return_index=True)
        values = column.gather(rows[wanted][first]).to_list()
        self._known.setdefault(role, {}).update(zip(different.tolist(), values, strict=True))
        lacking[different] = False

    def put(
        self, models: Codes, prompts: Codes, scores: NDArray[np.float64]
    ) -> list[tuple[int, float]]:
        """Write scores; where another one stands already, its position and that score."""
        if not len(scores):
            return []
        self._n_put += len(scores)
        values = _narrowest(scores)
        self._fit(values.dtype)
        values = values.astype(self._scores.dtype, copy=False)
        flat, cells = self._scores.reshape(-1), models * self._scores.shape[1] + prompts
        before = flat[cells]
        flat[cells] = values
        other = np.where(_observed(before) & (before != values), before, flat[cells])
        return [(at, float(other[at])) for at in np.flatnonzero(other != values).tolist()]

    def put_beside(
        self, name: str, models: Codes, prompts: Codes, numbers: NDArray[np.float64]
    ) -> None:
        """Write costs or an axis, the later number of two."""
        known = np.isfinite(numbers)
        if not known.any():
            return
        old = self._beside.get(name, np.empty((0, 0), dtype=np.float64 if name == COST else "f4"))
        held = _grown(old, (len(self.models), len(self.prompts)), np.nan)
        held[models[known], prompts[known]] = numbers[known]
        self._beside[name] = held

    def draft(
        self, name: str, models: list[str], prompts: list[str], source: str, rescale: Rescale
    ) -> Draft:
        """The draft, its models in the order in which the table first met them."""
        order = np.argsort(self.models.codes, kind="stable")
        scores = self._dense(self._scores, order)
        n_prompts = len(self.prompts)
        beside = {  # models without any number may have come after it grew
            key: self._dense(_grown(held, (len(self.models), n_prompts), np.nan), order)
            for key, held in self._beside.items()
        }
        return Draft(
            name=name,
            models=[models[self.models.codes[column]] for column in order],
            scores=rescale.matrix(scores, name)
            if isinstance(rescale, Scale)
            else rescaled(scores)
            if rescale
            else scores,
            prompts=self._prompt_frame(name, prompts),
            costs=beside.pop(COST, None),
            axes=beside,
            reference=reference_of(name, n_prompts),
            source=source,
        )

    def _fit(self, kind: np.dtype[Any]) -> None:
        """Make room for all models and prompts known by now, and for that kind of number."""
        old = self._scores
        if np.promote_types(kind, old.dtype) != old.dtype:
            kind = np.dtype(np.promote_types(kind, old.dtype))
            seen = _observed(old)
            old = old.astype(kind)
            old[~seen] = np.nan
        missing = -1 if old.dtype == np.int8 else np.nan
        self._scores = _grown(old, (len(self.models), len(self.prompts)), missing)

    def _dense(self, plane: NDArray[Any], order: NDArray[np.intp]) -> NDArray[np.floating]:
        n_prompts = len(self.prompts)
        kept = plane[: len(self.models), :n_prompts]
        kept = kept if np.array_equal(order, np.arange(len(order))) else kept[order]
        if kept.dtype != np.int8:
            return kept.T
        dense = kept.astype(np.float32)
        dense[kept < 0] = np.nan
        return dense.T

    def _prompt_frame(self, name: str, prompts: list[str]) -> pl.DataFrame:
        rows = range(len(self.prompts))
        known = [
            None if role not in self._known else [self._known[role].get(row) for row in rows]
            for role in KNOWN
        ]
        return prompt_table(name, [prompts[code] for code in self.prompts.codes], *known)


def _narrowest(scores: NDArray[np.float64]) -> NDArray[Any]:
    """The scores as bytes if they are all 0 or 1, else as floats that keep every digit."""
    if ((scores == 0) | (scores == 1)).all():
        return scores.astype(np.int8)
    return narrowed(scores)


def _observed(values: NDArray[Any]) -> NDArray[np.bool_]:
    return values >= 0 if values.dtype == np.int8 else ~np.isnan(values)


def _grown(array: NDArray[Any], shape: tuple[int, ...], fill: float) -> NDArray[Any]:
    """The array with at least that shape; where it must grow it doubles, so that it seldom does."""
    if all(have >= want for have, want in zip(array.shape, shape, strict=True)):
        return array
    size = tuple(
        have if have >= want else max(want, 2 * have)
        for have, want in zip(array.shape, shape, strict=True)
    )
    larger = np.full(size, fill, dtype=array.dtype)
    larger[tuple(slice(0, have) for have in array.shape)] = array
    return larger
