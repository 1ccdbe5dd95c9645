"""Parts of `auto`, each on its own, and the ceiling: what `quality.py` sets beside it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers import auto_subsets
from routereval.routers.auto import Auto
from routereval.routers.auto_inputs import Encoding, Reader, Seen, components_of
from routereval.routers.auto_stack import Examples, Pipeline, Stack, pipelines_of
from routereval.routers.auto_views import (
    LEADING_PENALTIES,
    TREES,
    Folds,
    Forest,
    View,
    cross_fitted,
    forest_view,
    linear_view,
    stacked,
)
from routereval.routers.base import Training
from routereval.routers.shrinkage import (
    GATE,
    Centred,
    OutOfFold,
    Shrinkage,
    centred,
    shrinkage_of,
    slope_of,
    without_common,
)
from routereval.studies.train import fit
from routereval.tasks import Task

Floats = NDArray[np.float64]

FOLDS_KEPT = 60  # classifiers of subsets
UNGUARDED = "auto without guard"
MORE = ("all inputs", "bare forest")
GATES = (1.0, 1.3, 1.645, 2.0)

_classified: dict[bytes, tuple[Floats, Floats]] = {}
_classifier = auto_subsets.classifier


def shared_classifier(X: NDArray[np.floating], labels: Floats) -> tuple[Floats, Floats]:
    """The classifier of subsets, learned once for all pools that share their prompts."""
    key = hashlib.blake2b(X.tobytes() + labels.tobytes()).digest()
    if key not in _classified:
        if len(_classified) >= FOLDS_KEPT:
            _classified.clear()
        _classified[key] = _classifier(X, labels)
    return _classified[key]


class Recorded(Auto):
    """`auto`, with what its text alone told it kept for the ablation and the ceiling."""

    def fit(self, *args: Any, **kwargs: Any) -> Recorded:  # noqa: ANN401
        """Forget what was recorded, and fit."""
        self.seconds_: list[float] = []
        return super().fit(*args, **kwargs)

    def _stack(
        self,
        reader: Reader,
        encodings: Sequence[Encoding],
        data: Training,
        folds: Folds,
        fallback: int,
    ) -> Stack:
        began = time.process_time()
        if not self.seconds_:
            self.data_, self.encodings_ = data, encodings
        stack = super()._stack(reader, encodings, data, folds, fallback)
        self.seconds_.append(time.process_time() - began)
        return stack

    def _pipelines(
        self, encodings: Sequence[Encoding], examples: Examples
    ) -> tuple[list[Pipeline], list[Floats], Floats]:
        pipelines, out, easy = super()._pipelines(encodings, examples)
        if not self.seconds_:
            self.examples_, self.out_ = examples, out
        return pipelines, out, easy


class Wider(Recorded):
    """The same with two more views: a ridge on all inputs, and a forest that sees no subsets."""

    def _views(self, seen: Seen, Y: Floats, folds: Folds, fold: int) -> list[View]:
        wide = Seen(seen.wide.astype(float), *seen[1:])
        bare = seen._replace(wide=seen.wide[:, : seen.wide.shape[1] - seen.subsets.shape[1]])
        every = linear_view(wide, "leading", LEADING_PENALTIES, Y, folds)
        return [
            *super()._views(seen, Y, folds, fold),
            every._replace(block="wide"),
            Bare(forest_view(bare, Y, self.random_state + TREES * fold), bare.wide.shape[1]),
        ]


class Bare(NamedTuple):
    """A forest that sees the first inputs alone."""

    forest: Forest
    width: int

    def __call__(self, seen: Seen) -> Floats:
        return self.forest(seen._replace(wide=seen.wide[:, : self.width]))


class Shared(Recorded):
    """The same, its components and clusters learned of all training prompts for every fold."""

    def _encodings(
        self, prompts: Prompts, folds: Folds, groups: NDArray[np.int64] | None
    ) -> list[Encoding]:
        found = super()._encodings(prompts, folds, groups)
        return [Encoding.of(prompts.features, 0)] * len(found)


def unguarded(auto: Recorded, task: Task) -> dict[str, Floats]:
    """Scores by all views of `auto`, as they are."""
    stack = auto.stack_
    if not stack.pipelines:
        return {}
    predicted = stack.predicted(stack.reader(task.test.inputs("prompts")))
    return {UNGUARDED: stack.shrinkage._replace(z=0.0, share=1.0)(predicted)}


def ablations(auto: Recorded, task: Task) -> dict[str, Floats]:
    """Scores by parts of `auto`, of views that are learned once for all rows but one."""
    if not auto.stack_.pipelines:
        return {}
    prompts = task.test.inputs("prompts")
    wider, shared = fit(Wider(), task), fit(Shared(), task)
    scores, folds, groups = auto.data_.scores, wider.examples_.folds, np.asarray(auto.data_.groups)
    truth, stack = centred(scores).values, wider.stack_
    given = stack.reader(prompts)
    sides = [(pipeline.views, pipeline.seen(given)) for pipeline in stack.pipelines]
    answers = [
        np.mean([views[place](seen) for views, seen in sides], axis=0)
        for place in range(len(wider.out_))
    ]

    place = {name: at for at, name in enumerate(_names(len(wider.out_)))}
    auto_s = [name for name in place if name not in MORE]

    def rule(names: Sequence[str], gate: float = GATE) -> tuple[Shrinkage, Floats]:
        places = [place[name] for name in names]
        out = [wider.out_[at] for at in places]
        held = OutOfFold(cross_fitted(out, truth, folds), scores, folds, groups)
        weights = stacked(out, truth)
        predicted = sum(w * answers[at] for w, at in zip(weights, places, strict=True))
        own = {"levels": auto.stack_.shrinkage.levels, "fallback": auto.fallback_}
        return shrinkage_of(held, auto.risk, gate=gate)._replace(**own), np.asarray(predicted)

    def gated(names: Sequence[str], gate: float = GATE) -> Floats:
        found, predicted = rule(names, gate)
        return found(predicted)

    def plain(*names: str) -> Floats:
        found, predicted = rule(names)
        return found._replace(z=0.0, share=1.0)(predicted)

    def without(name: str) -> Floats:
        return gated([other for other in auto_s if other != name])

    whole, by_all = rule(auto_s)
    found = {
        "ridge on differences": plain("components"),
        "forest on differences": plain("forest"),
        "both, stacked": plain("forest", "components"),
        UNGUARDED: plain(*auto_s),
        "slope less 1.5 errors": whole._replace(z=1.5, share=1.0)(by_all),
        "slope less 2 errors": whole._replace(z=2.0, share=1.0)(by_all),
        "and levels shrunk, 1.5 errors": whole._replace(z=1.5)(by_all),
        "and gated: all of auto but the familiarity": whole(by_all),
        **{f"gated by {gate:g} errors": gated(auto_s, gate) for gate in GATES if gate != GATE},
        "gated, without the forest": without("forest"),
        "gated, without the ridge on components": without("components"),
        "gated, without clusters": without("clusters"),
        "gated, a slope for each model": _slope_for_each(whole, by_all, wider),
        "gated, and a ridge on all inputs": gated([*auto_s, "all inputs"]),
        "gated, components and clusters shared by the folds": shared.predict_scores(prompts),
    }
    if "subsets" in place:
        found["gated, without the ridge on subsets"] = without("subsets")
        found["gated, without subsets"] = gated(["bare forest", "components", "clusters"])
    return found


def _names(n: int) -> list[str]:
    """Of the views of `Wider`; there is one of subsets where training prompts have them."""
    return ["forest", "components", "clusters", *["subsets"] * (n > 5), *MORE]


def _slope_for_each(rule: Shrinkage, predicted: Floats, wider: Recorded) -> Floats:
    """Each model's own slope, drawn to the common one by empirical Bayes."""
    if not rule.moves:
        return rule(predicted)
    truth, groups = centred(wider.examples_.scores), np.asarray(wider.data_.groups)
    out = without_common(
        cross_fitted(wider.out_[: -len(MORE)], truth.values, wider.examples_.folds)
    )
    own = [
        slope_of(out[:, [m]], Centred(truth.values[:, [m]], truth.seen[:, [m]]), groups)
        for m in range(out.shape[1])
    ]
    slopes, errors = np.array([s.slope for s in own]), np.array([min(s.error, 1e3) for s in own])
    between = max(0.0, float(np.mean((slopes - rule.slope.slope) ** 2 - errors**2)))
    weight = between / (between + errors**2)
    slope = rule.slope.slope + weight * (slopes - rule.slope.slope)
    error = np.sqrt(rule.slope.error**2 * (1 - weight) ** 2 + weight * errors**2)
    top = rule.levels[rule.fallback]
    kept = np.clip(slope - rule.z * error, 0.0, 1.2)
    return np.asarray(top + rule.share * (rule.levels - top) + kept * without_common(predicted))


