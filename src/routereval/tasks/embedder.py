"""Which embedder a spec means for records."""

from __future__ import annotations

from collections.abc import Iterator

from routereval.errors import DataError, SpecError
from routereval.features import EMBEDDERS, embedder_name, make_embedder
from routereval.records import Records
from routereval.spec import Spec, combinations, parse_spec

AUTO = "auto"
_PARAMETERS = {AUTO: (), "stored": ("name",), "columns": ()}


def each_embedder(embedder: object) -> Iterator[object]:
    """The embedders that one stands for: itself, or one of each value that its lists give.

    Raises:
        SpecError: if there is no such embedder.

    >>> [str(one) for one in each_embedder("tfidf(dims=[64, 256])")]
    ['tfidf(dims=64)', 'tfidf(dims=256)']
    """
    if not isinstance(embedder, (str, Spec)):
        yield embedder
        return
    spec = parse_spec(embedder)
    if spec.name in _PARAMETERS:
        varied = [key for key, value in spec.params if isinstance(value, tuple)]
    else:
        varied = EMBEDDERS.swept(spec.name, spec.kwargs)
    for one, _ in combinations(spec, varied):
        yield str(one)


def resolve_embedder(records: Records, embedder: object) -> str:
    """The embedder that a spec means for these records, spelled out; an object is given a name.

    Raises:
        DataError: if it asks for what the records do not hold.
        SpecError: if there is no such embedder, or it has no such parameter.
    """
    spec = parse_spec(embedder_name(embedder))
    _refuse_parameters(spec)
    if spec.name == AUTO:
        if records.features:
            return _stored(next(iter(records.features)))
        return "tfidf" if records.has_text else "columns"
    if spec.name == "stored":
        name = str(spec.kwargs.get("name", next(iter(records.features), "")))
        if name not in records.features:
            held = ", ".join(records.features) or "none; tfidf makes some of texts"
            called = f" {name!r}" if name else ""
            raise DataError(f"{records.name}: no stored features{called}; the records hold: {held}")
        return _stored(name)
    if spec.name != "columns":
        make_embedder(spec)  # a name or a parameter that is not known is refused now
        if not records.has_text:
            raise DataError(f"{records.name}: {spec} reads texts, and these records hold none")
    return str(spec)


def _refuse_parameters(spec: Spec) -> None:
    """Raise for a parameter of one of the embedders that stand here."""
    known = _PARAMETERS.get(spec.name)
    for name in spec.kwargs:
        if known is not None and name not in known:
            raise SpecError(f"embedder {spec.name!r} has no parameter {name!r}; leave it out")


def _stored(name: str) -> str:
    return str(Spec("stored", (("name", name),)))
