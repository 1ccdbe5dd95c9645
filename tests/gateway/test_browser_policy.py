"""Pages in a browser: what they may ask of a gateway, and read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.gateway.access.keys import new_key
from routereval.gateway.access.sqlite_store import SqliteStore
from routereval.gateway.config import ServerConfig
from routereval.gateway.http.browser_policy import BrowserPolicy, Sender
from tests.gateway.loop import in_loop
from tests.gateway.stubs import rig

PROVE = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}
CHAT = "/v1/chat/completions"
PAGE = "https://chat.example"
EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        *[
            (host, True)
            for host in ("127.0.0.1:80", "localhost", "[::1]:8080", "[::1]", "10.0.0.7")
        ],
        *[(host, True) for host in ("gateway:8080", "a.localhost", "", "ai.example:443")],
        *[(host, False) for host in ("evil.example", "127.0.0.1.evil.example:8080", "a.b")],
    ],
)
def test_names_of_pages_are_no_names_of_the_gateway(host: str, known: bool) -> None:
    for method in ("GET", "POST"):
        policy = BrowserPolicy(ServerConfig(hosts=("AI.example",)), keyless=True)
        assert (policy.refusal(method, Sender(host)) is None) is known
        assert BrowserPolicy(ServerConfig(), keyless=False).refusal(method, Sender(host)) is None
        named = BrowserPolicy(ServerConfig(hosts=("ai.example",)), keyless=False)
        assert (named.refusal(method, Sender(host)) is None) is known


@pytest.mark.parametrize(
    ("sender", "may_post"),
    [
        (Sender("127.0.0.1:80"), True),
        (Sender("127.0.0.1:80", "http://127.0.0.1:80", "same-origin"), True),
        (Sender("127.0.0.1:80", PAGE, "cross-site"), True),
        (Sender("127.0.0.1:80", EVIL, "cross-site"), False),
        (Sender("127.0.0.1:80", "null", "cross-site"), False),
        (Sender("127.0.0.1:80", "http://127.0.0.1:81", "same-site"), False),
        (Sender("127.0.0.1:80", "", "cross-site"), False),
        (Sender("127.0.0.1:80", "", "none"), True),
    ],
)
def test_a_page_of_another_origin_may_not_post_without_a_key(
    sender: Sender, may_post: bool
) -> None:
    policy = BrowserPolicy(ServerConfig(origins=(PAGE,)), keyless=True)
    assert (policy.refusal("POST", sender) is None) is may_post
    assert policy.refusal("GET", sender) is None  # it cannot read the answer
    assert BrowserPolicy(ServerConfig(), keyless=False).refusal("POST", sender) is None


@pytest.mark.parametrize("origin", ["chat.example", "https://chat.example/", "://x", ""])
def test_origins_that_are_none(origin: str) -> None:
    with pytest.raises(DataError, match="origins must be like"):
        BrowserPolicy(ServerConfig(origins=(origin,)), keyless=False)


def test_all_pages_may_ask_only_where_there_are_keys() -> None:
    with pytest.raises(DataError, match="lets every page spend"):
        BrowserPolicy(ServerConfig(origins=("*",)), keyless=True)
    assert BrowserPolicy(ServerConfig(origins=("*",)), keyless=False).allows(EVIL)


@in_loop
async def test_attacks_of_pages_on_a_gateway_without_keys() -> None:
    async with rig() as at:
        status, headers, body = await at.post(CHAT, PROVE, origin=EVIL, content_type="text/plain")
        assert (status, body["error"]["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in headers
        for path in ("/", "/metrics", "/v1/models"):
            async with at.session.get(at.url + path, headers={"host": "evil.example"}) as answer:
                assert answer.status == 403
                assert (await answer.json())["error"]["code"] == "host_not_allowed"
        async with at.session.get(at.url + "/v1/models/", allow_redirects=False) as answer:
            assert answer.status == 404
        assert at.relay.in_flight == 0
        assert not at.stubs["euclid"].asked
        assert (await at.post(CHAT, PROVE, origin=at.url))[0] == 200  # its own page


@in_loop
async def test_pages_that_are_let_in(tmp_path: Path) -> None:
    secret, key = new_key("page")
    store = SqliteStore(tmp_path / "keys", create=True)
    await store.add(key)
    await store.close()
    asks = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    async with rig(server={"origins": [PAGE]}, access={"keys": str(tmp_path / "keys")}) as at:
        async with at.session.options(at.url + CHAT, headers=asks) as answer:
            assert answer.status == 204
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
        async with at.session.options(at.url + CHAT, headers={**asks, "origin": EVIL}) as answer:
            assert answer.status == 405
        bearer = {"authorization": f"Bearer {secret}"}
        for path in (CHAT, "/v1/route"):
            status, headers, _ = await at.post(path, PROVE, origin=PAGE, **bearer)
            assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
            assert "x-routereval-model" in headers["access-control-expose-headers"]
            status, headers, _ = await at.post(path, PROVE, origin=PAGE)
            assert (status, headers["access-control-allow-origin"]) == (401, PAGE)
            status, headers, _ = await at.post(path, PROVE, origin=EVIL, **bearer)
            assert status == 200  # no browser: it has the key
            assert "access-control-allow-origin" not in headers
