"""The stack of `auto`: views that are learned five times over, each time without a fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto_easiness import ALIKE, Ease, Easiness, ease_of
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
        ease: predicts what all models' scores have in common.
    """

    encoding: Encoding
    subsets: Subsets
    views: tuple[View, ...]
    ease: Ease

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
        seen, truth = seen.having(foreseen), centred(examples.scores).values
        views = learn(seen, truth, examples.folds, fold)
        return cls(encoding, subsets, tuple(views), ease_of(seen, examples.scores, examples.folds))

    def seen(self, given: Given) -> Seen:
        """What the views are given of prompts."""
        seen = self.encoding(given)
        return seen.having(self.subsets(seen.wide))


def pipelines_of(
    encodings: Sequence[Encoding], examples: Examples, learn: Learn
) -> tuple[list[Pipeline], list[Floats], Floats]:
    """Learn a pipeline without each fold.

    Whatever is learned of a prompt's features, be it the directions in which they vary, fits the
    prompts that it was learned of better than new ones, and of a hundred prompts far better. So a
    fold is held out of all of it, and what is predicted of it is what new prompts can expect.

    Args:
        encodings: one for each fold, learned of the others.
        examples: the training prompts.
        learn: learns views.

    Returns:
        The pipelines, of each view (n_prompts, n_models) what the pipeline that was learned without
        a prompt predicts of it, and (n_prompts,) how easy it takes it to be.
    """
    pipelines: list[Pipeline] = []
    out: list[Floats] = []
    easy = np.zeros(len(examples.scores))
    for encoding, fold in zip(encodings, np.unique(examples.folds).tolist(), strict=True):
        held = examples.folds == fold
        pipeline = Pipeline.of(encoding, examples.rows(~held), learn, fold)
        seen = pipeline.seen(examples.given.rows(held))
        out = out or [np.zeros(examples.scores.shape) for _ in pipeline.views]
        for whole, view in zip(out, pipeline.views, strict=True):
            whole[held] = view(seen)
        easy[held] = pipeline.ease(seen.wide)
        pipelines.append(pipeline)
    return pipelines, out, easy


class Stack(NamedTuple):
    """The mean of some pipelines, their views weighed, and how far they may be believed.

    Attributes:
        reader: what is read of a prompt.
        pipelines: each learned without another fold; none where there are too few prompts.
        weights: (n_views,)
        shrinkage: turns the weighed predictions into scores.
        easiness: what is added to those of all models alike.
    """

    reader: Reader
    pipelines: tuple[Pipeline, ...]
    weights: Floats
    shrinkage: Shrinkage
    easiness: Easiness = ALIKE

    def __call__(self, prompts: Prompts) -> tuple[Scores, Scores]:
        """(n_prompts, n_models) scores, and (n_prompts, 1) what is added to those of all models."""
        if not self.pipelines:
            return np.tile(self.shrinkage.levels, (len(prompts), 1)), np.zeros((len(prompts), 1))
        seen = self._seen(self.reader(prompts))
        easy = np.mean([p.ease(s.wide) for p, s in zip(self.pipelines, seen, strict=True)], axis=0)
        if not self.shrinkage.moves:  # what the views would say is not asked
            return np.tile(self.shrinkage.levels, (len(prompts), 1)), self.easiness(easy)
        return self.shrinkage(self._weighed(seen)), self.easiness(easy)

    def predicted(self, given: Given) -> Floats:
        """(n_prompts, n_models) centred scores."""
        return self._weighed(self._seen(given))

    def _seen(self, given: Given) -> list[Seen]:
        return [pipeline.seen(given) for pipeline in self.pipelines]

    def _weighed(self, seen: Sequence[Seen]) -> Floats:
        total = np.zeros((len(seen[0].wide), len(self.shrinkage.levels)))
        for pipeline, own in zip(self.pipelines, seen, strict=True):
            for weight, view in zip(self.weights, pipeline.views, strict=True):
                if weight > 0:
                    total += weight * view(own)
        return np.asarray(total / len(self.pipelines))
