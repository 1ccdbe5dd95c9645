"""Every name a user can give, with its line, from the registries themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def catalogue(kind: str) -> list[tuple[str, str]]:
    """Names and meanings of routers, protocols, metrics, formats, embedders or gateway plugins."""
    return _KINDS[kind]()


def _routers() -> list[tuple[str, str]]:
    from routereval.routers import described

    return [(row.name, f"{row.summary}{_parameters(row.parameters)}") for row in described()]


def _parameters(parameters: dict[str, Any]) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f"\n({shown})" if shown else ""


def _protocols() -> list[tuple[str, str]]:
    from routereval.tasks.split import PROTOCOLS

    return [(name, _PROTOCOLS[name] + _parameters(dict(own))) for name, own in PROTOCOLS.items()]


_PROTOCOLS = {
    "clean": "Trains on 80 % of the prompts of a benchmark, tests on 10 %.",
    "faithful": "The same, pools and labels as the RouterEval reference.",
    "mixed": "All benchmarks of a collection as one stream of prompts.",
    "leave_one_out": "Trains on all benchmarks but one, and tests on that; each in turn.",
    "few_shot": "Trains on n labelled prompts.",
    "unseen_llm": "A share of the pool's LLMs is known by its scores on k prompts only.",
    "temporal": "Trains on what was before a date, tests on what came later.",
}


def _metrics() -> list[tuple[str, str]]:
    from routereval.report.metrics_page import metric_line
    from routereval.scoring import all_metrics
    from routereval.scoring.metrics import not_loaded

    return [*((one.name, metric_line(one)) for one in all_metrics()), *not_loaded().items()]


def _formats() -> list[tuple[str, str]]:
    from routereval.importers import IMPORTERS

    return [("auto", "whichever of these recognises the source")] + [
        (row.name, row.summary) for row in IMPORTERS.described()
    ]


def _embedders() -> list[tuple[str, str]]:
    from routereval.features import EMBEDDERS

    built_in = [
        ("auto", "the first that there is of stored, tfidf, columns"),
        ("stored", "vectors that came with the records"),
        ("columns", "subset, difficulty and other categories of the prompt table"),
    ]
    return built_in + [(row.name, row.summary) for row in EMBEDDERS.described()]


def _plugins() -> list[tuple[str, str]]:
    from routereval.gateway import PLUGINS

    found = PLUGINS.described()
    return [(row.name, f"{row.summary}{_parameters(row.parameters)}") for row in found]


_KINDS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "routers": _routers,
    "protocols": _protocols,
    "metrics": _metrics,
    "formats": _formats,
    "embedders": _embedders,
    "plugins": _plugins,
}
