"""What the forge reads, and nothing else runs here: workflows, forms, versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import routereval

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
FORGE = ROOT / ".github"
FORMS = sorted((FORGE / "ISSUE_TEMPLATE").glob("*.yml"))
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
ALL = [*FORMS, *WORKFLOWS, FORGE / "dependabot.yml", ROOT / ".pre-commit-config.yaml"]
RULE = re.compile(r"^([\w-]+):[^=\n]*\n\t", re.MULTILINE)

in_checkout = pytest.mark.skipif(not FORGE.exists(), reason="no checkout")


def parsed(file: Path) -> dict[Any, Any]:
    """A YAML file; `on` is a key that YAML 1.1 takes for True."""
    yaml = pytest.importorskip("yaml")
    held: dict[Any, Any] = yaml.safe_load(file.read_text("utf-8"))
    return held


def project() -> dict[str, Any]:
    held: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return held


def targets() -> set[str]:
    """The targets of the Makefile that have something to do."""
    return set(RULE.findall((ROOT / "Makefile").read_text("utf-8")))


@in_checkout
def test_every_file_that_the_forge_reads_parses() -> None:
    assert len(WORKFLOWS) == 2
    for file in ALL:
        assert isinstance(parsed(file), dict), file


@in_checkout
def test_every_version_of_python_is_tested() -> None:
    matrix = parsed(FORGE / "workflows" / "checks.yml")["jobs"]["checks"]["strategy"]["matrix"]
    assert project()["requires-python"] == f">={matrix['python'][0]}"
    minors = [int(version.removeprefix("3.")) for version in matrix["python"]]
    assert minors == list(range(minors[0], 15))


@in_checkout
def test_every_target_that_is_made_in_ci_does_something() -> None:
    matrix = parsed(FORGE / "workflows" / "checks.yml")["jobs"]["checks"]["strategy"]["matrix"]
    made = [*matrix["target"], *(one["target"] for one in matrix["include"]), "dist"]
    made += re.findall(r"^make (.*)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    for target in " ".join(made).split():
        assert target in targets(), f"make {target}: the Makefile has no rule for it"


@in_checkout
def test_only_publishing_may_ask_for_a_token() -> None:
    for file in WORKFLOWS:
        held = parsed(file)
        assert held["permissions"] == {"contents": "read"}
        asking = {name for name, job in held["jobs"].items() if "permissions" in job}
        assert asking == ({"publish"} if file.stem == "publish" else set())
    publish = parsed(FORGE / "workflows" / "publish.yml")
    assert publish[True] == {"push": {"tags": ["v*"]}}
    assert publish["jobs"]["publish"]["needs"] == ["checks", "build"]
    assert publish["jobs"]["publish"]["permissions"] == {"id-token": "write"}


@in_checkout
@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_fixed(file: Path) -> None:
    """An action of the forge by its commit; PyPA's by the branch that it keeps for users."""
    used = re.findall(r"uses: ([^\s#]+)", file.read_text("utf-8"))
    for action in used:
        name, _, version = action.partition("@")
        if name.startswith("actions/"):
            assert re.fullmatch("[0-9a-f]{40}", version), action
        else:
            assert action in {
                "./.github/workflows/checks.yml",
                "pypa/gh-action-pypi-publish@release/v1",
            }


@in_checkout
@pytest.mark.parametrize("form", [f for f in FORMS if f.stem != "config"], ids=lambda f: f.stem)
def test_a_form_asks_for_what_is_needed(form: Path) -> None:
    held = parsed(form)
    assert held["name"]
    assert held["description"]
    ids = [part["id"] for part in held["body"]]
    assert len(set(ids)) == len(ids)
    assert any(part.get("validations", {}).get("required") for part in held["body"])
    assert all(part["attributes"]["label"] for part in held["body"])


def test_the_version_is_the_same_everywhere() -> None:
    assert project()["version"] == routereval.__version__
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [routereval.__version__]


def test_addresses_are_those_that_exist() -> None:
    """Of the paper only, until the project has a public address of its own."""
    assert project()["urls"] == {"Paper": "https://arxiv.org/abs/2503.10657"}
