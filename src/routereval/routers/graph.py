"""GraphRouter: tasks, prompts and models as a graph, in which a missing edge is predicted."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, POSITIVE, SEED
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.clusters import partition
from routereval.routers.inputs import Features, even_scale
from routereval.routers.lbfgs import log_odds
from routereval.routers.torch_training import (
    Best,
    Descent,
    Weights,
    drawn,
    relu,
    seeded,
)
from routereval.routers.validation import Fold

PATIENCE = 10
HIDDEN = 0.5
LAYERS = ("1", "2")


class GraphRouter(Router):
    """Predicts scores as edges between prompts and models of a graph, from the edges known so far.

    Prompts belong to tasks; a prompt and a model are joined by an edge that bears the score. In two
    rounds of messages a task gathers from its prompts, a prompt from its task, and a model from the
    prompts it was right on and from those it was wrong on, apart. An edge's score is the logistic
    function of the product of its ends. Training hides the edges of a random half of the prompts
    and predicts them from the others'. A model is nothing but its edges, so a new one needs only a
    few scores, and no training. Source: GraphRouter, Feng et al. 2024, arXiv 2410.03834. Different
    here: tasks are k-means groups of the prompts, since a live prompt names none; models have no
    description and no cost on their edges, as the policy weighs costs; scores are predicted, not
    which model is best.

    Args:
        tasks: number of groups of prompts.
        dims: of the nodes' vectors.
        lr: learning rate of AdamW at the start.
        epochs: steps, each over the whole graph, at most.
        random_state: seed of the initial weights, the groups and the hidden edges.

    Attributes:
        weights_: of the messages.
        scale_: the features' means, and one deviation for all.
        centres_: (k, n_features) the tasks' centres.
        tasks_: the tasks' vectors in each round.
        models_: (n_models, dims) the models' vectors.
        norms_: mean and spread of the messages to the models in each round.
        offsets_: (n_models,) log-odds of each model's mean score.
    """

    allowed = {"tasks": COUNT, "dims": COUNT, "epochs": COUNT, "lr": POSITIVE, "random_state": SEED}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    supports_unseen: ClassVar[bool] = True
    extra: ClassVar[str] = "torch"

    def __init__(
        self,
        *,
        tasks: int = 8,
        dims: int = 32,
        lr: float = 1e-2,
        epochs: int = 200,
        random_state: int = 0,
    ) -> None:
        self.tasks = tasks
        self.dims = dims
        self.lr = lr
        self.epochs = epochs
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        learn, check = data.folds(self.random_state)
        self.scale_ = even_scale(learn.X)
        scaled = self.scale_(learn.X)
        parts = partition(scaled, int(self.tasks), int(self.random_state))
        self.centres_ = parts.centres
        graph = Graph.of(scaled, parts.labels, learn.scores, len(parts.centres))
        self.offsets_ = log_odds(mean_scores(learn.scores))
        self.weights_ = self._trained(graph, check)
        self.tasks_, self.models_, self.norms_ = _nodes(graph, self.weights_)

    def _extend(self, data: Training) -> None:
        """Join the new models to the graph by the edges that are given; nothing is trained."""
        prompts = _prompts(*self._placed(data.X), self.tasks_, self.weights_)
        models, _ = _models(prompts, *_edges(data.scores), self.weights_, self.norms_)
        self.models_ = np.vstack([self.models_, models])
        self.offsets_ = np.concatenate([self.offsets_, log_odds(mean_scores(data.scores))])

    def _predict(self, X: Features) -> Scores:
        from scipy.special import expit

        prompts = _prompts(*self._placed(X), self.tasks_, self.weights_)
        z = _products(prompts[-1], self.models_, self.weights_) + self.offsets_
        return np.asarray(expit(z))

    def _placed(self, X: Features) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scaled features, and the nearest task of each prompt."""
        from scipy.spatial.distance import cdist

        scaled = self.scale_(X)
        return scaled, np.asarray(cdist(scaled, self.centres_).argmin(axis=1))

    def _trained(self, graph: Graph, check: Fold) -> Weights:
        rng = np.random.default_rng(self.random_state)
        placed = self._placed(check.X)
        seen = ~np.isnan(check.scores)
        truth = np.where(seen, check.scores, 0.0)

        def rate(weights: Weights) -> float:
            tasks, models, _ = _nodes(graph, weights)
            z = _products(_prompts(*placed, tasks, weights)[-1], models, weights) + self.offsets_
            return -float(((np.logaddexp(0, z) - truth * z) * seen).sum() / max(seen.sum(), 1))

        best = Best(rate, PATIENCE)
        with seeded(int(self.random_state)) as device:
            descent = Descent(drawn(rng, self._shapes(graph)), device, self.lr, self.epochs)
            held = Graph(*(descent.tensor(part) for part in graph))
            offsets = descent.tensor(self.offsets_)
            for epoch in range(self.epochs):
                known = descent.tensor((rng.random(len(graph.X)) < HIDDEN)[:, None])
                descent.step(_loss(held, known, offsets, descent.weights))
                if epoch % 5 == 4 and not best.take(descent.arrays()):
                    break
            best.take(descent.arrays())
        return best.weights

    def _shapes(self, graph: Graph) -> dict[str, tuple[int, ...]]:
        square, row = (self.dims, self.dims), (self.dims,)
        shapes: dict[str, tuple[int, ...]] = {"in": (graph.X.shape[1], self.dims), "in b": row}
        for layer in LAYERS:
            ends = ("prompt prompt", "task prompt", "task task", "prompt task", "right", "wrong")
            shapes |= {f"{name} {layer}": square for name in (*ends, "model model")}
            shapes |= {f"{name} b {layer}": row for name in ("prompt", "task", "model")}
        return shapes


