"""The documents as a site: each page has its place, and a link that leads nowhere is named."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
SITE = runpy.run_path(str(ROOT / "docs" / "build_site.py"))
PARTS = ["Home", "All pages", "Start", "How-to", "Concepts", "Reference", "Research", "FAQ"]


def pages_of(navigation: Any) -> Iterator[str]:  # noqa: ANN401 - as deep as TOML is
    if isinstance(navigation, str):
        yield navigation
    else:
        held = navigation if isinstance(navigation, list) else navigation.values()
        for entry in held:
            yield from pages_of(entry)


def test_every_page_stands_in_the_navigation_once() -> None:
    navigation = tomllib.loads(SITE["configuration"](ROOT))["project"]["nav"]
    assert [name for entry in navigation for name in entry] == PARTS
    found = list(pages_of(navigation))
    assert len(set(found)) == len(found)
    pages = [page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert {page for page in pages if not page.startswith("docs/published/")} <= set(found)


def test_what_is_staged_keeps_the_tree(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    files = {
        "README.md": "# a\n",
        "docs/index.md": "# All\n\n## Start\n\n- Read: [one](one.md) · [two](two.md)\n"
        "- [three](../THREE.md) and [one again](one.md#part)\n",
        "docs/one.md": "# One: of several\n",
        "docs/two.md": '# The "two"\n',
        "THREE.md": "# `Three`\n",
        "docs/zensical.toml": '[project]\nsite_name = "a"\n\n[project.theme]\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    SITE["stage"](tmp_path, tmp_path / "out")
    project = tomllib.loads((tmp_path / "out" / "zensical.toml").read_text("utf-8"))["project"]
    assert project["site_name"] == "a"
    read = {"Read": [{"One": "docs/one.md"}, {'The "two"': "docs/two.md"}]}
    assert project["nav"][2] == {"Start": [read, {"Three": "THREE.md"}]}
    held = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert {f"pages/{name}" for name in files if name.endswith(".md")} <= held
    assert "pages/docs/zensical.toml" not in held


def test_a_notebook_has_a_page(tmp_path: Path) -> None:
    cells = [("markdown", ["# A\n", "b"]), ("code", ["1 + 1\n", "2"]), ("markdown", ["c"])]
    held = {"cells": [{"cell_type": kind, "source": lines} for kind, lines in cells]}
    (tmp_path / "a.ipynb").write_text(json.dumps(held), encoding="utf-8")
    page = SITE["notebook_page"](tmp_path / "a.ipynb")
    assert re.sub(r"\*.*\*", "…", page) == "# A\nb\n\n…\n\n```python\n1 + 1\n2\n```\n\nc\n"


def test_a_page_without_a_heading_is_named(tmp_path: Path) -> None:
    (tmp_path / "bare.md").write_text("text\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bare\.md: the site needs a heading"):
        SITE["title_of"](tmp_path / "bare.md")


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1><a href="a/b.html#part">x</a><a href="#top">x</a><a href="a/">x</a>'
        '<a href="https://elsewhere.example/x">x</a><a href="a/b.html#none">x</a><a href="c">x</a>',
        encoding="utf-8",
    )
    (tmp_path / "a" / "index.html").write_text("<img src='/index.html'>", encoding="utf-8")
    (tmp_path / "a" / "b.html").write_text('<h2 id="part"></h2><img src="no.png">', "utf-8")
    assert SITE["broken_links"](tmp_path) == [
        "a/b.html: no.png",
        "index.html: a/b.html#none",
        "index.html: c",
    ]
