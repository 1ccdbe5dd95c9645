"""Prompts with all that is known of them: features, texts, and what is declared as known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError


@dataclass(frozen=True, eq=False)
class Prompts:
    """Some prompts, one per row of the features.

    Attributes:
        features: (n_prompts, n_features).
        texts: their texts; None where there are none.
        known: what else is known of them before any model is asked, such as ``subset``: by name a
            category per prompt, None where it is not known.

    >>> prompts = Prompts(np.eye(2), ["prove it", "cite it"], {"subset": ["maths", "law"]})
    >>> len(prompts), prompts[np.array([1])].texts, prompts.column("subset")
    (2, ['cite it'], ['maths', 'law'])
    """

    features: NDArray[np.floating]
    texts: Sequence[str] | None = None
    known: Mapping[str, Sequence[str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {"texts": self.texts, **self.known}
        for name, values in columns.items():
            if values is not None and len(values) != len(self.features):
                raise DataError(
                    f"{name} has {len(values)} values but there are {len(self.features)} prompts"
                )

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: Any) -> Prompts:  # noqa: ANN401 - whatever numpy takes as rows
        places = np.arange(len(self))[rows].tolist()
        texts = None if self.texts is None else [self.texts[place] for place in places]
        known = {name: [values[place] for place in places] for name, values in self.known.items()}
        return Prompts(self.features[rows], texts, known)

    def joined(self, others: Prompts) -> Prompts:
        """These prompts and others; nothing is kept that only some of them have.

        >>> Prompts(np.eye(2), ["a", "b"]).joined(Prompts(np.eye(2), ["c", "d"])).texts
        ['a', 'b', 'c', 'd']
        """
        texts = None
        if self.texts is not None and others.texts is not None:
            texts = [*self.texts, *others.texts]
        known = {
            name: [*values, *others.known[name]]
            for name, values in self.known.items()
            if name in others.known
        }
        return Prompts(np.vstack([self.features, others.features]), texts, known)

    def column(self, name: str) -> Sequence[str | None]:
        """A category per prompt; None throughout where nothing of that name is known."""
        return self.known.get(name, [None] * len(self))
