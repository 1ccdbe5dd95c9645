"""What every router is: an estimator that predicts a matrix of scores."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from routereval.errors import DataError
from routereval.routers.call_ledger import CallLedger

Scores = NDArray[np.float64]
"""A (n_prompts, n_models) matrix of scores; NaN where not observed."""

Groups = NDArray[np.int64]
"""(n_prompts,) codes: prompts of one code are the same one, or belong together."""

Reads = Literal["features", "texts", "origins", "truth", "subset_means"]


class Router(BaseEstimator):  # type: ignore[misc]
    """Predicts how well each model of a pool will do on each prompt.

    A subclass stores its keyword arguments in the constructor and does nothing else there, learns
    in `fit` (learned state ends in ``_``; randomness only through ``random_state``) and answers in
    `predict_scores`. A policy turns the scores into choices; a router never chooses.

    Class attributes:
        reads: what `fit` and `predict_scores` are given as ``X``: the prompts' feature matrix
            (``features``); their ``texts``; their ``origins``, two columns with the codes of each
            prompt's benchmark and subset; or, for the oracles that bound every router, the true
            scores of the very prompts to be routed (``truth``) or each model's mean on the prompt's
            subset (``subset_means``).
        policy: ``argmax`` takes the model of the highest score; ``proportional`` draws a model with
            probability equal to its score (rows then sum to 1), and metrics take the expectation.
        control: True for the yardsticks (random, oracle, …) that have learned nothing.
        uses_validation: True if `fit` takes ``validation=(X, scores)`` to choose hyper-parameters.
        uses_groups: True if `fit` takes ``groups=``, codes of equal prompts, so that what it holds
            out has no equal among what it learns from.
        uses_models: True if `fit` takes ``models=``, the names of the pool's LLMs, a name a column.
        cascade: True if it calls models one after the other, by `calls`, and pays for all of them.
            Its `fit` takes ``signals=``, what calls reveal, by name, each as scores. Where nothing
            can be called, its predicted scores serve as any router's.
        needs_costs: True if `fit` cannot do without costs.
        extra: the extra of this package that must be installed for it, such as ``torch``, or none.
        network: True if it asks a service for its choices.
        supports_unseen: True if `extend` is its own: it takes LLMs that were not there at `fit`.
        separable: True if a predicted score means the same whatever else is in the pool, so that
            new LLMs can be learned apart, by a second router of the kind.
        faithful: parameters that make it RouterEval's published baseline of that name.
    """

    reads: ClassVar[Reads] = "features"
    policy: ClassVar[Literal["argmax", "proportional"]] = "argmax"
    control: ClassVar[bool] = False
    uses_validation: ClassVar[bool] = False
    uses_groups: ClassVar[bool] = False
    uses_models: ClassVar[bool] = False
    cascade: ClassVar[bool] = False
    needs_costs: ClassVar[bool] = False
    extra: ClassVar[str] = ""
    network: ClassVar[bool] = False
    supports_unseen: ClassVar[bool] = False
    separable: ClassVar[bool] = False
    faithful: ClassVar[dict[str, Any]] = {}

    n_models_: int

    def fit(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
        """Learn from records.

        Args:
            X: what the router reads, one row a prompt.
            scores: (n_prompts, n_models), in [0, 1], NaN where not observed.
            costs: the same shape, in USD a call, or None where unknown.

        Returns:
            The router itself.

        Raises:
            DataError: if the shapes do not agree.
        """
        raise NotImplementedError

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Router:  # noqa: ANN401
        """Take new models in place, known by their scores on a few probe prompts; forget nothing.

        Only a router that `supports_unseen` can; `routereval.routers.extend` takes any.

        Args:
            X: what the router reads of the probe prompts.
            scores: (n_probes, n_new), a column per new model, NaN where not observed.
            costs: of the same shape, in USD per call, or None where unknown.

        Returns:
            The router itself, of all models, the new ones after the known.

        Raises:
            DataError: if this router cannot take new models by itself.
            sklearn.exceptions.NotFittedError: before `fit`.
        """
        self._check_fitted()
        raise DataError(
            "this router cannot take models that were not there when it was fitted; "
            "fit it again with them, or take a router that can, such as knn"
        )

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401
        """Predict a score for each prompt and model.

        Args:
            X: what the router reads, one row a prompt.

        Returns:
            (n_prompts, n_models), higher is better.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
        """
        raise NotImplementedError

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """Predict what each model's call will cost.

        Args:
            X: what the router reads, one row a prompt.

        Returns:
            (n_prompts, n_models) or (n_models,), USD a call; None, as here, where the router has no
            opinion of its own: a policy then takes each model's mean cost on the training prompts.
        """
        return None

    def calls(self, X: Any, ledger: CallLedger, lam: float = 0.0) -> NDArray[np.int64]:  # noqa: ANN401
        """Call models on test prompts, if the router is a `cascade`, and choose among the called.

        Args:
            X: what the router reads, one row a prompt.
            ledger: where models are called.
            lam: trade-off in score a USD.

        Returns:
            (n_prompts,) the column of the model whose answer is returned.
        """
        raise NotImplementedError

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """The router's own distribution over the models, whose entropy RouterEval reports as E_p.

        Args:
            X: what was given to `predict_scores`.
            scores: what it answered.

        Returns:
            (n_prompts, n_models), rows sum to 1: the softmax of the scores unless overridden.
        """
        from scipy.special import softmax

        return np.asarray(softmax(scores, axis=1))

    def _check_fit(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """Check the shapes that `fit` was given, note the number of models, return the scores."""
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim != 2 or 0 in scores.shape:
            raise DataError(
                f"scores must be a (prompts, models) matrix, not of shape {scores.shape}"
            )
        if len(X) != len(scores):
            raise DataError(f"X has {len(X)} rows but scores has {len(scores)}")
        self.n_models_ = scores.shape[1]
        return scores

    def _check_extend(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """Check the shapes that `extend` was given, count the new LLMs, return the scores."""
        self._check_fitted()
        known = self.n_models_
        scores = self._check_fit(X, scores)
        self.n_models_ += known
        return scores

    def _check_fitted(self) -> None:
        check_is_fitted(self, "n_models_")


def mean_scores(scores: Scores) -> NDArray[np.float64]:
    """Each model's mean over the prompts on which it was observed; 0 where it never was.

    >>> mean_scores(np.array([[1.0, np.nan], [0.0, np.nan]]))
    array([0.5, 0. ])
    """
    seen = ~np.isnan(scores)
    total = np.where(seen, scores, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(seen.sum(axis=0), 1))


def mean_costs(costs: Scores | None, scores: Scores) -> NDArray[np.float64]:
    """Each model's mean known cost; NaN where none is known.

    Args:
        costs: (n_prompts, n_models), NaN where unknown; None if unknown throughout.
        scores: of the same shape.

    Raises:
        DataError: if the shapes do not agree.

    >>> mean_costs(np.array([[0.5, np.nan], [1.5, np.nan]]), np.ones((2, 2)))
    array([ 1., nan])
    """
    if costs is None:
        return np.full(scores.shape[1], np.nan)
    costs = np.asarray(costs, dtype=np.float64)
    if costs.shape != scores.shape:
        raise DataError(f"costs has shape {costs.shape} but scores has {scores.shape}")
    return np.where(np.isnan(costs).all(axis=0), np.nan, mean_scores(costs))
