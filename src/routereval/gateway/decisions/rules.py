"""Rules that stand before the router: which upstreams a request may go to at all.

Regular expressions are those of polars (Rust's `regex`): they take time in proportion to the text
and know no look-around and no back-references, so that no text can make one run for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from routereval.gateway.protocols import Headers
from routereval.gateway.rule_config import RuleConfig, base_model
from routereval.gateway.upstream_config import UpstreamConfig

TAGS_HEADER = b"x-routereval-tags"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Rules:
    """The rules of a gateway.

    Args:
        rules: of the configuration.
        upstreams: all of them.
    """

    def __init__(self, rules: Sequence[RuleConfig], upstreams: Iterable[UpstreamConfig]) -> None:
        self.rules = tuple(rules)
        upstreams = tuple(upstreams)
        self._permitted = {
            rule.name: frozenset(one.label for one in upstreams if _permits(rule, one))
            for rule in self.rules
        }
        self._reads_metadata = any(rule.metadata or rule.tags for rule in self.rules)
        self._reads_texts = any(rule.regex for rule in self.rules)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.rules)

    def matching(self, key: str, headers: Headers, body: bytes) -> tuple[str, ...]:
        """The names of the rules for a request.

        Args:
            key: the name of its key.
            headers: its own, names in small letters.
            body: JSON, as it goes upstream.
        """
        metadata = _metadata(body) if self._reads_metadata else {}
        tags = _tags(headers, metadata)
        texts = list(texts_of(body)) if self._reads_texts else []
        return tuple(
            rule.name
            for rule in self.rules
            if (not rule.keys or _any_like([key], rule.keys))
            and _have_headers(headers, rule.headers)
            and all(_any_like(_values(metadata.get(k)), [v]) for k, v in rule.metadata.items())
            and (not rule.tags or _any_like(tags, rule.tags))
            and (not rule.regex or _any_found(texts, rule.regex))
        )

    def permitted(self, names: Sequence[str]) -> frozenset[str] | None:
        """The labels of the upstreams that all of some rules permit; None for no rule."""
        if not names:
            return None
        return frozenset.intersection(*(self._permitted[name] for name in names))


def texts_of(body: bytes) -> Iterator[str]:
    r"""Every text in a JSON body, names of fields too, and what stands under a name twice.

    A text that is JSON itself, such as the arguments of a tool, may hold escapes of its own; where
    it does, it is given once more without them.

    >>> list(texts_of(b'{"a": ["x\\u00e9"], "a": {"b": 1}}'))
    ['a', 'xé', 'a', 'b']
    >>> list(texts_of(b'["M\\\\u00fcller"]'))
    ['M\\u00fcller', 'Müller']
    """
    for found in _STRING.finditer(body):
        text: str = json.loads(found[0])
        yield text
        if "\\u" in text:
            yield _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)


def _permits(rule: RuleConfig, upstream: UpstreamConfig) -> bool:
    tags = set(upstream.tags)
    return (
        (not rule.models or not {upstream.name, base_model(upstream.name)}.isdisjoint(rule.models))
        and tags.issuperset(rule.require)
        and tags.isdisjoint(rule.forbid)
    )


def _metadata(body: bytes) -> Mapping[str, Any]:
    held = json.loads(body)
    metadata = held.get("metadata") if isinstance(held, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _tags(headers: Headers, metadata: Mapping[str, Any]) -> list[str]:
    values = [value.decode("latin-1") for name, value in headers if name == TAGS_HEADER]
    values += _values(metadata.get("tags"))
    return [tag.strip() for value in values for tag in value.split(",")]


def _values(field: object) -> list[str]:
    """A field's values as texts: numbers and truths as JSON writes them."""
    if field is None:
        return []
    if isinstance(field, list):
        return [value for part in field for value in _values(part)]
    return [field if isinstance(field, str) else json.dumps(field)]


def _any_like(values: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)


def _have_headers(headers: Headers, wanted: Mapping[str, str]) -> bool:
    return all(
        any(
            name == key.lower().encode() and fnmatchcase(value.decode("latin-1"), pattern)
            for name, value in headers
        )
        for key, pattern in wanted.items()
    )


def _any_found(texts: Sequence[str], patterns: Sequence[str]) -> bool:
    import polars as pl

    whole = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    column = pl.Series(whole, dtype=pl.String)
    return any(column.str.contains(pattern).any() for pattern in patterns)
