"""New model day: a saved router takes a model that is known by its scores on probe prompts."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.observed import column_means
from routereval.routers import Router, TrainedRouter, choose
from routereval.routers import extend as extend_router
from routereval.routers.certificate import WIDTH, Certificate
from routereval.routers.linear_extension import SURE, Likeness, likeness
from routereval.routers.shrinkage import Gain, gain_of
from routereval.routers.siblings import siblings_of
from routereval.routers.training import taken
from routereval.routers.validation import fold_codes
from routereval.scoring.dominated import Dominated, dominated
from routereval.studies.scored_probes import Floats, Scored, read_scored
from routereval.studies.train import today

FOLDS = 8


ENOUGH = 0.9
"""Of the probes, on which the gain must be known."""


@dataclass(frozen=True, eq=False)
class Extension:
    """A router with a new model, and what is known of that.

    Attributes:
        trained: the router of all models.
        model: the new one.
        n: the number of probe prompts on which it was scored.
        score: its mean score on the probes.
        error: the standard error of that, and of the lead: of what the known models' scores on the
            probes do not explain, which holds where the probes are spread as all prompts are.
        fallback: the known model that is best on the average prompt by the router.
        lead: the mean score less that of the fallback on the probes; NaN where that is not known.
        chosen: on how many probes it is chosen at `lam` 0, each held out.
        step: what it gained there over the choices of the router before; None where not known.
        usd: its expected cost, USD per call, NaN where unknown.
        certificate: what the router is known to gain now; None where that is not known.
        void: why there is none; empty where there is.
        unknown: what is not known, a clause each.
        dominated: models of the pool, new or known, that others dominate on the probes.
    """

    trained: TrainedRouter
    model: str
    n: int
    score: float
    error: float
    fallback: str
    lead: float
    chosen: int
    step: Gain | None
    usd: float
    certificate: Certificate | None
    void: str
    unknown: tuple[str, ...]
    dominated: tuple[tuple[str, str], ...]

    @property
    def sure(self) -> bool:
        """Whether its lead over the fallback is more than two standard errors."""
        return self.lead > SURE * self.error


def extend(
    trained: TrainedRouter,
    model: str,
    scores: str | Path | pl.DataFrame,
    price: tuple[float, float] | None = None,
) -> Extension:
    """Extend a trained router by a model.

    Args:
        trained: the router; it is left as it is.
        model: the name of the new model.
        scores: a table, or the file of one (``.csv``, ``.parquet`` or ``.jsonl``), with a probe
            prompt per row: its ``text``; the new model's score in a column of its name or, as
            `probes` leaves it, ``score``; the known models' scores under their names, which `auto`
            and `guard` need and the certificate rests on; ``subset`` and other categories; and,
            where known, of the new model's calls ``cost`` in USD, or ``tokens_in`` and
            ``tokens_out``.
        price: USD per million tokens in and out; not needed where the table has ``cost``.

    Raises:
        DataError: if the router has the model or cannot take it, or the table lacks what it needs.
    """
    _refuse_unextendable(trained, model)
    probes = read_scored(scores, trained.models, model, price)
    X = trained.inputs(probes.texts, probes.known)
    before = deepcopy(trained.router)
    usd = float(column_means(probes.costs[:, None])[0])
    costs = np.append(trained.costs, usd)
    router = _extended(trained.router, X, probes, np.arange(len(probes.scores)))
    step, chosen, moved = _step(before, X, probes, costs)
    fallback = _fallback(before, X)
    like, lead = _lead(probes, fallback)
    unknown = _unknown(trained, model, probes, like, chosen)
    certificate = _certificate(trained, model, probes, step, chosen, moved, costs, unknown)
    void = "" if certificate else _why_void(trained, model)
    about = _about(trained, model, len(probes.scores), certificate, void)
    made = replace(
        trained, router=router, models=(*trained.models, model), costs=costs, about=about
    )
    return Extension(
        made,
        model,
        len(probes.scores),
        like.mean,
        like.error,
        trained.models[fallback],
        lead,
        chosen,
        step,
        usd,
        certificate,
        void,
        unknown,
        _dominated(probes, costs, made.models),
    )


def _refuse_unextendable(trained: TrainedRouter, model: str) -> None:
    if model in trained.models:
        raise DataError(f"the router has {model!r} already; train it again to renew what it knows")
    if trained.router.policy != "argmax":
        raise DataError(
            "this router draws its models, and learns nothing of a new one; train it again"
        )


def _about(
    trained: TrainedRouter, model: str, n_probes: int, certificate: Certificate | None, void: str
) -> dict[str, Any]:
    """What is kept about the router, with the new model's line."""
    return {
        **trained.about,
        "certificate": None if certificate is None else certificate.to_dict(),
        "void": void,
        "extended": [
            *trained.about.get("extended", []),
            {"model": model, "probes": n_probes, "date": today()},
        ],
    }


