from __future__ import annotations

import collections
import contextlib
import functools
import io
import operator
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.safe_pickle import load, mapping_in, matrix_in, texts_in
from tests.fuzzing import examples

CONTENT: dict[object, object] = {
    "model": ["a", "b"],
    "floats": np.arange(6.0).reshape(2, 3),
    "single": np.array([[0.5, 0.25]], dtype=np.float32),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "slice": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "swapped": np.arange(3, dtype=">i4"),
    "bools": np.array([True, False]),
    "words": np.array(["é", "zwei", ""]),
    "objects": np.array(["a longer text", None, 3, "a longer text"], dtype=object),
    "empty": np.zeros((0, 5)),
    "scalars": (np.float64(0.5), np.str_("text"), np.bool_(True)),
    "numbers": [1, -1, 300, 70_000, 2**40, -(2**40), 0.5, True, False, None],
    "long": "x" * 300,
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    3: {"nested": {"again": []}},
}


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and np.array_equal(one, other)
        )
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    return type(one) is type(other) and one == other


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file.pkl"
    path.write_bytes(data)
    return path


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        load(written(folder, data))
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_data_comes_back_as_it_was(tmp_path: Path, protocol: int) -> None:
    assert same(load(written(tmp_path, pickle.dumps(CONTENT, protocol=protocol))), CONTENT)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["numpy.core", "numpy._core"])
def test_both_names_of_numpys_core(tmp_path: Path, protocol: int, name: str) -> None:
    data = pickle.dumps(np.arange(3.0), protocol=protocol)
    renamed = data
    for sub in ("multiarray", "numeric"):
        old, new = f"numpy._core.{sub}".encode(), f"{name}.{sub}".encode()
        # A short text is preceded by its length in protocols 4 and 5.
        renamed = renamed.replace(bytes([len(old)]) + old, bytes([len(new)]) + new)
        renamed = renamed.replace(b"c" + old, b"c" + new)
    if protocol >= 4:
        # The frame has become shorter.
        length = len(renamed) - 11
        renamed = renamed[:3] + struct.pack("<Q", length) + renamed[11:]
    assert name.encode() + b"." in renamed
    assert same(load(written(tmp_path, renamed)), np.arange(3.0))


def test_an_array_named_twice_is_one_array(tmp_path: Path) -> None:
    array = np.arange(4.0)
    found = load(written(tmp_path, pickle.dumps([array, array], protocol=4)))
    assert isinstance(found, list)
    assert found[0] is found[1]
    assert same(found[1], array)


class Call:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.how = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.how


def touch(canary: Path) -> bytes:
    return f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()


def test_a_shell_command_is_refused_by_name_and_does_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickle.loads(touch(canary))  # noqa: S301 - shows that the pickle does what it seems to do
    assert canary.exists()
    canary.unlink()
    message = refusal(tmp_path, touch(canary))
    assert message == (
        f"{tmp_path / 'file.pkl'} asks for os.system, which routereval does not load; "
        "a RouterEval file holds only arrays, text and numbers"
    )
    assert not canary.exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("true",), "system"),
        (eval, ("1",), "eval"),
        (exec, ("1",), "exec"),
        (getattr, ("", "join"), "getattr"),
        (subprocess.call, (["true"],), "call"),
        (operator.attrgetter("__class__"), (), "attrgetter"),
        (functools.partial(print), (), "partial"),
        (collections.OrderedDict, (), "OrderedDict"),
        (np.load, ("x.npy", None, True), "numpy.load"),
        (np.zeros, (10**9,), "numpy.zeros"),
        (bytes, (10**9,), None),
        (bytearray, (10**9,), "bytearray"),
        (np.ndarray, ((10**9,),), None),
        (io.open, ("/tmp/never",), "open"),  # noqa: S108 - never opened
        (np.add, (1, 2), None),
        (complex, (1, 2), "complex"),
        (set, ([1],), "set"),
    ],
)
def test_everything_else_is_refused(
    tmp_path: Path,
    function: Callable[..., object],
    arguments: tuple[object, ...],
    name: str | None,
    protocol: int,
) -> None:
    message = refusal(tmp_path, pickle.dumps([Call(function, *arguments)], protocol=protocol))
    assert name is None or name in message


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ends too early"),
        (b"not a pickle at all", "NEWOBJ|instruction|INST|no instruction"),
        (b"\x80\x04.", "fit together"),
        (b"\x80\x02Pid\n.", "PERSID"),
        (b"\x80\x02U\x01aQ.", "SHORT_BINSTRING"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "BINPERSID"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "NEWOBJ"),
        (b"\x80\x02(cos\nsystem\no.", "os.system"),
        (b"\x80\x02(ios\nsystem\n.", "INST"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x04\x8f.", "EMPTY_SET"),
        (b"\x80\x04]]\x93.", "fit together"),
        (b"\x80\x02}]Ns.", "key"),
        (b"\x80\x02h\x05.", "fit together"),
        (b"\x80\x02}}b.", "fit together"),
        (b"\x80\x02X\x01\x00\x00\x00\xff.", "utf-8"),
        (b"\x80\x02X\x03\x00\x00\x00\xed\xa0\x80.", "utf-8"),
        (b"\x80\x02\x8b\x00\x00\x10\x00" + b"\1" * (1 << 20) + b".", "bytes"),
        (b"\x80\x02c\nnumpy\n.", ".numpy"),
    ],
)
def test_what_no_importer_needs(tmp_path: Path, data: bytes, reason: str) -> None:
    message = refusal(tmp_path, data)
    assert any(part in message for part in reason.split("|")), message


