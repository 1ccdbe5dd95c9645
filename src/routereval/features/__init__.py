"""Prompt text → vectors: embedders and their cache."""

from routereval.features.cache import embed
from routereval.features.embedder import EMBEDDERS, Embedder, make_embedder
from routereval.features.tfidf import Tfidf

__all__ = ["EMBEDDERS", "Embedder", "Tfidf", "embed", "make_embedder"]
