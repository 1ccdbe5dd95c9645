"""What every router is: a template that a family fills in with what it learns and predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.estimator import Estimator
from routereval.features.prompts import Prompts
from routereval.number_of import number_of
from routereval.observed import column_means
from routereval.routers.call_ledger import CallLedger
from routereval.routers.inputs import (
    Groups,
    Scores,
    as_prompts,
    feature_matrix,
    in_double,
    rounded,
)
from routereval.routers.training import Training
from routereval.routers.validation import Fold

__all__ = ["Groups", "Reads", "Router", "Scores", "Training", "mean_costs", "mean_scores"]

Reads = Literal["features", "texts", "prompts", "origins", "truth", "subset_means"]

_TAKEN = {
    "validation": "uses_validation",
    "groups": "uses_groups",
    "models": "uses_models",
    "signals": "cascade",
}


class Router(Estimator):
    """Predicts how well each model of a pool will do on each prompt.

    It is a template. `fit` checks the parameters by the table `allowed`, and the records that it is
    given; `predict_scores` checks the prompts and rounds what is predicted to 12 digits. A family
    stores its keyword arguments in the constructor, and writes what these two call: ``_fit``, which
    learns from a `Training` (learned state ends in ``_``; randomness only through
    ``random_state``), and ``_predict``, which answers a matrix of scores. A policy turns the scores
    into choices; a router never chooses.

    Features come in double precision, and any router may rely on ``n_models_`` and, if it reads
    features, ``n_features_in_``.

    Class attributes:
        reads: what `fit` and `predict_scores` are given as ``X``: the prompts' feature matrix
            (``features``); their ``texts``; ``prompts``, which are features with the texts and
            categories beside them where there are any (see `Prompts`); their ``origins``, two
            columns with the codes of each prompt's benchmark and subset; or, for the oracles that
            bound every router, the true scores of the very prompts to be routed (``truth``) or each
            model's mean on the prompt's subset (``subset_means``).
        policy: ``argmax`` takes the model of the highest score; ``proportional`` draws a model with
            probability equal to its score (rows then sum to 1), and metrics take the expectation.
        control: True for the yardsticks (random, oracle, …) that have learned nothing. What they
            predict is not rounded, and they look at no features.
        uses_validation: True if `fit` takes ``validation=(X, scores)`` to choose hyper-parameters
            or, where it needs none for that, to learn from.
        uses_groups: True if `fit` takes ``groups=``, codes of equal prompts, so that what it holds
            out has no equal among what it learns from.
        uses_models: True if `fit` takes ``models=``, the names of the pool's models, one per
            column.
        cascade: True if it calls models one after the other, by `calls`, and pays for all of them.
            Its `fit` takes ``signals=``, what calls reveal, by name, each as scores. Where nothing
            can be called, its predicted scores serve as any router's.
        needs_costs: True if `fit` cannot do without costs.
        casts: False if features keep the precision in which they are given, since what is learned
            of them, as by k-means, depends on it.
        extra: the extra of this package that must be installed for it, such as ``torch``, or none.
        network: True if it asks a service for its choices.
        supports_unseen: True if it has ``_extend``: it takes models that were not there at `fit`.
        separable: True if a predicted score means the same whatever else is in the pool, so that
            new models can be learned apart, by a second router of the kind.
        compares: True if new models are learned by comparison with the known ones, whose expected
            scores it predicts: it then needs their scores on the probe prompts too.
        faithful: parameters that make it RouterEval's published baseline of that name.

    >>> class Shrunk(Router):
    ...     def _fit(self, data):
    ...         self.means_ = 0.5 * mean_scores(data.scores)
    ...     def _predict(self, X):
    ...         return np.tile(self.means_, (len(X), 1))
    >>> Shrunk().fit(np.eye(2), np.eye(2)).predict_scores([[0.0, 1.0]])
    array([[0.25, 0.25]])
    """

    reads: ClassVar[Reads] = "features"
    policy: ClassVar[Literal["argmax", "proportional"]] = "argmax"
    control: ClassVar[bool] = False
    uses_validation: ClassVar[bool] = False
    uses_groups: ClassVar[bool] = False
    uses_models: ClassVar[bool] = False
    cascade: ClassVar[bool] = False
    needs_costs: ClassVar[bool] = False
    casts: ClassVar[bool] = True
    extra: ClassVar[str] = ""
    network: ClassVar[bool] = False
    supports_unseen: ClassVar[bool] = False
    separable: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    faithful: ClassVar[dict[str, Any]] = {}

    n_models_: int
    n_features_in_: int

    def fit(
        self,
        X: Any,  # noqa: ANN401
        scores: Scores,
        costs: Scores | None = None,
        *,
        validation: tuple[Any, Scores] | None = None,
        groups: Groups | None = None,
        models: Sequence[str] | None = None,
        signals: Mapping[str, Scores] | None = None,
    ) -> Self:
        """Learn from records.

        Args:
            X: what the router reads, one row per prompt.
            scores: (n_prompts, n_models), in [0, 1], NaN where not observed.
            costs: the same shape, in USD per call, NaN where unknown; or None.
            validation: what the router reads of other prompts, and their scores, to choose
                hyper-parameters on; without, a router that tunes holds out a tenth of the prompts.
            groups: (n_prompts,) codes of equal prompts, which are held out together.
            models: the names of the models, one per column.
            signals: what calls reveal, by name, each of the shape of the scores, NaN where unknown.

        Returns:
            The router itself.

        Raises:
            DataError: if shapes do not agree, or it is given what it does not take.
            MissingDependencyError: if its `extra` is not installed.
            SpecError: if a parameter is not what `allowed` says.
        """
        self._check_parameters()
        self._check_together()
        scores = self._scores_of(X, scores)
        self.n_models_ = scores.shape[1]
        vars(self).pop("n_features_in_", None)  # a second fit forgets the first
        read = self._training_inputs(X)
        if self.reads in ("features", "prompts") and not self.control:
            features = read.features if isinstance(read, Prompts) else read
            self.n_features_in_ = features.shape[1]
        given = {"validation": validation, "groups": groups, "models": models, "signals": signals}
        for what, declared in _TAKEN.items():
            if given[what] is not None and not getattr(self, declared):
                raise DataError(f"{self._label()} takes no {what}; leave them out")
        data = Training(
            read,
            scores,
            self._costs_of(costs, scores),
            None if validation is None else self._validation_of(*validation),
            None if groups is None else self._groups_of(groups, scores),
            None if models is None else tuple(models),
            dict(signals or {}),
        )
        try:
            self._fit(data)
        except BaseException:
            del self.n_models_  # it is not fitted
            raise
        return self

    def extend(self, X: Any, scores: Scores, costs: Scores | None = None) -> Self:  # noqa: ANN401
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
        if not self.supports_unseen:
            raise DataError(
                "this router cannot take models that were not there when it was fitted; "
                "fit it again with them, or take a router that can, such as knn"
            )
        scores = self._scores_of(X, scores)
        self._extend(Training(self._training_inputs(X), scores, self._costs_of(costs, scores)))
        self.n_models_ += scores.shape[1]
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401
        """Predict a score for each prompt and model.

        Args:
            X: what the router reads, one row per prompt.

        Returns:
            (n_prompts, n_models), higher is better.

        Raises:
            DataError: if `X` is not like the training prompts.
            sklearn.exceptions.NotFittedError: before `fit`.
        """
        self._check_fitted()
        read = self._inputs(X)
        predicted = np.asarray(self._predict(read))
        if np.iscomplexobj(predicted):
            raise DataError(f"{self._text()} predicted complex numbers; a score is a real one")
        scores = predicted.astype(np.float64, copy=False)
        if scores.shape != (len(read), self.n_models_):
            raise DataError(
                f"{self._text()} predicted shape {scores.shape} "
                f"for {number_of(len(read), 'prompt')} and {number_of(self.n_models_, 'model')}; "
                "it takes a row for each prompt and a column for each model"
            )
        return scores if self.control else rounded(scores)

    def _text(self) -> str:
        """What a message calls it: with its parameters, and without what it is wrapped in."""
        return repr(self)

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """Predict what each model's call will cost.

        Args:
            X: what the router reads, one row per prompt.

        Returns:
            (n_prompts, n_models) or (n_models,), USD per call; None, as here, where the router has
            no opinion of its own: a policy then takes each model's mean cost in training.
        """
        return None

    def calls(self, X: Any, ledger: CallLedger, lam: float = 0.0) -> NDArray[np.int64]:  # noqa: ANN401
        """Call models on test prompts, if the router is a `cascade`, and choose among the called.

        Args:
            X: what the router reads, one row per prompt.
            ledger: where models are called.
            lam: trade-off in score per USD.

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
            (n_prompts, n_models), rows sum to 1: the softmax of the scores unless the family has
            another.
        """
        self._check_fitted()
        return np.asarray(self._distribution(self._inputs(X), scores))

    def _fit(self, data: Training) -> None:
        """Learn; `n_models_` and `n_features_in_` are known."""
        raise NotImplementedError

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        """(n_prompts, n_models) predicted scores; not yet rounded."""
        raise NotImplementedError

    def _extend(self, data: Training) -> None:
        """Learn of new models; `n_models_` still counts the known ones."""
        raise NotImplementedError

    def _distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        from scipy.special import softmax

        return np.asarray(softmax(scores, axis=1))

    def _is_fitted(self) -> bool:
        return hasattr(self, "n_models_")

    def _check_together(self) -> None:
        """Raise SpecError for parameters that do not go together."""

    def _inputs(self, X: Any) -> Any:  # noqa: ANN401
        """What the router reads, checked and cast."""
        if self.reads == "texts":
            return self._texts_of(X)
        if self.reads == "prompts":
            return as_prompts(X, getattr(self, "n_features_in_", None))
        if self.reads == "origins":
            return np.asarray(X, dtype=np.int64)
        if self.reads != "features":
            return self._truth_of(X)
        if self.control:
            return X
        matrix = feature_matrix(X, getattr(self, "n_features_in_", None))
        return in_double(matrix) if self.casts else matrix

    def _training_inputs(self, X: Any) -> Any:  # noqa: ANN401
        """The same; an oracle learns nothing of the truth about the training prompts."""
        return X if self.reads in ("truth", "subset_means") else self._inputs(X)

    def _texts_of(self, X: Any) -> list[str]:  # noqa: ANN401
        texts = X if isinstance(X, list) else list(X)
        other = next((text for text in texts if not isinstance(text, str)), None)
        if other is not None:
            raise DataError(
                f"{self._label()} reads the texts of prompts; it was given {type(other).__name__} "
                "(a task's part gives a router what it reads: task.train.inputs(router.reads))"
            )
        return texts

    def _truth_of(self, X: Any) -> Scores:  # noqa: ANN401
        truth = np.asarray(X, dtype=np.float64)
        if truth.ndim != 2 or truth.shape[1] != self.n_models_:
            raise DataError(
                f"an oracle of {self.n_models_} models reads their true scores, one column per "
                f"model; it was given shape {truth.shape}"
            )
        return truth

    def _scores_of(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim != 2 or 0 in scores.shape:
            raise DataError(
                f"scores must be a (prompts, models) matrix, not of shape {scores.shape}"
            )
        if len(X) != len(scores):
            raise DataError(f"X has {len(X)} rows but scores has {len(scores)}")
        return scores

    def _costs_of(self, costs: Scores | None, scores: Scores) -> Scores | None:
        """The costs; None where none at all is known."""
        if costs is not None:
            costs = np.asarray(costs, dtype=np.float64)
            if costs.shape != scores.shape:
                raise DataError(f"costs has shape {costs.shape} but scores has {scores.shape}")
            if np.isnan(costs).all():
                costs = None
        if costs is None and self.needs_costs:
            raise DataError(
                f"{self._label()} needs costs; import the records with costs or prices, "
                "or leave it out"
            )
        return costs

    def _validation_of(self, X: Any, scores: Scores) -> Fold:  # noqa: ANN401
        read, scores = self._inputs(X), np.asarray(scores, dtype=np.float64)
        if scores.shape != (len(read), self.n_models_):
            raise DataError(
                f"validation scores have shape {scores.shape} but there are {len(read)} validation "
                f"prompts and {self.n_models_} models"
            )
        return Fold(read, scores)

    def _groups_of(self, groups: Groups, scores: Scores) -> Groups:
        codes = np.asarray(groups)
        if codes.shape != (len(scores),):
            raise DataError(f"groups has shape {codes.shape} but there are {len(scores)} prompts")
        return codes


def mean_scores(scores: Scores) -> NDArray[np.float64]:
    """Each model's mean over the prompts on which it was observed; 0 where it never was.

    >>> mean_scores(np.array([[1.0, np.nan], [0.0, np.nan]]))
    array([0.5, 0. ])
    """
    means = column_means(scores)
    return np.where(np.isnan(means), 0.0, means)


def mean_costs(costs: Scores | None, scores: Scores) -> NDArray[np.float64]:
    """Each model's mean known cost; NaN where none is known.

    Args:
        costs: (n_prompts, n_models), NaN where unknown; None if unknown throughout.
        scores: of the same shape.

    >>> mean_costs(np.array([[0.5, np.nan], [1.5, np.nan]]), np.ones((2, 2)))
    array([ 1., nan])
    """
    if costs is None:
        return np.full(scores.shape[1], np.nan)
    return column_means(costs)
