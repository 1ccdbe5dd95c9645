"""What a saved router knows: its certificate, and which prompts of a run are unfamiliar to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routereval.results.prompts import MOST_TEXT, KeptPrompts
from routereval.routers import TrainedRouter, load_router


@dataclass(frozen=True, eq=False)
class SavedRouter:
    """A saved router, as the report of a run shows it.

    Attributes:
        name: its folder, or its spec.
        certificate: what it is known to gain, as JSON has it; None where nothing was scored.
        sentence: the same in words; where there is none, why it is void, or empty.
        unfamiliar: by the hash of the records, or its beginning, (n_prompts,) 1 for each kept
            prompt that is unlike all of its training prompts, else 0; NaN where not known.
    """

    name: str
    certificate: Mapping[str, Any] | None
    sentence: str
    unfamiliar: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, trained: TrainedRouter, prompts: Mapping[str, KeptPrompts], name: str = "") -> Self:
        """Ask a router about the prompts that a run kept.

        Args:
            trained: the router.
            prompts: from the results of the run.
            name: what the report calls it; its spec unless given.
        """
        held = trained.certificate
        return cls(
            name or str(trained.about.get("router", "router")),
            None if held is None else held.to_dict(),
            str(trained.about.get("void", "")) if held is None else str(held),
            {records: _unfamiliar(trained, prompts[records]) for records in prompts},
        )

    @classmethod
    def read(cls, path: str | Path, prompts: Mapping[str, KeptPrompts]) -> Self:
        """The same, of a router in a folder.

        Raises:
            DataError: if the folder holds no router.
        """
        return cls.of(load_router(path), prompts, str(path))

    def marks(self, records: str) -> NDArray[np.float64]:
        """(n_prompts,) those of the records of this hash."""
        return next(v for name, v in self.unfamiliar.items() if records.startswith(name))

    @property
    def share(self) -> tuple[float, int]:
        """Which share of the prompts is unfamiliar, of how many; NaN of none."""
        every = [values[~np.isnan(values)] for values in self.unfamiliar.values()]
        known = np.concatenate(every) if every else np.zeros(0)
        return (float(known.mean()) if len(known) else float("nan")), len(known)


def _unfamiliar(trained: TrainedRouter, kept: KeptPrompts) -> NDArray[np.float64]:
    """(n_prompts,) NaN where a text is missing or was cut."""
    found = np.full(len(kept.rows), np.nan)
    if trained.familiarity is None:
        return found
    whole = [n for n, text in enumerate(kept.texts) if text is not None and len(text) < MOST_TEXT]
    if whole:
        texts = [kept.texts[n] or "" for n in whole]
        X = trained.inputs(texts)
        features = getattr(X, "features", X)
        found[whole] = trained.familiarity.unfamiliar(features, trained.embedder, texts)
    return found
