"""What an embedder is, and the ones that can be named."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any, Protocol, Self

from routereval.errors import SpecError, unknown
from routereval.features.base import TextEmbedder, Vectors
from routereval.features.concat import Concat
from routereval.features.encoder import Encoder
from routereval.features.endpoint import OpenAi
from routereval.features.hashing import Hashing
from routereval.features.hidden import Hidden
from routereval.features.sentences import SentenceTransformers
from routereval.features.static import Model2Vec
from routereval.features.stats import Stats
from routereval.features.tfidf import Tfidf
from routereval.spec import Spec, parse_spec


class Embedder(Protocol):
    """Turns texts into vectors; it may learn from the training texts first."""

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from the training texts."""

    def transform(self, texts: Sequence[str]) -> Vectors:
        """One vector a text."""


GROUP = "routereval.embedders"
_ELSEWHERE = ("auto", "stored", "columns", "encoder")  # names that mean something already

EMBEDDERS: dict[str, type[TextEmbedder]] = {
    "tfidf": Tfidf,
    "hashing": Hashing,
    "stats": Stats,
    "concat": Concat,
    "model2vec": Model2Vec,
    "sentence_transformers": SentenceTransformers,
    "hidden": Hidden,
    "openai": OpenAi,
}


def register_embedder(name: str, embedder: type[TextEmbedder]) -> None:
    """Add an embedder under a name, for this process.

    Packages do the same for good with an entry point in the group ``routereval.embedders``.

    Args:
        name: as it will be written in a spec.
        embedder: a subclass of `TextEmbedder`.

    Raises:
        SpecError: if the name is taken, or the class is no embedder.
    """
    if name in EMBEDDERS or name in _ELSEWHERE:
        raise SpecError(f"embedder {name!r} is there already; choose another name")
    EMBEDDERS[name] = _checked(embedder, name)


def make_embedder(spec: object) -> TextEmbedder:
    """The embedder of a spec such as ``tfidf(dims=64)``, or of an object with a method ``encode``.

    Args:
        spec: a spec, an embedder (which is cloned, so not fitted), or an object with ``encode``.

    Returns:
        The embedder, not fitted.

    Raises:
        SpecError: if no embedder has that name, or it has no such parameter, or the object has no
            method ``encode``.

    >>> make_embedder("tfidf(dims=2)").fit(["one", "two", "three"]).transform(["two one"]).shape
    (1, 2)
    """
    if isinstance(spec, TextEmbedder):
        made: TextEmbedder = type(spec)(**spec.get_params(deep=False))
        return made
    if isinstance(spec, (str, Spec)):
        return _named(parse_spec(spec))
    if callable(getattr(spec, "encode", None)) and not isinstance(spec, type):
        return Encoder(spec)
    raise SpecError(
        f"{type(spec).__name__} is no embedder; give a name such as tfidf, or an object with "
        "a method encode(texts)"
    )


def embedder_name(spec: object) -> str:
    """The text of a spec, or the one that an embedder or an object is known by.

    >>> embedder_name("tfidf( dims = 2)"), embedder_name(Tfidf(dims=2)), embedder_name(Tfidf())
    ('tfidf(dims=2)', 'tfidf(dims=2)', 'tfidf')
    """
    if isinstance(spec, (str, Spec)):
        return str(parse_spec(spec))
    embedder = make_embedder(spec)
    if isinstance(embedder, Encoder):
        return embedder.name()
    given = embedder.get_params(deep=False)
    if isinstance(embedder, Concat):
        given["parts"] = tuple(_short(embedder_name(part)) for part in embedder.parts)
    names = {kind: name for name, kind in EMBEDDERS.items()}
    name = names.get(type(embedder), type(embedder).__name__)
    defaults = {k: p.default for k, p in inspect.signature(type(embedder)).parameters.items()}
    return str(Spec(name, tuple((k, v) for k, v in given.items() if v != defaults[k])))


def _named(spec: Spec) -> TextEmbedder:
    embedder = _class(spec.name)
    known = list(inspect.signature(embedder).parameters)
    for name in spec.kwargs:
        if name not in known:
            raise unknown(f"parameter of {spec.name}", name, known)
    made: TextEmbedder = embedder(**{name: _plain(value) for name, value in spec.kwargs.items()})
    if isinstance(made, Concat):
        made.made()  # a part that is not known is told now
    return made


def _class(name: str) -> type[TextEmbedder]:
    """Look at what other packages bring only when the name is not ours."""
    if name in EMBEDDERS:
        return EMBEDDERS[name]
    if name == "encoder":  # which is made of an object, not of a text
        return Encoder
    others = {point.name: point for point in entry_points(group=GROUP)}
    if name not in others:
        raise unknown("embedder", name, [*EMBEDDERS, *others])
    return _checked(others[name].load(), name)


def _checked(embedder: object, name: str) -> type[TextEmbedder]:
    if isinstance(embedder, type) and issubclass(embedder, TextEmbedder):
        return embedder
    raise SpecError(f"embedder {name!r}: {embedder!r} is no subclass of TextEmbedder")


def _short(text: str) -> Spec | str:
    """A spec, or its bare name where it has no parameters."""
    spec = parse_spec(text)
    return spec if spec.params else spec.name


def _plain(value: Any) -> Any:  # noqa: ANN401 - a literal is of any type
    """Specs as their text: parameters of an embedder are to be saved with it."""
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return str(value) if isinstance(value, Spec) else value
