"""Vectors of an OpenAI-compatible service."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routereval.errors import DataError
from routereval.features.base import Pretrained, Vectors
from routereval.features.encoder import checked
from routereval.features.http_json import JsonService
from routereval.parameters import COUNT, Text


class OpenAi(Pretrained):
    """Any service that answers ``POST …/embeddings`` as OpenAI's does: hosted, vLLM, Ollama, ….

    The prompts leave this machine. The key is read from the environment when it is needed; it
    stands in no spec, result, log or error. Redirects are refused, since they would take it along.

    Args:
        url: up to ``/v1``.
        model: as the service calls it.
        key_env: the variable of the environment that holds the key; without it none is sent.
        batch: texts per request.
        max_chars: what is sent of a text; services refuse texts beyond their context.
        timeout: seconds for a request.
        retries: further attempts where the service is busy or does not answer.
    """

    network = True
    allowed = {"model": Text(), "batch": COUNT, "max_chars": COUNT}

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
        super().check()
        self._service().check()

    def _embedded(self, texts: list[str]) -> Vectors:
        answer = self._service().ask(
            {"model": self.model, "input": texts, "encoding_format": "float"}
        )
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

    def _service(self) -> JsonService:
        return JsonService(
            "openai", self.url, "embeddings", self.key_env, self.timeout, self.retries
        )

    def _where(self) -> str:
        return self._service().where