class Norm(NamedTuple):
    """Of one round: the mean prompt, and mean and spread of the messages to the models."""

    centre: Any
    right: Any
    right_size: Any
    wrong: Any
    wrong_size: Any


class Graph(NamedTuple):
    """The training graph: arrays, or tensors in training.

    Attributes:
        X: (n_prompts, n_features) scaled.
        member: (n_prompts,) the task of each.
        belongs: (n_prompts, n_tasks) 1 where it does, over the task's size.
        right: (n_prompts, n_models) the score, 0 where not observed.
        wrong: (n_prompts, n_models) what is missing to 1, 0 where not observed.
    """

    X: Any
    member: Any
    belongs: Any
    right: Any
    wrong: Any

    @classmethod
    def of(
        cls, X: NDArray[np.float64], member: NDArray[np.int64], scores: Scores, n_tasks: int
    ) -> Graph:
        """Join prompts to their tasks and to the models."""
        belongs = np.eye(n_tasks)[member]
        return cls(X, member, belongs / np.maximum(belongs.sum(axis=0), 1), *_edges(scores))


def _edges(scores: Scores) -> tuple[Scores, Scores]:
    seen = ~np.isnan(scores)
    right = np.where(seen, scores, 0.0)
    return right, np.where(seen, 1 - right, 0.0)


def _loss(graph: Graph, known: Any, offsets: Any, weights: Any) -> Any:  # noqa: ANN401 - tensors
    """Cross-entropy of the hidden edges, predicted from the known ones."""
    from torch.nn.functional import softplus

    part = graph._replace(right=graph.right * known, wrong=graph.wrong * known)
    tasks, models, _ = _nodes(part, weights)
    prompts = _prompts(graph.X, graph.member, tasks, weights)
    z = _products(prompts[-1], models, weights) + offsets
    # softplus(-z) costs a right answer, softplus(z) a wrong one.
    losses = (graph.right * softplus(-z) + graph.wrong * softplus(z)) * ~known
    hidden = ((graph.right + graph.wrong) * ~known).sum()
    return losses.sum() / (hidden + 1e-9)


def _nodes(graph: Graph, weights: Any) -> tuple[list[Any], Any, list[Norm]]:  # noqa: ANN401
    """Vectors of the tasks before each round, of the models after the last, and their norms."""
    prompts = [_read(graph.X, weights)]
    tasks = [graph.belongs.T @ prompts[0]]
    for layer in LAYERS:
        prompts.append(_gathered(prompts[-1], tasks[-1][graph.member], weights, layer))
        news = graph.belongs.T @ prompts[-2] @ weights[f"prompt task {layer}"]
        own = tasks[-1] @ weights[f"task task {layer}"]
        tasks.append(_bent(own + news + weights[f"task b {layer}"], layer))
    return tasks[: len(LAYERS)], *_models(prompts, graph.right, graph.wrong, weights)


def _prompts(X: Any, member: Any, tasks: list[Any], weights: Any) -> list[Any]:  # noqa: ANN401
    """Vectors of the prompts before each round, and after the last."""
    prompts = [_read(X, weights)]
    for layer, task in zip(LAYERS, tasks, strict=True):
        prompts.append(_gathered(prompts[-1], task[member], weights, layer))
    return prompts


def _models(
    prompts: list[Any],
    right: Any,  # noqa: ANN401
    wrong: Any,  # noqa: ANN401
    weights: Any,  # noqa: ANN401
    norms: list[Norm] | None = None,
) -> tuple[Any, list[Norm]]:
    """Vectors of the models after the last round; before the first they are all 0.

    What reaches the models of a pool differs little from one to the other. So messages count from
    their mean over the models, in units of their spread: in `norms`, those of the training graph.
    """
    well, badly = right / (right.sum(axis=0) + 1), wrong / (wrong.sum(axis=0) + 1)
    models: Any = 0.0
    used = []
    for n, (layer, vectors) in enumerate(zip(LAYERS, prompts, strict=False)):
        centre = norms[n].centre if norms else vectors.mean(axis=0)
        messages = [well.T @ (vectors - centre), badly.T @ (vectors - centre)]
        norm = norms[n] if norms else Norm(centre, *_spread(messages[0]), *_spread(messages[1]))
        news = (messages[0] - norm.right) / norm.right_size @ weights[f"right {layer}"]
        news = news + (messages[1] - norm.wrong) / norm.wrong_size @ weights[f"wrong {layer}"]
        if layer != LAYERS[0]:
            news = news + models @ weights[f"model model {layer}"]
        models = _bent(news + weights[f"model b {layer}"], layer)
        used.append(norm)
    return models, used


def _spread(x: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """The mean of some vectors, and the root mean square of their numbers around it."""
    mean = x.mean(axis=0)
    return mean, (((x - mean) * (x - mean)).mean() + 1e-12) ** 0.5


def _read(X: Any, weights: Any) -> Any:  # noqa: ANN401
    return relu(X @ weights["in"] + weights["in b"])


def _gathered(prompts: Any, tasks: Any, weights: Any, layer: str) -> Any:  # noqa: ANN401
    own = prompts @ weights[f"prompt prompt {layer}"]
    return _bent(
        own + tasks @ weights[f"task prompt {layer}"] + weights[f"prompt b {layer}"], layer
    )


def _bent(x: Any, layer: str) -> Any:  # noqa: ANN401
    """The last round is linear, so that products may be of either sign."""
    return x if layer == LAYERS[-1] else relu(x)


def _products(prompts: Any, models: Any, weights: Any) -> Any:  # noqa: ANN401
    return prompts @ models.T / weights["in b"].shape[0] ** 0.5
