from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gateway.browser import CHROMIUM, page
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, Asked, Stub, event, rig

SAID = "The sum of two odd numbers is even: (2a+1) + (2b+1) = 2(a+b+1). <b>q.e.d.</b>"


async def tells(asked: Asked) -> None:
    await asked.events(*(event(word + " ") for word in SAID.split()), DONE, pause=0.005)


async def fails(asked: Asked) -> None:
    await asked.reply(422, {"error": {"message": "that is no question"}})


def ask(text: str) -> str:
    return (
        "(() => { const text = document.getElementById('text');"
        f"text.value = {text!r};"
        "document.getElementById('form').requestSubmit(); })()"
    )


def last(selector: str) -> str:
    return f"[...document.querySelectorAll({selector!r})].at(-1)?.textContent"


@in_loop
async def test_the_page_needs_nothing_from_elsewhere() -> None:
    async with rig() as at, at.session.get(at.url + "/") as answer:
        assert answer.status == 200
        text = await answer.text()
        assert "http://" not in text
        assert "https://" not in text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    async with rig(server={"page": False}) as at, at.session.get(at.url + "/") as answer:
        assert answer.status == 404


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@in_loop
async def test_the_page_shows_the_answer_who_gave_it_and_why(tmp_path: Path) -> None:
    async with rig(routing={"sticky_s": 0}) as at, page(at.url + "/", tmp_path / "profile") as tab:
        stubs: dict[str, Stub] = at.stubs
        stubs["euclid"].answer = tells
        await tab.until("document.getElementById('model')?.options.length > 5")
        await tab.value(ask("prove that the sum of two odd numbers is even"))
        why = await tab.until(last(".why b") + " && " + last(".why"))
        assert why.startswith("euclid · predicted score 0.9")
        assert await tab.value(last(".model p")) == SAID + " "
        await tab.value(ask("cite the case"))
        await tab.until(last(".why b") + " === 'portia'")
        assert len(stubs["portia"].asked[0].json["messages"]) == 3
        stubs["portia"].answer = fails
        await tab.value(ask("cite the statute"))
        assert await tab.until(last(".why.error")) == "that is no question"
        if folder := os.environ.get("ROUTEREVAL_PICTURES"):
            await tab.picture(Path(folder) / "page.png")
