from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from routereval.results.arrays_file import read_arrays

DAMAGE = (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ANY = arrays.arrays(st.sampled_from(["f8", "f2", "i8", "?", "U3", ">i4"]), SHAPES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arrays")


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from("abcd"), ANY, max_size=3), st.booleans())
def test_arrays_are_those_that_numpy_reads(
    folder: Path, held: dict[str, NDArray[Any]], packed: bool
) -> None:
    held = {name: np.asfortranarray(value) if packed else value for name, value in held.items()}
    file = folder / "x.npz"
    write: Any = np.savez_compressed if packed else np.savez
    write(file, **held)
    found = read_arrays(file)
    assert list(found) == list(held)
    for name, value in held.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
        assert found[name].tobytes() == value.tobytes()
        assert found[name].flags.writeable


def test_damage_is_an_error_and_never_other_numbers(folder: Path) -> None:
    file = folder / "whole.npz"
    np.savez_compressed(file, a=np.arange(40.0), b=np.arange(3))
    whole = file.read_bytes()
    for at in range(0, len(whole), 5):
        (folder / "cut.npz").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            found = read_arrays(folder / "cut.npz")
        except DAMAGE:
            continue
        for name, value in {"a": np.arange(40.0), "b": np.arange(3)}.items():
            assert name not in found or np.array_equal(found[name], value)


def test_objects_are_never_read(folder: Path) -> None:
    np.savez_compressed(folder / "x.npz", a=np.array([{}, None]))
    with pytest.raises(ValueError, match="objects"):
        read_arrays(folder / "x.npz")
