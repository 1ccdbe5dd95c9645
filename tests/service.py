"""A service over HTTP that a test itself is, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Answer = tuple[int, dict[str, str], object]
"""Status, headers, and what is sent: bytes as they are, else JSON. With status 0 it hangs up."""
Step = Callable[[Body], Answer]


class Service:
    """Answers with what a test puts into `script`, and as usual when that is used up.

    Args:
        usual: the usual answer to a body.

    Attributes:
        asked: path, headers and body of each request.
        most: how many requests there were at a time.
    """

    def __init__(self, usual: Step) -> None:
        self.script: list[Step] = []
        self.asked: list[tuple[str, dict[str, str], Body]] = []
        self.most = 0
        self._usual = usual
        self._now = 0
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, held = service._answer(self.path, dict(self.headers), body)
                if status == 0:
                    self.connection.close()
                    return
                payload = held if isinstance(held, bytes) else json.dumps(held).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def _answer(self, path: str, headers: dict[str, str], body: Body) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.asked.append((path, headers, body))
            step = self.script.pop(0) if self.script else self._usual
        try:
            return step(body)
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def running(usual: Step) -> Iterator[Service]:
    """A service that runs meanwhile."""
    made = Service(usual)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()
