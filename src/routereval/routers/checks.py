"""What every router must hold to, as small functions that anybody can run on their own router."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from routereval.errors import DataError
from routereval.estimator import unfitted
from routereval.routers.adapters import as_router, text_of
from routereval.routers.base import Router, Scores
from routereval.routers.check_prompts import Made, made_for, templated_for
from routereval.routers.new_models import extend
from routereval.routers.policy import choose
from routereval.routers.training import taken

TOLERANCE = 1e-9
NAMES = ("ann", "bob", "cat", "dan")
PREDICTS = ("features", "texts", "prompts")


Check = Callable[[Router], None]


def check_router(router: Any) -> None:  # noqa: ANN401 - a router of any kind
    """Run all checks on a router that has not been fitted; it stays as it is.

    The checks use pools of 1, 2 and 4 models and a few dozen made prompts.

    Args:
        router: a `Router`, or whatever else `as_router` takes, with any parameters that suit such
            small data.

    Raises:
        DataError: naming the first check that the router fails, and what went wrong.

    >>> from routereval.routers.controls import BestSingle
    >>> check_router(BestSingle())
    """
    router = as_router(router)
    for check in CHECKS:
        try:
            check(router)
        except Exception as error:  # whatever a router of others raises, say in which check
            raise DataError(f"{text_of(router)} fails {check.__name__}: {error}") from error


def check_parameters(router: Router) -> None:
    """The constructor stores its parameters as they are, and nothing else; a clone is equal."""
    made = type(router)(**router.get_params(deep=False))
    _require(vars(made) == router.get_params(deep=False), "the constructor does more than to store")
    _require(repr(unfitted(router)) == repr(router), "a clone has other parameters")


def check_repr(router: Router) -> None:
    """The representation names the class and holds no address."""
    text = repr(router)
    _require(text.startswith(type(router).__name__), f"repr is {text!r}")
    _require(" at 0x" not in text, f"repr is {text!r}")


def check_unfitted(router: Router) -> None:
    """Predicting before `fit` raises NotFittedError."""
    from sklearn.exceptions import NotFittedError

    try:
        unfitted(router).predict_scores(made_for(router).X_test)
    except NotFittedError:
        return
    _require(False, "predict_scores answers before fit")


def check_fit_returns_self(router: Router) -> None:
    """`fit` returns the router."""
    made = made_for(router)
    router = unfitted(router)
    _require(_fit(router, made) is router, "fit returns something else than the router")


def check_leaves_input(router: Router) -> None:
    """Neither `fit` nor `predict_scores` changes its arguments or the parameters."""
    made, before = made_for(router), made_for(router)
    fitted = _fitted(router, made)
    fitted.distribution(made.X_test, fitted.predict_scores(made.X_test))
    for name, now in made._asdict().items():
        _require(np.array_equal(now, getattr(before, name)), f"{name} was changed")
    _require(repr(fitted) == repr(unfitted(router)), "fit changed a parameter")


def check_read_only(router: Router) -> None:
    """Arrays that cannot be written to are accepted, and give the same scores."""
    made, frozen = made_for(router), made_for(router)
    for array in frozen:
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    _same(_predicted(router, made), _predicted(router, frozen), "read-only input changes scores")


def check_deterministic(router: Router) -> None:
    """The same seed gives the same bytes."""
    made = made_for(router)
    first, second = _predicted(router, made), _predicted(router, made)
    _require(first.tobytes() == second.tobytes(), "a second fit predicts other scores")


def check_shape(router: Router) -> None:
    """Scores are finite floats, one row per prompt, one column per model of the pool."""
    for n_models in (1, 2, 4):
        made = made_for(router, n_models=n_models)
        fitted = _fitted(router, made)
        _valid(fitted, made.X_test, n_models)
        _valid(fitted, taken(made.X_test, [0]), n_models)


def check_groups(router: Router) -> None:
    """A router that takes groups of equal prompts is the same where each prompt is its own."""
    if not router.uses_groups:
        return
    made = made_for(router)
    apart = _fit(unfitted(router), made, groups=np.arange(len(made.scores)))
    there = apart.predict_scores(made.X_test)
    _same(_predicted(router, made), there, "single prompts as groups change scores")
    whole = _fit(unfitted(router), made, groups=np.arange(len(made.scores)) // 2)
    _valid(whole, made.X_test, made.scores.shape[1])


def check_order(router: Router) -> None:
    """The order of the prompts does not matter at prediction."""
    made = made_for(router)
    fitted = _fitted(router, made)
    order = np.random.default_rng(1).permutation(len(made.X_test))
    there = fitted.predict_scores(taken(made.X_test, order))
    _same(fitted.predict_scores(made.X_test)[order], there, "the order of prompts changes scores")


def check_one_by_one(router: Router) -> None:
    """A prompt gets the same scores and the same choice alone as among others.

    Sums over a batch are added up in another order than over one prompt. The template keeps that
    out of the scores, by features in double precision and predictions of 12 digits, but for one
    thing: an exponential of a number that is not small blows a rounding error up.
    """
    made = made_for(router)
    fitted = _fitted(router, made)
    batch = fitted.predict_scores(made.X_test)
    alone = np.concatenate(
        [fitted.predict_scores(taken(made.X_test, [i])) for i in range(len(batch))]
    )
    _require(alone.shape == batch.shape, "a prompt alone gets another number of scores")
    off = np.abs(batch - alone)
    worst = int(np.nan_to_num(off, nan=np.inf).max(axis=1).argmax())
    differs = (choose(batch) != choose(alone)) | ~(off <= TOLERANCE).all(axis=1)
    _require(
        not differs.any(),
        f"a prompt alone gets other scores than among others: {differs.sum()} of {len(batch)}, "
        f"{_by_how_much(made.X_test, int(differs.argmax()), worst, off)}; compute in double "
        "precision, and take exponentials of differences only",
    )


def check_unfamiliar(router: Router) -> None:
    """Prompts unlike all training prompts get sane scores, and mostly the best single model.

    The training prompts say nothing of which model is right, of which one is far ahead; as texts
    they are made from a template, as features some columns hold rounding noise alone, as those of
    such texts do. Unfamiliar are prompts in which such a column speaks (one new word), which hold
    nothing known (zeros, an empty text), or lie a thousand times further out than the others.

    No predicted score of theirs may lie further beyond the range of those predicted for the
    training prompts than 1, which is the range of a score, or than that range itself if it is
    wider. And the model of the best mean training score must be chosen at least half as often as
    for the training prompts. Yardsticks, and routers that draw a model, are passed over.
    """
    if router.control or router.policy != "argmax" or router.reads not in PREDICTS:
        return
    made = templated_for(router)
    fitted = _fitted(router, made)
    usual, found = fitted.predict_scores(made.X), fitted.predict_scores(made.X_test)
    _require(bool(np.isfinite(found).all()), "an unfamiliar prompt gets a score that is not finite")
    low, high = float(usual.min()), float(usual.max())
    most = max(1.0, high - low)
    out = np.maximum(low - found, found - high).max(axis=1)
    _require(
        bool((out <= most).all()),
        f"{(out > most).sum()} of {len(out)} unfamiliar prompts get scores far out, up to "
        f"{out.max():.3g} beyond the {low:.3g} to {high:.3g} of training prompts; drop directions "
        "that hardly vary in training, and do not extrapolate",
    )
    best = int(made.scores.mean(axis=0).argmax())
    here, there = (float((choose(scores) == best).mean()) for scores in (usual, found))
    _require(
        there >= here / 2,
        f"{there:.0%} of the unfamiliar prompts go to the best single model, but {here:.0%} of "
        "the training prompts do; let predictions fall back to each model's mean",
    )


def check_missing(router: Router) -> None:
    """Scores that were not observed, a whole model or a whole prompt of them, do no harm."""
    made = made_for(router)
    gaps = np.random.default_rng(2).random(made.scores.shape) < 0.3
    gaps[:, 1] = True
    gaps[3] = True
    scores = np.where(gaps, np.nan, made.scores)
    _valid(_fitted(router, made._replace(scores=scores)), made.X_test, scores.shape[1])


def check_missing_is_not_zero(router: Router) -> None:
    """A score that was not observed is not taken for a wrong answer."""
    made = made_for(router)
    gaps = np.random.default_rng(3).random(made.scores.shape) < 0.5

    def predicted(value: float) -> Scores:
        filled = np.where(gaps, value, made.scores)
        return _predicted(router, made._replace(scores=filled))

    missing, wrong, right = predicted(np.nan), predicted(0.0), predicted(1.0)
    _require(
        not np.array_equal(missing, wrong) or np.array_equal(wrong, right),
        "a score that was not observed counts as a wrong answer",
    )


def check_constant_scores(router: Router) -> None:
    """It does no harm if all models have the same score on all prompts."""
    for value in (0.0, 0.3, 1.0):
        made = made_for(router)
        scores = np.full(made.scores.shape, value)
        _valid(_fitted(router, made._replace(scores=scores)), made.X_test, made.scores.shape[1])


def check_duplicates(router: Router) -> None:
    """Prompts may be equal: all of them in training, and equal ones get equal scores."""
    made = made_for(router)
    same = made._replace(X=taken(made.X, [0] * len(made.X)))
    _valid(_fitted(router, same), made.X_test, made.scores.shape[1])
    answer = _fitted(router, made).predict_scores(taken(made.X_test, [2] * 5))
    _same(answer, np.repeat(answer[:1], 5, axis=0), "equal prompts get different scores")


def check_few_prompts(router: Router) -> None:
    """One, two or three training prompts are enough to be fitted."""
    for n_prompts in (1, 2, 3):
        made = made_for(router, n_prompts=n_prompts)
        _valid(_fitted(router, made), made.X_test, made.scores.shape[1])


def check_refit(router: Router) -> None:
    """A second `fit` forgets the first."""
    made = made_for(router)
    router = _fitted(router, made_for(router, n_models=2, seed=9))
    again = _fit(router, made).predict_scores(made.X_test)
    _same(again, _predicted(router, made), "a second fit remembers the first")


def check_extend(router: Router) -> None:
    """New models come after the known ones, among which the choice stays; or a sentence says no."""
    made = made_for(router)
    known = made._replace(scores=made.scores[:, :3], costs=made.costs[:, :3])
    fitted = _fitted(router, known)
    probes = list(range(8))
    try:
        both = extend(
            fitted,
            taken(made.X, probes),
            made.scores[probes, 3:],
            made.costs[probes, 3:],
            made.scores[probes, :3],
        )
    except DataError as error:
        able = router.supports_unseen or router.separable or router.compares
        _require(not able, f"it cannot take a new model: {error}")
        return
    _valid(both, made.X_test, 4)
    if both.policy == "argmax" and both.reads in PREDICTS:
        before = _fitted(router, known).predict_scores(made.X_test)
        after = both.predict_scores(made.X_test)[:, :3]
        same = np.array_equal(choose(before), choose(after))
        _require(same, "a new model changes the choice among the known ones")


def check_distribution(router: Router) -> None:
    """The router's distribution is one: not negative, and rows sum to 1."""
    made = made_for(router)
    fitted = _fitted(router, made)
    share = fitted.distribution(made.X_test, fitted.predict_scores(made.X_test))
    _require(share.shape == (len(made.X_test), 4), f"the distribution has shape {share.shape}")
    _require(bool((share >= 0).all()), "a probability is negative")
    _require(np.allclose(share.sum(axis=1), 1), "the rows of the distribution do not sum to 1")


