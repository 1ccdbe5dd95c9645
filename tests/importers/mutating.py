"""Damaged files for importers: each must end in records or in an error that a user can mend."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hypothesis import strategies as st

from routereval.errors import RouterEvalError
from routereval.records import Draft, Records

Files = Mapping[str, bytes]

_SNIPPETS = [
    b"",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b'"\\ud800"',
    b"{}",
    b"[]",
    b"\n",
    b"\xff",
    b'"',
]


@st.composite
def mutated(draw: st.DrawFn, files: Files) -> Files:
    """The files with one of them cut, or with a few of its bytes replaced."""
    name = draw(st.sampled_from(sorted(files)))
    content = files[name]
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 1, 2, 8, 40, len(content)]))
        put = draw(st.one_of(st.sampled_from(_SNIPPETS), st.binary(min_size=1, max_size=2)))
        content = content[:begin] + put + content[begin + length :]
    return {**files, name: content}


def write(folder: Path, files: Files) -> Path:
    """The files in that folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def import_or_refuse(
    files: Files, recognise: Callable[[Path], bool], read: Callable[[Path], Iterator[Draft]]
) -> bool:
    """Import damaged files; whether that made records. Any error but ours passes through."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), files)
        recognise(path)
        try:
            return bool([Records.from_draft(draft) for draft in read(path)])
        except RouterEvalError as error:
            str(error).encode()
            return False
