"""HELM: ``metrics/metric.py`` (``PerInstanceStats``), ``runner.py``, ``static/schema*``."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape

NAME = "per_instance_stats.json"


def stat(name: str, mean: float | None, split: str = "test") -> dict[str, Any]:
    """A statistic; without a mean where nothing was counted."""
    held = {
        "name": {"name": name, "split": split},
        "count": int(mean is not None),
        "sum": mean or 0,
    }
    return held if mean is None else {**held, "mean": mean, "variance": 0.0}


def entries(*each: dict[str, float | None], trial: int = 0) -> list[dict[str, Any]]:
    """The entries of instances, by their statistics."""
    return [
        {
            "instance_id": f"id{number}",
            "train_trial_index": trial,
            "stats": [stat(name, mean) for name, mean in stats.items()],
        }
        for number, stats in enumerate(each)
    ]


def run(name: str, held: object, groups: tuple[str, ...] = (), suite: str = "v1") -> dict[str, Any]:
    """The files of a run."""
    scenario, _, rest = name.partition(":")
    args = dict(pair.split("=") for pair in rest.split(","))
    model = args.pop("model").replace("_", "/", 1)
    spec = {
        "name": name,
        "scenario_spec": {"class_name": f"helm.{scenario}", "args": args},
        "adapter_spec": {"method": "generation", "model": model, "model_deployment": model},
        "metric_specs": [],
        "groups": [*groups],
    }
    folder = f"benchmark_output/runs/{suite}/{name}"
    return {f"{folder}/{NAME}": held, f"{folder}/run_spec.json": spec}


SHAPES = {
    "of LegalBench the quasi-exact match is shown": Shape(
        "helm",
        run(
            "legalbench:subset=abercrombie,model=org_m",
            entries({"exact_match": 0.0, "quasi_exact_match": 1.0}),
            ("legalbench",),
        ),
        {"legalbench": {"org/m": [1]}},
        about={"legalbench": {"subsets": ["abercrombie"]}},
    ),
    "of MMLU the exact match is": Shape(
        "helm",
        run(
            "mmlu:subject=anatomy,model=org_m",
            entries({"exact_match": 0.0, "quasi_exact_match": 1.0}),
            ("mmlu",),
        ),
        {"mmlu": {"org/m": [0]}},
    ),
    "MRCR has an accuracy of its own": Shape(
        "helm",
        run("openai_mrcr:needles=2,model=org_m", entries({"openai_mrcr_accuracy": 0.75})),
        {"openai_mrcr": {"org/m": [0.75]}},
    ),
    "a statistic that counted nothing is not observed": Shape(
        "helm",
        run(
            "wildbench:subset=v2,model=org_m",
            entries({"wildbench_score_rescaled": None}, {"wildbench_score_rescaled": 0.5}),
        ),
        {"wildbench": {"org/m": [None, 0.5]}},
    ),
    "trials of examples are trials": Shape(
        "helm",
        run(
            "boolq:mode=x,model=org_m",
            entries({"quasi_exact_match": 1.0}) + entries({"quasi_exact_match": 0.0}, trial=1),
        ),
        {"boolq": {"org/m": [0.5]}},
        about={"boolq": {"trials": 2}},
    ),
    "the newer suite supersedes": Shape(
        "helm",
        {
            **run(
                "gsm:mode=x,model=org_m", entries({"final_number_exact_match": 0.0}), suite="v1.2"
            ),
            **run(
                "gsm:mode=x,model=org_m", entries({"final_number_exact_match": 1.0}), suite="v1.10"
            ),
        },
        {"gsm": {"org/m": [1]}},
        says=["are superseded by newer runs, such as"],
    ),
    "words are no means": Shape(
        "helm",
        {
            "runs/v1/x:a=b,model=org_m/display_predictions.json": [
                {"instance_id": "id0", "predicted_text": "A", "stats": {"exact_match": 1.0}},
                {"instance_id": "id1", "predicted_text": "B", "stats": {"exact_match": 0.0}},
            ]
        },
        {"x": {"org/m": [1, 0]}},
    ),
}
