"""One JSON request to a service of others: bounded, repeated where it is busy, never redirected."""

from __future__ import annotations

import http.client
import json
import math
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from routereval.errors import DataError, SpecError
from routereval.parameters import POSITIVE, SEED, Rule, Text, check_parameters

_MOST_BYTES = 256 * 2**20
_LONGEST_WAIT = 30.0
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class JsonService:
    """An HTTP service that is asked in JSON.

    The key is read from the environment when it is needed; it stands in no spec, result, log or
    error. Redirects are refused, since they would take it along.

    Attributes:
        owner: what errors call the one who asks.
        url: up to ``/v1``.
        path: what comes after, such as ``embeddings``.
        key_env: the variable of the environment that holds the key; if it is empty or not set, no
            key is sent.
        timeout: seconds for a request.
        retries: further attempts where the service is busy or does not answer.
    """

    owner: str
    url: str
    path: str
    key_env: str
    timeout: float
    retries: int

    def check(self) -> None:
        """Raise SpecError for a parameter that is out of its range."""
        parts = urlsplit(self.url) if isinstance(self.url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise SpecError(f"{self.owner}: url must be as 'https://host/v1', not {self.url!r}")
        if parts.username or parts.password or parts.query:
            raise SpecError(f"{self.owner}: url must hold no key or password; name it by key_env")
        rules: dict[str, Rule] = {"retries": SEED, "timeout": POSITIVE}
        if self.key_env != "":  # none: no key is sent
            rules["key_env"] = Text()
        check_parameters(self.owner, vars(self), rules)

    def ask(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """Post JSON, and read the JSON that comes back.

        Raises:
            DataError: if the service does not answer, refuses, or answers no JSON.
        """
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                return self._asked(body)
            except urllib.error.HTTPError as error:
                with error:
                    if last or error.code not in _AGAIN:
                        self._refused(error)
                    wait = _asked_to_wait(error.headers.get("Retry-After"))
            except (OSError, http.client.HTTPException) as error:
                if last:
                    reason = getattr(error, "reason", error)
                    what = _on_one_line(str(reason))
                    raise DataError(f"{self.where} does not answer: {what}") from None
                wait = None
            time.sleep(min(0.5 * 2**attempt if wait is None else wait, _LONGEST_WAIT))
        raise AssertionError  # the last attempt returns or raises

    def _asked(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        headers = {"Content-Type": "application/json", "User-Agent": "routereval"}
        if key := os.environ.get(self.key_env, "").strip():
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked
            f"{self.url.rstrip('/')}/{self.path}", json.dumps(body).encode(), headers
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as reply:
            held = reply.read(_MOST_BYTES + 1)
        if len(held) > _MOST_BYTES:
            raise DataError(f"{self.where} answered more than {_MOST_BYTES >> 20} MB")
        try:
            return json.loads(held)
        except (ValueError, RecursionError):
            raise DataError(f"{self.where} answered no JSON; is its url given up to /v1?") from None

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        answer = error.read(2000).decode("utf-8", "replace")
        key = os.environ.get(self.key_env, "").strip()
        answer = " ".join((answer.replace(key, "…") if key else answer).split())[:300]
        hint = ""
        if error.code in (401, 403):
            hint = f"; set the variable {self.key_env} to its key"
        if 300 <= error.code < 400:
            place = _on_one_line(error.headers.get("Location", "elsewhere"))
            hint = f" and sends to {place}; redirects are not followed, give the address itself"
        text = f": {answer}" if answer else ""
        raise DataError(f"{self.where} answered {error.code}{hint}{text}") from None

    @property
    def where(self) -> str:
        """How errors name the service."""
        return f"{self.owner}: {self.url}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other, and an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        return None


def _on_one_line(text: str) -> str:
    """What a service says, short and without control characters."""
    return ascii(" ".join(text.split()))[1:-1][:200]


def _asked_to_wait(header: str | None) -> float | None:
    """Seconds that a service asks to wait; None where it does not say, or says nonsense."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
