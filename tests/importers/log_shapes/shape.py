"""`Shape`: a small input in the shape in which a project writes its logs, and what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Scores = Mapping[str, Mapping[str, Sequence[float | None]]]
"""By benchmark and model, a score per prompt in the order in which prompts come; None where it was
not observed."""


@dataclass(frozen=True)
class Shape:
    """One input.

    Attributes:
        format: the importer that recognises it; empty if none does.
        files: as in `write_sample`.
        scores: what is right.
        refused: what the error says, if it is refused.
        says: parts of lines that the report has.
        silent: parts of lines that it has not.
        options: of the import.
        about: by benchmark what else is right: ``texts``, ``subsets``, ``ids`` and ``chance`` by
            prompt; ``trials`` their number; ``costs`` and axes by prompt and model.
    """

    format: str
    files: Mapping[str, Any]
    scores: Scores = field(default_factory=dict)
    refused: str = ""
    says: Sequence[str] = ()
    silent: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
