"""The files of deploy/ are read, compared with what the gateway has, and their steps are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "gateway.json"
METRIC = re.compile(r"\broutereval_\w+")
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and their arguments, in order."""
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(word, rest) for word, rest in pairs]


def test_the_dashboard_shows_metrics_that_the_gateway_has() -> None:
    pytest.importorskip("prometheus_client")
    from routereval.gateway.observe.metrics import Metrics
    from routereval.gateway.protocols import Attempt, LogEntry, Switch, Usage
    from routereval.routers.trained import Decision

    metrics = Metrics()
    decision = Decision("a", 0, (0.5,), (0.1,), "")
    entry = LogEntry("r", 0.0, model="b", decision=decision, rules=("x",), error="e")
    entry.attempts, entry.usage = [Attempt("a", "timeout", 0.1), Attempt("b")], Usage(1, 1, True)
    entry.switch = Switch("a", 10, 0.1, 0.2)
    metrics.record(entry)
    metrics.feedback(1.0)
    metrics.gauges({"a": True}, 1)
    samples = re.findall(r"^(\w+)(?:\{(.*)\})? ", metrics.text(), re.MULTILINE)
    labels = {name: set(re.findall(r'(\w+)="', held)) for name, held in samples}
    shown = {name for text in expressions() for name in METRIC.findall(text)}
    assert shown <= set(labels)
    families = {family.name for family in metrics._registry.collect()}
    assert {re.sub("_(total|bucket|sum|count)$", "", name) for name in shown} == families
    for text in expressions():
        grouped = re.findall(r"by \(([^)]*)\)", text)
        names = {name.strip() for group in grouped for name in group.split(",")}
        known = set.union(*(labels[name] for name in METRIC.findall(text)))
        assert names <= known, text


def test_what_the_containers_are_given_is_there() -> None:
    yaml = pytest.importorskip("yaml")
    held: Any = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text("utf-8"))
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    for name, service in held["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                made = f"deploy/{source.removeprefix('./')}"
                assert (DEPLOY / source).exists() or made in page, f"{name}: {volume}"
            else:
                assert source in held["volumes"], f"{name}: {volume}"
        for file in service.get("env_file", []):
            assert f"deploy/{file}" in page
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    (job,) = scraped["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/etc/prometheus/metrics.key"
    (source,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )["datasources"]
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    graceful = int(held["services"]["gateway"]["stop_grace_period"].removesuffix("s"))
    assert graceful > 30  # drain_s


def test_the_configuration_of_the_containers_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    from routereval.gateway import read_config

    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-use")
    config = read_config(DEPLOY / "gateway.toml")
    assert config.access.keys.startswith("redis://redis:")
    assert config.access.metrics == ("prometheus",)
    assert [config.key_of(upstream) for upstream in config.upstreams] == ["a-key-of-no-use"] * 2


def test_the_unit_starts_what_there_is() -> None:
    text = (DEPLOY / "routereval-gateway.service").read_text("utf-8")
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert settings["ExecStart"].split()[1:3] == ["serve", "router"]
    assert "-HUP" in settings["ExecReload"]
    assert int(settings["TimeoutStopSec"]) > 40  # drain_s, and what the supervisor adds


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_knows_all_of_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "routereval-gateway.service").read_text("utf-8")
    unit = tmp_path / "routereval-gateway.service"
    unit.write_text(text.replace("/opt/routereval/bin/routereval", "/bin/true"), "utf-8")
    command = ["systemd-analyze", "verify", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - a list that stands here
    assert (done.returncode, done.stderr) == (0, "")


def test_streams_pass_the_proxy_and_clients_that_leave_are_seen() -> None:
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    assert "flush_interval" not in text
    assert "lb_try_duration" in text


def test_the_image_is_made_of_what_the_project_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    steps = dockerfile()
    assert [word for word, _ in steps].count("FROM") == 2
    for word, rest in steps:
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
        for extras in re.findall(r"\.whl\)\[([\w,]+)\]", rest):
            assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert steps[-1] == ("CMD", '["serve", "router", "-c", "gateway.toml"]')
    assert dict(steps)["USER"] == "gateway"


@pytest.mark.slow
@pytest.mark.skipif(UV is None, reason="needs uv")
def test_the_steps_of_the_image_run(tmp_path: Path) -> None:
    """As its RUN lines say, in an environment of their own instead of a container."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    runs = [rest for word, rest in dockerfile() if word == "RUN"]
    assert [run.split()[0] for run in runs] == ["pip", "pip", "useradd", "mkdir"]
    built, installed = runs[0], runs[1].replace("/dist", str(tmp_path / "dist"))
    assert shlex.split(built)[1] == "wheel"
    environ = {**os.environ, "VIRTUAL_ENV": str(tmp_path / "env")}
    commands = [
        f"{UV} build --quiet --wheel --out-dir dist",
        f"{UV} venv --quiet env",
        installed.replace("pip install", f"{UV} pip install --quiet"),
        "env/bin/routereval serve --help",
        "env/bin/python -c 'from routereval.gateway.requirements import check_installed as c; c()'",
        "env/bin/python -c 'import redis, opentelemetry.sdk'",
    ]
    for command in commands:
        done = subprocess.run(  # noqa: S603 - our own steps
            ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
