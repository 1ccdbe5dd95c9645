"""A made leaderboard of RouterEval's full shape: twelve benchmarks, 201,715,850 records.

No model was asked anything. Benchmarks, subsets, their sizes and numbers of options, and the
numbers of models are the published ones; the scores are drawn from an item response
model, whose constants are set so that pools have about the published level (arXiv 2503.10657).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import SpecError, unknown
from routereval.records.atomic import atomic_folder
from routereval.records.folder import write_collection, write_order
from routereval.records.routereval import REAL_VALUED, REFERENCE, SUBSETS
from routereval.records.writer import About, RecordsWriter
from routereval.simulation.benchmarks import BENCHMARKS, BOARDS, Benchmark, Level
from routereval.simulation.demo import simulate_demo
from routereval.simulation.item_response import Answers, Crowd, Questions, draw_crowd, skills_for
from routereval.simulation.wording import STOCKS, SUBJECTS

DEMO = "demo"
Progress = Callable[[str, int, int], None]

SCALES: Mapping[str, int] = MappingProxyType({"small": 20, "full": 1})
"""By how much the numbers of prompts and models are divided."""

N_MODELS: Mapping[str, int] = MappingProxyType({"old": 5000, "new": 3811, "mmlu_pro": 1823})
"""How many models each published leaderboard has."""

N_DISTINCT = 8567
"""How many models there are on all of them together."""

_BLOCK = 64
_TASTE = 0.35  # sd of how much a benchmark suits a model, in sds of ability
_FEWEST = 2  # prompts of a subset, at any scale


@dataclass(frozen=True)
class Shape:
    """A benchmark's place on the leaderboards.

    Attributes:
        name: the benchmark.
        board: the leaderboard that it belongs to, a key of `N_MODELS`.
        subsets: names of its subsets.
        sizes: prompts of each subset.
        options: answers to choose from in each subset; 0 in free form.
        models: numbers of the models that answered, out of all on any leaderboard.
    """

    name: str
    board: str
    subsets: tuple[str, ...]
    sizes: tuple[int, ...]
    options: tuple[int, ...]
    models: range


def leaderboard_shapes(scale: str = "full") -> list[Shape]:
    """The shapes of the twelve benchmarks, in RouterEval's order.

    Args:
        scale: a key of `SCALES`.

    Raises:
        SpecError: if there is no such scale.

    >>> shapes = leaderboard_shapes()
    >>> sum(sum(shape.sizes) * len(shape.models) for shape in shapes)
    201715850
    >>> len({model for shape in shapes for model in shape.models})
    8567
    """
    if scale not in SCALES:
        raise unknown("scale", scale, [DEMO, *SCALES])
    return [_shape(benchmark, SCALES[scale]) for benchmark in BENCHMARKS.values()]


def _shape(benchmark: Benchmark, scale: int) -> Shape:
    name, board = benchmark.name, BOARDS[benchmark.name]
    n_models, n_distinct = round(N_MODELS[board] / scale), round(N_DISTINCT / scale)
    # The old leaderboard has the first models, the others the last: a few are on both.
    first = 0 if board == "old" else n_distinct - n_models
    shrunk = tuple(max(_FEWEST, round(size / scale)) for size in benchmark.sizes)
    models = range(first, first + n_models)
    return Shape(name, board, SUBSETS[board][name], shrunk, benchmark.options, models)


def simulate_leaderboard(
    dest: str | Path,
    scale: str = "full",
    seed: int = 0,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write a simulated leaderboard as a collection; it appears whole or not at all.

    The same seed gives the same bytes. Only ``demo`` has texts and costs; the other scales are
    written some models at a time, whatever their size.

    Args:
        dest: the folder of the collection.
        scale: ``full``; ``small``, with a twentieth of the prompts and of the models; or ``demo``,
            what `simulate_demo` gives.
        seed: of everything.
        progress: called as ``progress(what, done, total)``: of each benchmark the models, of the
            demo the benchmarks.
        overwrite: replace the records in `dest`.

    Returns:
        The folders of the benchmarks, in RouterEval's order.

    Raises:
        SpecError: if there is no such scale, or the seed is negative.
        DataError: if `dest` exists and is not to be overwritten.
    """
    if scale == DEMO:
        return _write_demo(Path(dest), seed, progress, overwrite=overwrite)
    shapes = leaderboard_shapes(scale)
    if seed < 0:
        raise SpecError(f"the seed must be 0 or more, not {seed}")
    n_models = max(shape.models.stop for shape in shapes)
    crowd = draw_crowd(np.random.default_rng(seed), n_models, len(SUBJECTS))
    with atomic_folder(Path(dest), overwrite=overwrite) as folder:
        for shape in shapes:
            (folder / shape.name).mkdir()
            _write_benchmark(folder / shape.name, shape, crowd, seed, progress)
        write_order(folder, [shape.name for shape in shapes])
    return [Path(dest) / shape.name for shape in shapes]


def _write_demo(dest: Path, seed: int, progress: Progress | None, *, overwrite: bool) -> list[Path]:
    report = progress and partial(progress, DEMO)
    return write_collection(simulate_demo(seed, report), dest, overwrite=overwrite)


