"""A made leaderboard: simulated models on twelve benchmarks, for demonstrations and tests.

No model was asked anything. Scores follow a multidimensional item response model: a model has a
skill in each of ten subjects, a prompt has shares of those subjects, a difficulty and a
discrimination, and the wording of the prompt gives some of that away, so that a router has
something to learn. Benchmark names, relative sizes and reference scores are RouterEval's (arXiv
2503.10657).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.records.draft import Draft
from routereval.records.routereval import N_PROMPTS, REFERENCE
from routereval.simulation.wording import CLOSINGS, SUBJECTS, write_prompts

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Subset:
    """A part of a benchmark.

    Attributes:
        name: the subset.
        subjects: what its prompts are about.
        options: numbers of answers to choose from, one drawn for each prompt; empty if free form.
    """

    name: str
    subjects: tuple[str, ...]
    options: tuple[int, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """What is known of a benchmark before it is simulated.

    Attributes:
        name: the benchmark.
        subsets: its parts, in order.
        closings: how its prompts end, a key of `phrasing.CLOSINGS`.
        answer_tokens: typical length of an answer.
        graded: True if scores are real-valued, not 0 or 1.
    """

    name: str
    subsets: tuple[Subset, ...]
    closings: str = "choice"
    answer_tokens: int = 60
    graded: bool = False


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark("arc", (Subset("arc", ("physics", "biology", "everyday"), (4,)),)),
    Benchmark("hellaswag", (Subset("hellaswag", ("everyday", "language"), (4,)),)),
    Benchmark(
        "mmlu",
        (
            Subset("abstract_algebra", ("algebra",), (4,)),
            Subset("anatomy", ("biology",), (4,)),
            Subset("college_computer_science", ("coding", "algebra"), (4,)),
            Subset("conceptual_physics", ("physics",), (4,)),
            Subset("elementary_mathematics", ("algebra", "geometry"), (4,)),
            Subset("formal_logic", ("language", "algebra"), (4,)),
            Subset("high_school_statistics", ("counting",), (4,)),
            Subset("high_school_world_history", ("history",), (4,)),
            Subset("international_law", ("law", "history"), (4,)),
            Subset("miscellaneous", ("everyday", "history", "language"), (4,)),
            Subset("professional_law", ("law",), (4,)),
            Subset("virology", ("biology",), (4,)),
        ),
    ),
    Benchmark(
        "truthfulqa",
        (Subset("truthfulqa", ("everyday", "history", "law", "biology"), (2, 3, 4, 5, 6, 7, 8)),),
        graded=True,
    ),
    Benchmark("winogrande", (Subset("winogrande", ("language", "everyday"), (2,)),)),
    Benchmark(
        "gsm8k",
        (Subset("gsm8k", ("algebra", "counting", "everyday")),),
        closings="free",
        answer_tokens=180,
    ),
    Benchmark(
        "ifeval",
        (Subset("ifeval", ("language", "coding", "everyday", "history")),),
        closings="instruction",
        answer_tokens=350,
    ),
    Benchmark(
        "bbh",
        (
            Subset("boolean_expressions", ("coding", "algebra"), (2,)),
            Subset("causal_judgement", ("law", "everyday"), (2,)),
            Subset("date_understanding", ("history", "counting"), (6,)),
            Subset("disambiguation_qa", ("language",), (3,)),
            Subset("formal_fallacies", ("language", "law"), (2,)),
            Subset("geometric_shapes", ("geometry",), (11,)),
            Subset("navigate", ("geometry", "everyday"), (2,)),
            Subset("tracking_shuffled_objects_five_objects", ("counting", "everyday"), (5,)),
        ),
        answer_tokens=120,
    ),
    Benchmark(
        "gpqa",
        tuple(
            Subset(name, ("physics", "biology", "algebra"), (4,))
            for name in ("diamond", "extended", "main")
        ),
        answer_tokens=250,
    ),
    Benchmark(
        "musr",
        (
            Subset("murder_mysteries", ("law", "language"), (2,)),
            Subset("object_placements", ("everyday", "geometry"), (5,)),
            Subset("team_allocation", ("counting", "everyday", "language"), (3,)),
        ),
        answer_tokens=200,
    ),
    Benchmark(
        "math",
        (
            Subset("algebra_hard", ("algebra",)),
            Subset("counting_and_prob_hard", ("counting",)),
            Subset("geometry_hard", ("geometry",)),
            Subset("intermediate_algebra_hard", ("algebra", "geometry")),
            Subset("num_theory_hard", ("algebra", "counting")),
            Subset("prealgebra_hard", ("algebra", "everyday")),
            Subset("precalculus_hard", ("geometry", "algebra")),
        ),
        closings="free",
        answer_tokens=400,
    ),
    Benchmark(
        "mmlu_pro",
        (
            Subset(
                "mmlu_pro",
                ("algebra", "physics", "biology", "law", "history", "coding", "counting"),
                (10, 10, 10, 9, 8, 4),
            ),
        ),
        answer_tokens=250,
    ),
)

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
_TOKENS_A_WORD = 1.3


@dataclass(frozen=True)
class Llms:
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


@dataclass(frozen=True)
class Items:
    """What decides who answers a prompt rightly; all arrays have one row per prompt.

    Attributes:
        subjects: (n_prompts, n_subjects), rows sum to 1.
        difficulty: the skill, in logits, at which half of the knowing is there.
        discrimination: how sharply the chance of success rises with skill.
        chance: what a guesser scores; 0 in free form.
    """

    subjects: Floats
    difficulty: Floats
    discrimination: Floats
    chance: Floats


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
    llms = simulate_llms(np.random.default_rng(seed))
    for done, benchmark in enumerate(BENCHMARKS, start=1):
        draft = simulate_benchmark(np.random.default_rng([seed, done]), benchmark, llms)
        if progress is not None:
            progress(done, len(BENCHMARKS))
        yield draft.checked()


def simulate_benchmark(rng: np.random.Generator, benchmark: Benchmark, llms: Llms) -> Draft:
    """Simulate one benchmark at the demo's size.

    Args:
        rng: where everything is drawn from.
        benchmark: what to imitate, one of those that RouterEval publishes.
        llms: who answers.

    Returns:
        The draft; the best model's expected score is the benchmark's reference.
    """
    reference = REFERENCE[benchmark.name]
    n_prompts = round(_PROMPTS_PER_SQRT * N_PROMPTS[benchmark.name] ** 0.5)
    subset = np.sort(np.arange(n_prompts) % len(benchmark.subsets))
    hardness = rng.standard_normal(n_prompts)
    # A model may have been trained towards a benchmark, or never have seen its format.
    skills = llms.skills + 0.3 * rng.standard_normal((len(llms.skills), 1))
    items = calibrate(_draw_items(rng, benchmark, subset, hardness), skills, reference)
    scores = draw_scores(rng, success(items, skills), llms.kin, graded=benchmark.graded)
    texts = write_prompts(rng, items.subjects, hardness, CLOSINGS[benchmark.closings])
    return Draft(
        name=benchmark.name,
        models=llms.info["model"].to_list(),
        scores=scores,
        prompts=_prompt_table(benchmark, subset, texts, items),
        model_info=llms.info,
        costs=_draw_costs(rng, benchmark, llms, texts),
        reference=reference,
        source="simulated by routereval",
        licence="none: made data",
        simulated=True,
    )


def simulate_llms(rng: np.random.Generator) -> Llms:
    """Draw ten families of models, each in three sizes, each size in two fine-tunes.

    A larger model knows more of everything; a family is better at its own subjects; the fine-tunes
    of one base model share nearly all of their skills.

    Args:
        rng: where skills, prices and wordiness are drawn from.

    Returns:
        Sixty models, with prices that grow with size.

    >>> simulate_llms(np.random.default_rng(0)).info["model"][0]
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
                rows.append(_llm_row(rng, family, params, tune))
                skills.append(base + 0.12 * rng.standard_normal(len(SUBJECTS)))
                kin.append(line)
    wordiness = np.exp(0.3 * rng.standard_normal(len(rows)))
    return Llms(pl.DataFrame(rows), np.stack(skills), np.array(kin), wordiness)


