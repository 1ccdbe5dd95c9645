"""What `auto` sees of a prompt: components, clusters, statistics of the text, categories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.numerics import NULL, significant
from routereval.features.prompts import Prompts
from routereval.features.stats import Stats
from routereval.routers.array_cache import remembered
from routereval.routers.clusters import partitions
from routereval.routers.inputs import Features, Scale, even_scale

Floats = NDArray[np.float64]

COMPONENTS = 100
LEADING = 30
CLIPPED = 3.0
LEAST_OF_A_CATEGORY = 10
CLUSTERS = (4, 8, 16)
CLUSTERINGS = 3
"""How often each number of clusters is found, from another start: k-means ends where it began."""
DIGITS, CENTRE_DIGITS = 4, 6
"""To how many digits inputs are rounded: the last ones differ by processor, and a tree that splits
between two values would differ by far more."""


class Components(NamedTuple):
    """The directions in which training features vary most, each scaled to deviation 1.

    Attributes:
        scale: of the features; a prompt further out than every training prompt is moved in.
        directions: (n_features, n_components).
    """

    scale: Scale
    directions: Floats

    def __call__(self, X: Features) -> Floats:
        """Project prompts: (n_prompts, n_components)."""
        return np.round(self.scale(X) @ self.directions, DIGITS)


@remembered
def components_of(X: Features) -> Components:
    """Learn the directions, at most 100, by an eigenvalue decomposition of the covariance.

    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.1], [0.0, -0.1]])
    >>> components_of(X).directions.shape
    (2, 2)
    """
    scale = even_scale(X)
    Z = scale(X)
    sizes, vectors = _leading(Z)
    kept = significant(sizes, NULL**2)
    vectors, sizes = vectors[:, kept], sizes[kept]
    if not len(sizes):
        return Components(scale, np.zeros((X.shape[1], 1)))
    most = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[most, np.arange(len(sizes))])
    return Components(scale, np.asarray(vectors * signs / np.sqrt(sizes)))


def _leading(Z: Floats) -> tuple[Floats, Floats]:
    """The largest variances, falling, and their directions."""
    from scipy.linalg import eigh

    d = Z.shape[1]
    covariance = Z.T @ Z / len(Z)
    first = max(0, d - COMPONENTS)
    sizes, vectors = eigh(covariance, subset_by_index=(first, d - 1))
    return np.maximum(sizes[::-1], 0.0), vectors[:, ::-1]


class Clusters(NamedTuple):
    """Groups of like training prompts, found several times, coarser and finer.

    What a few hundred prompts are about often falls into some topics that nobody has labelled, and
    a model's mean over a topic is known far better than what it makes of a prompt.

    Attributes:
        centres: (n_clusters, n_features) of all clusterings, one after the other.
        halves: (n_clusters,) half of each centre's squared length.
        sizes: how many clusters each clustering has.
    """

    centres: Floats
    halves: Floats
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, X: Features, seed: int) -> Clusters:
        """Cluster training prompts into 4, 8 and 16, three times each."""
        seeds = range(CLUSTERINGS * seed, CLUSTERINGS * (seed + 1))
        found = [part.centres for own in seeds for part in partitions(X, CLUSTERS, own)]
        centres = np.asarray(np.round(np.vstack(found), CENTRE_DIGITS), dtype=np.float64)
        return cls.around(centres, tuple(map(len, found)))

    @classmethod
    def around(cls, centres: Floats, sizes: tuple[int, ...]) -> Clusters:
        """Clusters with these centres."""
        return cls(centres, (centres * centres).sum(axis=1) / 2, sizes)

    def __call__(self, X: Features) -> Floats:
        """(n_prompts, n_clusters) 1 where a prompt is nearest, once in each clustering.

        >>> X = np.array([[0.0, 1.0], [0.0, 1.1], [1.0, 0.0]])
        >>> Clusters.around(X[[0, 2]], (2,))(X)
        array([[1., 0.],
               [1., 0.],
               [0., 1.]])
        """
        close = np.round(X @ self.centres.T - self.halves, CENTRE_DIGITS)
        member, rows, start = np.zeros(close.shape), np.arange(len(close)), 0
        for size in self.sizes:
            member[rows, start + close[:, start : start + size].argmax(axis=1)] = 1.0
            start += size
        return member


class Categories(NamedTuple):
    """The values of declared columns that were seen often enough in training.

    Attributes:
        names: of the columns.
        values: of each column its values, in order.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, prompts: Prompts, names: tuple[str, ...]) -> Categories:
        """Take the values that 10 training prompts or more have."""
        kept = []
        for name in names:
            found, counts = np.unique(
                [str(v) for v in prompts.column(name) if v is not None], return_counts=True
            )
            kept.append(tuple(found[counts >= LEAST_OF_A_CATEGORY].tolist()))
        return cls(names, tuple(kept))

    def __call__(self, prompts: Prompts) -> Floats:
        """(n_prompts, n_values) 1 where a prompt has the value."""
        blocks = [np.zeros((len(prompts), 0))]
        for name, values in zip(self.names, self.values, strict=True):
            place: dict[str | None, int] = {value: at for at, value in enumerate(values)}
            eye = np.vstack([np.eye(len(values)), np.zeros(len(values))])
            column = prompts.column(name)
            blocks.append(eye[[place.get(value, -1) for value in column]])
        return np.hstack(blocks)

    def unknown(self, prompts: Prompts) -> NDArray[np.bool_]:
        """(n_prompts,) which prompts have a value that is not known, in any of the columns."""
        return np.asarray(self(prompts).sum(axis=1) < len(self.names))


