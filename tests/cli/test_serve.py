from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from routereval.routers import TrainedRouter, make_router, save_router
from tests.conftest import CommandLine

pytest.importorskip("aiohttp")
from tests.gateway.stubs import trained_router

TOML = """
[server]
port = 0

[[upstream]]
name = "euclid"
base_url = "http://127.0.0.1:9/v1"

[[upstream]]
name = "other"
base_url = "http://127.0.0.1:9/v1"
"""
ALLOWED = '[routing]\nallow_network = ["127.0.0.1:9"]\n'


@pytest.fixture
def router_dir(tmp_path: Path) -> Path:
    (tmp_path / "gateway.toml").write_text(TOML)
    return save_router(trained_router(), tmp_path / "router")


def test_a_check_says_what_would_be_served(router_dir: Path, command_line: CommandLine) -> None:
    config = router_dir.parent / "gateway.toml"
    answer = command_line("serve", router_dir, "-c", config, "--check")
    assert (answer.status, answer.out) == (0, "")
    assert answer.err.splitlines() == [
        "1 of the router's 3 models have an upstream",
        "never chosen, for want of an upstream: portia, parrot",
        "unknown to the router, so asked by name only: other",
        "base_url for clients: http://127.0.0.1:0/v1",
        f"Next: routereval serve {router_dir} -c {config}",
    ]


def test_addresses_are_filled_in_before_anything_is_served(
    router_dir: Path, command_line: CommandLine
) -> None:
    config = router_dir.parent / "gateway.toml"
    nowhere = "https://example.invalid/v1"
    config.write_text(TOML.replace("http://127.0.0.1:9/v1", nowhere, 1))
    answer = command_line("serve", router_dir, "-c", config, "--check")
    assert "still without an address (base_url): euclid" in answer.err
    assert "Next:" not in answer.err
    config.write_text(TOML.replace("http://127.0.0.1:9/v1", nowhere))
    answer = command_line("serve", router_dir, "-c", config)
    assert answer.status == 2
    assert f"no upstream has an address yet; fill in each base_url in {config}" in answer.err


def test_an_address_that_is_taken_is_one_sentence(
    router_dir: Path, command_line: CommandLine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = router_dir.parent / "gateway.toml"
        answer = command_line("serve", router_dir, "-c", config, "--port", port)
    assert answer.status == 2
    assert f"nobody can listen at 127.0.0.1:{port}: Address already in use" in answer.err


def test_a_port_of_the_command_line_stands_for_that_of_the_file(
    router_dir: Path, command_line: CommandLine
) -> None:
    config = router_dir.parent / "gateway.toml"
    answer = command_line("serve", router_dir, "-c", config, "--check", "--port", 8123)
    assert answer.err.splitlines()[-2:] == [
        "base_url for clients: http://127.0.0.1:8123/v1",
        f"Next: routereval serve {router_dir} -c {config} --port 8123",
    ]
    assert command_line("serve", router_dir, "-c", config, "--port", 65536).status == 2
    config.write_text(TOML.replace("port = 0", "port = 65536"))
    assert (
        "port must be at most 65535, not 65536"
        in command_line("serve", router_dir, "-c", config).err
    )


def test_an_address_that_is_to_be_filled_in_is_named(
    router_dir: Path, command_line: CommandLine
) -> None:
    config = router_dir.parent / "gateway.toml"
    config.write_text(TOML.replace("127.0.0.1:9", "example.invalid", 1))
    answer = command_line("serve", router_dir, "-c", config, "--check")
    assert "still without an address (base_url): euclid\n" in answer.err


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("", "names no upstream"),
        (TOML.replace("euclid", "euklid"), "no model of the router's pool has an upstream"),
        (TOML + 'key_env = "NO_SUCH_VARIABLE"', "NO_SUCH_VARIABLE is not set; export it"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    toml: str, said: str, router_dir: Path, command_line: CommandLine
) -> None:
    config = router_dir.parent / "gateway.toml"
    config.write_text(toml)
    answer = command_line("serve", router_dir, "-c", config)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_router_that_is_none(tmp_path: Path, command_line: CommandLine) -> None:
    (tmp_path / "gateway.toml").write_text(TOML)
    answer = command_line("serve", tmp_path / "none", "-c", tmp_path / "gateway.toml")
    assert answer.status == 2
    assert "holds no trained router" in answer.err


def test_a_router_that_asks_a_service_is_served_only_if_its_host_is_allowed(
    tmp_path: Path, command_line: CommandLine
) -> None:
    """By the option or by gateway.toml; with the option, without a key."""
    spec = "http(url='http://127.0.0.1:9/v1', retries=0, timeout=0.5)"
    models = ("euclid", "portia")
    router = make_router(spec).fit(["a", "b"], np.eye(2), models=models)
    asks = TrainedRouter(router, models, None, np.ones(2), {"router": spec})
    folder, config = save_router(asks, tmp_path / "asks"), tmp_path / "gateway.toml"
    config.write_text(TOML)
    refused = command_line("serve", folder, "-c", config, "--check")
    assert refused.status == 2
    assert "sends each prompt to 127.0.0.1:9" in refused.err
    assert "1 of the router's 2 models" not in refused.err
    for options, text in ((["--allow-network", "127.0.0.1"], TOML), ([], ALLOWED + TOML)):
        config.write_text(text)
        answer = command_line("serve", folder, "-c", config, "--check", *options)
        assert "1 of the router's 2 models have an upstream" in answer.err
    config.write_text(f'{ALLOWED}{TOML}\n[[rule]]\nname = "x"\nmodels = ["euclid"]')
    answer = command_line("serve", folder, "-c", config, "--check")
    assert "rules do not cover 127.0.0.1:9: the router asks there first" in answer.err
