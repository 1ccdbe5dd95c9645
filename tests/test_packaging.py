"""What is published: the wheel has every file of the package, the source all of the project."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import routereval

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
NOT_SHIPPED = (".github/", ".pre-commit-config.yaml", ".gitignore")
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def files_in(folder: Path, below: str) -> set[str]:
    """The files of the project below a folder, but for what Python leaves there."""
    return {
        str(file.relative_to(folder))
        for file in (folder / below).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both; the wheel is made from the source distribution."""
    if UV is None:
        pytest.skip("needs uv")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "-o", folder, ROOT], check=True)  # noqa: S603 - our own build
    return folder


def test_the_wheel_has_every_file_of_the_package(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert held == files_in(ROOT / "src", "routereval")
        assert "routereval/py.typed" in held
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
    assert f"\nVersion: {routereval.__version__}\n" in text
    assert "\nProject-URL: Paper, https://arxiv.org/abs/2503.10657\n" in text
    assert "http://" not in text.split("\n\n")[0]


def test_the_source_distribution_has_every_file_of_the_project(dist: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no checkout")
    (source,) = dist.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    assert {name for name in wanted - held if not name.startswith(NOT_SHIPPED)} == set()