def ceiling_of(task: Task, auto: Recorded) -> Floats | None:
    """Predictions of the same views that also see all other models' scores on the prompt."""
    records = task.records
    outside = [m for m in range(records.n_models) if records.models[m] not in task.models]
    if len(outside) < 3 or not auto.stack_.pipelines:
        return None
    columns = np.array(outside[:500], dtype=np.int64)

    def apart(rows: NDArray[np.int64]) -> Floats:
        others = records.scores.dense(rows, columns)
        others = np.nan_to_num(others - np.nanmean(others, axis=0))
        easy = others.mean(axis=1, keepdims=True)
        return np.hstack([others - easy, easy])

    def learn(seen: Seen, Y: Floats, folds: Folds, fold: int) -> list[View]:
        ours = auto._views(seen._replace(categories=seen.categories[:, :0]), Y, folds, fold)
        return [*ours, linear_view(seen, "categories", LEADING_PENALTIES, Y, folds)]

    rows = np.concatenate([task.train.rows, task.val.rows])[: len(auto.data_.scores)]
    components = components_of(apart(rows))
    examples = auto.examples_._replace(
        given=auto.examples_.given._replace(categories=components(apart(rows)))
    )
    pipelines, out, _ = pipelines_of(auto.encodings_, examples, learn)
    truth, groups = centred(examples.scores).values, np.asarray(auto.data_.groups)
    held = OutOfFold(
        cross_fitted(out, truth, examples.folds), examples.scores, examples.folds, groups
    )
    rule = shrinkage_of(held, 1.0)._replace(z=0.0, share=1.0)
    reader = auto.stack_.reader
    given = reader(task.test.inputs("prompts"))._replace(
        categories=components(apart(task.test.rows))
    )
    return rule(Stack(reader, tuple(pipelines), stacked(out, truth), rule).predicted(given))
