"""A running service as a router: it is asked, by HTTP, where each prompt goes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np

from routereval.errors import DataError, SpecError
from routereval.features.http_json import JsonService
from routereval.parameters import COUNT, Flag, ListOf, Text
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.policy import one_hot

_LONGEST_NAME = 80
_MOST_NAMES = 10


class Http(Router):
    """Asks an OpenAI-compatible router which model it would choose: 1 for that one, 0 for others.

    Each prompt is posted to ``chat/completions``, for one token of answer, and the ``model`` of the
    response is read. The prompts leave this machine, and the service may charge for the answers.
    Equal prompts are asked once a call. Nothing is learned, so training prompts are not sent.

    Args:
        url: of the service, up to ``/v1``.
        model: what is asked for, the name by which the service knows its router.
        models: the pool's models, one name per column, where `fit` does not get them.
        names: pairs ``"theirs=ours"`` where the service calls a model of the pool something else;
            capitals, and an owner before a slash, make no difference anyway.
        send_pool: also send the pool as ``models``, for a service that takes a list of candidates.
        key_env: the variable of the environment that holds the key; without it none is sent.
        concurrency: requests at a time.
        timeout: seconds for a request.
        retries: further attempts where the service is busy or does not answer.

    Attributes:
        models_: the pool's models, one name per column.

    >>> Http(url="http://localhost:8000/v1", model="auto")
    Http(url='http://localhost:8000/v1')
    """

    allowed = {
        "model": Text(),
        "models": ListOf(Text()),
        "names": ListOf(Text()),
        "send_pool": Flag(),
        "concurrency": COUNT,
    }
    reads: ClassVar[Reads] = "texts"
    network: ClassVar[bool] = True
    uses_models: ClassVar[bool] = True

    def __init__(
        self,
        *,
        url: str,
        model: str = "auto",
        models: Sequence[str] = (),
        names: Sequence[str] = (),
        send_pool: bool = False,
        key_env: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 60.0,
        retries: int = 4,
    ) -> None:
        self.url = url
        self.model = model
        self.models = models
        self.names = names
        self.send_pool = send_pool
        self.key_env = key_env
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = retries

    def _fit(self, data: Training) -> None:
        """Note the pool; the service is not asked."""
        names = tuple(self.models if data.models is None else data.models)
        if len(names) != self.n_models_:
            raise DataError(
                f"http: {len(names)} names for a pool of {self.n_models_}; give the models' names: "
                "http(url=…, models=[…])"
            )
        self.models_ = names

    def _predict(self, X: list[str]) -> Scores:
        """1 for the model that was chosen, else 0."""
        columns = self._columns()
        texts = list(dict.fromkeys(str(text) for text in X))
        with ThreadPoolExecutor(self.concurrency) as threads:
            asked = [threads.submit(self._chosen, text, columns) for text in texts]
            try:
                chosen = {text: one.result() for text, one in zip(texts, asked, strict=True)}
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)  # what waits would fail as well
                raise
        rows = np.array([chosen[str(text)] for text in X], dtype=np.int64)
        return one_hot(rows, self.n_models_)

    def _distribution(self, X: list[str], scores: Scores) -> Scores:
        """All probability on the model that was chosen."""
        return scores

    def _chosen(self, text: str, columns: dict[str, int]) -> int:
        sent = text.encode("utf-8", "replace").decode()  # a lone surrogate is no UTF-8
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": sent}],
            "max_tokens": 1,
            "stream": False,
        }
        if self.send_pool:
            body["models"] = list(self.models_)
        answer = self._service().ask(body)
        name = answer.get("model") if isinstance(answer, dict) else None
        if not isinstance(name, str):
            raise DataError(f"{self._service().where} does not say which model it chose")
        for spelt in (name, _plain(name), _bare(name)):
            if columns.get(spelt, -1) >= 0:
                return columns[spelt]
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
        pool = ", ".join(self.models_[:_MOST_NAMES])
        more = len(self.models_) - _MOST_NAMES
        raise DataError(
            f"{self._service().where} chose {shown!r}, which is not in the pool of "
            f"{pool}{f' and {more} more' if more > 0 else ''}; if it is one of them, add "
            f"names=[{f'{shown}=…'!r}]"
        )

    def _columns(self) -> dict[str, int]:
        """Columns by every spelling that means one model only; -1 where it means several."""
        columns: dict[str, int] = {}
        for spell in (_bare, _plain, str):  # the more exact ones last, as they win
            spelt = [spell(model) for model in self.models_]
            for column, name in enumerate(spelt):
                columns[name] = column if spelt.count(name) == 1 else -1
        for pair in self.names:
            theirs, _, ours = pair.partition("=")
            if ours not in self.models_:
                continue  # a list of names may serve many pools
            columns[theirs.strip()] = self.models_.index(ours)
        return columns

    def _service(self) -> JsonService:
        return JsonService(
            "http", self.url, "chat/completions", self.key_env, self.timeout, self.retries
        )

    def _check_together(self) -> None:
        self._service().check()
        for pair in self.names:
            if "=" not in pair:
                raise SpecError(f"http: names must be pairs 'theirs=ours', not {pair!r}")


def _plain(name: str) -> str:
    return name.casefold()


def _bare(name: str) -> str:
    """A name without its owner."""
    return name.casefold().rpartition("/")[2]
