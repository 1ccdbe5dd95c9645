"""A model's own tokenizer, from a file that the operator names: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from routereval.errors import DataError, MissingDependencyError

PIECE_CHARS = 50_000
"""Longer texts are counted in pieces: a cut adds a token at most, and no text takes for ever."""


class Tokenizer:
    """Counts tokens by a ``tokenizer.json``, as Hugging Face's models have it.

    Args:
        path: the file.

    Raises:
        MissingDependencyError: without the extra ``tokens``.
        DataError: if there is no such file, or it holds no tokenizer.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import tokenizers
        except ImportError:
            raise MissingDependencyError.of("tokenizers", "tokens") from None
        if not Path(path).is_file():
            raise DataError(f"there is no tokenizer {path}; name a file tokenizer.json")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
            self._tokenizer.encode("of any script: 今天")  # it may lack a token for what is unknown
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DataError(f"{path} holds no tokenizer: {reason}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text: str) -> int:
        """The tokens of a text, without those that mark its beginning and end."""
        pieces = range(0, len(text), PIECE_CHARS)
        return sum(self._count(text[start : start + PIECE_CHARS]) for start in pieces)

    def _count(self, text: str) -> int:
        try:
            return len(self._tokenizer.encode(text, add_special_tokens=False))
        except (TypeError, UnicodeEncodeError):  # half of a pair, of which UTF-8 has no bytes
            whole = text.encode("utf-8", "replace").decode()
            return len(self._tokenizer.encode(whole, add_special_tokens=False))


def load_tokenizers(paths: Iterable[str]) -> dict[str, Tokenizer]:
    """The tokenizers of some files, each once; empty names are passed over.

    Raises:
        MissingDependencyError, DataError: as `Tokenizer` does.
    """
    return {path: Tokenizer(path) for path in dict.fromkeys(paths) if path}
