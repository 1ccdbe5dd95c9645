"""A made leaderboard: simulated models on twelve benchmarks, for demonstrations and tests.

No model was asked anything. Scores follow a multidimensional item response model: a model has a
skill in each of ten subjects, a prompt has shares of those subjects, a difficulty and a
discrimination, and the wording of the prompt gives some of that away, so that a router has
something to learn. Benchmark names, relative sizes and reference scores are RouterEval's (arXiv
2503.10657).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.records.draft import Draft
from routereval.records.routereval import N_PROMPTS, REFERENCE
from routereval.simulation.benchmarks import BENCHMARKS, Benchmark, Subset
from routereval.simulation.item_response import (
    Floats,
    Items,
    Single,
    calibrate,
    draw_scores,
    success,
)
from routereval.simulation.wording import CLOSINGS, SUBJECTS, write_prompts

_FAMILIES: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "generalist": (SUBJECTS, (4, 32, 140)),
    "reckoner": (("algebra", "counting"), (2, 14, 70)),
    "geometer": (("geometry", "physics"), (1, 14, 90)),
    "chemist": (("physics", "biology"), (3, 24, 120)),
    "naturalist": (("biology", "everyday"), (1, 8, 70)),
    "jurist": (("law", "language"), (4, 32, 120)),
    "chronicler": (("history", "law"), (2, 13, 90)),
    "coder": (("coding", "algebra"), (3, 24, 120)),
    "poet": (("language", "history"), (1, 7, 70)),
    "butler": (("everyday", "counting"), (2, 14, 90)),
}
_TUNES = 2

_PROMPTS_PER_SQRT = 11.0  # demo size = 11 · √(full size): from 256 to 1,303 prompts
_TOKENS_PER_WORD = 1.3


@dataclass(frozen=True)
class Models:
    """The simulated models, in columns.

    Attributes:
        info: ``model``, ``family``, ``params`` (billions), ``price_in`` and ``price_out`` (USD per
            million tokens).
        skills: (n_models, n_subjects), in logits.
        kin: (n_models,) equal for fine-tunes of one base model.
        wordiness: (n_models,) length of its answers, as a multiple of the usual.
    """

    info: pl.DataFrame
    skills: Floats
    kin: NDArray[np.intp]
    wordiness: Floats


def simulate_demo(
    seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> Iterator[Draft]:
    """Simulate twelve small benchmarks, answered by the same sixty models.

    Args:
        seed: of everything; the same seed gives the same bytes.
        progress: called as ``progress(done, 12)`` before each draft is handed over.

    Yields:
        One checked draft per benchmark, in RouterEval's order, each with texts, costs (USD per
        call), model sizes and prices.

    Raises:
        SpecError: if `seed` is negative.

    >>> draft = next(simulate_demo(seed=0))
    >>> draft.name, draft.scores.shape, draft.simulated
    ('arc', (377, 60), True)
    """
    if seed < 0:
        raise SpecError(f"the seed must be 0 or more, not {seed}")
    models = simulate_models(np.random.default_rng(seed))
    for done, benchmark in enumerate(BENCHMARKS.values(), start=1):
        draft = simulate_benchmark(np.random.default_rng([seed, done]), benchmark, models)
        if progress is not None:
            progress(done, len(BENCHMARKS))
        yield draft.checked()


def simulate_benchmark(rng: np.random.Generator, benchmark: Benchmark, models: Models) -> Draft:
    """Simulate one benchmark at the demo's size.

    Args:
        rng: where everything is drawn from.
        benchmark: what to imitate, one of those that RouterEval publishes.
        models: who answers.

    Returns:
        The draft; the best model's expected score is the benchmark's reference.
    """
    reference = REFERENCE[benchmark.name]
    n_prompts = round(_PROMPTS_PER_SQRT * N_PROMPTS[benchmark.name] ** 0.5)
    subset = np.sort(np.arange(n_prompts) % len(benchmark.subsets))
    hardness = rng.standard_normal(n_prompts)
    # A model may have been trained towards a benchmark, or never have seen its format.
    skills = models.skills + 0.3 * rng.standard_normal((len(models.skills), 1))
    items = calibrate(_draw_items(rng, benchmark, subset, hardness), skills, reference)
    scores = draw_scores(rng, success(items, skills), models.kin, graded=benchmark.graded)
    texts = write_prompts(rng, items.subjects, hardness, CLOSINGS[benchmark.answers])
    return Draft(
        name=benchmark.name,
        models=models.info["model"].to_list(),
        scores=scores,
        prompts=_prompt_table(benchmark, subset, texts, items),
        model_info=models.info,
        costs=_draw_costs(rng, benchmark, models, texts),
        reference=reference,
        source="simulated by routereval",
        licence="none: made data",
        simulated=True,
    )


def simulate_models(rng: np.random.Generator) -> Models:
    """Draw ten families of models, each in three sizes, each size in two fine-tunes.

    A larger model knows more of everything; a family is better at its own subjects; the fine-tunes
    of one base model share nearly all of their skills.

    Args:
        rng: where skills, prices and wordiness are drawn from.

    Returns:
        Sixty models, with prices that grow with size.

    >>> simulate_models(np.random.default_rng(0)).info["model"][0]
    'sim-4b-generalist-1'
    """
    rows: list[dict[str, str | float]] = []
    skills: list[Floats] = []
    kin: list[int] = []
    for family, (strong_in, sizes) in _FAMILIES.items():
        family_skill = _family_skill(rng, strong_in)
        for params in sizes:
            base = family_skill + _size_skill(params) + 0.3 * rng.standard_normal(len(SUBJECTS))
            line = len(rows) // _TUNES
            for tune in range(1, _TUNES + 1):
                rows.append(_model_row(rng, family, params, tune))
                skills.append(base + 0.12 * rng.standard_normal(len(SUBJECTS)))
                kin.append(line)
    wordiness = np.exp(0.3 * rng.standard_normal(len(rows)))
    return Models(pl.DataFrame(rows), np.stack(skills), np.array(kin), wordiness)


def _family_skill(rng: np.random.Generator, strong_in: tuple[str, ...]) -> Floats:
    focus = np.isin(SUBJECTS, strong_in)
    bonus = 1.8 * focus if not focus.all() else np.full(len(SUBJECTS), 0.5)
    return np.asarray(bonus + 0.3 * rng.standard_normal(len(SUBJECTS)))


def _size_skill(params: int) -> float:
    return float(0.7 * np.log(params / 20.0))


def _model_row(
    rng: np.random.Generator, family: str, params: int, tune: int
) -> dict[str, str | float]:
    price = 0.03 * params**0.85 * float(np.exp(0.15 * rng.standard_normal()))
    return {
        "model": f"sim-{params}b-{family}-{tune}",
        "family": family,
        "params": float(params),
        "price_in": round(price, 4),
        "price_out": round(4.0 * price, 4),
    }


def _draw_items(
    rng: np.random.Generator, benchmark: Benchmark, subset: NDArray[np.intp], hardness: Floats
) -> Items:
    """Draw the prompts' traits; only `hardness`, not all of the difficulty, shows in the text."""
    n_prompts = len(subset)
    subjects = np.zeros((n_prompts, len(SUBJECTS)))
    chance = np.zeros(n_prompts)
    for at, part in enumerate(benchmark.subsets):
        rows = np.flatnonzero(subset == at)
        subjects[rows] = _draw_subjects(rng, part, len(rows))
        if part.options:
            chance[rows] = 1.0 / rng.choice(part.options, size=len(rows))
    lean = 0.3 * rng.standard_normal(len(benchmark.subsets))
    unseen = 0.6 * rng.standard_normal(n_prompts)
    discrimination = np.exp(0.4 + 0.25 * rng.standard_normal(n_prompts))
    return Items(subjects, 0.9 * hardness + lean[subset] + unseen, discrimination, chance)


