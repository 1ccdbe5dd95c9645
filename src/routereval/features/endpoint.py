"""Vectors of an OpenAI-compatible service, over the wire."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

import numpy as np

from routereval.errors import DataError, SpecError
from routereval.features.base import Outside, Vectors, whole
from routereval.features.encoder import checked

_MOST_BYTES = 256 * 2**20
_LONGEST_WAIT = 30.0
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}


class OpenAi(Outside):
    """Any service that answers ``POST …/embeddings`` as OpenAI's does: hosted, vLLM, Ollama, ….

    The prompts leave this machine. The key is read from the environment when it is needed; it
    stands in no spec, result, log or error. Redirects are refused, since they would take it along.

    Args:
        url: up to ``/v1``.
        model: as the service calls it.
        key_env: the variable of the environment that holds the key; without it none is sent.
        batch: texts a request.
        max_chars: what is sent of a text; services refuse texts beyond their context.
        timeout: seconds for a request.
        retries: further attempts where the service is busy or does not answer.
    """

    def __init__(
        self,
        url: str = "https://api.openai.com/v1",
        model: str = "text-embedding-3-small",
        key_env: str = "OPENAI_API_KEY",
        *,
        batch: int = 128,
        max_chars: int = 16_000,
        timeout: float = 30.0,
        retries: int = 4,
    ) -> None:
        self.url = url
        self.model = model
        self.key_env = key_env
        self.batch = batch
        self.max_chars = max_chars
        self.timeout = timeout
        self.retries = retries

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d), as the service gives them.

        Raises:
            DataError: if the service does not answer, refuses, or answers something else.
        """
        self.check()
        # A service refuses an empty text.
        sent = [text[: self.max_chars].encode("utf-8", "replace").decode() or " " for text in texts]
        blocks = [
            self._embedded(sent[start : start + self.batch])
            for start in range(0, len(sent), self.batch)
        ]
        if len({block.shape[1] for block in blocks}) > 1:
            raise DataError(f"{self._where()} gave vectors of different lengths")
        return np.concatenate(blocks)

    def check(self) -> None:
        """Raise SpecError for a parameter that is out of its range."""
        parts = urlsplit(self.url) if isinstance(self.url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise SpecError(f"openai: url must be as 'https://host/v1', not {self.url!r}")
        if parts.username or parts.password or parts.query:
            raise SpecError("openai: url must hold no key or password; name it by key_env")
        for name in ("model", "key_env"):
            if not isinstance(getattr(self, name), str):
                raise SpecError(f"openai: {name} must be text, not {getattr(self, name)!r}")
        for name, least in (("batch", 1), ("max_chars", 1), ("retries", 0)):
            whole("openai", name, getattr(self, name), least)
        if not (isinstance(self.timeout, (int, float)) and 0 < self.timeout < np.inf):
            raise SpecError(f"openai: timeout must be seconds above 0, not {self.timeout!r}")

    def _embedded(self, texts: list[str]) -> Vectors:
        answer = self._answer({"model": self.model, "input": texts, "encoding_format": "float"})
        try:
            rows = sorted(answer["data"], key=lambda row: int(row["index"]))
            if [int(row["index"]) for row in rows] != list(range(len(texts))):
                raise ValueError
            vectors = [row["embedding"] for row in rows]
        except (KeyError, TypeError, ValueError):
            raise DataError(
                f"{self._where()} gave no list of {len(texts)} embeddings; is it an "
                "OpenAI-compatible service, and is its url given up to /v1?"
            ) from None
        return checked(vectors, len(texts), self._where())

    def _answer(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
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
                    raise DataError(f"{self._where()} does not answer: {reason}") from None
                wait = None
            time.sleep(min(0.5 * 2**attempt if wait is None else wait, _LONGEST_WAIT))
        raise AssertionError  # the last attempt returns or raises

    def _asked(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        headers = {"Content-Type": "application/json", "User-Agent": "routereval"}
        if key := os.environ.get(self.key_env, "").strip():
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked
            f"{self.url.rstrip('/')}/embeddings", json.dumps(body).encode(), headers
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as reply:
            held = reply.read(_MOST_BYTES + 1)
        if len(held) > _MOST_BYTES:
            raise DataError(f"{self._where()} answered more than {_MOST_BYTES >> 20} MB")
        try:
            return json.loads(held)
        except (ValueError, RecursionError):
            raise DataError(
                f"{self._where()} answered no JSON; is its url given up to /v1?"
            ) from None

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        said = error.read(2000).decode("utf-8", "replace")
        key = os.environ.get(self.key_env, "").strip()
        said = " ".join((said.replace(key, "…") if key else said).split())[:300]
        hint = ""
        if error.code in (401, 403):
            hint = f"; set the variable {self.key_env} to its key"
        raise DataError(f"{self._where()} answered {error.code}{hint}: {said}") from None

    def _where(self) -> str:
        return f"openai: {self.url}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other, and an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        return None


def _asked_to_wait(header: str | None) -> float | None:
    """Seconds that a service asks to wait; None where it does not say, or says nonsense."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < np.inf else None