def _extended(router: Router, X: Any, probes: Scored, rows: NDArray[np.int64]) -> Router:  # noqa: ANN401
    """A copy of the router that takes the model, by some of the probes."""
    costs = probes.costs[rows, None]
    return extend_router(
        deepcopy(router),
        taken(X, rows),
        probes.scores[rows, None],
        None if np.isnan(costs).all() else costs,
        probes.others[rows],
        probes.models,
    )


def _step(
    router: Router,
    X: Any,  # noqa: ANN401
    probes: Scored,
    costs: Floats,
) -> tuple[Gain | None, int, float]:
    """What the new model gains on probes that are held out, over the choices of the router before.

    Returns:
        The gain, None where the scores of the known models are not known; on how many probes the
        model is chosen; and which share of them another than the fallback gets.
    """
    n = len(probes.scores)
    everyone = np.column_stack([probes.others, probes.scores])
    folds = fold_codes(n, FOLDS)
    choice = np.zeros(n, dtype=np.int64)
    for fold in np.unique(folds):
        held, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        predicted = _extended(router, X, probes, rest).predict_scores(taken(X, held))
        choice[held] = choose(predicted, costs)
    stayed = choose(router.predict_scores(X), costs[:-1])
    chosen = int((choice == len(costs) - 1).sum())
    moved = float((choice != _fallback(router, X)).mean())
    same = np.flatnonzero(choice == stayed)
    everyone[same, choice[same]] = 0.0  # whatever it scores: the difference is none
    gain = gain_of(choice, stayed, everyone, np.arange(n))
    if gain.n < ENOUGH * n or np.isnan(probes.others).all():
        return None, chosen, moved
    # Where few prompts go to it, chance is at least that of one more.
    error = max(gain.error, 1 / gain.n) if chosen else gain.error
    return gain._replace(error=error), chosen, moved


def _fallback(router: Router, X: Any) -> int:  # noqa: ANN401
    """The column of the known model that is best on the average prompt, by the router."""
    own = getattr(router, "fallback_", None)
    return int(router.predict_scores(X).mean(axis=0).argmax()) if own is None else int(own)


def _lead(probes: Scored, fallback: int) -> tuple[Likeness, float]:
    """How the new model goes with the known ones, and its lead over one; NaN where not known."""
    if np.isnan(probes.others[:, fallback]).all():
        alone = likeness(np.zeros((len(probes.scores), 1)), probes.scores)
        return alone, float("nan")
    paired = probes.scores - probes.others[:, fallback]
    siblings = siblings_of(probes.models[-1], probes.models[:-1])
    return likeness(probes.others, probes.scores, siblings), float(np.nanmean(paired))


def _unknown(
    trained: TrainedRouter, model: str, probes: Scored, like: Likeness, chosen: int
) -> tuple[str, ...]:
    k = len(probes.scores)
    clauses = [
        f"the mean score of {model} beyond ±{WIDTH * like.error:.3f} (95 %, {k} probes)",
        f"on which kinds of prompts {model} differs from the models that it is like: that takes "
        "hundreds of prompts",
    ]
    if not np.isnan(probes.others).all():
        clauses.append(
            f"what {model} gains over the others where they have not seen the prompt: probes that "
            "the router was trained on flatter them"
        )
    held = trained.certificate
    if held is not None and held.risk is not None and chosen:
        clauses.append(
            f"the risk: at most {held.risk:g} below {held.fallback} was promised without {model}, "
            "and is not with it"
        )
    if probes.estimated:
        clauses.append(probes.estimated)
    return tuple(clauses)


def _why_void(trained: TrainedRouter, model: str) -> str:
    if trained.certificate is None:
        return f"what the router gains, with {model} or without, was never measured"
    return (
        f"it was of {len(trained.models)} models, and without their scores on the probes nothing "
        f"says what {model} adds; measure it on records of all of them"
    )


def _certificate(  # noqa: PLR0917 - all that it rests on
    trained: TrainedRouter,
    model: str,
    probes: Scored,
    step: Gain | None,
    chosen: int,
    moved: float,
    costs: Floats,
    unknown: tuple[str, ...],
) -> Certificate | None:
    """The old gain and that of the new model over it, added; None where either is not known."""
    held = trained.certificate
    if held is None or step is None:
        return None
    gain = held.gain + step.mean
    reach = float(np.hypot((held.high - held.low) / 2, WIDTH * step.error))
    usd = [float(cost) if np.isfinite(cost) else None for cost in costs]
    return replace(
        held,
        scored_on=f"{held.scored_on} without {model}, and {step.n} probe prompts with it, held out",
        n=step.n,
        gain=gain,
        low=gain - reach,
        high=gain + reach,
        moved=moved,
        risk=None if chosen else held.risk,
        date=today(),
        prices=dict(zip((*trained.models, model), usd, strict=True)),
        unknown=(*held.unknown, *unknown),
    )


def _dominated(
    probes: Scored, costs: Floats, models: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Models of the pool that another one dominates, by name, as far as the probes show it."""
    found: list[Dominated] = dominated(np.column_stack([probes.others, probes.scores]), costs)
    return tuple((models[one.model], models[one.by]) for one in found)
