"""`ImportReport`: how an import read its source, as it is printed and kept in the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImportReport:
    """How one benchmark was read.

    Attributes:
        format: the importer's name.
        facts: what became what: columns, models, cells, the range of scores, axes.
        warnings: what may not be what was meant, each with what mends it.

    >>> print(ImportReport("table", ["score: column 'acc'"], ["'gpt' and 'GPT' are two models"]))
    format: table
    score: column 'acc'
    warning: 'gpt' and 'GPT' are two models
    """

    format: str
    facts: Iterable[str] = ()
    warnings: Iterable[str] = ()

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> ImportReport | None:
        """The report that a manifest holds; None for records that were not imported."""
        kept = meta.get("import")
        return cls(kept["format"], kept["facts"], kept["warnings"]) if kept else None

    def as_json(self) -> dict[str, Any]:
        """The report as a manifest holds it."""
        return {
            "format": self.format,
            "facts": list(self.facts),
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        warnings = (f"warning: {line}" for line in self.warnings)
        return "\n".join([f"format: {self.format}", *self.facts, *warnings])


def is_report(value: object) -> bool:
    """Whether an entry of a manifest is a report, or None."""
    if value is None:
        return True
    if not isinstance(value, dict) or not isinstance(value.get("format"), str):
        return False
    lines = [value.get("facts"), value.get("warnings")]
    return all(isinstance(ls, list) and all(isinstance(s, str) for s in ls) for ls in lines)
