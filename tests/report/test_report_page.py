"""The page of a report in a browser: its own program runs, and nothing that it shows does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import routereval as rv
from routereval.studies.run import run
from tests.report.test_report import ROUTERS, hostile_records

pytest.importorskip("aiohttp")

from tests.gateway.browser import CHROMIUM, page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]

WATCH = """
window.failed = [];
addEventListener('error', event => failed.push(event.message));
window.alert = () => { window.alerted = true; };
"""
PRICED = """
(() => {
  const price = shares.querySelector('input');
  price.value = 500;
  price.dispatchEvent(new Event('change'));
})()
"""
SEARCH = """
(() => {{
  const field = document.querySelector('{} input');
  field.value = '{}';
  field.dispatchEvent(new Event('input'));
}})()
"""
HARM = "typeof alerted !== 'undefined' || document.querySelector('main img, main script') !== null"
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


async def what_the_page_does(file: Path, folder: Path) -> None:
    async with page("about:blank", folder) as tab:
        await tab.call("Page.enable")
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        await tab.call("Page.navigate", url=file.as_uri())
        await tab.until("document.documentElement?.dataset.ready === 'true'")
        for width in (360, 800, 1400):
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            await tab.call("Emulation.setDeviceMetricsOverride", **size)
            assert await tab.value(TOO_WIDE) <= 0, width

        moved = "slider.value = {}; slider.dispatchEvent(new Event('input')); point.textContent"
        cheap, dear = [await tab.value(moved.format(at)) for at in (0, 99)]
        assert cheap != dear
        await tab.value(PRICED)
        assert await tab.value("point.textContent") != dear

        rows = (
            "[...document.querySelectorAll('#grid tbody tr')].map(row => row.cells[2].textContent)"
        )
        await tab.value("document.querySelectorAll('#grid thead button')[2].click()")
        falling = await tab.value(rows)
        await tab.value("document.querySelectorAll('#grid thead button')[2].click()")
        assert sorted(falling) == sorted(await tab.value(rows))
        await tab.value(SEARCH.format("#grid-filters", "knn"))
        assert len(await tab.value(rows)) == 1

        shown = "document.querySelectorAll('#prompt-list .prompt-card').length"
        assert await tab.value(shown) > 1
        await tab.value(SEARCH.format("#prompt-filters", "nothing like this"))
        assert await tab.value(shown) == 0
        await tab.value(SEARCH.format("#prompt-filters", "alert(1)"))
        assert await tab.value(shown) > 1
        first = await tab.value("document.querySelector('.prompt-card pre').textContent")
        assert first.startswith("<script>")

        colour = "getComputedStyle(document.body).backgroundColor"
        light = await tab.value(colour)
        await tab.value("theme.value = 'dark'; theme.dispatchEvent(new Event('change'))")
        assert await tab.value(colour) != light
        await tab.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert await tab.value("failed") == []
        assert not await tab.value(HARM)
        assert await tab.value("performance.getEntriesByType('resource').length") == 0


def test_the_page_works_in_a_browser_and_does_no_harm(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run([hostile_records()], ROUTERS, [3], ["all-strong"], out=out, n_boot=50, n_jobs=1)
    file = rv.report(out, tmp_path / "report.html")
    asyncio.run(asyncio.wait_for(what_the_page_does(file, tmp_path / "browser"), 120))
