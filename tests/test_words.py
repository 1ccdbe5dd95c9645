"""The words of the field: a reader greps for what is known, so no private word stands in code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import routereval

pytestmark = pytest.mark.once

SRC = Path(routereval.__file__).parent
ROOT = Path(__file__).parents[1]

# The word, and what to write instead. In names of things, and in docstrings.
NAMES = {
    "bench": "benchmark, or score table",
    "bill": "spend report",
    "desk": "call ledger",
    "door": "authenticator",
    "fault": "upstream error",
    "faults": "upstream errors",
    "gathering": "collect",
    "planar": "Pareto",
    "purse": "budget lease",
    "quirk": "exception",
    "said": "what the value is",
    "seam": "protocol",
    "seams": "protocols",
    "strata": "subsets",
    "stratum": "subset",
    "told": "what the value is",
}
DOCSTRINGS = {
    "desk": "call ledger",
    "door": "authenticator, or interface",
    "purse": "budget lease",
    "seams": "protocols",
    "strata": "subsets",
    "stratum": "subset",
    "told": "says, shows, is given",
}
# A column of the records is a model; the other word stands only in names and in terms of the field.
LLM = re.compile(r"\bLLMs?\b")
TERMS = re.compile(
    r"Open LLM Leaderboard|LLM-Blender|CARROT-LLM-Routing|LLM routers?|[Rr]outing LLMs?"
    r"|large language models?"
)
# Of a quantity: per, as in USD per call.
PER = re.compile(
    r"\b(USD|requests?|times|row|column|line|panel|table) (a|an) "
    r"(call|prompt|model|row|cell|benchmark|record|request|minute|second|day|router|metric)\b"
)
STATIONS = tuple(sorted(folder.parent.name for folder in SRC.glob("*/__init__.py")))
OWN = re.compile(r"mt_?bench", re.IGNORECASE)  # what others call their own
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def docstrings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ast.get_docstring(node) or ""


def banned(texts: Iterator[str], words: dict[str, str]) -> list[str]:
    found = {word.lower() for text in texts for word in WORD.findall(OWN.sub("", text))}
    return [f"{word!r}: write {words[word]}" for word in sorted(found & set(words))]


def test_the_search_finds_words_within_names() -> None:
    tree = ast.parse("def _was_told(prompt): 'At the door.'\nclass PurseDesk: ...")
    assert [line.split("'")[1] for line in banned(names(tree), NAMES)] == [
        "desk",
        "purse",
        "told",
    ]
    assert banned(docstrings(tree), DOCSTRINGS) == ["'door': write authenticator, or interface"]


@pytest.mark.parametrize("station", STATIONS)
def test_no_private_word_stands_in_a_station(station: str) -> None:
    for file in sorted((SRC / station).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if not banned(iter([text]), NAMES | DOCSTRINGS):
            continue
        tree = ast.parse(text)
        found = banned(names(tree), NAMES) + banned(docstrings(tree), DOCSTRINGS)
        assert not found, f"{file.relative_to(SRC)}: {'; '.join(found)}"


@pytest.mark.parametrize(("words", "instead"), [(LLM, "model"), (PER, "per")])
def test_a_model_is_a_model_and_units_are_per(words: re.Pattern[str], instead: str) -> None:
    files = [*SRC.rglob("*.py"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]
    lines = [
        f"{file.name}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(TERMS.sub("", line))
    ]
    assert not lines, f"write {instead}:\n" + "\n".join(lines)
