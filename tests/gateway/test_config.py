from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError, RouterEvalError, SpecError
from routereval.gateway.config import Config, VirtualModel, make_config, read_config
from routereval.gateway.upstream_config import UpstreamConfig

LOCAL = {"name": "llama", "base_url": "http://127.0.0.1:11434/v1"}

WHOLE = """
[server]
port = 9000

[limits]
in_flight = 10

[routing]
lam = 0.1

[failover]
attempts = 2
cooldown_s = 1

[virtual]
cheap = 2
coding = { lam = 0.2, models = ["big"] }

[[upstream]]
name = "big"
base_url = "https://api.example.com/v1"
model = "big-2026-01-01"
key_env = "EXAMPLE_KEY"
price_in = 2.5
price_out = 10
context = 128_000
capabilities = ["vision", "tools"]

[[upstream]]
name = "small"
base_url = "http://127.0.0.1:11434/v1"
"""


def test_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(WHOLE)
    config = read_config(file)
    assert (config.server.host, config.server.port) == ("127.0.0.1", 9000)
    assert config.limits.in_flight == 10
    assert config.failover.cooldown_s == 1.0
    assert [u.name for u in config.upstreams] == ["big", "small"]
    assert config.upstreams[0].capabilities == ("vision", "tools")
    assert config.upstreams[1].price_in == 0


def test_virtual_models(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(WHOLE)
    config = read_config(file)
    assert config.resolve("auto") == VirtualModel(0.1)
    assert config.resolve("auto:cheap") == VirtualModel(2.0)
    assert config.resolve("auto:coding") == VirtualModel(0.2, ("big",))
    assert config.resolve("auto:best") == VirtualModel(0.0)
    assert config.resolve("auto:lam=0.25") == VirtualModel(0.25)


@pytest.mark.parametrize(
    "name", ["", "big", "auto:", "auto:x", "auto:lam=", "auto:lam=-1", "auto:lam=nan", "autos"]
)
def test_what_is_no_virtual_model(name: str) -> None:
    assert Config(()).resolve(name) is None


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({}, "g.toml names no upstream; add an [[upstream]]"),
        ({"upstream": [{}]}, "g.toml: [[upstream]] 1: name is missing"),
        ({"upstream": [LOCAL, LOCAL]}, "[[upstream]] 2: the name 'llama' is taken"),
        ({"upstream": [{**LOCAL, "prise_in": 1}]}, "did you mean 'price_in'?"),
        ({"upstream": [{**LOCAL, "price_in": -1}]}, "price_in must be at least 0, not -1"),
        ({"upstream": [{**LOCAL, "price_in": float("nan")}]}, "price_in must be a number"),
        ({"upstream": [{**LOCAL, "concurrency": True}]}, "concurrency must be a whole number"),
        ({"upstream": [{**LOCAL, "capabilities": ["sight"]}]}, "unknown capability"),
        ({"upstream": [{**LOCAL, "capabilities": "tools"}]}, "must be a list of texts"),
        ({"upstream": [{**LOCAL, "base_url": "localhost"}]}, "base_url must be like https://"),
        ({"upstream": [{**LOCAL, "base_url": "http://[::1"}]}, "base_url must be like https://"),
        ({"upstream": [{**LOCAL, "name": "auto:x"}]}, "the name of a virtual model"),
        ({"upstream": [LOCAL], "sever": {}}, "unknown table in g.toml 'sever'; did you mean"),
        ({"upstream": [LOCAL], "server": 3}, "g.toml: [server] must be a table, not 3"),
        ({"upstream": [LOCAL], "virtual": {"x": {"models": ["lama"]}}}, "did you mean 'llama'?"),
        ({"upstream": [LOCAL], "virtual": {"x": "much"}}, "[virtual.x]: lam must be a number"),
    ],
)
def test_sentences(held: dict[str, Any], said: str) -> None:
    with pytest.raises(RouterEvalError) as caught:
        make_config(held, "g.toml")
    assert said in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"give the file with -c"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[server")
    with pytest.raises(DataError, match="is not TOML"):
        read_config(tmp_path / "bad.toml")


def test_keys_come_from_the_environment() -> None:
    config = Config(())
    upstream = UpstreamConfig("big", "http://x/v1", key_env="BIG_KEY")
    assert config.key_of(upstream, {"BIG_KEY": "secret"}) == "secret"
    assert config.key_of(UpstreamConfig("open", "http://x/v1"), {}) == ""
    with pytest.raises(DataError, match="BIG_KEY is not set; export it"):
        config.key_of(upstream, {})
    with pytest.raises(DataError, match="set it anew") as caught:
        config.key_of(upstream, {"BIG_KEY": "secret\r\nx: y"})
    assert "secret" not in str(caught.value)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
tables = st.dictionaries(st.sampled_from(["name", "base_url", "port", "lam", "x"]), scalars)


@given(
    st.dictionaries(
        st.sampled_from(["server", "limits", "routing", "failover", "virtual", "upstream"]),
        scalars | tables | st.lists(tables | st.just(LOCAL), max_size=3),
    )
)
def test_any_mapping_is_a_config_or_a_sentence(held: dict[str, Any]) -> None:
    try:
        assert make_config(held).upstreams
    except (DataError, SpecError) as error:
        assert "gateway.toml" in str(error)  # noqa: PT017 - either outcome is right
