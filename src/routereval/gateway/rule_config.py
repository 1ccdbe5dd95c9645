"""``[[rule]]`` of a ``gateway.toml``: which requests may go to which upstreams only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from routereval.errors import DataError, unknown
from routereval.gateway.tables import Table, read_table

LONGEST_PATTERN = 1000
_CONDITIONS = ("keys", "headers", "metadata", "tags", "regex")
_EFFECTS = ("models", "require", "forbid")


class RuleConfig(Table, frozen=True):
    """Requests, and the upstreams that they may go to; nothing else moves a request elsewhere.

    A rule is for a request that all of its conditions hold for; without any, for every request.
    Of several rules for a request all hold.

    Attributes:
        name: what the log calls it.
        keys: names of API keys; ``*`` stands for any characters, here and in the next three.
        headers: the value that a header has, by its name.
        metadata: the value that a field of the body's ``metadata`` has.
        tags: one of these is among the tags of the request, which are those in its header
            ``x-routereval-tags`` and in ``metadata.tags``.
        regex: one of these is found in a text of the body, whichever it is.
        models: the only models that it may go to; one at several efforts is named once for all.
        require: tags that the upstream must have, each of them.
        forbid: tags that it must not have, none of them.
    """

    name: str
    keys: tuple[str, ...] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


def read_rules(
    held: object, where: str, models: Collection[str], tags: Collection[str]
) -> tuple[RuleConfig, ...]:
    """The rules of a file.

    Args:
        held: what stands under ``rule``.
        where: the file.
        models: those that have an upstream.
        tags: those that an upstream has.

    Raises:
        DataError: for a value that is missing or wrong, a name that is taken, a rule that does
            nothing, or a regular expression that cannot be used.
        SpecError: for a key, a model or a tag that is not known.
    """
    if not isinstance(held, Sequence) or isinstance(held, str):
        raise DataError(f"{where}: rules are tables [[rule]], not {held!r}")
    found: dict[str, RuleConfig] = {}
    for number, table in enumerate(held, 1):
        at = f"{where}: [[rule]] {number}"
        rule = read_table(RuleConfig, table, at)
        if not rule.name or not rule.name.isprintable() or rule.name in found:
            raise DataError(f"{at}: name must be printable text that no other rule has")
        _check_effects(rule, at, models, tags)
        for pattern in rule.regex:
            _check_pattern(pattern, at)
        _check_emptiness(rule, table, at)
        found[rule.name] = rule
    return tuple(found.values())


def base_model(arm: str) -> str:
    """The model of an arm.

    >>> base_model("o3 [effort=low]"), base_model("o3")
    ('o3', 'o3')
    """
    return arm.partition(" [effort=")[0]


def _check_effects(
    rule: RuleConfig, at: str, models: Collection[str], tags: Collection[str]
) -> None:
    if not any(getattr(rule, effect) for effect in _EFFECTS):
        raise DataError(f"{at} does nothing; give it one of {', '.join(_EFFECTS)}")
    known = sorted({*models, *map(base_model, models)})
    for model in rule.models:
        if model not in known:
            raise unknown(f"model in {at}", model, known)
    for tag in (*rule.require, *rule.forbid):
        if tag not in tags:
            raise unknown(f"tag of an upstream in {at}", tag, sorted(tags))


def _check_emptiness(rule: RuleConfig, table: Mapping[str, object], at: str) -> None:
    """A condition that is there but empty would make the rule one for every request."""
    for name in (*_CONDITIONS, *_EFFECTS):
        if name in table and not getattr(rule, name):
            raise DataError(f"{at}: {name} is empty; fill it, or leave it out")


def _check_pattern(pattern: str, at: str) -> None:
    import polars as pl  # its engine takes linear time, whatever the text

    if len(pattern) > LONGEST_PATTERN:
        raise DataError(
            f"{at}: a regex has at most {LONGEST_PATTERN} characters, not {len(pattern)}; "
            "give several"
        )
    try:
        matches_nothing = pl.Series([""]).str.contains(pattern).item()
    except pl.exceptions.PolarsError as error:
        why = " ".join(str(error).split("\n\nThis error")[0].split())
        raise DataError(f"{at}: {pattern!r} cannot be used: {why}") from None
    if matches_nothing:
        raise DataError(f"{at}: {pattern!r} matches every text; leave the regex out for that")
