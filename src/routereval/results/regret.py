"""The prompts on which a router loses the most to the oracle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from routereval.results.results import Cell, Results

MOST = 20


class Regret(NamedTuple):
    """One prompt of one cell, and what the router lost on it.

    Attributes:
        cell: the cell.
        prompt: name of the prompt.
        subset: its subset.
        text: its text, cut; None where there is none.
        regret: the oracle's score less that of the choice.
        choice: the chosen model; None where the policy mixes models.
        predicted: what the router predicted of the choice; NaN if unknown.
        better: the models that scored highest, by name.
        scores: score by model of the pool.
    """

    cell: Cell
    prompt: str
    subset: str
    text: str | None
    regret: float
    choice: str | None
    predicted: float
    better: tuple[str, ...]
    scores: dict[str, float]


def largest_regrets(results: Results, router: str) -> list[Regret]:
    """The `MOST` prompts of the largest regret, each once; of equal ones, those it was surest of.

    Args:
        results: of a run.
        router: of the run.

    Returns:
        By falling regret; only of prompts that were kept, and on which something was lost.
    """
    found: dict[tuple[str, int], tuple[tuple[float, ...], Cell, int]] = {}
    for number, cell in enumerate(results.of(router)):
        if cell.records not in results.prompts:
            continue
        outcome = results.outcomes[cell.key]
        lost = outcome.evidence.oracle - outcome.evidence.quality
        sure = _predicted(results, cell)
        at = results.prompts[cell.records].at(outcome.rows)
        ranked = np.lexsort((outcome.rows, -sure, -lost))
        for place in ranked[:MOST].tolist():
            key = (cell.records, int(outcome.rows[place]))
            rank = (-float(lost[place]), -float(sure[place]), float(number))
            if lost[place] > 0 and at[place] >= 0 and (key not in found or rank < found[key][0]):
                found[key] = (rank, cell, place)
    ordered = sorted(found.items(), key=lambda item: (item[1][0], item[0]))
    return [_regret(results, cell, place) for _, (_, cell, place) in ordered[:MOST]]


def _predicted(results: Results, cell: Cell) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n_prompts,) what the router predicted of its choice; 0 where that is not known."""
    outcome = results.outcomes[cell.key]
    choice = outcome.evidence.choice
    if outcome.predicted is None or (choice < 0).any():
        return np.zeros(len(choice))
    found = np.take_along_axis(outcome.predicted, choice[:, None], axis=1)[:, 0]
    return np.asarray(np.nan_to_num(found.astype(np.float64)))


def _regret(results: Results, cell: Cell, place: int) -> Regret:
    outcome, kept = results.outcomes[cell.key], results.prompts[cell.records]
    at = int(kept.at(outcome.rows[place : place + 1])[0])
    choice = int(outcome.evidence.choice[place])
    known = outcome.predicted is not None and choice >= 0
    scores = {
        model: float(kept.scores[at, kept.models.index(model)])
        for model in cell.pool
        if model in kept.models
    }
    top = max(scores.values(), default=float("nan"))
    return Regret(
        cell,
        kept.ids[at],
        kept.subsets[at],
        kept.texts[at],
        float(outcome.evidence.oracle[place] - outcome.evidence.quality[place]),
        cell.pool[choice] if choice >= 0 else None,
        float(outcome.predicted[place, choice]) if known else float("nan"),  # type: ignore[index]
        better_models(scores, top),
        scores,
    )


def better_models(scores: dict[str, float], top: float) -> tuple[str, ...]:
    """The models of the highest score."""
    return tuple(model for model, score in scores.items() if score == top)
