"""What a running router chooses, written down as a file of choices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import polars as pl

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.routers import make_router
from routereval.routers.http_service import Http

_SCHEMES = ("http://", "https://")
_SPEC = "http("


def is_endpoint(choices: str | Path) -> bool:
    """Whether choices are to be asked of a service, and not read from a file.

    >>> is_endpoint("http://localhost:8000/v1"), is_endpoint("choices.csv")
    (True, False)
    """
    return isinstance(choices, str) and choices.startswith((*_SCHEMES, _SPEC))


def ask_choices(
    endpoint: str, records: Records, folder: Path, aliases: Mapping[str, str] | None = None
) -> Path:
    """Ask a service where every prompt goes, and write that down.

    The prompts leave this machine. A bare address gets no key.

    Args:
        endpoint: its address, up to ``/v1``; or a spec ``http(url=…, model=…, key_env=…)``.
        records: the prompts, and the models that it may choose.
        folder: where the file is written, with the service's host for its name.
        aliases: what the service calls a model, and what the records call it.

    Returns:
        A CSV of prompts and models, as `read_choices` reads it.

    Raises:
        DataError: if a prompt has no text, or the service does not answer, or chooses a model that
            the records do not hold.
    """
    texts = records.prompts["text"].to_list()
    if any(text is None for text in texts):
        raise DataError(f"{endpoint} is asked with texts, and {records.name} has prompts without")
    router = _router(endpoint, aliases or {})
    nothing = np.full((1, records.n_models), np.nan)
    router.fit([""], nothing, models=list(records.models))
    chosen = router.predict_scores(texts).argmax(axis=1)  # one model has 1, all others 0
    file = folder / f"{urlsplit(router.url).hostname}.csv"
    names = [records.models[column] for column in chosen.tolist()]
    pl.DataFrame({"prompt_id": records.prompts["prompt_id"], "model": names}).write_csv(file)
    return file


def _router(endpoint: str, aliases: Mapping[str, str]) -> Http:
    if not endpoint.startswith(_SPEC):
        made = make_router("http", url=endpoint, key_env="")
    else:
        made = make_router(endpoint)
    if not isinstance(made, Http):
        raise SpecError(f"{endpoint}: an endpoint is an address or http(url=…)")
    made.names = [*made.names, *(f"{theirs}={ours}" for theirs, ours in aliases.items())]
    return made
