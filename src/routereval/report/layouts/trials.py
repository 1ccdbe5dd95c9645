"""How repeated runs are laid out: what they say in sentences, then models, oracles and needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from math import isnan
from typing import Any

from routereval.grouped import grouped
from routereval.report.table import Cell, Column, Document, Heading, Number, Points, Row, Table
from routereval.studies.trials import AllRepeats, ModelRuns, Repeats

_LEVEL = 0.05
_NOTES = (
    "score: mean over prompts and runs; its interval holds both: another sample of prompts, run "
    "anew. rerun sd: of the mean score of one run over the same prompts, predicted from the cells; "
    "seen: the same from the means of whole runs.",
    "pass@k: one of k runs is right (Chen et al. 2021); pass^k: all of k are (Yao et al. 2024).",
    "The oracle of single runs sees the run that it is scored on. The others choose by some runs "
    "and are scored on the rest: between equal models, by the other prompts. What is lost is luck.",
    "needed: prompts with which a two-sided test at 5 % tells two models apart four times in "
    "five, by the median of all pairs of models.",
)


def trials_document(found: AllRepeats) -> Document:
    """Sentences and three tables for each benchmark."""
    parts: list[Any] = []
    for one in found.benchmarks:
        if len(found.benchmarks) > 1:
            parts.append(Heading(one.name))
        parts += [Points(sentences(one)), _models(one), _oracles(one), _needed(one)]
    notes = [*found.notes, *(note for one in found.benchmarks for note in one.notes), *_NOTES]
    held = {
        "benchmarks": [{**asdict(one), "sentences": sentences(one)} for one in found.benchmarks]
    }
    return Document([part for part in parts if part], _data(found), held, notes)


def sentences(one: Repeats) -> list[str]:
    """What the runs say, in plain words."""
    return [text for text in (_rerun(one), _luck(one), _asked(one)) if text]


def _rerun(one: Repeats) -> str:
    n = one.n_prompts
    seen = "" if isnan(one.observed) else f" (seen between whole runs: {one.observed * n:.2f})"
    return (
        f"{one.mixed:.1%} of the cells differ between their runs. One run of {n:,} prompts strays "
        f"by a standard deviation of {one.rerun * n:.2f} prompts{seen}, so two runs of one model "
        f"differ by more than {1.96 * 2**0.5 * one.rerun * n:.1f} prompts once in twenty times."
    ).replace("%", " %")


def _luck(one: Repeats) -> str:
    split = [oracle for oracle in one.oracles if oracle.chosen_by]
    if not split or isnan(split[0].luck):
        return ""
    chosen = split[0] if len(split) == 1 else split[-1]
    end = (
        f"chosen by one run and scored on another it is {split[0].score:.3f}"
        if len(split) == 1
        else f"chosen by one run it is {split[0].score:.3f} on the others, by "
        f"{chosen.chosen_by} runs {chosen.score:.3f}"
    )
    shares = sorted({f"{100 * oracle.luck:.0f}" for oracle in (split[0], chosen)}, key=float)
    return (
        f"The oracle of single runs has {one.oracles[0].score:.3f} where the best model, "
        f"{one.best}, has {one.best_score:.3f}; {end}: {'–'.join(shares)} % of its lead is luck."
    )


def _asked(one: Repeats) -> str:
    if one.asked is None:
        return ""
    two = one.asked
    verdict = (
        "says nothing: runs of one and the same model differ by as much or more"
        if two.p >= _LEVEL
        else "is more than reruns differ by: those of one model do so only"
    )
    return (
        f"{two.first:g} against {two.second:g} of {one.n_prompts:,} {verdict} {two.p:.0%} of the "
        f"time (sd of the difference {two.deviation:.2f} prompts)."
    ).replace("%", " %")


def _models(one: Repeats) -> Table:
    ks = list(one.models[0].pass_at)
    columns = [
        Column("model", "text"),
        Column("score", interval="ends"),
        Column("rerun sd", digits=4, key="rerun_sd"),
        Column("seen", digits=4, key="observed_sd"),
        *(Column(f"pass@{k}") for k in ks if k > 1),
        *(Column(f"pass^{k}") for k in ks if k > 1),
    ]
    rows = [Row(_model(model)) for model in one.models]
    return Table(f"{one.name} · {one.n_prompts:,} prompts × {one.n_trials} runs", columns, rows)


def _model(one: ModelRuns) -> tuple[Cell, ...]:
    return (
        one.name,
        Number(one.score, *one.interval),
        one.rerun,
        one.observed,
        *(value for k, value in one.pass_at.items() if k > 1),
        *(value for k, value in one.pass_hat.items() if k > 1),
    )


def _oracles(one: Repeats) -> Table | None:
    if not one.oracles:
        return None
    columns = [
        Column("oracle", "text"),
        Column("score", interval="ends"),
        Column("luck", "share", digits=0),
    ]
    rows = [
        Row((_chosen(held.chosen_by, one.n_trials), Number(held.score, *held.interval), held.luck))
        for held in one.oracles
    ]
    return Table("oracles, and the share of the lead that is luck", columns, rows)


def _chosen(runs: int, n_trials: int) -> str:
    if not runs:
        return "of single runs"
    return f"chosen by {runs}, scored on {n_trials - runs}"


def _needed(one: Repeats) -> Table:
    differences = list(dict.fromkeys(need.difference for need in one.needed))
    columns = [
        Column("runs of each prompt", "count", key="n_trials"),
        *(Column(f"difference {d:g}", "count", key=f"prompts_{d:g}") for d in differences),
    ]
    by_runs = grouped(one.needed, lambda need: need.n_trials)
    rows = [
        Row((runs, *(_count(need.n_prompts) for need in held))) for runs, held in by_runs.items()
    ]
    return Table("prompts needed to tell two models apart", columns, rows)


def _count(value: float) -> Cell:
    return None if isnan(value) else int(value)


def _data(found: AllRepeats) -> Table:
    columns = [
        *(Column(key, "text") for key in ("benchmark", "what", "name")),
        *(Column(key) for key in ("value", "low", "high")),
    ]
    return Table("", columns, [Row(cells) for cells in _rows(found)])


def _rows(found: AllRepeats) -> Iterator[tuple[Cell, ...]]:
    for one in found.benchmarks:
        for model in one.models:
            yield (one.name, "score", model.name, model.score, *model.interval)
            yield (one.name, "rerun_sd", model.name, model.rerun, None, None)
            yield (one.name, "observed_sd", model.name, model.observed, None, None)
            for k, value in model.pass_at.items():
                yield (one.name, f"pass_at_{k}", model.name, value, None, None)
            for k, value in model.pass_hat.items():
                yield (one.name, f"pass_hat_{k}", model.name, value, None, None)
        for oracle in one.oracles:
            name = _chosen(oracle.chosen_by, one.n_trials)
            yield (one.name, "oracle", name, oracle.score, *oracle.interval)
            yield (one.name, "luck", name, oracle.luck, None, None)
        for need in one.needed:
            name = f"{need.difference:g} by {need.n_trials} runs"
            yield (one.name, "prompts_needed", name, need.n_prompts, None, None)
