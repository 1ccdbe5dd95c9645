"""Every name a user can give, with its line, from the registries themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def catalogue(kind: str) -> list[tuple[str, str]]:
    """Names and meanings of routers, metrics, formats or embedders."""
    return _KINDS[kind]()


def _routers() -> list[tuple[str, str]]:
    from routereval.routers import described

    return [(row.name, f"{row.summary}{_parameters(row.parameters)}") for row in described()]


def _parameters(parameters: dict[str, Any]) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f"\n({shown})" if shown else ""


def _metrics() -> list[tuple[str, str]]:
    from routereval.report.metrics_page import metric_line
    from routereval.scoring import METRICS

    return [(m.name, metric_line(m)) for m in METRICS.values()]


def _formats() -> list[tuple[str, str]]:
    from routereval.records import FORMATS

    return [("auto", "whichever of these recognises the source")] + [
        (name, module.SUMMARY) for name, module in FORMATS.items()
    ]


def _embedders() -> list[tuple[str, str]]:
    from routereval.features import EMBEDDERS

    built_in = [
        ("auto", "the first that there is of stored, tfidf, columns"),
        ("stored", "vectors that came with the records"),
        ("columns", "subset, difficulty and other categories of the prompt table"),
    ]
    return built_in + [(n, (cls.__doc__ or "").splitlines()[0]) for n, cls in EMBEDDERS.items()]


_KINDS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "routers": _routers,
    "metrics": _metrics,
    "formats": _formats,
    "embedders": _embedders,
}