class Given(NamedTuple):
    """What is read of prompts before anything is learned of their features.

    Attributes:
        features: (n_prompts, n_features).
        stats: (n_prompts, n_stats) statistics of the texts; no column without texts.
        categories: (n_prompts, n_values) 0 or 1.
    """

    features: Features
    stats: Floats
    categories: Floats

    def rows(self, rows: NDArray[np.bool_]) -> Given:
        """Some of the prompts."""
        return Given(self.features[rows], self.stats[rows], self.categories[rows])


class Reader(NamedTuple):
    """What is read of a prompt.

    Attributes:
        stats: of the texts; None where there are none.
        categories: of the declared columns; of none, none.
    """

    stats: Stats | None
    categories: Categories

    @classmethod
    def of(cls, prompts: Prompts) -> Reader:
        """Learn from the training prompts; no category is declared as known."""
        stats = None if prompts.texts is None else Stats().fit(prompts.texts)
        return cls(stats, Categories((), ()))

    def knowing(self, prompts: Prompts, names: tuple[str, ...]) -> Reader:
        """The same, and the categories of the training prompts in these columns."""
        return self._replace(categories=Categories.of(prompts, names))

    def __call__(self, prompts: Prompts) -> Given:
        """Read prompts."""
        stats = np.zeros((len(prompts), 0))
        if self.stats is not None:
            texts = prompts.texts or [""] * len(prompts)
            stats = np.clip(self.stats.transform(texts), -CLIPPED, CLIPPED)
        return Given(prompts.features, stats, self.categories(prompts))


class Seen(NamedTuple):
    """What the views are given.

    Attributes:
        leading: (n_prompts, up to 30) the leading components.
        clusters: (n_prompts, n_clusters) 0 or 1: the cluster of each clustering.
        wide: (n_prompts, d) all components, the statistics, the categories and the subsets,
            in single precision.
        categories: (n_prompts, n_values) 0 or 1.
        subsets: (n_prompts, n_subsets) how probable each is; no column where none is predicted.
    """

    leading: Floats
    clusters: Floats
    wide: NDArray[np.float32]
    categories: Floats
    subsets: Floats

    def having(self, subsets: Floats) -> Seen:
        """The same prompts, and how probable it is that each is of each subset."""
        wide = np.hstack([self.wide, subsets.astype(np.float32)])
        return self._replace(wide=wide, subsets=subsets)


class Encoding(NamedTuple):
    """How features are turned into what the views are given.

    Attributes:
        components: of the features.
        clusters: of the features.
    """

    components: Components
    clusters: Clusters

    @classmethod
    def of(cls, X: Features, seed: int) -> Encoding:
        """Learn from training prompts.

        Args:
            X: (n_prompts, n_features).
            seed: of the clusters.
        """
        return cls(components_of(X), Clusters.of(X, seed))

    def __call__(self, given: Given) -> Seen:
        """Encode prompts; nothing is predicted of them yet."""
        parts = self.components(given.features)
        wide = np.hstack([parts, given.stats, given.categories])
        return Seen(
            parts[:, :LEADING],
            self.clusters(given.features),
            np.round(wide, DIGITS).astype(np.float32),
            given.categories,
            np.zeros((len(parts), 0)),
        )
