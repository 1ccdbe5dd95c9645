"""A headless Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command and wait for its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = json.loads(await self._socket.receive_str())
            if message.get("id") == self._number:
                assert "error" not in message, message
                held: dict[str, Any] = message["result"]
                return held

    async def value(self, script: str) -> Any:  # noqa: ANN401 - of any type
        """The value of an expression."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script: str) -> Any:  # noqa: ANN401 - of any type
        """The value of an expression once it is true."""
        for _ in range(400):
            if value := await self.value(script):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"never true: {script}")

    async def picture(self, file: Path) -> None:
        """Save what is seen."""
        shot = await self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))


@contextlib.asynccontextmanager
async def page(url: str, folder: Path) -> AsyncIterator[Page]:
    """A tab that shows a URL."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    flags += [f"--user-data-dir={folder}", "--no-first-run", "--window-size=900,700"]
    quiet = asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        CHROMIUM, *flags, "about:blank", stdout=quiet, stderr=quiet
    )
    try:
        port_file = folder / "DevToolsActivePort"
        while not (port_file.exists() and "\n" in port_file.read_text()):
            await asyncio.sleep(0.05)
        port = port_file.read_text().split("\n")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                tabs = await answer.json()
            tab = next(tab for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                made = Page(socket)
                await made.call("Page.navigate", url=url)
                yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.wait()
