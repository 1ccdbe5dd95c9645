"""Small files that would become gigabytes: each is imported in a process of its own.

Prints what each file has, what memory its import took at most, and why it was refused.

    python benchmarks/hostile_files.py [NAME ...]
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

# not ru_maxrss, which a child inherits from the process that made the data
IMPORT = r"""
import re, sys
from routereval.errors import DataError
from routereval.importers import import_records
try:
    import_records("auto", sys.argv[1], sys.argv[2])
    why = "it was read"
except DataError as error:
    why = str(error)
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1], why)
"""
_HEAD = {
    "version": 2,
    "status": "success",
    "eval": {"created": "2025-01-01", "task": "t", "model": "org/m", "dataset": {}},
}
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in members.items():
            held.writestr(name, content)
    return stream.getvalue()


def eval_of(sample: bytes) -> bytes:
    """A log of Inspect that holds one sample."""
    return archive({"header.json": json.dumps(_HEAD).encode(), "samples/q_epoch_1.json": sample})


def workbook_of(cells: str, texts: str = "", prolog: str = "") -> bytes:
    """What of a workbook counts: the cells of its sheet, and its shared texts."""
    sheet = f'{prolog}<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>'
    shared = f'<sst xmlns="{_MAIN}">{texts}</sst>'
    return archive(
        {"xl/worksheets/sheet1.xml": sheet.encode(), "xl/sharedStrings.xml": shared.encode()}
    )


def parquet_of(columns: Mapping[str, object], **options: object) -> bytes:
    """A Parquet file of two scores, or of one value in many rows, and further columns."""
    import polars as pl

    stream = io.BytesIO()
    pl.DataFrame(columns).write_parquet(stream, compression="zstd", **options)  # type: ignore[arg-type]
    return stream.getvalue()


def copied_text(n_rows: int, n_bytes: int) -> bytes:
    """A Parquet file whose rows all name one text, which stands in it once."""
    import polars as pl

    rows = {"model": "a", "prompt_id": list(map(str, range(n_rows))), "score": 1.0}
    text = pl.Series("prompt", ["x" * n_bytes] * n_rows)
    return parquet_of({**rows, "prompt": text}, data_page_size=1 << 20)


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "240-MB-of-lists.eval": lambda: eval_of(b'{"id": 1, "x": [' + b"[]," * 80_000_000 + b"[]]}"),
    "60-MB-of-lists.eval": lambda: eval_of(b'{"id": 1, "x": [' + b"[]," * 20_000_000 + b"[]]}"),
    "60-MB-of-text.eval": lambda: eval_of(b'{"id": 1, "input": "' + b"x" * 60_000_000 + b'"}'),
    "deep.json": lambda: b"[" * 50_000_000,
    "lists.json": lambda: b"[" + b"[]," * 50_000_000 + b"[]]",
    "lines.csv.gz": lambda: gzip.compress(b"[],\n" * 100_000_000),
    "one-line.csv.gz": lambda: gzip.compress(b"x" * 300_000_000),
    "objects.json.gz": lambda: gzip.compress(b"[" + b"{}," * 20_000_000 + b"{}]"),
    "one-text.parquet": lambda: parquet_of(
        {"model": ["a"], "prompt_id": ["q"], "score": [1.0], "prompt": ["x" * 300_000_000]}
    ),
    "copied-text.parquet": lambda: copied_text(600, 1_000_000),
    "corners.xlsx": lambda: workbook_of('<row r="1"><c r="XFD1048576"><v>1</v></c></row>'),
    "shared-text.xlsx": lambda: workbook_of(
        '<c t="s"><v>0</v></c>' * 2_000_000, f"<si><t>{'x' * 20_000_000}</t></si>"
    ),
}


def measured(name: str) -> tuple[int, int, str]:
    """Bytes of the file, megabytes that its import took, and why it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(BOMBS[name]())
        done = subprocess.run(
            [sys.executable, "-c", IMPORT, file, Path(folder) / "out"],
            capture_output=True,
            text=True,
            check=True,
        )
        kilobytes, _, why = done.stdout.partition(" ")
        return file.stat().st_size, int(kilobytes) >> 10, why.replace(folder, "").strip()


def main() -> None:
    """Print the table."""
    print(f"{'file':<24}{'bytes':>14}{'memory':>10}  refused because")
    for name in sys.argv[1:] or BOMBS:
        size, megabytes, why = measured(name)
        print(f"{name:<24}{size:>14,}{megabytes:>7} MB  {why.splitlines()[:2][-1][:110]}")


if __name__ == "__main__":
    main()
