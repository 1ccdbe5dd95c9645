"""A made leaderboard of RouterEval's full shape: twelve benchmarks, 201,715,850 records.

No model was asked anything. Benchmarks, subsets, their sizes and numbers of options, and the
numbers of models are the published ones; the scores are drawn from the item response model of
`response`, whose constants are set so that pools have about the published level (arXiv 2503.10657).
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
from routereval.records.routereval import N_PROMPTS, REAL_VALUED, REFERENCE, SUBSETS
from routereval.records.writer import About, RecordsWriter
from routereval.simulation.demo import simulate_demo
from routereval.simulation.item_response import Answers, Crowd, Questions, draw_crowd, skills_for
from routereval.simulation.wording import SUBJECTS

DEMO = "demo"
Progress = Callable[[str, int, int], None]

SCALES: Mapping[str, int] = MappingProxyType({"small": 20, "full": 1})
"""By how much the numbers of prompts and models are divided."""

N_LLMS: Mapping[str, int] = MappingProxyType({"old": 5000, "new": 3811, "mmlu_pro": 1823})
"""How many models each published leaderboard has."""

N_DISTINCT = 8567
"""How many models there are on all of them together."""

_BLOCK = 64
_TASTE = (
    0.35  # sd of how much better a model is at one benchmark than in general, in sds of ability
)
_FEWEST = 2  # prompts of a subset, at any scale

_SIZES: Mapping[str, str] = MappingProxyType(
    {
        "mmlu": """
            100 135 152 100 265 144 100 100 100 173 102 100 235 114 145 378 126 100 310 203
            100 165 198 193 390 270 238 151 545 216 204 237 223 131 121 108 163 112 103 234
            100 783 346 895 306 311 324 282 1534 272 612 110 245 201 100 166 171
        """,
        "bbh": f"250 187 {'250 ' * 11} 146 250 250 250 178 {'250 ' * 6}",
        "gpqa": "198 546 448",
        "math": "307 123 132 280 154 193 135",
        "musr": "250 256 250",
    }
)
"""Prompts of each subset, in the order of `SUBSETS`, where there are several."""

_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "arc": "4",
        "hellaswag": "4",
        "mmlu": "4 " * 57,
        "winogrande": "2",
        "bbh": "2 2 6 3 2 11 2 5 7 3 6 2 19 5 18 6 6 2 2 4 5 7 3 2",
        "gpqa": "4 4 4",
        "musr": "2 5 3",
        "mmlu_pro": "10",
    }
)
"""Answers to choose from, by subset; none in free form."""

_ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "algebra": "algebra math gsm8k mmlu_pro",
        "geometry": "geometr precalculus navigate object_placements",
        "counting": "count prob statistic econom accounting num_theory gsm8k tracking",
        "physics": "physics astronomy engineering gpqa mmlu_pro arc",
        "biology": "biolog anatomy medic clinic virology nutrition aging gpqa mmlu_pro chemistry",
        "history": "history prehistory foreign government religions date_ geography mmlu_pro",
        "law": "law jurisprud moral ethics philosophy security policy murder causal logical_fallac",
        "coding": "computer machine_learning boolean formal web_of_lies temporal ifeval deduction",
        "language": "hyperbaton disambig snarks ruin translation ifeval winogrande hellaswag logic",
        "everyday": "hellaswag winogrande truthful movie sports misc manage market psycholog",
    }
)
"""Parts of the names of subsets that a subject is found in."""


@dataclass(frozen=True)
class Level:
    """How hard a benchmark is, and how alike the models' mistakes on it are.

    Attributes:
        low: expected mean score of the weakest model; that of guessing, if that is more.
        best: expected mean score of the best model.
        curve: the model at quantile u scores low + (best − low) · u ** curve.
        spread: sd of the prompts' difficulty, in probits; models agree the more, the larger it is.
        trap: how much guessers agree, as the correlation of two guesses; 0 if not at all.
        quirk: how far guessers have a pet option, from 0 (they take any) to 1.
    """

    low: float
    best: float
    curve: float
    spread: float
    trap: float = 0.0
    quirk: float = 0.0


LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        "arc": Level(0.18, 0.852, 1.3, 1.95, 0.27),
        "hellaswag": Level(0.22, 0.953, 0.81, 2.6, 0.58),
        "mmlu": Level(0.23, 0.864, 1.0, 1.25, 0.16, 0.56),
        "truthfulqa": Level(0.35, 0.82, 1.05, 0.8),
        "winogrande": Level(0.48, 0.875, 0.6, 1.8, 0.23, 0.46),
        "gsm8k": Level(0.0, 0.94, 0.7, 1.1),
        "ifeval": Level(0.04, 0.78, 0.67, 1.45),
        "bbh": Level(0.28, 0.81, 2.05, 1.5, 0.12, 0.55),
        "gpqa": Level(0.18, 0.397, 1.9, 1.8, 0.03, 0.68),
        "musr": Level(0.2, 0.61, 6.5, 2.1, 0.2, 0.15),
        "math": Level(0.13, 0.57, 1.85, 1.7),
        "mmlu_pro": Level(0.02, 0.65, 1.0, 2.0, 0.2, 0.14),
    }
)
"""Set so that the faithful pools of the simulated leaderboard have about the published level."""


@dataclass(frozen=True)
class Shape:
    """A benchmark's place on the leaderboards.

    Attributes:
        name: the benchmark.
        board: the leaderboard that it belongs to, a key of `N_LLMS`.
        subsets: names of its subsets.
        sizes: prompts of each subset.
        options: answers to choose from in each subset; 0 in free form.
        llms: numbers of the models that answered, out of all on any leaderboard.
    """

    name: str
    board: str
    subsets: tuple[str, ...]
    sizes: tuple[int, ...]
    options: tuple[int, ...]
    llms: range


def leaderboard_shapes(scale: str = "full") -> list[Shape]:
    """The shapes of the twelve benchmarks, in RouterEval's order.

    Args:
        scale: a key of `SCALES`.

    Raises:
        SpecError: if there is no such scale.

    >>> shapes = leaderboard_shapes()
    >>> sum(sum(shape.sizes) * len(shape.llms) for shape in shapes)
    201715850
    >>> len({llm for shape in shapes for llm in shape.llms})
    8567
    """
    if scale not in SCALES:
        raise unknown("scale", scale, [DEMO, *SCALES])
    boards = {name: board for board, subsets in SUBSETS.items() for name in subsets}
    return [_shape(name, boards[name], SCALES[scale]) for name in N_PROMPTS]


def _shape(name: str, board: str, scale: int) -> Shape:
    subsets = SUBSETS[board][name]
    sizes = _numbers(_SIZES.get(name, str(N_PROMPTS[name])))
    options = _numbers(_OPTIONS[name]) if name in _OPTIONS else (0,) * len(subsets)
    n_llms, n_distinct = round(N_LLMS[board] / scale), round(N_DISTINCT / scale)
    # The old leaderboard has the first models, the others the last: a few are on both.
    first = 0 if board == "old" else n_distinct - n_llms
    shrunk = tuple(max(_FEWEST, round(size / scale)) for size in sizes)
    return Shape(name, board, subsets, shrunk, options, range(first, first + n_llms))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


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
    n_llms = max(shape.llms.stop for shape in shapes)
    crowd = draw_crowd(np.random.default_rng(seed), n_llms, len(SUBJECTS))
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
    info = _model_info(crowd, shape.llms)
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
        for start in range(0, len(shape.llms), _BLOCK):
            block = shape.llms[start : start + _BLOCK]
            writer.append(np.asarray([answers.of(llm) for llm in block]))
            if progress is not None:
                progress(shape.name, start + len(block), len(shape.llms))


def answers_on(shape: Shape, crowd: Crowd, seed: int) -> tuple[Answers, Questions]:
    """What each model of the crowd scores on a benchmark, and the prompts that decide it.

    Args:
        shape: the benchmark.
        crowd: all models of all leaderboards.
        seed: as `simulate_leaderboard` is given it.
    """
    number = list(N_PROMPTS).index(shape.name)

    def stream(kind: str, key: int) -> np.random.Generator:
        return np.random.default_rng(
            [seed, number, ("benchmark", "llm", "lineage").index(kind), key]
        )

    rng, level = stream("benchmark", 0), LEVELS[shape.name]
    graded = shape.name in REAL_VALUED
    questions = _draw_questions(rng, shape, level)
    levels = level.low + (level.best - level.low) * _quantiles(rng, crowd, shape) ** level.curve
    skills = skills_for(crowd, questions, levels, graded=graded)
    return Answers(crowd, questions, skills, stream, graded=graded), questions


def _quantiles(rng: np.random.Generator, crowd: Crowd, shape: Shape) -> NDArray[np.float64]:
    """(n_llms,) the rank of each model of this board in (0, 1); some suit a benchmark more."""
    close = crowd.closeness
    base, own = rng.standard_normal((2, len(close)))
    taste = np.sqrt(close) * base[crowd.lineage] + np.sqrt(1.0 - close) * own
    merit = (crowd.ability + _TASTE * taste)[shape.llms.start : shape.llms.stop]
    out = np.zeros(len(close))
    ranks = np.argsort(np.argsort(merit, kind="stable"), kind="stable")
    out[shape.llms.start : shape.llms.stop] = (ranks + 0.5) / len(merit)
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
    lure = np.where(options > 0, _around(rng, share, level.trap), 0.0)
    return Questions(
        subject=subject,
        difficulty=level.spread * rng.standard_normal(n_prompts) + lean[subset],
        discrimination=np.exp(0.25 * rng.standard_normal(n_prompts)),
        lure=lure,
        options=options,
        quirk=level.quirk,
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
    told = [any(part in plain for part in _ABOUT[subject].split()) for subject in SUBJECTS]
    return [at for at, yes in enumerate(told) if yes] or list(range(len(SUBJECTS)))


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


def _model_info(crowd: Crowd, llms: range) -> pl.DataFrame:
    params = crowd.params[llms.start : llms.stop]
    line = crowd.lineage[llms.start : llms.stop]
    family = [f"sim-{size:g}b-{line:03d}" for size, line in zip(params, line, strict=True)]
    return pl.DataFrame(
        {
            "model": [f"{name}-{llm:04d}" for name, llm in zip(family, llms, strict=True)],
            "family": family,
            "params": params,
        }
    )
