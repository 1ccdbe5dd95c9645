"""The stack of `auto`: views that are learned five times over, each time without a fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto_inputs import Encoding, Given, Reader, Seen
from routereval.routers.auto_subsets import Subsets, subsets_of
from routereval.routers.auto_views import Floats, Folds, View
from routereval.routers.base import Scores
from routereval.routers.shrinkage import Shrinkage, centred

Learn = Callable[[Seen, Floats, Folds, int], Sequence[View]]
"""Learns views from prompts, (n_prompts, n_models) centred scores, (n_prompts,) folds and the fold
that is held out."""


class Examples(NamedTuple):
    """What is known of the training prompts.

    Attributes:
        given: what is read of them.
        scores: (n_prompts, n_models), NaN where not observed.
        labels: (n_prompts, n_subsets) 1 where a prompt is of the subset.
        folds: (n_prompts,) their folds.
    """

    given: Given
    scores: Scores
    labels: Floats
    folds: Folds

    def rows(self, rows: NDArray[np.bool_]) -> Examples:
        """Some of the prompts."""
        given = self.given.rows(rows)
        return Examples(given, self.scores[rows], self.labels[rows], self.folds[rows])


class Pipeline(NamedTuple):
    """All that leads from a prompt to what the views predict, learned from the same prompts.

    Attributes:
        encoding: of the features.
        subsets: how probable each is, which is predicted before models are compared.
        views: predictors of centred scores.
    """

    encoding: Encoding
    subsets: Subsets
    views: tuple[View, ...]

    @classmethod
    def of(cls, encoding: Encoding, examples: Examples, learn: Learn, fold: int) -> Pipeline:
        """Learn; the folds are for what is chosen, or learned of predictions, on the way.

        Args:
            encoding: learned of the same prompts.
            examples: the training prompts but those of the fold.
            learn: learns views.
            fold: which is held out.
        """
        seen = encoding(examples.given)
        subsets, foreseen = subsets_of(seen, examples.labels, examples.folds)
        truth = centred(examples.scores).values
        views = learn(seen.having(foreseen), truth, examples.folds, fold)
        return cls(encoding, subsets, tuple(views))

    def seen(self, given: Given) -> Seen:
        """What the views are given of prompts."""
        seen = self.encoding(given)
        return seen.having(self.subsets(seen.wide))


def pipelines_of(
    encodings: Sequence[Encoding], examples: Examples, learn: Learn
) -> tuple[list[Pipeline], list[Floats]]:
    """Learn a pipeline without each fold.

    Whatever is learned of a prompt's features, be it the directions in which they vary, fits the
    prompts that it was learned of better than new ones, and of a hundred prompts far better. So a
    fold is held out of all of it, and what is predicted of it is what new prompts can expect.

    Args:
        encodings: one for each fold, learned of the others.
        examples: the training prompts.
        learn: learns views.

    Returns:
        The pipelines, and of each view (n_prompts, n_models) what the pipeline that was learned
        without a prompt predicts of it.
    """
    pipelines: list[Pipeline] = []
    out: list[Floats] = []
    for encoding, fold in zip(encodings, np.unique(examples.folds).tolist(), strict=True):
        held = examples.folds == fold
        pipeline = Pipeline.of(encoding, examples.rows(~held), learn, fold)
        seen = pipeline.seen(examples.given.rows(held))
        out = out or [np.zeros(examples.scores.shape) for _ in pipeline.views]
        for whole, view in zip(out, pipeline.views, strict=True):
            whole[held] = view(seen)
        pipelines.append(pipeline)
    return pipelines, out


class Stack(NamedTuple):
    """The mean of some pipelines, their views weighed, and how far they may be believed.

    Attributes:
        reader: what is read of a prompt.
        pipelines: each learned without another fold; none where there are too few prompts.
        weights: (n_views,)
        shrinkage: turns the weighed predictions into scores.
    """

    reader: Reader
    pipelines: tuple[Pipeline, ...]
    weights: Floats
    shrinkage: Shrinkage

    def __call__(self, prompts: Prompts) -> Scores:
        """(n_prompts, n_models) scores."""
        if not self.shrinkage.moves:
            return np.tile(self.shrinkage.levels, (len(prompts), 1))
        return self.shrinkage(self.predicted(self.reader(prompts)))

    def predicted(self, given: Given) -> Floats:
        """(n_prompts, n_models) centred scores."""
        answers = []
        for pipeline in self.pipelines:
            seen = pipeline.seen(given)
            answers += [
                w * view(seen)
                for w, view in zip(self.weights, pipeline.views, strict=True)
                if w > 0
            ]
        shape = (len(given.features), len(self.shrinkage.levels))
        return np.asarray(sum(answers, np.zeros(shape)) / max(len(self.pipelines), 1))
