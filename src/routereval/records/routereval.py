"""What RouterEval (arXiv 2503.10657) publishes about its twelve benchmarks, as data."""

from __future__ import annotations

import re
from types import MappingProxyType

REFERENCE = MappingProxyType(
    {
        "arc": 0.852,
        "hellaswag": 0.953,
        "mmlu": 0.864,
        "truthfulqa": 0.669,
        "winogrande": 0.875,
        "gsm8k": 0.92,
        "ifeval": 0.7689,
        "bbh": 0.8303,
        "gpqa": 0.397,
        "musr": 0.699,
        "math": 0.4,
        "mmlu_pro": 0.637,
    }
)
"""The score of the fixed strong model that V_R divides by, by benchmark."""

N_PROMPTS = MappingProxyType(
    {
        "arc": 1172,
        "hellaswag": 10042,
        "mmlu": 14042,
        "truthfulqa": 817,
        "winogrande": 1267,
        "gsm8k": 1319,
        "ifeval": 541,
        "bbh": 5761,
        "gpqa": 1192,
        "musr": 756,
        "math": 1324,
        "mmlu_pro": 12032,
    }
)
"""How many prompts a benchmark has as published."""

CHANCE = MappingProxyType(
    {
        "arc": 0.25,
        "hellaswag": 0.25,
        "mmlu": 0.25,
        "winogrande": 0.5,
        "gpqa": 0.25,
        "gsm8k": 0.0,
        "math": 0.0,
        "ifeval": 0.0,
    }
)
"""The score of a guesser: one over the number of options, 0 for free form. The other benchmarks'
prompts differ in their number of options, which the files do not tell."""

REAL_VALUED = frozenset({"truthfulqa"})
"""Benchmarks whose scores are real numbers in [0, 1], not 0 or 1."""

TRUTHFULNESS = frozenset({"truthfulqa"})
"""Benchmarks on which a wrong answer counts as a hallucination."""

_MMLU = """
    abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology
    college_chemistry college_computer_science college_mathematics college_medicine college_physics
    computer_security conceptual_physics econometrics electrical_engineering elementary_mathematics
    formal_logic global_facts high_school_biology high_school_chemistry
    high_school_computer_science high_school_european_history high_school_geography
    high_school_government_and_politics high_school_macroeconomics high_school_mathematics
    high_school_microeconomics high_school_physics high_school_psychology high_school_statistics
    high_school_us_history high_school_world_history human_aging human_sexuality international_law
    jurisprudence logical_fallacies machine_learning management marketing medical_genetics
    miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory
    professional_accounting professional_law professional_medicine professional_psychology
    public_relations security_studies sociology us_foreign_policy virology world_religions
"""

_BBH = """
    boolean_expressions causal_judgement date_understanding disambiguation_qa formal_fallacies
    geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects
    logical_deduction_three_objects movie_recommendation navigate object_counting
    penguins_in_a_table reasoning_about_colored_objects ruin_names
    salient_translation_error_detection snarks sports_understanding temporal_sequences
    tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects
    tracking_shuffled_objects_three_objects web_of_lies
"""

_MATH = "algebra counting_and_prob geometry intermediate_algebra num_theory prealgebra precalculus"


def _filled_in(form: str, words: str) -> tuple[str, ...]:
    return tuple(form.format(word) for word in words.split())


SUBSETS = MappingProxyType(
    {
        "old": MappingProxyType(
            {
                "truthfulqa": ("harness_truthfulqa_mc_0",),
                "gsm8k": ("harness_gsm8k_5",),
                "winogrande": ("harness_winogrande_5",),
                "arc": ("harness_arc_challenge_25",),
                "hellaswag": ("harness_hellaswag_10",),
                "mmlu": _filled_in("harness_hendrycksTest_{}_5", _MMLU),
            }
        ),
        "new": MappingProxyType(
            {
                "bbh": _filled_in("bbh_{}", _BBH),
                "gpqa": _filled_in("gpqa_{}", "diamond extended main"),
                "ifeval": ("ifeval",),
                "math": _filled_in("math_{}_hard", _MATH),
                "musr": _filled_in("musr_{}", "murder_mysteries object_placements team_allocation"),
            }
        ),
        "mmlu_pro": MappingProxyType({"mmlu_pro": ("mmlu_pro",)}),
    }
)
"""File key → benchmark → its subsets, in the order in which RouterEval concatenates them; the
faithful split consumes its random stream in that order."""

_ALIASES = MappingProxyType(
    {
        "harness_truthfulqa_mc_0": "truthfulqa",
        "truthfulqa_mc": "truthfulqa",
        "truthfulqa_mc2": "truthfulqa",
        "truthful_qa": "truthfulqa",
        "arc_c": "arc",
        "arc_challenge": "arc",
        "mmlupro": "mmlu_pro",
        "math_lvl_5": "math",
    }
)


def canonical(name: str) -> str:
    """RouterEval's name of a benchmark, whatever its case and punctuation; else the name as given.

    >>> canonical("MMLU-Pro"), canonical("harness_truthfulqa_mc_0"), canonical("My-Set")
    ('mmlu_pro', 'truthfulqa', 'My-Set')
    """
    plain = re.sub(r"[-_\s]+", "_", name.strip().lower())
    plain = _ALIASES.get(plain, plain)
    return plain if plain in REFERENCE else name


def reference_of(name: str, n_prompts: int) -> float | None:
    """The published reference score, if these are RouterEval's prompts by name and number.

    Args:
        name: the benchmark, in any spelling that `canonical` knows.
        n_prompts: how many prompts there are.

    >>> reference_of("arc-challenge", 1172), reference_of("arc-challenge", 100)
    (0.852, None)
    """
    benchmark = canonical(name)
    return REFERENCE[benchmark] if N_PROMPTS.get(benchmark) == n_prompts else None
