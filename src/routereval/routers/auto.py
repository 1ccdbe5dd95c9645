"""The default router: a guarded stack of a forest and small ridges on differences of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np

from routereval.errors import DataError
from routereval.features.prompts import Prompts
from routereval.parameters import SEED, Number
from routereval.routers.auto_easiness import easiness_of
from routereval.routers.auto_inputs import Encoding, Reader, Seen
from routereval.routers.auto_stack import Examples, Pipeline, Stack, pipelines_of
from routereval.routers.auto_subsets import SUBSET, labels_of
from routereval.routers.auto_views import (
    CATEGORY_PENALTIES,
    CLUSTER_PENALTIES,
    LEADING_PENALTIES,
    SUBSET_PENALTIES,
    TREES,
    Floats,
    Folds,
    View,
    cross_fitted,
    forest_view,
    linear_view,
    stacked,
)
from routereval.routers.base import Reads, Scores, Training, mean_scores
from routereval.routers.familiarity import Familiarity
from routereval.routers.guarded import Guarded
from routereval.routers.inputs import Groups
from routereval.routers.shrinkage import (
    OutOfFold,
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


class Auto(Guarded):
    """Leaves the best single model only where out-of-fold evidence says that it gains.

    All of it is learned five times, each time without a fifth of the training prompts, whose
    predictions are the evidence; new prompts are answered by the mean of the five.

    Where training prompts have subsets it is predicted how probable it is that a prompt is of each
    (see `Subsets`), before models are compared. Differences of scores between models are predicted
    by a forest of extremely random trees on the principal components of the prompt's features,
    statistics of its text, these probabilities and, where they are declared, its categories; by a
    ridge on the leading components, one on the clusters that the prompt falls into (see
    `Clusters`), one on the subsets' probabilities, and one on the categories. Non-negative least
    squares weigh these views by what they predicted out of fold. The weighed differences are
    multiplied by their out-of-fold slope less 1.5 standard errors or more, and added to the models'
    means: see `Shrinkage`. Where nothing can be learned, the router is a constant; a prompt that is
    unlike all training prompts goes to the best single model too.

    How easy a prompt is, which all models' scores have in common, is predicted by a ridge and added
    to all alike: it decides nothing, but makes a predicted score the chance of a right answer.

    Validation prompts are learned from like the others, as all is chosen out of fold. The best
    single model is that of the training prompts alone.

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
        encodings = self._encodings(prompts, folds, data.groups)
        reader = Reader.of(prompts)
        self.stack_ = self._stack(reader, encodings, data, folds, fallback)
        self.known_stack_ = None
        if names:
            reader = reader.knowing(prompts, names)
            self.known_stack_ = self._stack(reader, encodings, data, folds, fallback)
        self.shrinkage_ = (self.known_stack_ or self.stack_).shrinkage

    def apart(self, X: Any) -> tuple[Scores, Scores]:  # noqa: ANN401
        """Predicted scores without easiness, and easiness; see `Guarded.apart`."""
        self._check_fitted()
        return self._apart(self._inputs(X))

    def _predict(self, X: Prompts) -> Scores:
        scores, easy = self._apart(X)
        return np.asarray(scores + easy)

    def _apart(self, X: Prompts) -> tuple[Scores, Scores]:
        scores, easy = np.zeros((len(X), self.n_models_)), np.zeros((len(X), 1))
        covered = np.zeros(len(X), dtype=np.bool_)
        if self.known_stack_ is not None:
            covered = ~self.known_stack_.reader.categories.unknown(X)
            if covered.any():
                scores[covered], easy[covered] = self.known_stack_(X[covered])
        if not covered.all():
            scores[~covered], easy[~covered] = self.stack_(X[~covered])
        strange = self.familiarity_.unfamiliar(X.features)
        scores[strange], easy[strange] = self.shrinkage_.levels, 0.0
        return scores, easy

    def _encodings(self, prompts: Prompts, folds: Folds, groups: Groups | None) -> list[Encoding]:
        """One for each fold, learned of the others; none of too few prompts to learn from."""
        if len(np.unique(np.asarray(groups))) < FEWEST:
            return []
        return [
            Encoding.of(prompts.features[folds != fold], self.random_state + fold)
            for fold in np.unique(folds).tolist()
        ]

    def _stack(
        self,
        reader: Reader,
        encodings: Sequence[Encoding],
        data: Training,
        folds: Folds,
        fallback: int,
    ) -> Stack:
        if not encodings:
            return Stack(reader, (), np.zeros(0), constant(data.scores, fallback))
        examples = Examples(reader(data.X), data.scores, _labels(data.X, reader), folds)
        pipelines, out, easy = self._pipelines(encodings, examples)
        truth = centred(data.scores).values
        together, groups = cross_fitted(out, truth, folds), np.asarray(data.groups)
        held_out = OutOfFold(together, data.scores, folds, groups)
        # Each fold is compared with the best model of the others: one that was chosen on the very
        # prompts that it is judged on looks better than it is, and hides gains.
        levels, _ = levels_of(data.scores, fallback)
        rule = shrinkage_of(held_out, self.risk)._replace(levels=levels, fallback=fallback)
        easiness = easiness_of(easy, data.scores)
        return Stack(reader, tuple(pipelines), stacked(out, truth), rule, easiness)

    def _pipelines(
        self, encodings: Sequence[Encoding], examples: Examples
    ) -> tuple[list[Pipeline], list[Floats], Floats]:
        return pipelines_of(encodings, examples, self._views)

    def _views(self, seen: Seen, Y: Floats, folds: Folds, fold: int) -> list[View]:
        """Learn the views without one fold; the seed of its trees is its own."""
        learned: list[View] = [
            forest_view(seen, Y, self.random_state + TREES * fold),
            linear_view(seen, "leading", LEADING_PENALTIES, Y, folds),
            linear_view(seen, "clusters", CLUSTER_PENALTIES, Y, folds),
        ]
        if seen.subsets.shape[1]:
            learned.append(linear_view(seen, "subsets", SUBSET_PENALTIES, Y, folds))
        if seen.categories.shape[1]:
            learned.append(linear_view(seen, "categories", CATEGORY_PENALTIES, Y, folds))
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


def _labels(prompts: Prompts, reader: Reader) -> Floats:
    """The subsets of the training prompts, where they are not declared as known of new ones."""
    known = SUBSET in reader.categories.names or SUBSET not in prompts.known
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
