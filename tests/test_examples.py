"""The examples run, and the plugin package works once it is installed."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from routereval.records import Records
from tests.made import made, neutral_folder

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PLUGIN = EXAMPLES / "plugin"
BIN = Path(sys.executable).parent


@pytest.mark.slow
def test_a_router_of_ones_own_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = neutral_folder(tmp_path / "logs", made(n_prompts=100, n_models=4))
    runpy.run_path(str(EXAMPLES / "own_router.py"))["main"](str(source))
    shown = capsys.readouterr().out
    assert "\n  Halfway() " in shown  # a row of the table
    for other in ("best_single", "knn"):
        assert f"Halfway() and {other} " in shown


def test_a_gateway_with_a_hook_and_an_observer(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    import aiohttp

    from routereval.routers import save_router
    from tests.gateway.loop import in_loop
    from tests.gateway.stubs import Stub, served, trained_router

    example = runpy.run_path(str(EXAMPLES / "gateway_hook.py"))
    save_router(trained_router(), tmp_path / "router")
    tokens = example["Tokens"]()

    @in_loop
    async def asked() -> None:
        stub = Stub()
        async with stub.running():
            (tmp_path / "gateway.toml").write_text(
                "".join(
                    f'[[upstream]]\nname = "{name}"\nbase_url = "{stub.base_url}"\n'
                    for name in trained_router().models
                ),
                encoding="utf-8",
            )
            app = example["make_app"](tmp_path / "router", tmp_path / "gateway.toml", tokens)
            async with served(app) as url, aiohttp.ClientSession() as session:
                for content, status in (("prove it", 200), ("prove it" * 20_000, 413)):
                    body = {"model": "auto", "messages": [{"role": "user", "content": content}]}
                    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                        assert answer.status == status

    asked()
    assert sum(tokens.by_model.values()) == 5  # of the one that was answered, see the stub's usage


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the plugin package is installed, in a folder of its own."""
    if not (BIN / "uv").exists():
        pytest.skip("needs uv")
    site = tmp_path_factory.mktemp("site")
    package = shutil.copytree(PLUGIN, tmp_path_factory.mktemp("copy") / "plugin")
    command = [
        str(BIN / "uv"),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        sys.executable,
    ]
    subprocess.run([*command, "--target", str(site), str(package)], check=True)  # noqa: S603 - our own package
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)])}


def run(environment: dict[str, str], *arguments: object) -> str:
    """What a Python of that environment prints, which must end well and warn of nothing."""
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=PLUGIN,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    return ran.stdout


@pytest.mark.slow
def test_the_tests_of_the_plugin_pass(installed: dict[str, str]) -> None:
    run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("routers", "by_length"),
        ("metrics", "harm"),
        ("formats", "tally"),
        ("plugins", "mask_emails"),
    ],
)
def test_what_a_plugin_brings_is_listed(kind: str, name: str, installed: dict[str, str]) -> None:
    listed = run(installed, "-m", "routereval", "list", kind)
    assert any(line.split()[:1] == [name] for line in listed.splitlines())


@pytest.mark.slow
def test_importer_and_router_of_a_plugin_work_on_the_command_line(
    tmp_path: Path, installed: dict[str, str]
) -> None:
    source = tally_folder(tmp_path / "tallies", made(n_prompts=100, n_models=4, texts=True))
    options = ["-r", "by_length(bins=3)", "-r", "best_single", "--sizes", "3", "--jobs", "1"]
    table = run(installed, "-m", "routereval", "run", source, *options, "--format", "csv")
    assert ",by_length(bins=3)," in table
    routed = ["-r", "by_length", "--pool", "all-strong(size=3)", "-o", tmp_path / "router"]
    run(installed, "-m", "routereval", "train", source, *routed)
    assert "model_" in run(installed, "-m", "routereval", "route", tmp_path / "router", "prove it")


def tally_folder(folder: Path, records: Records) -> Path:
    """Records as the plugin's importer reads them."""
    folder.mkdir()
    for model, column in zip(records.models, records.dense().T, strict=True):
        lines = zip(column, records.prompts["text"], strict=True)
        text = "".join(f"{score:g}\t{prompt}\n" for score, prompt in lines)
        (folder / f"{model.replace('/', '-')}.tally").write_text(text, encoding="utf-8")
    return folder
