"""Who answers what: the item response models that both simulations draw scores from.

The demo's few models have a skill in each subject, and prompts are about several (`Items`); all of
its scores are drawn at once. The leaderboard's thousands are drawn one model at a time (`Answers`).
A model knows the answer with probability Φ(a · (skill − difficulty)), the normal ogive (Lord and
Novick 1968); its skill is its level on the benchmark plus a lean towards the prompt's subject. If
it does not know and there are options, it guesses, and some models prefer one option. Models come
in lineages, and share luck and leans with theirs, the more the closer they are to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Single = NDArray[np.float32]
Stream = Callable[[str, int], np.random.Generator]
"""Random numbers for ``("model", number)`` or ``("lineage", number)``, the same each time."""

HABITS = (0.0, 0.3, 0.6, 0.9)
"""How often a model that guesses takes its favourite option instead of any."""

_MODELS_PER_LINEAGE = 12
_LEAN = 0.45  # sd of the skill in a subject around the model's level, in probits
_PARAMS = (0.5, 1.5, 3.0, 7.0, 7.0, 8.0, 8.0, 13.0, 14.0, 32.0, 70.0)
_GRADED_LUCK = 1.0  # sd of a real-valued score around its expectation, in probits
_FAR = 8.0  # nobody is worse or better, in probits
_FAVOURITES = 27_720  # a multiple of every number up to 12, so that each option is liked as often


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
) -> Single:
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


@dataclass(frozen=True)
class Crowd:
    """The simulated models, in columns.

    Attributes:
        lineage: (n_models,) number of the base model that each descends from.
        closeness: (n_models,) share of its luck and leans that it has from its lineage, in [0, 1].
        ability: (n_models,) general ability, about standard normal.
        leans: (n_models, n_subjects) skill in each subject around its level, in probits.
        habit: (n_models,) index into `HABITS`.
        favourite: (n_models,) its favourite option is this number modulo the number of options.
        params: (n_models,) billions of parameters.
    """

    lineage: NDArray[np.int64]
    closeness: Floats
    ability: Floats
    leans: Floats
    habit: NDArray[np.int64]
    favourite: NDArray[np.int64]
    params: Floats


@dataclass(frozen=True)
class Questions:
    """What decides who answers a prompt rightly.

    Attributes:
        subject: (n_prompts,) column of `Crowd.leans`.
        difficulty: (n_prompts,) the skill, in probits, at which half of the knowing is there.
        discrimination: (n_prompts,) how sharply the chance of knowing rises with skill.
        guess: (n_prompts,) how often a guesser without a favourite option is right.
        options: (n_prompts,) how many answers there are to choose from; 0 in free form.
        key: (n_prompts,) which option is right.
        option_bias: how far a model's preference for one option matters, from 0 (not) to 1.
    """

    subject: NDArray[np.int64]
    difficulty: Floats
    discrimination: Floats
    guess: Floats
    options: NDArray[np.int64]
    key: NDArray[np.int64]
    option_bias: float = 0.0


def draw_crowd(rng: np.random.Generator, n_models: int, n_subjects: int) -> Crowd:
    """Draw models in lineages of very different sizes; a third of them are near-duplicates.

    Args:
        rng: where everything is drawn from.
        n_models: how many.
        n_subjects: how many subjects there are to lean towards.

    >>> crowd = draw_crowd(np.random.default_rng(0), 600, 10)
    >>> crowd.leans.shape, len(np.unique(crowd.lineage)) < 51
    ((600, 10), True)
    """
    n_lines = -(-n_models // _MODELS_PER_LINEAGE)
    weight = 1.0 / np.arange(1, n_lines + 1) ** 0.8
    lineage = rng.choice(n_lines, size=n_models, p=weight / weight.sum())
    near = rng.random(n_models) < 1 / 3
    closeness = np.where(near, rng.uniform(0.9, 1.0, n_models), rng.uniform(0.1, 0.6, n_models))
    params = rng.choice(_PARAMS, size=n_lines)
    base = 0.5 * np.log(params / 8.0) + rng.standard_normal(n_lines)
    habit, favourite = (
        _inherited_kinds(rng, closeness, lineage, len(HABITS)),
        _inherited_kinds(rng, closeness, lineage, _FAVOURITES),
    )
    return Crowd(
        lineage=lineage,
        closeness=closeness,
        ability=_inherited(rng, closeness, base, lineage),
        leans=_LEAN
        * _inherited(rng, closeness[:, None], rng.standard_normal((n_lines, n_subjects)), lineage),
        habit=habit,
        favourite=favourite,
        params=params[lineage],
    )


def _inherited(
    rng: np.random.Generator, closeness: Floats, base: Floats, lineage: NDArray[np.int64]
) -> Floats:
    own = rng.standard_normal(base[lineage].shape)
    return np.asarray(np.sqrt(closeness) * base[lineage] + np.sqrt(1.0 - closeness) * own)


def _inherited_kinds(
    rng: np.random.Generator, closeness: Floats, lineage: NDArray[np.int64], n_kinds: int
) -> NDArray[np.int64]:
    base, own = rng.integers(n_kinds, size=(2, len(lineage)))
    return np.asarray(np.where(rng.random(len(lineage)) < closeness, base[lineage], own))


def skills_for(
    crowd: Crowd, questions: Questions, levels: Floats, *, graded: bool = False
) -> Floats:
    """The skill, in probits, at which each model is expected to have a mean score.

    Args:
        crowd: the models; leans that they have on average over the prompts are made up for.
        questions: the prompts.
        levels: (n_models,) expected mean scores; those that guessing alone exceeds become guessing.
        graded: True if scores are real-valued.

    >>> rng = np.random.default_rng(0)
    >>> crowd, none = draw_crowd(rng, 2, 1), np.zeros(1)
    >>> one = Questions(none.astype(int), none, none + 1, none, none.astype(int), none.astype(int))
    >>> (skills_for(crowd, one, np.array([0.5, 0.5])) + crowd.leans[:, 0]).round(6) + 0.0
    array([0., 0.])
    """
    from scipy.special import ndtr

    share = np.bincount(questions.subject, minlength=crowd.leans.shape[1]) / len(questions.subject)
    unlike = _LEAN**2 * (1.0 - float((share**2).sum()))  # variance of leans within a model
    a = questions.discrimination
    scale = np.sqrt(1.0 + (_GRADED_LUCK**2 if graded else 0.0) + a**2 * unlike)
    grid = np.linspace(-_FAR, _FAR, 161)
    knows = [ndtr(a * (skill - questions.difficulty) / scale) for skill in grid]
    means = [float(np.mean(questions.guess + (1.0 - questions.guess) * k)) for k in knows]
    # Summed without BLAS, whose last bits depend on the number of threads.
    return np.asarray(np.interp(levels, means, grid) - (crowd.leans * share).sum(axis=1))


class Answers:
    """The scores of a crowd on the prompts of a benchmark, one model at a time, in any order.

    Args:
        crowd: the models.
        questions: the prompts.
        skills: (n_models,) each model's skill on the benchmark, in probits.
        stream: where their luck is drawn from.
        graded: True if scores are real-valued.
    """

    def __init__(
        self,
        crowd: Crowd,
        questions: Questions,
        skills: Floats,
        stream: Stream,
        *,
        graded: bool = False,
    ) -> None:
        self._crowd, self._questions, self._stream = crowd, questions, stream
        self._graded = graded
        self._skills = skills.astype(np.float32)
        self._slope = questions.discrimination.astype(np.float32)
        self._offset = (questions.discrimination * questions.difficulty).astype(np.float32)
        self._leans = crowd.leans.astype(np.float32)
        self._thresholds = _thresholds(questions)

    def of(self, model: int) -> NDArray[np.bool_] | Single:
        """The (n_prompts,) scores of one model: True where right, or numbers in [0, 1]."""
        knowing, guessing = self._luck(model)
        skill = self._skills[model] + self._leans[model][self._questions.subject]
        margin = self._slope * skill - self._offset
        if self._graded:
            from scipy.special import ndtr

            return np.asarray(ndtr(margin + np.float32(_GRADED_LUCK) * knowing))
        right = margin + knowing > 0
        return np.asarray(right | (guessing < self._guess_threshold(model)))

    def _luck(self, model: int) -> Single:
        """(2, n_prompts) standard normal, shared with the lineage as far as the model is close."""
        close = np.float32(self._crowd.closeness[model])
        shape = 2, len(self._slope)
        own = self._stream("model", model).standard_normal(shape, dtype=np.float32)
        shared = self._stream("lineage", int(self._crowd.lineage[model]))
        base = shared.standard_normal(shape, dtype=np.float32)
        return np.asarray(np.sqrt(close) * base + np.sqrt(1 - close) * own)

    def _guess_threshold(self, model: int) -> Single:
        missed, hit = self._thresholds[int(self._crowd.habit[model])]
        options = np.maximum(self._questions.options, 1)
        liked = self._crowd.favourite[model] % options == self._questions.key
        return np.asarray(np.where(liked, hit, missed))


def _thresholds(questions: Questions) -> Single:
    """(n_habits, 2, n_prompts) what normal luck must be below, for a guess to be right.

    First where the favourite option is wrong, then where it is right.
    """
    from scipy.special import ndtri

    habit = questions.option_bias * np.array(HABITS)[:, None]
    missed = (1.0 - habit) * questions.guess
    hit = np.where(questions.options > 0, missed + habit, 0.0)
    return np.asarray(ndtri(np.stack([missed, hit], axis=1)), dtype=np.float32)
