"""Reads a pickled pandas frame as data, without pandas and without running anything of the file.

`unpickle` reads the arrays; here are inert stand-ins for the few classes of pandas 1.3 to 3 that
hold a frame of numbers and text together.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.safe_pickle import CALLS, STEPS, Global, Machine, load


def load_frame(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a pickled frame by name, each an array of one row per cell.

    Args:
        path: the file. A cell is a number, text, None, or a list of such.

    Raises:
        DataError: if the file holds anything else, or is damaged.
    """
    frame = load(path, _FrameMachine)
    if not isinstance(frame, _Frame):
        raise DataError(f"{path} holds no pandas frame")
    try:
        return frame.columns()
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); download it again") from None


class _Frame:
    """In place of pandas.DataFrame."""

    manager: object = None

    def build(self, state: object) -> None:
        if not isinstance(state, dict):
            raise ValueError("its frame has no parts")
        self.manager = state.get("_mgr", state.get("_data"))

    def columns(self) -> dict[str, NDArray[Any]]:
        if not isinstance(self.manager, _Manager):
            raise ValueError("its frame has no columns")
        return self.manager.columns()


class _Strings:
    """In place of pandas' arrays of text."""

    cells: NDArray[Any] | None = None

    def build(self, state: object) -> None:
        if not isinstance(state, tuple):
            raise ValueError("its text has no parts")
        self.cells = next((part for part in state if isinstance(part, np.ndarray)), None)


class _Manager:
    """In place of pandas' BlockManager: blocks of columns, and the names of the columns."""

    def __init__(self, blocks: object, axes: object) -> None:
        if not isinstance(blocks, tuple) or not all(isinstance(b, _Block) for b in blocks):
            raise ValueError("its frame is not made of blocks")
        if not isinstance(axes, list) or not axes or not isinstance(axes[0], list):
            raise ValueError("its frame has no names of columns")
        self.blocks: tuple[_Block, ...] = blocks
        self.names: list[object] = axes[0]

    def columns(self) -> dict[str, NDArray[Any]]:
        names = [name for name in self.names if isinstance(name, str)]
        if len(set(names)) < len(self.names):
            raise ValueError("its columns are not named apart")
        found = {at: cells for block in self.blocks for at, cells in block.columns(len(names))}
        if len(found) < len(names) or len({len(cells) for cells in found.values()}) > 1:
            raise ValueError("its columns do not fit together")
        return {name: found[at] for at, name in enumerate(names)}


class _Block:
    """In place of pandas' Block: columns of one kind, and which ones they are."""

    def __init__(self, values: object, places: object) -> None:
        values = values.cells if isinstance(values, _Strings) else values
        if not isinstance(values, np.ndarray) or values.ndim not in {1, 2}:
            raise ValueError("a block holds something other than columns")
        self.values: NDArray[Any] = values.reshape(1, -1) if values.ndim == 1 else values
        self.places = places

    def columns(self, n_columns: int) -> list[tuple[int, NDArray[Any]]]:
        places = self.places
        if isinstance(places, slice):
            places = np.arange(n_columns)[places]
        if not isinstance(places, np.ndarray) or places.shape != (len(self.values),):
            raise ValueError("a block does not say which columns it holds")
        if places.dtype.kind != "i" or (places < 0).any() or (places >= n_columns).any():
            raise ValueError("a block claims columns that are not there")
        return list(zip(places.tolist(), self.values, strict=True))


class _FrameMachine(Machine):
    """Knows the stand-ins, and the instruction that makes an empty frame."""

    cells = (*Machine.cells, list)

    def steps(self) -> Mapping[bytes, Callable[[Any], object]]:
        """What each instruction does."""
        return {**STEPS, pickle.NEWOBJ: lambda m: m.reduce()}

    def calls(self) -> Mapping[str, Callable[..., object]]:
        """What the file may call, by the name it uses."""
        return _ALL_CALLS

    def build(self) -> None:
        """Complete a stand-in, or an array."""
        if isinstance(self.stack[-2], (_Frame, _Strings)):
            (state,) = self.last(1)
            self.stack[-1].build(state)
        else:
            super().build()


def _frame(_: Machine) -> _Frame:
    return _Frame()


def _block(_: Machine, values: object, places: object, n_axes: object = 2) -> _Block:
    return _Block(values, places)


def _manager(_: Machine, blocks: object, axes: object) -> _Manager:
    return _Manager(blocks, axes)


def _index(_: Machine, kind: object, state: object) -> list[Any] | None:
    """The labels of an index; None for one of row numbers, which nobody needs."""
    if not isinstance(kind, Global) or not isinstance(state, dict):
        raise ValueError("an index has no parts")
    data = state.get("data")
    labels = data.cells if isinstance(data, _Strings) else data
    return labels.tolist() if isinstance(labels, np.ndarray) and labels.ndim == 1 else None


def _slice(_: Machine, *bounds: object) -> slice:
    if not all(bound is None or type(bound) is int for bound in bounds) or len(bounds) != 3:
        raise ValueError("a slice is not made of numbers")
    return slice(*bounds)


def _strings(_: Machine, kind: object, checksum: object, state: object = None) -> _Strings:
    if not isinstance(kind, Global):
        raise ValueError("text is of no known kind")
    made = _Strings()
    if state is not None:
        made.build(state)
    return made


def _nothing(_: Machine, *arguments: object) -> None:
    """A description of a type, which the content tells."""


def _no_call(_: Machine, *arguments: object) -> object:
    raise ValueError("it calls something that cannot be called")


_INDEXES = (
    "pandas.Index",
    "pandas.RangeIndex",
    "pandas.core.indexes.base.Index",
    "pandas.core.indexes.range.RangeIndex",
    "pandas.core.indexes.numeric.Int64Index",
)
_TEXTS = ("pandas.arrays.StringArray", "pandas.core.arrays.string_.StringArray")
_ALL_CALLS: Mapping[str, Callable[..., object]] = {
    **CALLS,
    "pandas.DataFrame": _frame,
    "pandas.core.frame.DataFrame": _frame,
    "pandas.core.internals.managers.BlockManager": _manager,
    "pandas._libs.internals._unpickle_block": _block,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked": _strings,
    "pandas.StringDtype": _nothing,
    "pandas.core.arrays.string_.StringDtype": _nothing,
    "builtins.slice": _slice,
    "__builtin__.slice": _slice,
    **dict.fromkeys((*_INDEXES, *_TEXTS), _no_call),
}