def check_saved(router: Router) -> None:
    """What is saved and loaded again predicts the same, and saving twice gives the same bytes.

    A class that no module holds, such as one made by `exec`, cannot be loaded and is passed over.
    """
    from routereval.routers.persistence import dump, restore

    own = [type(router), *(type(value) for value in router.get_params().values())]
    if any(getattr(sys.modules.get(kind.__module__), kind.__name__, None) is None for kind in own):
        return
    made = made_for(router)
    fitted = _fitted(router, made)
    payload = dump(fitted, own)
    _require(payload == dump(_fitted(router, made), own), "saved twice it gives different bytes")
    _same(
        fitted.predict_scores(made.X_test),
        restore(payload, also=own).predict_scores(made.X_test),
        "once saved and loaded it predicts other scores",
    )


CHECKS: tuple[Check, ...] = (
    check_parameters,
    check_repr,
    check_unfitted,
    check_fit_returns_self,
    check_shape,
    check_leaves_input,
    check_read_only,
    check_deterministic,
    check_order,
    check_groups,
    check_one_by_one,
    check_unfamiliar,
    check_missing,
    check_missing_is_not_zero,
    check_constant_scores,
    check_duplicates,
    check_few_prompts,
    check_refit,
    check_extend,
    check_distribution,
    check_saved,
)