def described(code: str, state: object, shape: object, data: object) -> bytes:
    """An array whose every claim is ours, as in a pickle that numpy did not write."""

    def words(value: object) -> bytes:
        return pickle.dumps(value, protocol=2)[2:-1]

    return (
        b"\x80\x02cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        + (words((0,)) + words(b"b") + b"\x87R(" + words(1) + words(shape))
        + (b"cnumpy\ndtype\n" + words((code, False, True)) + b"R" + words(state) + b"b")
        + (words(False) + words(data) + b"tb.")
    )


PLAIN = (3, "<", None, None, None, -1, -1, 0)


def test_an_array_spelled_out(tmp_path: Path) -> None:
    data = np.arange(3.0).tobytes()
    assert same(load(written(tmp_path, described("f8", PLAIN, (3,), data))), np.arange(3.0))


@pytest.mark.parametrize(
    ("code", "state", "shape", "data"),
    [
        ("f8", PLAIN, (10**12,), b"\0" * 8),
        ("f8", PLAIN, (2**62, 4), b"\0" * 8),
        ("f8", PLAIN, (-1, -1), b"\0" * 8),
        ("f8", PLAIN, (2,), b"\0" * 8),
        ("f8", PLAIN, (1.0,), b"\0" * 8),
        ("f8", PLAIN, (1,) * 64, b"\0" * 8),
        ("f8", PLAIN, (1,), ["text"]),
        ("f8", PLAIN, (1,), "text"),
        ("f8", (3, "<", None, ("a",), {"a": 1}, 8, 8, 0), (1,), b"\0" * 8),
        ("f8", (3, "<", ("f8", (2,)), None, None, 8, 8, 0), (1,), b"\0" * 8),
        ("f8", (3, "<>", None, None, None, -1, -1, 0), (1,), b"\0" * 8),
        ("f8", (3,), (1,), b"\0" * 8),
        ("O8", (3, "|", None, None, None, -1, -1, 63), (1,), b"\0" * 8),
        ("O8", (3, "|", None, None, None, -1, -1, 63), (3,), ["too few"]),
        ("O8", (3, "|", None, None, None, -1, -1, 63), (1,), [[]]),
        ("V8", PLAIN, (1,), b"\0" * 8),
        ("U0", PLAIN, (1000,), b""),
        ("U999999999", PLAIN, (1,), b"\0" * 8),
        ("U1", PLAIN, (1,), struct.pack("<I", 0x110000)),
        ("U1", PLAIN, (1,), struct.pack("<I", 0xD800)),
        ("M8", PLAIN, (1,), b"\0" * 8),
        ("c16", PLAIN, (1,), b"\0" * 16),
        ("f8,f8", PLAIN, (1,), b"\0" * 16),
    ],
)
def test_an_array_that_lies(
    tmp_path: Path, code: str, state: tuple[object, ...], shape: tuple[object, ...], data: object
) -> None:
    refusal(tmp_path, described(code, state, shape, data))


def test_flags_of_a_dtype_are_not_believed(tmp_path: Path) -> None:
    """With numpy's own __setstate__ these floats would be taken for pointers."""
    pointers = (3, "<", None, None, None, -1, -1, 63)
    found = load(written(tmp_path, described("f8", pointers, (3,), np.arange(3.0).tobytes())))
    assert isinstance(found, np.ndarray)
    assert not found.dtype.hasobject


MIB = 1 << 20
TEXT = b"X" + struct.pack("<I", MIB) + b"x" * MIB + b"q\x00"
AS_BYTES = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x80\x04Nr\xff\xff\xff\xff.", id="remember under the largest number"),
        pytest.param(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 44) + b".", id="long bytes"),
        pytest.param(b"\x80\x05\x96" + struct.pack("<Q", 1 << 36) + b".", id="long bytearray"),
        pytest.param(b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.", id="long frame"),
        pytest.param(b"\x80\x02]" + TEXT + b"(" + AS_BYTES * 5000 + b"e.", id="one text, often"),
    ],
)
def test_a_small_file_cannot_fill_the_memory(tmp_path: Path, data: bytes) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(DataError):
        load(written(tmp_path, data))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 100 * MIB


