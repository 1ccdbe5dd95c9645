"""Reads a pickle as data: arrays, text, numbers and their containers, and nothing else.

A pickle is a program. This is a reader of the few instructions that data needs, not an unpickler
with a list of forbidden names: it looks nothing up, imports nothing and calls only the six
functions below. `pickle.Unpickler` with its own ``find_class`` would not be enough: a few bytes
make it reserve gigabytes for its memo, and numpy's ``dtype.__setstate__`` trusts what the file says
about memory. Pickle protocols 2 to 5; files of numpy 1 (``numpy.core``) and 2 (``numpy._core``).
"""

from __future__ import annotations

import math
import pickle
import pickletools
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.source_files import opened

# What a damaged file can run into where nothing below has refused it with a ValueError before.
_MISFITS = (IndexError, KeyError, TypeError, OverflowError)
_MISFIT = "its instructions do not fit together"
# A few bytes can name a long text again and ask for a copy of it; an honest file never makes more
# than 8 bytes (a pointer) out of one.
_LARGEST_GROWTH = 16
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|O8?|U[1-9][0-9]{0,8}")
_LAST_CODE_POINT = 0x10FFFF
_MAX_AXES = 8
_MAX_INTEGER_BYTES = 16


def load(path: Path, machine: type[Machine] | None = None) -> object:
    """Read a pickle of arrays, text, numbers and None, and lists, tuples and dicts of them.

    Args:
        path: the file. It is read once; at its peak the memory is about the file's size, as arrays
            are views of the bytes read (and so may be read-only).
        machine: one that knows a few more calls, for files that are not RouterEval's.

    Returns:
        What it holds; the keys of dicts are text or integers.

    Raises:
        DataError: if the file asks for anything else, by that thing's name, or is damaged.
    """
    try:
        with opened(path) as file:
            return (machine or Machine)(file, path.stat().st_size).run()
    except _RefusedError as refused:
        raise DataError(
            f"{path} asks for {refused}, which routereval does not load; "
            "a RouterEval file holds only arrays, text and numbers"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # also what is no UTF-8
        raise _damaged(path, str(error)) from None
    except _MISFITS:
        raise _damaged(path, _MISFIT) from None
    except MemoryError:
        raise DataError(f"{path} does not fit into memory; use a machine with more of it") from None


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is damaged ({reason}); download or export it again")


def mapping_in(value: object, what: str) -> dict[Any, Any]:
    """The value itself, if it is a dict.

    Raises:
        DataError: otherwise, saying what should have been one.
    """
    if not isinstance(value, dict):
        raise DataError(f"{what} is {_kind(value)}; it should be a dict")
    return value


def texts_in(value: object, what: str) -> list[str]:
    """The texts of a list, tuple or one-dimensional array.

    Raises:
        DataError: if the value is none of these or an item is not text.
    """
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise DataError(f"{what} is {_kind(value)}; it should be a list of texts")
    for item in value:
        if not isinstance(item, str):
            raise DataError(f"{what} should be a list of texts; one item is {_kind(item)}")
    return [str(item) for item in value]


def matrix_in(value: object, what: str) -> NDArray[np.floating]:
    """The numbers of a two-dimensional array: floats as they are, 0/1 and integers as float32.

    Raises:
        DataError: if the value is no such array.
    """
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "biuf":
        raise DataError(f"{what} is {_kind(value)}; it should be a matrix of numbers")
    return value if value.dtype.kind == "f" else value.astype(np.float32)


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} of {value.dtype}"
    return "missing" if value is None else f"of type {type(value).__name__}"


class _RefusedError(Exception):
    """A name, or an instruction, that data does not need."""


