"""Every importer on damaged copies of its sample: records, or one of our errors, and nothing else.

Prints, per format, how many inputs were tried, how many of them were refused, and the most memory
that the process has had so far. Ends with an error at the first foreign exception, or when
something half-written was left.

    python benchmarks/damaged_files.py [--inputs 600] [--seed 0]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from routereval.errors import RouterEvalError
from routereval.importers import IMPORTERS, Importer, import_records, write_sample

MOST_GROWTH_MB = 300
_SNIPPETS = (
    *(b"", b"null", b"-1", b"1e999", b"NaN", b'"\\ud800"', b"{}", b"[]", b"\n", b"\xff", b'"'),
    *(b"\0", b"\x1b[31m", b"\xe2\x80\xae", b"9" * 400, b"[" * 5000, b'{"a":' * 3000, b"," * 40),
    *(b"true", b"1.5", b'"' + b"x" * 5000 + b'"', b"\xef\xbb\xbf", b"\r", b"\x80\x05N."),
)

Files = Mapping[str, bytes]


def files_of(found: Importer) -> Files:
    """The files of an importer's sample, by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_sample(found.sample, Path(folder))
        return {
            str(file.relative_to(path)): file.read_bytes()
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }


def damaged(files: Files, rng: np.random.Generator) -> Files:
    """The files with one of them cut, overwritten, doubled, missing, or in another's place."""
    names = sorted(files)
    name, other = (names[at] for at in rng.integers(len(names), size=2))
    how = rng.integers(12)
    if how == 0:
        return {key: value for key, value in files.items() if key != name}
    if how == 1:
        return {**files, name: files[other]}
    if how == 2:
        return {**files, name: files[name] * 2}
    content = files[name]
    for _ in range(rng.integers(1, 5)):
        begin = int(rng.integers(len(content) + 1))
        length = int(rng.choice([0, 1, 1, 2, 8, 40, len(content)]))
        put = _SNIPPETS[rng.integers(len(_SNIPPETS))] if rng.random() < 0.6 else rng.bytes(2)
        content = content[:begin] + put + content[begin + length :]
    return {**files, name: content}


def write(files: Files, folder: Path) -> Path:
    """The files in that folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def is_refused(found: Importer, files: Files, scaled: bool) -> bool:
    """Import files; whether they were refused.

    Raises:
        AssertionError: if something half-written was left.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, dest = Path(folder) / "in", Path(folder) / "out"
        write(files, source)
        found.recognise(source)
        options = {"scale": "0,2"} if scaled and "rescale" in found.options() else {}
        refused = False
        try:
            import_records(found.name, source, dest, **options)
        except RouterEvalError as error:
            str(error).encode()
            refused = True
        left = {path.name for path in Path(folder).iterdir()} - {"in", "out"}
        assert not left, f"half-written: {left}"
        assert dest.exists() != refused
        return refused


def peak_mb() -> int:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) >> 10 if found else 0


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=600)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    rng = np.random.default_rng(given.seed)
    n_inputs = 0
    before = peak_mb()
    print(f"{'format':<22}{'inputs':>8}{'refused':>9}{'memory':>10}")
    for name, found in IMPORTERS.items():
        files, n_refused = files_of(found), 0
        for _ in range(given.inputs):
            change = damaged(files, rng)
            try:
                n_refused += is_refused(found, change, bool(rng.random() < 0.3))
            except BaseException:
                kept = write(change, Path(tempfile.mkdtemp(prefix=f"{name}-")))
                print(f"{name}: a foreign exception; the input is kept in {kept}")
                raise
        n_inputs += given.inputs
        print(f"{name:<22}{given.inputs:>8,}{n_refused:>9,}{peak_mb():>7} MB", flush=True)
    grown = peak_mb() - before
    print(f"{n_inputs:,} inputs; memory grew by {grown} MB; nothing half-written")
    if grown > MOST_GROWTH_MB:
        sys.exit(f"more than {MOST_GROWTH_MB} MB")


if __name__ == "__main__":
    main()
