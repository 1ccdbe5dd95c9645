"""A worker that is killed has lost less than a second of what was spent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from routereval.gateway.access.authenticator import DAY_S
from routereval.gateway.access.keys import NANO, new_key
from routereval.gateway.access.limits import LOST_S
from routereval.gateway.access.store import open_store

WORKER = """
import asyncio, sys, time
from routereval.gateway.access.authenticator import KeyAuthenticator
from routereval.gateway.protocols import NOTHING
from routereval.gateway.access.store import open_store

async def main():
    authenticator, paid = KeyAuthenticator(open_store(sys.argv[1])), 0
    await authenticator.open()
    while True:
        authorization = await authenticator.authorize(sys.argv[2], "auto", time.time())
        await authorization.reserve(0.0002)
        await asyncio.sleep(0.001)
        authorization.settle(NOTHING, 0.0001)
        paid += 100_000
        print(time.time(), paid, flush=True)

asyncio.run(main())
"""


async def spent(path: Path, secret: str) -> tuple[int, int]:
    """What was spent over the days, and what is left."""
    store = open_store(str(path))
    days = range(int(time.time() // DAY_S) - 1, int(time.time() // DAY_S) + 1)
    found = sum([(await store.listed(day))[0][1] for day in days])
    later = time.time() + 2 * LOST_S
    account, left = ("alice", int(time.time() // DAY_S)), 0
    for least in (5 * NANO - found, 1):  # all that should be left, and whatever is beyond
        left += await store.take_money(account, "new", 5 * NANO, least, 9 * NANO, later)
    await store.close()
    return found, left


@pytest.mark.slow
def test_sigkill_loses_less_than_a_second(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    secret, key = new_key("alice", usd_per_day=5.0)

    async def keep() -> None:
        store = open_store(str(path), create=True)
        await store.add(key)
        await store.close()

    asyncio.run(keep())
    command = [sys.executable, "-c", WORKER, str(path), secret]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own interpreter
        assert process.stdout is not None
        lines, begin = [], 0.0
        for line in process.stdout:
            begin = begin or time.monotonic()
            lines.append(line.split())
            if time.monotonic() - begin > 0.8:
                break
        process.kill()
        lines += [line.split() for line in process.stdout if line.count(" ") == 1]
    told = [(float(when), int(paid)) for when, paid in lines]
    booked, left = asyncio.run(spent(path, secret))
    killed = told[-1][0]
    assert booked >= max((paid for when, paid in told if when < killed - 0.7), default=0)
    assert 0 < booked <= told[-1][1] + 100_000
    assert left == 5 * NANO - booked  # what it held is free again
