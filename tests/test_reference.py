"""The reference made from the code is current, and docstrings become Markdown as they should."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

DOCS = Path(__file__).parents[1] / "docs"
MADE = runpy.run_path(str(DOCS / "write_reference.py"))


@pytest.mark.parametrize("name", MADE["PAGES"])
def test_the_reference_is_current(name: str) -> None:
    pytest.importorskip("aiohttp")
    made = MADE["PAGES"][name]()
    if (DOCS / "reference" / name).read_text(encoding="utf-8") != made:
        pytest.fail(f"docs/reference/{name} is not what the code says: run make reference")


def test_a_docstring_becomes_markdown() -> None:
    docstring = (
        "Weigh a_b <them> by ``lam``\nand *args.\n\nArgs:\n    lam: the price of cost,\n"
        "        as ``x``: [0, 1].\n    other: more.\n\nReturns:\n    The sum\n    of all.\n\n"
        ">>> weigh(1)\n2"
    )
    assert MADE["markdown"](docstring) == (
        "Weigh a\\_b &lt;them> by `lam` and \\*args.\n\n**Args:**\n\n"
        "- `lam`: the price of cost, as `x`: \\[0, 1].\n- `other`: more.\n\n"
        "**Returns:**\n\nThe sum of all.\n\n```pycon\n>>> weigh(1)\n2\n```"
    )


def test_a_signature_is_written_as_it_is_called() -> None:
    def weigh(x: float, *more: float, lam: object = object, **params: str) -> float:
        """Take all kinds of parameters."""
        return x

    shown = "weigh(x: float, *more: float, lam: object = …, **params: str) -> float"
    assert MADE["signature"]("weigh", weigh) == shown
    name = "of_a_long_name." * 3
    assert MADE["signature"](f"{name}weigh", weigh).splitlines() == [
        f"{name}weigh(",
        "    x: float,",
        "    *more: float,",
        "    lam: object = …,",
        "    **params: str,",
        ") -> float",
    ]
