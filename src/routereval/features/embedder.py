"""What an embedder is, and the ones that can be named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

from routereval.errors import SpecError
from routereval.features.base import TextEmbedder, Vectors
from routereval.features.encoder import Encoder
from routereval.registry import Registry, defaults
from routereval.spec import Spec, parse_spec


class Embedder(Protocol):
    """Turns texts into vectors; it may learn from the training texts first."""

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from the training texts."""

    def transform(self, texts: Sequence[str]) -> Vectors:
        """One vector per text."""


def _checked(embedder: object, name: str) -> type[TextEmbedder]:
    if isinstance(embedder, type) and issubclass(embedder, TextEmbedder):
        return embedder
    raise SpecError(f"embedder {name!r}: {embedder!r} is no subclass of TextEmbedder")


EMBEDDERS: Registry[type[TextEmbedder]] = Registry(
    "embedder",
    "routereval.embedders",
    {
        "tfidf": "tfidf:Tfidf",
        "hashing": "hashing:Hashing",
        "stats": "stats:Stats",
        "concat": "concat:Concat",
        "model2vec": "model2vec:Model2Vec",
        "sentence_transformers": "sentence_transformers:SentenceTransformers",
        "hidden_states": "hidden_states:HiddenStates",
        "openai": "openai:OpenAi",
    },
    home="routereval.features",
    checked=_checked,
    reserved={
        **{
            name: f"{name!r} means features that records bring; it names no embedder, such as tfidf"
            for name in ("auto", "stored", "columns")
        },
        "encoder": "'encoder' is made of an object with a method encode; hand the object over",
    },
)
"""Every embedder by name."""


def register_embedder(name: str, embedder: type[TextEmbedder]) -> None:
    """Add an embedder under a name, for this process.

    Packages do the same for good with an entry point in the group ``routereval.embedders``.

    Args:
        name: as it will be written in a spec.
        embedder: a subclass of `TextEmbedder`.

    Raises:
        SpecError: if the name is taken, or the class is no embedder.
    """
    EMBEDDERS.register(name, embedder)


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

    >>> embedder_name("tfidf( dims = 2)"), embedder_name(make_embedder("tfidf()"))
    ('tfidf(dims=2)', 'tfidf')
    """
    if isinstance(spec, (str, Spec)):
        return str(parse_spec(spec))
    embedder = make_embedder(spec)
    if isinstance(embedder, Encoder):
        return embedder.name()
    given = embedder.get_params(deep=False)
    if parts := embedder.nested():
        given["parts"] = tuple(_spec_or_name(embedder_name(part)) for part in parts)
    kind = type(embedder)
    usual = defaults(kind)
    changed = tuple((key, value) for key, value in given.items() if value != usual[key])
    return str(Spec(EMBEDDERS.name_of(kind) or kind.__name__, changed))


def _named(spec: Spec) -> TextEmbedder:
    kind = Encoder if spec.name == "encoder" else EMBEDDERS[spec.name]
    if kind is not Encoder:
        EMBEDDERS.check_parameters(spec.name, spec.kwargs)
    made = kind(**{name: _plain(value) for name, value in spec.kwargs.items()})
    made.nested()  # a part that is not known is told now
    return made


def _spec_or_name(text: str) -> Spec | str:
    """A spec, or its bare name where it has no parameters."""
    spec = parse_spec(text)
    return spec if spec.params else spec.name


def _plain(value: Any) -> Any:  # noqa: ANN401 - a literal is of any type
    """Specs as their text: parameters of an embedder are to be saved with it."""
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return str(value) if isinstance(value, Spec) else value