class _Dtype:
    """A dtype as the file describes it, completed by BUILD; only ever checked, never trusted."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def build(self, state: tuple[Any, ...]) -> None:
        order, *structure = state[1:5]
        if not isinstance(order, str) or order not in "<>|=" or structure != [None] * 3:
            raise ValueError("an array is not of plain numbers or text")
        self.order = order

    def real(self) -> np.dtype[Any]:
        if self.code.startswith("O"):
            return np.dtype(object)
        return np.dtype(("" if self.order == "|" else self.order) + self.code)


class Blank:
    """An array between its creation (REDUCE) and its content (BUILD)."""

    array: NDArray[Any] | None = None


class Global:
    """Something that the file names and this module knows."""

    def __init__(self, name: str) -> None:
        self.name = name


class Machine:
    """The stack, the memo and the steps of one reading.

    Attributes:
        cells: what an array of objects may hold, besides None.
    """

    cells: tuple[type, ...] = (str, int, float, np.generic)

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.size = size
        self.room = size * _LARGEST_GROWTH
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def steps(self) -> Mapping[bytes, Callable[[Any], object]]:
        """What each instruction does."""
        return STEPS

    def calls(self) -> Mapping[str, Callable[..., object]]:
        """What the file may call, by the name it uses."""
        return CALLS

    def run(self) -> object:
        """Take every step of the file; what it leaves on the stack is what it holds."""
        steps = self.steps()
        while (code := self.take(1)) != pickle.STOP:
            step = steps.get(code)
            if step is None:
                _refuse_instruction(code)
            step(self)
        return self.stack.pop()

    def take(self, n: int) -> bytes:
        """The next n bytes; more than the whole file has is refused before allocating."""
        data = self.file.read(n) if n <= self.size else b""
        if len(data) < n:
            raise ValueError("it ends too early")
        return data

    def number(self, form: str) -> Any:  # noqa: ANN401 - an int or a float
        """The next number, in that form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """The text up to the next end of a line."""
        text = self.file.readline()
        if not text.endswith(b"\n"):
            raise ValueError("it ends too early")
        return text[:-1].decode()

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begin a container."""
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """Take what the container holds."""
        items, self.stack = self.stack, self.outer.pop()
        return items

    def last(self, n: int) -> list[Any]:
        """Take the last n values."""
        if len(self.stack) < n:
            raise ValueError(_MISFIT)
        items = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return items

    def remember(self, key: int) -> None:
        """Note the last value in the memo."""
        self.memo[key] = self.stack[-1]

    def recall(self, key: int) -> None:
        """Put a value of the memo on the stack."""
        value = self.memo[key]
        done = value.array if isinstance(value, Blank) else None
        self.push(value if done is None else done)

    def spend(self, n_bytes: int) -> None:
        """Count what is made of the file, so that a small one cannot fill the memory."""
        self.room -= n_bytes
        if self.room < 0:
            raise ValueError("it unpacks to far more than its size")

    def extend(self, items: list[Any]) -> None:
        """Add items to the list below them."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError(_MISFIT)
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        """Add pairs of key and value to the dict below them."""
        target, keys = self.stack[-1], items[::2]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError(_MISFIT)
        if not all(isinstance(key, (str, int, np.integer)) for key in keys):
            raise ValueError("a key is neither text nor an integer")
        target.update(zip(keys, items[1::2], strict=True))

    def text(self, length: str) -> None:
        """Put the next text on the stack, whose length comes in that form."""
        self.push(self.take(self.number(length)).decode())

    def integer(self, length: str) -> None:
        """Put the next integer on the stack, whose length comes in that form."""
        n_bytes = self.number(length)
        if n_bytes > _MAX_INTEGER_BYTES:  # Python refuses to print what is longer than a few KB
            raise ValueError(f"an integer has {n_bytes} bytes")
        self.push(int.from_bytes(self.take(n_bytes), "little", signed=True))

    def name(self, module: object, attribute: object) -> None:
        """The gate: the names of `calls`, and numpy.ndarray as the first word of an array."""
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise ValueError(_MISFIT)
        name = re.sub(r"^numpy\.core\.", "numpy._core.", f"{module}.{attribute}")
        if name not in self.calls() and name != _NDARRAY:
            raise _RefusedError(f"{module}.{attribute}")
        self.push(Global(name))

    def reduce(self) -> None:
        """Call one of `calls`."""
        function, arguments = self.last(2)
        if not isinstance(function, Global) or function.name not in self.calls():
            raise ValueError("it calls something that cannot be called")
        if not isinstance(arguments, tuple):
            raise ValueError(_MISFIT)
        self.push(self.calls()[function.name](self, *arguments))

    def build(self) -> None:
        """Complete an array or a type of array."""
        (state,) = self.last(1)
        target = self.stack[-1]
        if not isinstance(state, tuple) or not isinstance(target, (Blank, _Dtype)):
            raise ValueError(_MISFIT)
        if isinstance(target, _Dtype):
            target.build(state)
        else:
            _, shape, dtype, fortran, data = state
            target.array = self.stack[-1] = _array(
                self, data, dtype, shape, "F" if fortran else "C"
            )


def _array(
    machine: Machine, data: object, dtype: object, shape: object, order: str
) -> NDArray[Any]:
    """An array of that content, once dtype, shape and content are seen to agree."""
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise ValueError("an array lacks its type or shape")
    if len(shape) > _MAX_AXES or not all(
        isinstance(n, int) and 0 <= n <= machine.size for n in shape
    ):
        raise ValueError("an array's shape is not made of counts")
    real = dtype.real()
    machine.spend(math.prod(shape) * real.itemsize)
    if real.kind == "O":
        return _objects(data, shape, machine.cells)
    if not isinstance(data, bytes) or len(data) != math.prod(shape) * real.itemsize:
        raise ValueError(f"an array of shape {shape} does not have the content for it")
    cells: NDArray[Any] = np.frombuffer(data, dtype=real)
    if real.kind == "U":
        _check_text(cells)
    return cells.reshape(shape, order="F" if order == "F" else "C")


def _objects(data: object, shape: tuple[int, ...], kinds: tuple[type, ...]) -> NDArray[Any]:
    if not isinstance(data, list) or len(data) != math.prod(shape):
        raise ValueError(f"an array of shape {shape} does not have the content for it")
    if not all(item is None or isinstance(item, kinds) for item in data):
        raise ValueError("an array holds something other than text and numbers")
    cells: NDArray[Any] = np.empty(len(data), dtype=object)
    cells[:] = data
    return cells.reshape(shape)


