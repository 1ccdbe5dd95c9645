"""Decision trees: boosted one after the other, or a forest of many grown apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import MissingDependencyError
from routereval.parameters import COUNT, SEED, Choice, Number
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, alike, rounded

CHUNK = 512

Floats = NDArray[np.float64]


class Trees(NamedTuple):
    """Decision trees as arrays over all their nodes; a leaf is its own left and right child.

    Attributes:
        roots: (n_trees,) the first node of each tree.
        feature: (n_nodes,) the feature that is looked at; left if it is at most the
        threshold: (n_nodes,) threshold.
        left: (n_nodes,) child.
        right: (n_nodes,) child.
        value: (n_nodes, n_outputs) what a leaf answers.
        depth: how many steps lead to the deepest leaf.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Floats
    depth: int

    @classmethod
    def of(cls, trees: Sequence[Trees]) -> Trees:
        """Put trees together."""
        starts = np.cumsum([0, *(len(tree.feature) for tree in trees)])
        moved = list(zip(starts, trees, strict=False))
        return cls(
            np.concatenate([tree.roots + start for start, tree in moved]),
            np.concatenate([tree.feature for tree in trees]),
            np.concatenate([tree.threshold for tree in trees]),
            np.concatenate([tree.left + start for start, tree in moved]),
            np.concatenate([tree.right + start for start, tree in moved]),
            np.concatenate([tree.value for tree in trees]),
            max(tree.depth for tree in trees),
        )

    @classmethod
    def one(
        cls,
        feature: NDArray[np.integer],
        threshold: Floats,
        left: NDArray[np.integer],
        right: NDArray[np.integer],
        leaf: NDArray[np.bool_],
        value: Floats,
    ) -> Trees:
        """One tree, from arrays in which what leaves hold as children means nothing."""
        itself = np.arange(len(leaf))
        left, right = (np.where(leaf, itself, child.astype(np.int64)) for child in (left, right))
        depth, level = 0, np.zeros(1, dtype=np.int64)
        while not leaf[level].all():
            depth, level = depth + 1, np.unique(np.concatenate([left[level], right[level]]))
        return cls(
            np.zeros(1, dtype=np.int64),
            np.where(leaf, 0, feature.astype(np.int64)),
            threshold.astype(np.float64),
            left.astype(np.int64),
            right.astype(np.int64),
            value.reshape(len(leaf), -1).astype(np.float64),
            depth,
        )

    @classmethod
    def of_sklearn(cls, tree: Any) -> Trees:  # noqa: ANN401 - a tree of scikit-learn
        """One tree of a forest of scikit-learn, which knows its own depth."""
        leaf = tree.children_left < 0
        itself = np.arange(len(leaf))
        return cls(
            np.zeros(1, dtype=np.int64),
            np.where(leaf, 0, tree.feature).astype(np.int64),
            tree.threshold.astype(np.float64),
            np.where(leaf, itself, tree.children_left).astype(np.int64),
            np.where(leaf, itself, tree.children_right).astype(np.int64),
            tree.value[..., 0].astype(np.float64),
            int(tree.max_depth),
        )

    def leaves(self, X: Features) -> NDArray[np.int64]:
        """(n_prompts, n_trees) the leaf in which each prompt ends."""
        starts = np.arange(len(X))[:, None] * X.shape[1]
        values, node = X.ravel(), np.tile(self.roots, (len(X), 1))
        for _ in range(self.depth):  # take: of one prompt, indexing costs twice as much
            here = values.take(starts + self.feature.take(node))
            left = here <= self.threshold.take(node)
            node = np.where(left, self.left.take(node), self.right.take(node))
        return node