def _family_skill(rng: np.random.Generator, strong_in: tuple[str, ...]) -> Floats:
    focus = np.isin(SUBJECTS, strong_in)
    bonus = 1.8 * focus if not focus.all() else np.full(len(SUBJECTS), 0.5)
    return np.asarray(bonus + 0.3 * rng.standard_normal(len(SUBJECTS)))


def _size_skill(params: int) -> float:
    return float(0.7 * np.log(params / 20.0))


def _llm_row(
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


def success(items: Items, skills: Floats) -> Floats:
    """Each model's expected score on each prompt: the three-parameter item response model.

    p = c + (1 − c) · sigmoid(a · (skills · subjects − b)), with discrimination a, difficulty b and
    chance c (Birnbaum 1968; several skills: Reckase 2009).

    Args:
        items: the prompts.
        skills: (n_models, n_subjects), in logits.

    Returns:
        (n_prompts, n_models), in [chance, 1].

    >>> one = np.ones(1)
    >>> success(Items(one[:, None], 0 * one, one, 0.25 * one), np.zeros((1, 1)))
    array([[0.625]])
    """
    from scipy.special import expit

    knows = expit(items.discrimination[:, None] * _skill_at(items, skills))
    return np.asarray(items.chance[:, None] + (1.0 - items.chance[:, None]) * knows)


def _skill_at(items: Items, skills: Floats) -> Floats:
    return items.subjects @ skills.T - items.difficulty[:, None]


def calibrate(items: Items, skills: Floats, best: float) -> Items:
    """Make all prompts harder or easier by the same amount, until the best model scores `best`.

    Args:
        items: the prompts.
        skills: (n_models, n_subjects), in logits.
        best: the expected mean score that the best model is to have, above the mean chance level.

    Returns:
        The prompts with their difficulty shifted.

    Raises:
        ValueError: if no shift reaches `best`.
    """
    from scipy.optimize import brentq

    def shifted(by: float) -> Items:
        return replace(items, difficulty=items.difficulty + by)

    def excess(by: float) -> float:
        return float(success(shifted(by), skills).mean(axis=0).max()) - best

    return shifted(brentq(excess, -15.0, 15.0, xtol=1e-3))


def draw_scores(
    rng: np.random.Generator, p: Floats, kin: NDArray[np.intp], *, graded: bool = False
) -> Matrix:
    """Draw a score for each prompt and model.

    Half of the luck is shared by models of one kin (a Gaussian copula), so that near-duplicates
    fail on the same prompts, beyond what their skills explain. Rows are independent: a large matrix
    may be drawn in blocks of rows.

    Args:
        rng: where luck is drawn from.
        p: (n_prompts, n_models), expected scores in [0, 1].
        kin: (n_models,), numbers from 0, equal for near-duplicates.
        graded: draw from a beta distribution of mean `p` instead of 0 or 1.

    Returns:
        (n_prompts, n_models), in [0, 1].

    >>> draw_scores(np.random.default_rng(0), np.array([[0.0, 1.0]]), np.array([0, 0]))
    array([[0., 1.]], dtype=float32)
    """
    from scipy.special import betaincinv, ndtr

    shared = rng.standard_normal((len(p), int(kin.max()) + 1), dtype=np.float32)[:, kin]
    own = rng.standard_normal(p.shape, dtype=np.float32)
    luck = ndtr(np.sqrt(np.float32(0.5)) * (shared + own))
    if not graded:
        return np.asarray(luck < p, dtype=np.float32)
    mean = np.clip(p, 0.02, 0.98)
    return np.asarray(betaincinv(3.0 * mean, 3.0 * (1.0 - mean), 1.0 - luck), dtype=np.float32)


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
    rng: np.random.Generator, benchmark: Benchmark, llms: Llms, texts: list[str]
) -> Matrix:
    """USD per call: tokens read and written times the model's prices."""
    read = _TOKENS_A_WORD * np.array([len(text.split()) for text in texts])
    noise = np.exp(0.35 * rng.standard_normal((len(texts), len(llms.wordiness))))
    written = benchmark.answer_tokens * llms.wordiness * noise
    price_in, price_out = llms.info["price_in"].to_numpy(), llms.info["price_out"].to_numpy()
    return np.asarray((np.outer(read, price_in) + written * price_out) / 1e6, dtype=np.float32)
