"""How benchmarks are written in figures."""

from __future__ import annotations

from routereval.results.scaling_curves import MEAN

TITLES = {
    MEAN: "Mean over benchmarks",
    "arc": "ARC",
    "hellaswag": "HellaSwag",
    "mmlu": "MMLU",
    "truthfulqa": "TruthfulQA",
    "winogrande": "Winogrande",
    "gsm8k": "GSM8K",
    "ifeval": "IFEval",
    "bbh": "BBH",
    "gpqa": "GPQA",
    "musr": "MUSR",
    "math": "MATH Lvl 5",
    "mmlu_pro": "MMLU-Pro",
}
"""Names by the benchmark."""
