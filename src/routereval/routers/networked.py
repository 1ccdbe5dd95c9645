"""What of a saved router would send prompts away, and whether it may.

A file may hold an embedder or a router that asks a service: with the address and the environment
variable that whoever made the file chose. None of them is used before its host is allowed by name,
together with the variable whose value that host gets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from routereval.errors import DataError, SpecError

_PORT = re.compile(":[0-9]+$")


class Contact(NamedTuple):
    """A part that asks a service.

    Attributes:
        part: its class, such as ``OpenAi``.
        url: where it asks.
        host: the name in it, with a port where it names one; empty if it is no address.
        key_env: the environment variable whose value it would send as a key; empty for none.
    """

    part: str
    url: str
    host: str
    key_env: str


def allowed_hosts(allow_network: Sequence[str]) -> dict[str, str]:
    """The variable that holds the key, by host.

    Args:
        allow_network: ``HOST`` or ``HOST=VARIABLE``, with a port where one is meant.

    Raises:
        SpecError: if one is of another form.

    >>> allowed_hosts(["api.openai.com=OPENAI_API_KEY", "localhost:11434"])
    {'api.openai.com': 'OPENAI_API_KEY', 'localhost:11434': ''}
    """
    found = {}
    for text in allow_network:
        host, sign, variable = (part.strip() for part in text.partition("="))
        if not host or "/" in host or "@" in host or (sign and not variable):
            raise SpecError(
                f"a host that may be asked is named as HOST or HOST=VARIABLE, not {text!r}"
            )
        found[host.lower()] = variable
    return found


def contacts(thing: object) -> list[Contact]:
    """What of an object, however deep, asks a service."""
    return [_contact(part) for part in _parts(thing)]


def permit(thing: object, where: str | Path, allowed: Mapping[str, str]) -> None:
    """See that all hosts which an object would ask are allowed, and give it their variables.

    Args:
        thing: what a file held.
        where: the file.
        allowed: see `allowed_hosts`.

    Raises:
        DataError: naming the first host that is not allowed, and how to allow it.
    """
    for part in _parts(thing):
        found = _contact(part)
        variable = allowed.get(found.host, allowed.get(_PORT.sub("", found.host)))
        if not found.host:
            raise DataError(
                f"{where} holds {found.part}, whose url {found.url!r:.80} is no address"
            )
        if variable is None:
            key = f" with the value of {found.key_env!r:.60} as the key" if found.key_env else ""
            raise DataError(
                f"{where} holds {found.part}, which sends each prompt to {found.host}{key}. If you "
                f"trust that, name the host and the variable of its key: --allow-network "
                f"{found.host}=VARIABLE, allow_network in gateway.toml's [routing], or "
                "load_router(allow_network=[…]); without =VARIABLE no key is sent"
            )
        part.key_env = variable


def _contact(part: Any) -> Contact:  # noqa: ANN401 - any class that declares itself networked
    url, key_env = getattr(part, "url", ""), getattr(part, "key_env", "")
    return Contact(
        type(part).__name__,
        url if isinstance(url, str) else repr(url)[:80],
        _host(url),
        key_env if isinstance(key_env, str) else repr(key_env)[:80],
    )


def _host(url: object) -> str:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, port = parts.hostname, parts.port
    except ValueError:  # a bracket that is not closed, a port that is no number
        return ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def _parts(thing: object) -> Iterator[Any]:
    """The objects reachable from one whose class says that it asks a service."""
    waiting, seen = [thing], {}
    while waiting:
        value: Any = waiting.pop()
        if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
            continue
        seen[id(value)] = value  # kept, so that no other gets its number
        if getattr(type(value), "network", False):
            yield value
        if isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += value
        elif isinstance(value, np.ndarray):
            waiting += value.ravel().tolist() if value.dtype == object else ()
        waiting += vars(value).values() if hasattr(value, "__dict__") else ()
        slots = [getattr(value, name, None) for name in getattr(type(value), "__slots__", ())]
        waiting += slots
