"""What every importer and simulator hands over: one benchmark's records, still in plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records.axes import is_axis_name
from routereval.records.names import refuse_odd_names

_TOLERANCE = 1e-5  # between a score and the mean of its trials, for both may be float32


@dataclass(frozen=True)
class Draft:
    """One benchmark before it is written.

    Attributes:
        name: the benchmark.
        models: names of the models, one per column.
        scores: (n_prompts, n_models) in [0, 1], NaN where not observed.
        prompts: one row per prompt: ``prompt_id`` (unique), ``subset``, ``text`` (or null),
            ``chance`` (the score of a guesser, or null) and any further columns.
        model_info: one row per model, with ``model`` and any further columns, or None.
        costs: as scores, in USD per call, or None.
        features: precomputed vectors of the prompts by name, each (n_prompts, d).
        signals: what a call reveals besides its score, by name, each as scores; see `Records`.
        axes: numbers beside the score, by the names of `AXES`, each as scores.
        trials: (n_trials, n_prompts, n_models) the score of each run, NaN where there was none;
            None if every cell is one run. Where a cell has runs, its score is their mean.
        numbered: False if of the trials only the number of right ones is known; see `Trials`.
        judge: whose scores these are, or "".
        judges: the scores that other judges gave the same answers, by judge, each as scores.
        version: when these were measured, as YYYY-MM-DD, or "".
        versions: the same cells measured at other times, by date, each as scores.
        reference: the score of the fixed strong model that V_R divides by, or None.
        published: a split and pools that came with the records, which the faithful protocol keeps:
            ``{"split": {"train": rows, "val": rows, "test": rows}, "pools": {"5": {"all-weak":
            [models]}}}``, or None.
        source: where the records came from.
        licence: their licence, as far as known.
        simulated: True if no real model was asked.
        facts: how it was read, in lines; see `ImportReport`.
        warnings: what may not be what was meant, in lines.
        format: the importer that read it, or "".
    """

    name: str
    models: Sequence[str]
    scores: NDArray[np.floating]
    prompts: pl.DataFrame
    model_info: pl.DataFrame | None = None
    costs: NDArray[np.floating] | None = None
    features: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    signals: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    axes: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    trials: NDArray[np.floating] | None = None
    numbered: bool = True
    judge: str = ""
    judges: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    version: str = ""
    versions: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    reference: float | None = None
    published: Mapping[str, Mapping[str, object]] | None = None
    source: str = ""
    licence: str = ""
    simulated: bool = False
    facts: Sequence[str] = ()
    warnings: Sequence[str] = ()
    format: str = ""

    def checked(self) -> Draft:
        """The draft itself, once its parts are seen to fit together.

        Raises:
            DataError: if shapes disagree, a name occurs twice or holds control characters, a score
                lies outside [0, 1], a cost or a number of an axis is negative or infinite, or a
                score is not the mean of its trials.
        """
        shape = (self.prompts.height, len(self.models))
        if 0 in shape:
            raise DataError(f"{self.name}: no records: {shape[0]} prompts × {shape[1]} models")
        _refuse_names(self)
        refuse_repeats(self.name, "model", self.models)
        refuse_repeats(self.name, "prompt_id", self.prompts["prompt_id"].to_list())
        _refuse_shapes(self, shape)
        for what, scores in {self.name: self.scores, **_layers(self)}.items():
            _refuse_range(what, scores)
        _refuse_costs(self)
        _refuse_axes(self)
        _refuse_trials(self)
        return self


def _refuse_names(draft: Draft) -> None:
    refuse_odd_names("the benchmark's name", [draft.name])
    refuse_odd_names(f"{draft.name}: the name of a model", draft.models)
    if "subset" in draft.prompts.columns:
        subsets = draft.prompts["subset"].cast(pl.String).unique(maintain_order=True).drop_nulls()
        refuse_odd_names(f"{draft.name}: the name of a subset", subsets)


def _layers(draft: Draft) -> dict[str, NDArray[np.floating]]:
    """The scores of other judges and dates, by what they are called in errors."""
    return {
        **{f"{draft.name}, judge {name!r}": held for name, held in draft.judges.items()},
        **{f"{draft.name}, {name}": held for name, held in draft.versions.items()},
    }


def _refuse_shapes(draft: Draft, shape: tuple[int, int]) -> None:
    cells = {"scores": draft.scores, "costs": draft.costs, **draft.signals, **draft.axes}
    cells |= _layers(draft)
    for what, matrix in cells.items():
        if matrix is not None and matrix.shape != shape:
            raise DataError(
                f"{draft.name}: {what} is {' × '.join(map(str, matrix.shape))} but there are "
                f"{shape[0]} prompts × {shape[1]} models"
            )
    for name, vectors in draft.features.items():
        if vectors.ndim != 2:
            raise DataError(
                f"{draft.name}: feature {name!r} has {vectors.ndim} axes; it needs two, a row a "
                "prompt"
            )
        if len(vectors) != shape[0]:
            raise DataError(
                f"{draft.name}: feature {name!r} has {len(vectors)} rows for {shape[0]} prompts"
            )


def refuse_repeats(benchmark: str, what: str, names: Sequence[str]) -> None:
    """Raise for a name that occurs twice.

    Raises:
        DataError: naming it.
    """
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f"{benchmark}: {what} {twice!r} occurs twice; give each its own name")


def _refuse_costs(draft: Draft) -> None:
    if draft.costs is None:
        return
    costs = np.asarray(draft.costs, np.float64)
    wrong = np.isinf(costs) | (costs < 0)
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        prompt, model = draft.prompts["prompt_id"][row], draft.models[column]
        raise DataError(
            f"{draft.name}: prompt {prompt!r} costs {costs[row, column]:g} with {model!r} "
            f"({int(wrong.sum())} such); a cost is a number of USD per call that is not negative: "
            "leave it empty (NaN) where it is not known"
        )


def _refuse_axes(draft: Draft) -> None:
    for name, matrix in draft.axes.items():
        if not is_axis_name(name):
            raise DataError(f"{draft.name}: {name!r} names no axis: letters, digits and _ do")
        wrong = np.isinf(matrix) | (matrix < 0)
        if wrong.any():
            row, column = (int(place[0]) for place in np.nonzero(wrong))
            raise DataError(
                f"{draft.name}: {name} of prompt {draft.prompts['prompt_id'][row]!r} with "
                f"{draft.models[column]!r} is {matrix[row, column]:g} ({int(wrong.sum())} such); "
                "leave it empty (NaN) where it is not known"
            )


def _refuse_trials(draft: Draft) -> None:
    trials = draft.trials
    if trials is None:
        return
    shape = (draft.prompts.height, len(draft.models))
    if trials.ndim != 3 or trials.shape[1:] != shape or not len(trials):
        raise DataError(
            f"{draft.name}: trials is {' × '.join(map(str, trials.shape))}; it should be trials × "
            f"{shape[0]} prompts × {shape[1]} models"
        )
    _refuse_range(f"{draft.name}, trials", trials)
    runs = (~np.isnan(trials)).sum(axis=0)
    means = np.nansum(trials, axis=0, dtype=np.float64) / np.maximum(runs, 1)
    off = (runs > 0) & ~(np.abs(means - draft.scores) <= _TOLERANCE)
    if off.any():
        row, column = (int(place[0]) for place in np.nonzero(off))
        prompt, model = draft.prompts["prompt_id"][row], draft.models[column]
        raise DataError(
            f"{draft.name}: prompt {prompt!r}, model {model!r}: the score is "
            f"{draft.scores[row, column]:g}, and the mean of its {runs[row, column]} trials "
            f"{means[row, column]:g}"
        )


def _refuse_range(benchmark: str, scores: NDArray[np.floating]) -> None:
    if np.isinf(scores).any():
        raise DataError(f"{benchmark}: a score is infinite; scores lie in [0, 1], or are missing")
    if np.isnan(scores).all():
        raise DataError(f"{benchmark}: no score was observed at all")
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    if low < 0 or high > 1:
        worst = low if low < 0 else high
        raise DataError(
            f"{benchmark}: score {worst:.6g} lies outside [0, 1]; "
            "import with --scale LOW,HIGH if that is another scale, --missing VALUE if it stands "
            "for no score, or --clip"
        )