def _by_how_much(X: Any, first: int, worst: int, off: Scores) -> str:  # noqa: ANN401
    """The prompt that is furthest off, or the first with another choice, and how far it is off."""
    size = float(off[worst].max())
    if size <= TOLERANCE:
        return f"prompt {first} is off by {off[first].max():.1e} and goes to another model"
    text = f" ({X[worst]!r:.60})" if isinstance(X[worst], str) else ""
    return f"most of all prompt {worst}{text}, by {size:.1e}"


def _fit(router: Router, made: Made, **given: Any) -> Router:  # noqa: ANN401
    extra: dict[str, Any] = {"models": NAMES[: made.scores.shape[1]]} if router.uses_models else {}
    return router.fit(made.X, made.scores, made.costs, **extra, **given)


def _fitted(router: Router, made: Made) -> Router:
    return _fit(unfitted(router), made)


def _predicted(router: Router, made: Made) -> Scores:
    return _fitted(router, made).predict_scores(made.X_test)


def _valid(fitted: Router, X: Any, n_models: int) -> None:  # noqa: ANN401
    scores = fitted.predict_scores(X)
    _require(scores.shape == (len(X), n_models), f"{n_models} models: shape {scores.shape}")
    _require(np.issubdtype(scores.dtype, np.floating), f"scores are of type {scores.dtype}")
    _require(bool(np.isfinite(scores).all()), "a score is not finite")
    if fitted.policy == "proportional":
        _require(np.allclose(scores.sum(axis=1), 1), "policy is proportional, rows do not sum to 1")


def _same(one: Scores, other: Scores, complaint: str) -> None:
    """The same up to rounding, and the very same choices."""
    _require(one.shape == other.shape, complaint)
    _require(bool((np.abs(one - other) <= TOLERANCE).all()), complaint)
    _require(np.array_equal(choose(one), choose(other)), f"{complaint}, and another choice")


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise DataError(complaint)
