"""What the documents say is so: their code runs, their commands parse, their links hold."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from routereval.cli.main import cli
from routereval.features import EMBEDDERS
from routereval.importers import IMPORTERS
from routereval.routers import ROUTERS, make_router
from routereval.scoring import METRICS
from routereval.tasks import GROUPS, PROTOCOLS
from tests.made import made, neutral_folder

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages beside the documents: their code has tests of its own (test_recipes, test_examples), or was
# made from what is tested (test_reference).
ASIDE = [
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "docs").glob("*/*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for found, inside in FENCE.findall(text_of(page)):
            if found == language:
                yield page, inside


def commands() -> Iterator[tuple[str, str]]:
    """Each call of ``routereval`` in a block, whole lines without comments."""
    for language in ("", "sh", "bash", "console"):
        for page, inside in blocks(language):
            for line in inside.replace("\\\n", " ").splitlines():
                call = line.strip().removeprefix("$ ")
                if re.match(r"routereval [a-z-]+( |$)", call):
                    yield page.name, call


PYTHON = [
    pytest.param(code, id=f"{page.name}-{n}") for n, (page, code) in enumerate(blocks("python"))
]
COMMANDS = list(dict.fromkeys(commands()))


def code_of(text: str) -> str:
    """All code in a page: blocks and spans."""
    inside = [code for _, code in FENCE.findall(text)]
    return "\n".join([*inside, *SPAN.findall(FENCE.sub("", text))])


ALL_CODE = "\n".join(code_of(text_of(page)) for page in PAGES)


def named(name: str, where: str = ALL_CODE) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", where))


def test_there_is_something_to_test() -> None:
    assert len(PAGES) >= 5
    assert len(PYTHON) >= 3
    assert len(COMMANDS) >= 5


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the documents suppose that a reader has."""
    records = made("mine", n_prompts=150, n_models=8, costs=True, texts=True)
    neutral_folder(tmp_path / "my-logs", records)
    records.save(tmp_path / "my-records")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # a process more takes longer than what it does
    monkeypatch.setattr("routereval.routers.registry.ROUTERS", ROUTERS.copy())
    monkeypatch.setattr("routereval.features.embedder.EMBEDDERS", EMBEDDERS.copy())
    monkeypatch.setattr("routereval.scoring.metrics.METRICS", METRICS.copy())
    return tmp_path


@pytest.mark.parametrize("code", PYTHON)
def test_python_in_the_documents_runs(
    code: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code.replace("/tmp/", f"{workplace}/"), "docs", "exec"), {"__name__": "docs"})  # noqa: S102, S108 - our own documents
    shown = capsys.readouterr().out
    assert bool(shown.strip()) == ("print(" in code)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_in_the_documents_parse(page: str, line: str) -> None:
    words = shlex.split(re.split(r" {2,}(?=\S)|\s#\s|\s>\s(?=[^\s']+(?:\s|$))|\s\|\s", line)[0])
    name, arguments = words[1], words[2:]
    if name.startswith("-"):
        return
    assert name in cli.commands, f"{page}: {line}"
    command = cli.commands[name]
    while isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
        name, *arguments = arguments
        command = command.commands[name]
    # In a synopsis stand words such as FORMAT, for which no parser has a rule.
    known = {flag for p in command.params if isinstance(p, click.Option) for flag in p.opts}
    known |= {flag for p in command.params for flag in p.secondary_opts} | {"--help", "-h"}
    for word in arguments:
        flag = word.strip("[].…").partition("=")[0]
        if flag.startswith("-"):
            assert flag in known, f"{page}: {line}"
    if not any(re.search(r"^[A-Z.…]+$|[\[\]|]", word) for word in arguments):
        command.make_context(name, list(arguments)).close()


@pytest.mark.parametrize("page", [*PAGES, *ASIDE], ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        where = page if not path else page.parent / path
        assert where.exists(), target
        if anchor:
            anchors = {
                re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
                for title in HEADING.findall(FENCE.sub("", text_of(where)))
            }
            assert anchor in anchors, target


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page.resolve())
        for target in LINK.findall(text_of(page)):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.exists() and path not in reached:
                ahead.append(path)
    assert {page.resolve() for page in [*PAGES, *ASIDE]} <= reached


def test_the_index_names_every_page() -> None:
    text = text_of(ROOT / "docs" / "index.md")
    parts = ["Start", "How-to", "Concepts", "Reference", "Research", "FAQ"]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == parts
    listed = {target.partition("#")[0] for target in LINK.findall(text)} | {"index.md"}
    assert [
        page.name for page in PAGES if page.parent.name == "docs" and page.name not in listed
    ] == []


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_is_documented(name: str) -> None:
    assert named(f"routereval {name}")


def test_every_extra_is_documented() -> None:
    held = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    page = code_of(text_of(ROOT / "docs" / "install.md"))
    assert [name for name in held if not named(name, page)] == []


@pytest.mark.parametrize("name", [*ROUTERS])
def test_every_router_is_documented(name: str) -> None:
    assert named(name, code_of(text_of(ROOT / "docs" / "routers.md")))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_documented(name: str) -> None:
    assert named(name, code_of(text_of(ROOT / "docs" / "metrics.md")))


@pytest.mark.parametrize("name", IMPORTERS)
def test_every_format_is_documented(name: str) -> None:
    headings = "\n".join(HEADING.findall("\n".join(text_of(page) for page in PAGES)))
    assert named(name) or named(name, headings)


@pytest.mark.parametrize("name", ["auto", "stored", "columns", *EMBEDDERS, *GROUPS, *PROTOCOLS])
def test_every_other_name_is_documented(name: str) -> None:
    assert named(name)


def test_routers_are_written_as_they_are_called() -> None:
    spans = [
        span
        for span in SPAN.findall(text_of(ROOT / "docs" / "routers.md"))
        if re.sub(r"\(.*", "", span) in ROUTERS and "=" in span
    ]
    assert len(spans) > 20
    for span in spans:
        assert repr(make_router(span))


def test_figures_of_the_concepts_are_those_of_the_plateau() -> None:
    concepts, plateau = (
        " ".join(text_of(ROOT / "docs" / name).split()) for name in ("concepts.md", "plateau.md")
    )
    found = re.findall(r"(\d+\.\d+) points|ceiling (\d+\.\d+)|`auto`: (\d+\.\d+) %", concepts)
    numbers = ["".join(groups) for groups in found]
    assert len(numbers) == 5
    assert [number for number in numbers if number not in plateau] == []
    assert "59 sets of real models" in concepts
    assert "59 sets of real models" in plateau


def test_the_first_line_and_the_first_commands_of_the_readme() -> None:
    text = text_of(ROOT / "README.md")
    assert text.splitlines()[0] == (
        "# routereval: an independent implementation of RouterEval, not affiliated with its authors"
    )
    first = FENCE.findall(text)[0][1].splitlines()
    assert [line.split("#")[0].strip() for line in first[:2]] == ["make demo", "make test"]


def test_numbers_of_the_demo_stand_under_the_word_simulated() -> None:
    """A table with intervals is of simulated data, as the README's, or its section says of what."""
    for page in PAGES:
        for section in re.split(r"^(?=#)", text_of(page), flags=re.MULTILINE):
            if re.search(r"^\|.*\d ±", section, re.MULTILINE):
                assert re.search("simulated|real models", section, re.IGNORECASE), page.name
    assert "**SIMULATED DATA · m = 5 models" in text_of(ROOT / "README.md")