def test_deep_nesting_is_data(tmp_path: Path) -> None:
    deep = b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b"."
    assert isinstance(load(written(tmp_path, deep)), list)


def test_a_key_that_takes_for_ever_to_hash(tmp_path: Path) -> None:
    pairs = b"".join(b"h%ch%c\x86q%ca" % (i, i, i + 1) for i in range(60))
    data = b"\x80\x02]Nq\x00a" + pairs + b"}h\x3cNs."
    assert "key" in refusal(tmp_path, data)


def test_memory_is_about_the_size_of_the_file(tmp_path: Path) -> None:
    for protocol in (4, 5):
        arrays = [np.ones((500, 1000)) for _ in range(4)]
        path = written(tmp_path, pickle.dumps(arrays, protocol=protocol))
        del arrays
        tracemalloc.start()
        load(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.1 * path.stat().st_size


BYTES = {protocol: pickle.dumps(CONTENT, protocol=protocol) for protocol in (2, 3, 4, 5)}
UNCHECKED = (HealthCheck.function_scoped_fixture,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_cut_short_anywhere(tmp_path: Path, protocol: int) -> None:
    data = BYTES[protocol]
    for length in range(0, len(data), 3):
        refusal(tmp_path, data[:length])
    refusal(tmp_path, data[:-1])


@settings(max_examples=examples(400), deadline=None, suppress_health_check=UNCHECKED)
@given(
    protocol=st.sampled_from([2, 3, 4, 5]),
    flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4),
)
@example(protocol=4, flips=[(0, 0)])
def test_damaged_bytes_give_data_or_a_sentence(
    tmp_path: Path, protocol: int, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(BYTES[protocol])
    for place, byte in flips:
        data[place % len(data)] = byte
    try:
        load(written(tmp_path, bytes(data)))
    except DataError as error:
        assert "file.pkl" in str(error)  # noqa: PT017 - either outcome is right


OPCODES = [bytes([b]) for b in b"]}()NK\x00\x01\x85\x86\x87\x94hqaesutRb\x88\x93"]


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None, suppress_health_check=UNCHECKED)
@given(st.lists(st.sampled_from(OPCODES), max_size=40))
def test_any_program_gives_data_or_a_sentence(tmp_path: Path, steps: list[bytes]) -> None:
    try:
        load(written(tmp_path, b"\x80\x04" + b"".join(steps) + b"."))
    except DataError as error:
        assert "file.pkl" in str(error)  # noqa: PT017 - either outcome is right


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "none.pkl")
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path)


def test_what_is_in_it() -> None:
    assert mapping_in({1: 2}, "x") == {1: 2}
    assert texts_in(("a", np.str_("b")), "x") == ["a", "b"]
    assert texts_in(np.array(["a"]), "x") == ["a"]
    ints: NDArray[np.int64] = np.array([[0, 1]])
    assert matrix_in(ints, "x").dtype == np.float32
    assert matrix_in(np.zeros((1, 2)), "x").dtype == np.float64
    for bad in (None, 3, "text", [1], ["a", None], np.zeros(3)):
        with pytest.raises(DataError, match="scores of x"):
            mapping_in(bad, "scores of x")
        with pytest.raises(DataError, match="scores of x"):
            texts_in(bad, "scores of x")
        with pytest.raises(DataError, match="scores of x"):
            matrix_in(bad, "scores of x")
