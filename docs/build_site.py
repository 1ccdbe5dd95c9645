"""The documents as a site: `make docs` runs the two steps below around `zensical build`.

``python docs/build_site.py stage FOLDER`` copies the documents and writes `zensical.toml`, whose
navigation is the list of all pages in `docs/index.md`; ``python docs/build_site.py check FOLDER``
says which links of the built pages lead nowhere.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
SOURCES = ("*.md", "CITATION.cff", "LICENSE", "docs/**/*", "examples/**/*", "deploy/**/*")
UNSEEN = ("__pycache__", "build_site.py", "write_reference.py", "zensical.toml")
HOME = "README.md"
INDEX = "docs/index.md"

_LINK = re.compile(r"\]\(([^)\s#]+\.md)\)")  # to a page, not to a part of one
_LABEL = re.compile(r"(?:- )?([^:\[]+): ?\[")
_SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^# (.*)$", re.MULTILINE)


def title_of(page: Path) -> str:
    """The heading of a page, up to its colon and without marks."""
    found = _TITLE.search(page.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{page}: the site needs a heading, a line that begins with '# '")
    return found[1].partition(":")[0].replace("`", "")


def navigation(root: Path) -> dict[str, list[tuple[str, list[str]]]]:
    """The pages that each line of each section of the index names, and the word that begins it.

    The word is what stands before a colon, else empty. Paths are seen from the root; a page stands
    where it is named first.
    """
    seen = {HOME, INDEX}
    held: dict[str, list[tuple[str, list[str]]]] = {}
    for section, text in _SECTION.findall((root / INDEX).read_text(encoding="utf-8")):
        held[section] = []
        for bullet in text.split("\n- "):
            paths = [(root / "docs" / target).resolve() for target in _LINK.findall(bullet)]
            names = [path.relative_to(root.resolve()).as_posix() for path in paths]
            new = [name for name in dict.fromkeys(names) if name not in seen]
            label = _LABEL.match(bullet.removeprefix("\n"))
            held[section].append((label[1] if label else "", new))
            seen.update(new)
    return held


def configuration(root: Path) -> str:
    """The text of `zensical.toml`: what `docs/zensical.toml` says, and the navigation."""
    entries = [_entry("Home", json.dumps(HOME)), _entry("All pages", json.dumps(INDEX))]
    for section, lines in navigation(root).items():
        inside: list[str] = []
        for label, pages in lines:
            linked = [_entry(title_of(root / page), json.dumps(page)) for page in pages]
            inside += [_entry(label, _array(linked))] if label and linked else linked
        entries.append(_entry(section, _array(inside)))
    settings = (root / "docs" / "zensical.toml").read_text(encoding="utf-8")
    return settings.replace("[project]\n", f"[project]\nnav = {_array(entries)}\n", 1)


def _entry(title: str, value: str) -> str:
    return f"{{ {json.dumps(title, ensure_ascii=False)} = {value} }}"  # JSON strings are TOML's


def _array(entries: list[str]) -> str:
    return "[\n" + "".join(f"{entry},\n" for entry in entries) + "]"


def stage(root: Path, folder: Path) -> None:
    """Copy the documents below `folder/pages` as they lie here, and write the configuration.

    Of a notebook there is a page beside it, to which links lead.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for pattern in SOURCES:
        for file in sorted(root.glob(pattern)):
            if file.is_file() and not any(part in UNSEEN for part in file.parts):
                target = folder / "pages" / file.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    for page in sorted((folder / "pages").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(".ipynb)", ".md)"), encoding="utf-8")
    for file in sorted((folder / "pages").rglob("*.ipynb")):
        file.with_suffix(".md").write_text(notebook_page(file), encoding="utf-8")
    (folder / "zensical.toml").write_text(configuration(root), encoding="utf-8")


def notebook_page(notebook: Path) -> str:
    """The cells of a notebook as Markdown."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    parts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    shown = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in parts]
    file = f"*[The notebook]({notebook.name}); this page shows its cells, not what they print.*"
    return "\n\n".join([shown[0], file, *shown[1:]]) + "\n"


class _Page(HTMLParser):
    """The targets of a page's links and images, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.anchors.update(filter(None, (held.get("id"), held.get("name"))))
        if tag in ("a", "img", "script", "link") and held.get("rel") != "canonical":
            self.targets.extend(filter(None, (held.get("href"), held.get("src"))))


def broken_links(folder: Path) -> list[str]:
    """Each link of the pages below a folder that leads to no file, or to no anchor of it."""
    pages = {
        path.resolve(): _Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            base = folder if parts.path.startswith("/") else path.parent
            where = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            where = where / "index.html" if where.is_dir() else where
            anchor = unquote(parts.fragment)
            known = pages[where].anchors if where in pages else {anchor}
            if not where.exists() or (anchor and anchor not in known):
                broken.append(f"{path.relative_to(folder.resolve())}: {target}")
    return broken


def main(step: str, folder: str) -> None:
    """Take one of the steps."""
    if step == "stage":
        stage(ROOT, Path(folder))
    elif broken := broken_links(Path(folder)):
        sys.exit("links that lead nowhere:\n" + "\n".join(broken))


if __name__ == "__main__":
    main(*sys.argv[1:])
