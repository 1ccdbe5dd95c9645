"""The default router: a guarded stack of a forest and small ridges on differences of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

import numpy as np

from routereval.errors import DataError
from routereval.features.prompts import Prompts
from routereval.parameters import SEED, Number
from routereval.routers.auto_inputs import Categories, Encoding, Seen
from routereval.routers.auto_traits import SUBSET, Traits, labels_of, traits_of
from routereval.routers.auto_views import (
    CATEGORY_PENALTIES,
    CLUSTER_PENALTIES,
    LEADING_PENALTIES,
    TRAIT_PENALTIES,
    Floats,
    Folds,
    Learned,
    View,
    cross_fitted,
    forest_view,
    linear_view,
    stacked,
)
from routereval.routers.base import Reads, Scores, Training, mean_scores
from routereval.routers.familiarity import Familiarity
from routereval.routers.guarded import Guarded
from routereval.routers.shrinkage import (
    Centred,
    OutOfFold,
    Shrinkage,
    centred,
    constant,
    levels_of,
    shrinkage_of,
)
from routereval.routers.validation import fold_codes

FOLDS = 5
FEWEST = 20
RISK = 0.002
COMPARED = 2000
"""With how many training prompts a new one is compared, to tell whether it is like any."""


class Stack(NamedTuple):
    """Views of a prompt, weighed, and how far they may be believed.

    Attributes:
        encoding: what is read of a prompt.
        traits: what is predicted of it before models are compared; None without views.
        views: predictors of centred scores.
        weights: (n_views,)
        shrinkage: turns the weighed predictions into scores.
    """

    encoding: Encoding
    traits: Traits | None
    views: tuple[View, ...]
    weights: Floats
    shrinkage: Shrinkage

    def __call__(self, prompts: Prompts) -> Scores:
        """(n_prompts, n_models) scores."""
        if not self.shrinkage.moves:
            return np.tile(self.shrinkage.levels, (len(prompts), 1))
        seen = self.seen(prompts)
        answers = [
            w * view(seen) for w, view in zip(self.weights, self.views, strict=True) if w > 0
        ]
        return self.shrinkage(np.sum(answers, axis=0))

    def seen(self, prompts: Prompts) -> Seen:
        """What the views are given of prompts."""
        read = self.encoding(prompts)
        return read if self.traits is None else read.having(self.traits(read.wide))


class Auto(Guarded):
    """Leaves the best single model only where out-of-fold evidence says that it gains.

    Before models are compared it is predicted how easy a prompt is and, where training prompts have
    subsets, how probable it is that it is of each (see `Traits`). Differences of scores between
    models are predicted from these traits and more: by a forest of extremely random trees on them,
    the principal components of the prompt's features, statistics of its text and, where they are
    declared, its categories; by a ridge on the leading components, one on the traits, one on the
    clusters that the prompt falls into (see `Clusters`), and one on the categories. Non-negative
    least squares weigh these views by what they predicted out of fold. The weighed differences are
    multiplied by their out-of-fold slope less 1.5 standard errors or more, and added to the models'
    means: see `Shrinkage`. Where nothing can be learned, the router is a constant; a prompt that is
    unlike all training prompts goes to the best single model too.

    All of it is learned out of fold, so that validation prompts are learned from like the others;
    the best single model is that of the training prompts alone.

    Fitted on bare features it does without the text's statistics and the categories.

    Args:
        known: columns of the prompt table that are known of every prompt when it is to be routed,
            such as ``subset``. A prompt with a value that fewer than 10 training prompts have is
            routed by its text alone.
        risk: how far below the best single model it may be in expectation, in score.
        random_state: seed of the folds and the trees.

    Attributes:
        stack_: what routes a prompt by its features and text.
        known_stack_: what routes a prompt whose categories are known; None without any declared.
        familiarity_: what tells a prompt that is unlike all training prompts.
        shrinkage_: of what routes most prompts; `gain_` is what it gained over the best single
            model out of fold.

    >>> X = np.linspace(-1, 1, 400)[:, None]
    >>> router = Auto().fit(X, np.hstack([X > 0, X < 0]).astype(float))
    >>> router.predict_scores([[-0.7], [0.7]]).argmax(axis=1)
    array([1, 0])
    """

    allowed = {"risk": Number(0, 1), "random_state": SEED}
    reads: ClassVar[Reads] = "prompts"
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    def __init__(
        self, *, known: Sequence[str] | str = (), risk: float = RISK, random_state: int = 0
    ) -> None:
        self.known = known
        self.risk = risk
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        fallback = int(mean_scores(data.scores).argmax())
        data = _with_validation(data)
        prompts, names = data.X, self._names(data.X)
        n = len(prompts)
        folds = fold_codes(n, FOLDS, self.random_state, data.groups)
        drawn = np.random.default_rng(self.random_state).permutation(n)[:COMPARED]
        self.familiarity_ = Familiarity.of(prompts.features[np.sort(drawn)])
        encoding = Encoding.of(prompts)
        self.stack_ = self._stack(encoding, data, folds, fallback)
        self.known_stack_ = None
        if names:
            encoding = encoding._replace(categories=Categories.of(prompts, names))
            self.known_stack_ = self._stack(encoding, data, folds, fallback)
        self.shrinkage_ = (self.known_stack_ or self.stack_).shrinkage

    def _predict(self, X: Prompts) -> Scores:
        scores = np.zeros((len(X), self.n_models_))
        covered = np.zeros(len(X), dtype=np.bool_)
        if self.known_stack_ is not None:
            covered = ~self.known_stack_.encoding.categories.unknown(X)
            if covered.any():
                scores[covered] = self.known_stack_(X[covered])
        if not covered.all():
            scores[~covered] = self.stack_(X[~covered])
        strange = self.familiarity_.unfamiliar(X.features)
        scores[strange] = self.shrinkage_.levels
        return scores

    def _stack(self, encoding: Encoding, data: Training, folds: Folds, fallback: int) -> Stack:
        groups = np.asarray(data.groups)
        if len(np.unique(groups)) < FEWEST:
            return Stack(encoding, None, (), np.zeros(0), constant(data.scores, fallback))
        read, truth = encoding(data.X), centred(data.scores)
        traits, foreseen = traits_of(read, data.scores, _labels(data.X, encoding), folds)
        learned = self._views(read.having(foreseen), truth, folds)
        held_out = OutOfFold(cross_fitted(learned, truth.values, folds), data.scores, folds, groups)
        views = tuple(view.view for view in learned)
        # Each fold is compared with the best model of the others: one that was chosen on the very
        # prompts that it is judged on looks better than it is, and hides gains.
        levels, _ = levels_of(data.scores, fallback)
        rule = shrinkage_of(held_out, self.risk)._replace(levels=levels, fallback=fallback)
        return Stack(encoding, traits, views, stacked(learned, truth.values), rule)

    def _views(self, seen: Seen, truth: Centred, folds: Folds) -> list[Learned]:
        learned = [
            forest_view(seen, truth.values, folds, self.random_state),
            linear_view(seen, "leading", LEADING_PENALTIES, truth.values, folds),
            linear_view(seen, "traits", TRAIT_PENALTIES, truth.values, folds),
            linear_view(seen, "clusters", CLUSTER_PENALTIES, truth.values, folds),
        ]
        if seen.categories.shape[1]:
            learned.append(linear_view(seen, "categories", CATEGORY_PENALTIES, truth.values, folds))
        return learned

    def _names(self, prompts: Prompts) -> tuple[str, ...]:
        names = (self.known,) if isinstance(self.known, str) else tuple(self.known or ())
        for name in names:
            if name not in prompts.known:
                held = ", ".join(sorted(prompts.known)) or "none"
                raise DataError(
                    f"auto: nothing named {name!r} is known of these prompts; known are: {held}"
                )
        return names


def _labels(prompts: Prompts, encoding: Encoding) -> Floats:
    """The subsets of the training prompts, where they are not declared as known of new ones."""
    known = SUBSET in encoding.categories.names or SUBSET not in prompts.known
    return np.zeros((len(prompts), 0)) if known else labels_of(prompts)


def _with_validation(data: Training) -> Training:
    """All prompts to learn from, each with its group: what is chosen here is chosen out of fold."""
    groups = np.arange(len(data.scores)) if data.groups is None else data.groups
    if data.validation is None:
        return data._replace(groups=groups)
    X, scores = cast("tuple[Prompts, Scores]", data.validation)
    equal = np.unique(X.features, axis=0, return_inverse=True)[1].ravel()
    return data._replace(
        X=data.X.joined(X),
        scores=np.vstack([data.scores, scores]),
        groups=np.concatenate([groups, groups.max(initial=-1) + 1 + equal]),
    )