class Boosted(Router):
    """Predicts each model's score by gradient-boosted trees, a sequence of them for each model.

    Squared error, on the prompts where the model was observed; of each sequence as many trees are
    kept as give the least squared error on the validation prompts, perhaps none, which leaves the
    model's mean. What is kept are the trees' numbers, so a trained router needs no lightgbm.

    Args:
        backend: ``sklearn`` (HistGradientBoostingRegressor) or ``lightgbm`` (extra ``gbm``).
        trees: the most trees a model.
        leaves: the most leaves a tree.
        lr: how much of each tree counts.
        random_state: seed of the features that each split may look at, a third of them.

    Attributes:
        means_: (n_models,) each model's mean training score.
        trees_: of each model its trees, or None without any.

    >>> X = np.linspace(-1, 1, 400)[:, None]
    >>> router = Boosted(trees=30).fit(X, np.hstack([X > 0, X < 0]).astype(float))
    >>> router.predict_scores([[-0.7], [0.7]]).argmax(axis=1)
    array([1, 0])
    """

    allowed = {
        "backend": Choice("sklearn", "lightgbm"),
        "trees": COUNT,
        "leaves": Number(2, whole=True),
        "lr": Number(0, 1, above=True),
        "random_state": SEED,
    }
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def __init__(
        self,
        *,
        backend: str = "sklearn",
        trees: int = 40,
        leaves: int = 8,
        lr: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.backend = backend
        self.trees = trees
        self.leaves = leaves
        self.lr = lr
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        learn, check = data.folds(self.random_state)
        self.means_ = mean_scores(learn.scores)
        self.trees_: list[Trees | None] = []
        for model, mean in enumerate(self.means_):
            y, held = learn.scores[:, model], check.scores[:, model]
            seen, known = ~np.isnan(y), ~np.isnan(held)
            if len(np.unique(y[seen])) < 2:
                self.trees_.append(None)
                continue
            grown = self._grown(learn.X[seen], y[seen] - mean)
            self.trees_.append(_kept(grown, check.X[known], held[known] - mean))

    def _predict(self, X: Features) -> Scores:
        scores = np.tile(self.means_, (len(X), 1))
        for model, trees in enumerate(self.trees_):
            if trees is not None:
                scores[:, model] += _steps(trees, X).sum(axis=1)
        return scores

    def _grown(self, X: Features, y: Floats) -> list[Trees]:
        return self._by_lightgbm(X, y) if self.backend == "lightgbm" else self._by_sklearn(X, y)

    def _by_sklearn(self, X: Features, y: Floats) -> list[Trees]:
        from sklearn.ensemble import HistGradientBoostingRegressor

        boosting = HistGradientBoostingRegressor(
            learning_rate=self.lr,
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            max_bins=32,
            max_features=1 / 3,
            early_stopping=False,
            random_state=self.random_state,
        ).fit(X, y)
        grown = []
        for (predictor,) in boosting._predictors:
            n = predictor.nodes
            children = n["left"], n["right"], n["is_leaf"].astype(bool)
            grown.append(Trees.one(n["feature_idx"], n["num_threshold"], *children, n["value"]))
        return grown

    def _by_lightgbm(self, X: Features, y: Floats) -> list[Trees]:
        try:
            import lightgbm
        except ImportError:
            raise MissingDependencyError.of("lightgbm", "gbm") from None
        options = {
            "objective": "regression",
            "learning_rate": self.lr,
            "num_leaves": self.leaves,
            "max_bin": 32,
            "feature_fraction_bynode": 1 / 3,
            "seed": self.random_state,
            "deterministic": True,
            "num_threads": 1,
            "boost_from_average": False,
            "verbose": -1,
        }
        data = lightgbm.Dataset(X, y)
        model = lightgbm.train(options, data, self.trees).dump_model()
        return [_flattened(tree["tree_structure"]) for tree in model["tree_info"]]


class Forest(Router):
    """Predicts each model's score by the mean of many trees with random splits.

    scikit-learn's ExtraTreesRegressor: one forest for all models that were observed on the same
    prompts, whose splits serve all of them.

    Args:
        trees: how many.
        leaf: the fewest training prompts a leaf.
        random_state: seed of the splits.

    Attributes:
        means_: (n_models,) each model's mean training score.
        parts_: pairs of columns and the trees that predict them.

    >>> X = np.linspace(-1, 1, 400)[:, None]
    >>> router = Forest(trees=10).fit(X, np.hstack([X > 0, X < 0]).astype(float))
    >>> router.predict_scores([[-0.7], [0.7]]).argmax(axis=1)
    array([1, 0])
    """

    allowed = {"trees": COUNT, "leaf": COUNT, "random_state": SEED}
    separable: ClassVar[bool] = True

    def __init__(self, *, trees: int = 60, leaf: int = 10, random_state: int = 0) -> None:
        self.trees = trees
        self.leaf = leaf
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        self.means_ = mean_scores(data.scores)
        self.parts_: list[tuple[NDArray[np.int64], Trees]] = []
        for models in alike(~np.isnan(data.scores)):
            rows = ~np.isnan(data.scores[:, models[0]])
            if rows.any():
                Y = data.scores[rows][:, models]
                self.parts_.append((models, self._grown(data.X[rows], Y)))

    def _predict(self, X: Features) -> Scores:
        X = X.astype(np.float32)  # as the forest sees it
        scores = np.tile(self.means_, (len(X), 1))
        for models, trees in self.parts_:
            for start in range(0, len(X), CHUNK):
                here = slice(start, start + CHUNK)
                scores[here, models] = trees.value[trees.leaves(X[here])].mean(axis=1)
        return scores

    def _grown(self, X: Features, Y: Scores) -> Trees:
        drawn = np.random.RandomState(self.random_state)  # as the ensemble of scikit-learn draws
        seeds = [drawn.randint(np.iinfo(np.int32).max) for _ in range(self.trees)]
        return random_trees(X.astype(np.float32), Y, seeds, self.leaf, "sqrt")


def random_trees(
    X: NDArray[np.float32], Y: Floats, seeds: Iterable[int], leaf: int, of_features: float | str
) -> Trees:
    """An extremely randomised tree of scikit-learn for each seed.

    One by one and without a check of the parameters, which are the same in each: to make an
    ensemble takes longer than to grow trees of few hundred prompts.

    Args:
        X: (n_prompts, n_features).
        Y: (n_prompts, n_outputs).
        seeds: of the splits.
        leaf: the fewest prompts of a leaf.
        of_features: how many of the features a split looks at, as scikit-learn has it.
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeRegressor

    grown = []
    with config_context(skip_parameter_validation=True):
        for seed in seeds:
            tree = ExtraTreeRegressor(
                min_samples_leaf=leaf, max_features=of_features, random_state=seed
            )
            grown.append(Trees.of_sklearn(tree.fit(X, Y, check_input=False).tree_))
    return Trees.of(grown)


def _kept(grown: Sequence[Trees], X: Features, y: Floats) -> Trees | None:
    """As many of the trees as predict best; all of them where there is nothing to judge by."""
    together = Trees.of(grown)
    if not len(y):
        return together
    predicted = np.cumsum(_steps(together, X), axis=1)
    errors = [np.mean(y**2), *np.mean((y[:, None] - predicted) ** 2, axis=0)]
    best = int(np.argmin(rounded(errors)))
    return Trees.of(grown[:best]) if best else None


def _steps(trees: Trees, X: Features) -> Floats:
    """(n_prompts, n_trees) what each tree of one output answers."""
    parts = [
        trees.value[trees.leaves(X[start : start + CHUNK]), 0] for start in range(0, len(X), CHUNK)
    ]
    return np.concatenate([np.zeros((0, len(trees.roots))), *parts])


def _flattened(root: dict[str, Any]) -> Trees:
    """A tree of lightgbm, which comes as nested nodes."""
    nodes: list[tuple[int, float, int, int, bool, float]] = []

    def visit(node: dict[str, Any]) -> int:
        place = len(nodes)
        nodes.append((0, 0.0, 0, 0, True, float(node.get("leaf_value", 0.0))))
        if "split_feature" in node:
            children = visit(node["left_child"]), visit(node["right_child"])
            nodes[place] = (node["split_feature"], node["threshold"], *children, False, 0.0)
        return place

    visit(root)
    feature, threshold, left, right, leaf, value = (
        np.array(column) for column in zip(*nodes, strict=True)
    )
    return Trees.one(feature, threshold, left, right, leaf, value)