def _write_benchmark(
    folder: Path,
    shape: Shape,
    crowd: Crowd,
    seed: int,
    progress: Progress | None,
) -> None:
    answers, questions = answers_on(shape, crowd, seed)
    info = _model_info(crowd, shape.models)
    about = About(
        name=shape.name,
        models=info["model"].to_list(),
        prompts=_prompt_table(shape, questions),
        model_info=info,
        binary=shape.name not in REAL_VALUED,
        reference=REFERENCE[shape.name],
        source="simulated by routereval",
        licence="none: made data",
        simulated=True,
    )
    with RecordsWriter(folder, about) as writer:
        for start in range(0, len(shape.models), _BLOCK):
            block = shape.models[start : start + _BLOCK]
            writer.append(np.asarray([answers.of(model) for model in block]))
            if progress is not None:
                progress(shape.name, start + len(block), len(shape.models))


def answers_on(shape: Shape, crowd: Crowd, seed: int) -> tuple[Answers, Questions]:
    """What each model of the crowd scores on a benchmark, and the prompts that decide it.

    Args:
        shape: the benchmark.
        crowd: all models of all leaderboards.
        seed: as `simulate_leaderboard` is given it.
    """
    number = list(BENCHMARKS).index(shape.name)

    def stream(kind: str, key: int) -> np.random.Generator:
        return np.random.default_rng(
            [seed, number, ("benchmark", "model", "lineage").index(kind), key]
        )

    rng, level = stream("benchmark", 0), BENCHMARKS[shape.name].level
    graded = shape.name in REAL_VALUED
    questions = _draw_questions(rng, shape, level)
    levels = level.low + (level.best - level.low) * _quantiles(rng, crowd, shape) ** level.curve
    skills = skills_for(crowd, questions, levels, graded=graded)
    return Answers(crowd, questions, skills, stream, graded=graded), questions


def _quantiles(rng: np.random.Generator, crowd: Crowd, shape: Shape) -> NDArray[np.float64]:
    """(n_models,) the rank of each model of this board in (0, 1); some suit a benchmark more."""
    close = crowd.closeness
    base, own = rng.standard_normal((2, len(close)))
    taste = np.sqrt(close) * base[crowd.lineage] + np.sqrt(1.0 - close) * own
    merit = (crowd.ability + _TASTE * taste)[shape.models.start : shape.models.stop]
    out = np.zeros(len(close))
    ranks = np.argsort(np.argsort(merit, kind="stable"), kind="stable")
    out[shape.models.start : shape.models.stop] = (ranks + 0.5) / len(merit)
    return out


def _draw_questions(rng: np.random.Generator, shape: Shape, level: Level) -> Questions:
    subset = np.repeat(np.arange(len(shape.sizes)), shape.sizes)
    options = np.array(shape.options)[subset]
    n_prompts = len(subset)
    subject = np.concatenate(
        [rng.choice(_subjects(name), n) for name, n in zip(shape.subsets, shape.sizes, strict=True)]
    )
    lean = 0.3 * rng.standard_normal(len(shape.sizes))
    share = 1.0 / np.maximum(options, 1)
    guess = np.where(options > 0, _around(rng, share, level.trap), 0.0)
    return Questions(
        subject=subject,
        difficulty=level.spread * rng.standard_normal(n_prompts) + lean[subset],
        discrimination=np.exp(0.25 * rng.standard_normal(n_prompts)),
        guess=guess,
        options=options,
        option_bias=level.option_bias,
        key=(rng.random(n_prompts) * options).astype(np.int64),
    )


def _around(
    rng: np.random.Generator, mean: NDArray[np.float64], trap: float
) -> NDArray[np.float64]:
    """Beta-distributed around a mean, with a variance of trap · mean · (1 − mean)."""
    if trap == 0:
        return mean
    size = 1.0 / trap - 1.0
    return rng.beta(size * mean, size * np.maximum(1.0 - mean, 1e-9))


def _subjects(subset: str) -> list[int]:
    """The subjects that the name of a subset tells of; all, if it tells of none."""
    plain = subset.removeprefix("harness_hendrycksTest_").lower()
    named = [any(part in plain for part in STOCKS[subject].found_in) for subject in SUBJECTS]
    return [at for at, yes in enumerate(named) if yes] or list(range(len(SUBJECTS)))


def _prompt_table(shape: Shape, questions: Questions) -> pl.DataFrame:
    names = [
        (s, index) for s, n in zip(shape.subsets, shape.sizes, strict=True) for index in range(n)
    ]
    options = pl.Series("options", questions.options)
    return pl.DataFrame(
        {
            "prompt_id": [f"{subset}/{index}" for subset, index in names],
            "subset": [subset for subset, _ in names],
            "text": pl.Series([None] * len(names), dtype=pl.String),
            "subject": np.array(SUBJECTS)[questions.subject].tolist(),
            "difficulty": questions.difficulty,
        }
    ).with_columns(chance=pl.when(options > 0).then(1.0 / options))


def _model_info(crowd: Crowd, models: range) -> pl.DataFrame:
    params = crowd.params[models.start : models.stop]
    line = crowd.lineage[models.start : models.stop]
    family = [f"sim-{size:g}b-{line:03d}" for size, line in zip(params, line, strict=True)]
    return pl.DataFrame(
        {
            "model": [f"{name}-{model:04d}" for name, model in zip(family, models, strict=True)],
            "family": family,
            "params": params,
        }
    )
