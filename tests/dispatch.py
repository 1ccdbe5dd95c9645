"""Python with some of numpy's vector instructions switched off, as on a processor without them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

_WIDE = ("AVX512", "X86_V4")
_OFF = os.environ.get("NPY_DISABLE_CPU_FEATURES", "").split()  # this very process may lack some
_ON = [
    name
    for name in _multiarray_umath.__cpu_dispatch__
    if _multiarray_umath.__cpu_features__.get(name) or name in _OFF
]

SWITCHED_OFF: Mapping[str, str] = {
    "nothing": "",
    "AVX-512": " ".join(name for name in _ON if name.startswith(_WIDE)),
    "all": " ".join(_ON),
}
"""What numpy is told to do without; its baseline cannot be switched off."""


def python(code: str, without: str, *args: str, **environment: str) -> str:
    """What a program prints, run without these instructions.

    Args:
        code: the program.
        without: a key of `SWITCHED_OFF`.
        *args: its arguments.
        **environment: further variables.
    """
    told = {**os.environ, "NPY_DISABLE_CPU_FEATURES": SWITCHED_OFF[without], **environment}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore", "-c", code, *args],
        env=told,
        cwd=Path(__file__).parents[1],  # where `tests` is found
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


if __name__ == "__main__":
    print(SWITCHED_OFF[sys.argv[1]])  # noqa: T201 - for the Makefile