def _check_text(cells: NDArray[np.str_]) -> None:
    """Refuse now the 32-bit numbers that are no characters, on which numpy fails much later."""
    code_points = cells.view(np.dtype(np.uint32).newbyteorder(cells.dtype.byteorder))
    surrogate = (code_points >= 0xD800) & (code_points <= 0xDFFF)
    if len(code_points) and (code_points.max() > _LAST_CODE_POINT or surrogate.any()):
        raise ValueError("a text holds something that is no character")


def _reconstruct(_: Machine, kind: object, shape: object, code: object) -> Blank:
    if not isinstance(kind, Global) or kind.name != _NDARRAY:
        raise ValueError("an array is of another kind than numpy's")
    if not isinstance(code, (bytes, str)) or shape != (0,):
        raise ValueError("an array claims a size before its content")
    return Blank()


def _frombuffer(
    machine: Machine,
    data: object,
    dtype: object,
    shape: object,
    order: object,
    axes: object = None,
) -> NDArray[Any]:
    if (
        not isinstance(order, str)
        or order not in "CFK"
        or (axes is not None and not isinstance(axes, tuple))
    ):
        raise ValueError("an array is of no known memory order")
    array = _array(machine, data, dtype, shape, order)
    return array.transpose(axes) if order == "K" and axes is not None else array


def _scalar(machine: Machine, dtype: object, data: object) -> object:
    value: object = _array(machine, data, dtype, (1,), "C")[0]
    return value


def _dtype(_: Machine, code: object, align: object = False, copy: object = False) -> _Dtype:
    if not isinstance(code, str) or not _DTYPE.fullmatch(code):
        shown = f" {code[:20]!r}" if isinstance(code, str) else ""
        raise ValueError(f"an array is of a type{shown} that is neither numbers nor text")
    return _Dtype(code)


def _latin1(machine: Machine, text: object, encoding: object) -> bytes:
    """How protocol 2, which has no bytes, writes them."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes are not written as latin1")
    machine.spend(len(text))
    return text.encode("latin-1")


def _no_bytes(_: Machine) -> bytes:
    return b""


def _refuse_instruction(code: bytes) -> NoReturn:
    for known in pickletools.opcodes:
        if known.code == code.decode("latin-1"):
            raise _RefusedError(f"pickle's instruction {known.name}")
    raise ValueError(f"byte {code.hex()} is no instruction of a pickle")


_NDARRAY = "numpy.ndarray"
CALLS: Mapping[str, Callable[..., object]] = {
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _frombuffer,
    "numpy.dtype": _dtype,
    "_codecs.encode": _latin1,
    "__builtin__.bytes": _no_bytes,
    "builtins.bytes": _no_bytes,
}
STEPS: Mapping[bytes, Callable[[Machine], object]] = {
    pickle.PROTO: lambda m: m.take(1),
    pickle.FRAME: lambda m: m.take(8),
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.BININT: lambda m: m.push(m.number("<i")),
    pickle.BININT1: lambda m: m.push(m.number("<B")),
    pickle.BININT2: lambda m: m.push(m.number("<H")),
    pickle.LONG1: lambda m: m.integer("<B"),
    pickle.LONG4: lambda m: m.integer("<I"),
    pickle.BINFLOAT: lambda m: m.push(m.number(">d")),
    pickle.SHORT_BINUNICODE: lambda m: m.text("<B"),
    pickle.BINUNICODE: lambda m: m.text("<I"),
    pickle.BINUNICODE8: lambda m: m.text("<Q"),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.take(m.number("<B"))),
    pickle.BINBYTES: lambda m: m.push(m.take(m.number("<I"))),
    pickle.BINBYTES8: lambda m: m.push(m.take(m.number("<Q"))),
    pickle.BYTEARRAY8: lambda m: m.push(m.take(m.number("<Q"))),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.MARK: lambda m: m.mark(),
    pickle.TUPLE: lambda m: m.push(tuple(m.since_mark())),
    pickle.TUPLE1: lambda m: m.push(tuple(m.last(1))),
    pickle.TUPLE2: lambda m: m.push(tuple(m.last(2))),
    pickle.TUPLE3: lambda m: m.push(tuple(m.last(3))),
    pickle.APPEND: lambda m: m.extend(m.last(1)),
    pickle.APPENDS: lambda m: m.extend(m.since_mark()),
    pickle.SETITEM: lambda m: m.update(m.last(2)),
    pickle.SETITEMS: lambda m: m.update(m.since_mark()),
    pickle.BINPUT: lambda m: m.remember(m.number("<B")),
    pickle.LONG_BINPUT: lambda m: m.remember(m.number("<I")),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.BINGET: lambda m: m.recall(m.number("<B")),
    pickle.LONG_BINGET: lambda m: m.recall(m.number("<I")),
    pickle.GLOBAL: lambda m: m.name(m.line(), m.line()),
    pickle.STACK_GLOBAL: lambda m: m.name(*m.last(2)),
    pickle.REDUCE: lambda m: m.reduce(),
    pickle.BUILD: lambda m: m.build(),
}
