"""What the importers of evaluation logs share.

Logs come a run per file: one model, one task. The same run may have been made twice, the prompt may
be a list of chat messages, and two runs may have asked different things under the same number.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from routereval.errors import DataError
from routereval.importers.cells import CellForms, Read
from routereval.importers.rows import BadRows, RowError, files_in, finite_in, text_of
from routereval.importers.scale import Rescale, Scale

_T = TypeVar("_T")
_FEW = 20


@contextmanager
def noting(bad: BadRows, file: Path, what: str) -> Iterator[None]:
    """Note any `RowError` of the block as a bad row of a file whose rows are not its lines.

    Args:
        bad: where to note it.
        file: where it stands.
        what: which row it is, such as ``record 3``.
    """
    try:
        yield
    except RowError as error:
        bad.add(file, 0, f"{what}: {error}")


def value_in(value: object, *, rescale: Rescale, what: str = "score") -> float:
    """The score that a log holds, NaN if there is none; a list of numbers counts as its mean.

    Args:
        value: a number, a truth value, text that reads as one, or a list of those.
        rescale: the scale that it is on, mapped onto [0, 1]; True accepts any finite number.
        what: what to call it.

    Raises:
        RowError: if it is no such number, or outside [0, 1] without `rescale`.

    >>> value_in([True, False], rescale=False)
    0.5
    """
    number = finite_in(mean_in(value, what), what)
    if rescale is True:
        return number
    return (rescale or Scale()).score(number, what)


def tell_word(forms: CellForms, column: str, cell: object, number: float) -> None:
    """Note what a text that is no plain number was read as; anything else is not noted.

    >>> tell_word(forms := CellForms(), "match", "C", 1.0)
    >>> list(forms.facts())
    ["column 'match': 1 'C' as 1"]
    """
    if isinstance(cell, str):
        try:
            float(cell)
        except ValueError:
            forms.add(column, cell, Read(number, cell.strip()))


def mean_in(value: object, what: str = "score") -> object:
    """The mean of a list of numbers or truth values; anything else as it is.

    Raises:
        RowError: if the list holds anything else.
    """
    if isinstance(value, list) and value:
        return sum(finite_in(part, what) for part in value) / len(value)
    return value


def prompt_text(value: object) -> str | None:
    r"""The text of a prompt: text as it is, chat messages joined by blank lines; None if neither.

    >>> prompt_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2?"}])
    'Be brief.\n\n2?'
    """
    if isinstance(value, dict):
        return _message_text(value)
    if not isinstance(value, list):
        return text_of(value)
    parts = [text for text in map(_message_text, value) if text]
    return "\n\n".join(parts) if parts else None


def _message_text(value: object) -> str | None:
    """The text of one message or of one part of it; what is deeper than that is no prompt."""
    if isinstance(value, dict):
        content = value["content"] if "content" in value else value.get("text")
        if isinstance(content, list):
            texts = [text_of(p.get("text")) for p in content if isinstance(p, dict)]
            return "\n".join(text for text in texts if text)
        return text_of(content)
    return text_of(value)


class SamePrompts:
    """Notices when two models were asked different things under one prompt_id.

    >>> asked = SamePrompts()
    >>> asked.check("toy", "q1", "2 + 2?")
    >>> asked.check("toy", "q1", "2 + 3?")
    Traceback (most recent call last):
        ...
    routereval...RowError: another model was asked something else as prompt 'q1'; \
import runs of one version of the task
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], bytes] = {}

    def check(self, benchmark: str, prompt_id: str, content: str | None) -> None:
        """Remember what was asked; nothing is compared if `content` is None.

        Raises:
            RowError: if it was something else before.
        """
        if content is None:
            return
        digest = hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=12).digest()
        if self._seen.setdefault((benchmark, prompt_id), digest) != digest:
            raise RowError(
                f"another model was asked something else as prompt {prompt_id!r}; "
                "import runs of one version of the task"
            )


def down_to(depth: int, *names: str) -> tuple[str, ...]:
    """Patterns of files in a folder, or at most so many folders down; the nearest first.

    >>> down_to(1, "*.json", "*.jsonl")
    ('*.json', '*.jsonl', '*/*.json', '*/*.jsonl')
    """
    return tuple(f"{'*/' * down}{name}" for down in range(depth + 1) for name in names)


def first_files(path: Path, *patterns: str) -> Iterator[Path]:
    """A few files to recognise a format by: the path itself, or the first of its folder.

    Args:
        path: a file or folder.
        patterns: which files of the folder, those of the first pattern first.
    """
    if path.is_file():
        return iter([path])
    return islice((file for pattern in patterns for file in files_in(path, pattern)), _FEW)


def reruns(runs: Iterable[tuple[Hashable, str, _T]]) -> list[list[_T]]:
    """The runs with the same key together, the oldest first, in the order of their keys.

    Args:
        runs: (key, stamp, run).

    >>> reruns([("a", "2025", 3), ("b", "2024", 2), ("a", "2024", 1)])
    [[1, 3], [2]]
    """
    found: dict[Hashable, list[tuple[str, _T]]] = {}
    for key, stamp, run in runs:
        found.setdefault(key, []).append((stamp, run))
    return [[run for _, run in sorted(same, key=_stamp)] for same in found.values()]


def _stamp(run: tuple[str, object]) -> str:
    return run[0]


class Mean:
    """The mean of what is added; NaN is passed over, and without anything the mean is NaN."""

    def __init__(self) -> None:
        self._sum, self._n = 0.0, 0

    def add(self, value: float) -> None:
        """Add a number."""
        if not math.isnan(value):
            self._sum += value
            self._n += 1

    @property
    def value(self) -> float:
        """The mean so far."""
        return self._sum / self._n if self._n else math.nan


def names_of(option: str | None) -> tuple[str, ...]:
    """The names in an option such as ``acc_norm,acc``, in order.

    >>> names_of("acc_norm, acc"), names_of(None)
    (('acc_norm', 'acc'), ())
    """
    return tuple(name.strip() for name in (option or "").split(",") if name.strip())


def listed(names: Iterable[str], most: int = 10) -> str:
    """Names of a log for an error message.

    >>> listed(["acc", "f1"])
    "'acc', 'f1'"
    """
    shown = [repr(name) for name in islice(names, most + 1)]
    return ", ".join(shown[:most] + ["…"] * (len(shown) > most))


def refuse_unscored(path: Path, n_scores: int, files: Sequence[Path], why: str) -> None:
    """Refuse logs in which nothing was scored.

    Args:
        path: what was imported.
        n_scores: how many scores were found.
        files: the files that were read.
        why: what is missing and what to do.

    Raises:
        DataError: if there were none.
    """
    if not n_scores:
        raise DataError(f"{path}: there is no score (files read: {len(files)}); {why}")
