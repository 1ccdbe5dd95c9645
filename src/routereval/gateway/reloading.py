"""A gateway whose configuration can be read anew while it serves."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable
from typing import Any

from routereval.errors import RouterEvalError
from routereval.gateway.build import Kept, create_app
from routereval.gateway.config import Config
from routereval.gateway.http.asgi import Receive, Scope, Send
from routereval.gateway.http.relay import Relay
from routereval.routers.trained import TrainedRouter

SWITCH_INTERVAL_S = 0.001
_LOOK_S = 0.05

log = logging.getLogger(__name__)

Load = Callable[[], tuple[TrainedRouter, Config]]


class ReloadingGateway:
    """An ASGI application that can be replaced by a new one, from one request to the next.

    Requests that are under way are answered by the application that began them, which is closed
    after the last of them.

    Args:
        load: reads router and configuration anew.
        trained: the first router.
        config: the first configuration.
        kept: what outlives a configuration.

    Raises:
        RouterEvalError: if they do not fit together.
    """

    def __init__(
        self, load: Load, trained: TrainedRouter, config: Config, kept: Kept | None = None
    ) -> None:
        self._load = load
        self._kept = kept or Kept()
        self._app = create_app(trained, config, kept=self._kept)
        self._open: Any = None
        self._closing: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self.draining = False

    @property
    def relay(self) -> Relay:
        """That of the present application."""
        relay: Relay = self._app.state.relay
        return relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the present application."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._app(scope, receive, send)

    def drain(self) -> None:
        """Tell clients that their connections will close."""
        self.draining = self.relay.draining = True

    async def reload(self) -> bool:
        """Read router and configuration anew; False if that fails, and all stays as it was."""
        async with self._one_at_a_time:
            try:
                app = await asyncio.to_thread(self._made)
                opened = app.router.lifespan_context(app)
                await opened.__aenter__()
            except RouterEvalError as error:
                log.error("the configuration is not read anew, all stays as it was: %s", error)
                return False
            app.state.relay.draining = self.draining
            old, self._app = self.relay, app
            task = asyncio.get_running_loop().create_task(_close_when_idle(old, self._open))
            self._open = opened
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        log.warning("the configuration was read anew")
        return True

    def _made(self) -> Any:  # noqa: ANN401 - an application of Starlette, which may be missing
        trained, config = self._load()
        return create_app(trained, config, kept=self._kept)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._open = self._app.router.lifespan_context(self._app)
            await self._open.__aenter__()
        except BaseException as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.gather(*self._closing)
        await self._open.__aexit__(None, None, None)
        await self._kept.state.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _close_when_idle(relay: Relay, opened: Any) -> None:  # noqa: ANN401 - a context
    while relay.in_flight:
        await asyncio.sleep(_LOOK_S)
    await opened.__aexit__(None, None, None)


def tune_memory() -> None:
    """Keep the collector from pausing requests.

    What is there now stays for good, so it is not looked at again; what a request makes, reference
    counts free. And a thread that computes gives way to the loop sooner than every 5 ms.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
