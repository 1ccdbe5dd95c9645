"""Prompt text → vectors: embedders and their cache."""

from routereval.features.base import Pretrained, TextEmbedder, Vectors
from routereval.features.cache import embed
from routereval.features.embedder import (
    EMBEDDERS,
    Embedder,
    embedder_name,
    make_embedder,
    register_embedder,
)
from routereval.features.tfidf import Tfidf

__all__ = [
    "EMBEDDERS",
    "Embedder",
    "Pretrained",
    "TextEmbedder",
    "Tfidf",
    "Vectors",
    "embed",
    "embedder_name",
    "make_embedder",
    "register_embedder",
]
