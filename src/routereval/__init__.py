"""An independent implementation of RouterEval: evaluate LLM routers on performance records.

>>> import numpy as np
>>> import routereval as rv
>>> rng = np.random.default_rng(0)
>>> scores, vectors = rng.integers(0, 2, (200, 3)), rng.normal(size=(200, 4))
>>> records = rv.Records.from_arrays("toy", scores, ["a", "b", "c"], features=vectors)
>>> task = rv.Task(records, pool=rv.Pool("all-strong", size=3))
>>> router = rv.make_router("knn(k=5)").fit(task.train.X, task.train.scores)
>>> evaluation = rv.evaluate(router, task)
>>> bool(evaluation.metrics["mu"] <= 1)
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routereval._version import __version__ as __version__

if TYPE_CHECKING:
    from routereval.errors import DataError, RouterEvalError, SpecError
    from routereval.importers import import_records
    from routereval.records import Records
    from routereval.report import report
    from routereval.results import Results, read_results
    from routereval.results.comparison import compare
    from routereval.routers import Router, check_router, load_router, make_router, save_router
    from routereval.sources import open_records, open_source
    from routereval.studies.advise import advise
    from routereval.studies.evaluate import evaluate
    from routereval.studies.run import run
    from routereval.studies.scaling import scaling
    from routereval.studies.score import score
    from routereval.studies.train import train
    from routereval.tasks import Pool, Split, Task

# Names are resolved on first use (PEP 562): importing the package loads nothing heavy.
_HOMES = {
    "importers": ("import_records",),
    "sources": ("open_records", "open_source"),
    "errors": ("DataError", "RouterEvalError", "SpecError"),
    "records": ("Records",),
    "report": ("report",),
    "routers": ("Router", "check_router", "load_router", "make_router", "save_router"),
    "results": ("Results", "read_results"),
    "results.comparison": ("compare",),
    "studies.advise": ("advise",),
    "studies.evaluate": ("evaluate",),
    "studies.run": ("run",),
    "studies.scaling": ("scaling",),
    "studies.score": ("score",),
    "studies.train": ("train",),
    "tasks": ("Pool", "Split", "Task"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "DataError",
    "Pool",
    "Records",
    "Results",
    "Router",
    "RouterEvalError",
    "SpecError",
    "Split",
    "Task",
    "advise",
    "check_router",
    "compare",
    "evaluate",
    "import_records",
    "load_router",
    "make_router",
    "open_records",
    "open_source",
    "read_results",
    "report",
    "run",
    "save_router",
    "scaling",
    "score",
    "train",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOME:
        raise AttributeError(f"module 'routereval' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"routereval.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