def _draw_subjects(rng: np.random.Generator, subset: Subset, n_prompts: int) -> Floats:
    """Shares of two subjects, the first of which has most; both may be the same."""
    ours = np.array([SUBJECTS.index(subject) for subject in subset.subjects])
    main, side = rng.choice(ours, size=(2, n_prompts))
    weight = rng.uniform(0.7, 1.0, size=n_prompts)
    shares = np.zeros((n_prompts, len(SUBJECTS)))
    shares[np.arange(n_prompts), main] += weight
    shares[np.arange(n_prompts), side] += 1.0 - weight
    return shares


def _prompt_table(
    benchmark: Benchmark, subset: NDArray[np.intp], texts: list[str], items: Items
) -> pl.DataFrame:
    names = [part.name for part in benchmark.subsets]
    free = [not part.options for part in benchmark.subsets]
    chance = [None if free[s] else c for s, c in zip(subset, items.chance.tolist(), strict=True)]
    return pl.DataFrame(
        {
            "prompt_id": [f"{benchmark.name}-{row:05d}" for row in range(len(texts))],
            "subset": [names[s] for s in subset],
            "text": texts,
            "chance": pl.Series(chance, dtype=pl.Float64),
            "difficulty": items.difficulty,
        }
    )


def _draw_costs(
    rng: np.random.Generator, benchmark: Benchmark, models: Models, texts: list[str]
) -> Single:
    """USD per call: tokens read and written times the model's prices."""
    read = _TOKENS_PER_WORD * np.array([len(text.split()) for text in texts])
    noise = np.exp(0.35 * rng.standard_normal((len(texts), len(models.wordiness))))
    written = benchmark.tokens * models.wordiness * noise
    price_in, price_out = models.info["price_in"].to_numpy(), models.info["price_out"].to_numpy()
    return np.asarray((np.outer(read, price_in) + written * price_out) / 1e6, dtype=np.float32)
