"""HELM: the runs of ``helm-run``, a folder for each, with ``per_instance_stats.json`` in it.

``benchmark_output/runs/<suite>/<scenario>:<arguments>,model=<model>/`` holds ``run_spec.json``
(scenario, adapter, model), ``per_instance_stats.json`` (statistics per instance, perturbation and
trial; an instance may stand in several entries), and ``instances.json`` or ``scenario_state.json``
with the texts. Published runs may have ``display_predictions.json`` in place of the statistics.
Repository: ``stanford-crfm/helm``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import down_to, first_files, listed, names_of
from routereval.importers.importer import Importer
from routereval.importers.metric_choice import choose_metrics
from routereval.importers.rows import BadRows, json_file, name_in, peek, some_files, text_of
from routereval.importers.run_answers import (
    Answer,
    drafts_of_runs,
    file_in,
    milliseconds,
    object_in,
    part_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

_QUASI, _PREFIX = "quasi_exact_match", "quasi_prefix_exact_match"
HEADLINES = {
    **dict.fromkeys(("boolq", "imdb", "raft", "civil_comments", "wikifact", "babi_qa"), _QUASI),
    **dict.fromkeys(("synthetic_reasoning", "legalbench", "legal_support", "lsat_qa"), _QUASI),
    **dict.fromkeys(("entity_matching", "entity_data_imputation", "casehold", "bbq"), _QUASI),
    **dict.fromkeys(("banking77", "cti_to_mitre", "mutox", "mustard", "parade"), _QUASI),
    **dict.fromkeys(("a_okvqa", "mm_star", "blink", "gqa", "hateful_memes", "vqa"), _PREFIX),
    **dict.fromkeys(("unicorn", "pope", "seed_bench", "mme", "pairs", "exams_v"), _PREFIX),
    "med_qa": "quasi_exact_match",
    "real_world_qa": "quasi_leave_articles_exact_match",
    "synthetic_reasoning_natural": "f1_set_match",
    "tab_fact": "accuracy",
}
"""Scenarios of which HELM's tables show another statistic than `METRICS` would."""

METRICS = (
    *("chain_of_thought_correctness", "math_equiv_chain_of_thought", "math_equiv"),
    *("final_number_exact_match", "exact_match_indicator", "ifeval_strict_accuracy"),
    *("wildbench_score_rescaled", "omni_math_accuracy", "code_eval_acc", "test_avg"),
    *("openai_mrcr_accuracy", "ruler_string_match_part", "program_accuracy", "float_equiv"),
    *("execution_accuracy", "safety_score", "air_score", "model_judged_score", "squad_f1_score"),
    *("annotation_autobencher_capabilities_score", "chr_f_plus_plus", "earth_mover_similarity"),
    *("accuracy", "f1_score", "exact_match", "quasi_exact_match", "rouge_2", "rouge_l", "rougeL"),
    "bleu_4",
)
"""Which statistic is the score: the first of these, special ones before what all runs have."""

_STATS, _DISPLAY = "per_instance_stats.json", "display_predictions.json"
_PATTERNS = (*down_to(5, _STATS), *down_to(5, _DISPLAY))
_ADAPTER = ("method", "max_train_instances", "temperature", "num_outputs", "num_train_trials")
_NOT_OF_SCENARIO = {*_ADAPTER, "model", "model_deployment", "groups", "data_augmentation", "suite"}
_DERIVED = {"name", "computed_on", "robustness", "fairness", "seed", "prob"}


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most five folders down."""
    return any('"instance_id"' in peek(file) for file in first_files(path, *_PATTERNS))


def read(
    path: Path,
    *,
    metric: str | None = None,
    split: str | None = None,
    rescale: Rescale = False,
) -> Iterator[Draft]:
    """One draft per scenario, and one for each of its perturbations.

    Args:
        path: such a file, or a folder of runs at most five folders down.
        metric: which statistic is the score, in order of preference; by default `METRICS`.
        split: which instances count, such as ``test``; by default all that were evaluated.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or entries cannot be read, with up to 20 listed.
    """
    files = some_files(path, f"runs of HELM ({_STATS})", *_PATTERNS)
    whole = {file.parent for file in files if file.name == _STATS}
    runs = [_run(f) for f in files if f.name != _DISPLAY or f.parent not in whole]
    choice = choose_metrics(runs, _metrics, names_of(metric), _preferred, rescale)
    yield from drafts_of_runs(
        path,
        runs,
        partial(_rows, choice.facts, split),
        partial(_answers, choice.metric_of),
        unscored="run helm-run to its end, which writes the statistics",
        rescale=rescale,
        licence="Apache-2.0",
        facts=choice.facts,
        warnings=choice.warnings,
    )


def _run(file: Path) -> Run:
    """What the run's specification tells of it, else the name of its folder."""
    folder = file.absolute().parent
    spec = _spec(folder)
    name = text_of(part_of(spec, "name")) or text_of(folder.name) or "run"
    scenario, _, rest = name.partition(":")
    given = dict(pair.partition("=")[::2] for pair in rest.split(",") if "=" in pair)
    known = part_of(spec, "scenario_spec", "args")
    settings = {
        key: value
        for key, value in given.items()
        if (key in known if isinstance(known, dict) else key not in _NOT_OF_SCENARIO)
    }
    one = len(settings) == 1
    subset = ",".join(value if one else f"{key}={value}" for key, value in settings.items())
    adapter = part_of(spec, "adapter_spec")
    more = {key: value for key, value in flat(adapter).items() if key in _ADAPTER}
    model = text_of(part_of(adapter, "model")) or given.get("model", "").replace("_", "/", 1)
    suite = text_of(folder.parent.name) or ""
    stamp = [int(number[:9]) for number in re.findall(r"\d+", suite)], suite
    task = f"{scenario.strip() or 'helm'}:{subset}"
    return Run(file, model.strip() or name, task, stamp, more=more)


def _preferred(task: str) -> tuple[str, ...]:
    """The known statistics of a task, that of HELM's tables first."""
    headline = HEADLINES.get(task.partition(":")[0])
    return METRICS if headline is None else (headline, *METRICS)


def _metrics(run: Run) -> list[str]:
    entries = _entries(run.file)
    return list(
        dict.fromkeys(name for entry in entries for name in _stats(part_of(entry, "stats")))
    )


def _entries(file: Path) -> list[Any]:
    whole = json_file(file)
    if not isinstance(whole, list):
        raise DataError(f"{file} is no list of HELM's statistics per instance")
    return whole


def _stats(held: object) -> dict[str, object]:
    """The statistics of an entry by name, in both of the forms that they have."""
    if isinstance(held, dict):
        return dict(held)
    stats = held if isinstance(held, list) else ()
    named = ((part_of(stat, "name", "name"), part_of(stat, "mean")) for stat in stats)
    return {name: mean for name, mean in named if isinstance(name, str)}


def _rows(
    facts: dict[str, list[str]], split: str | None, run: Run, bad: BadRows
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The statistics of each instance, perturbation and trial, with the instance."""
    found: dict[tuple[str, str, str], tuple[int, dict[str, object]]] = {}
    split_of: dict[str, str] = {}
    for number, entry in enumerate(_entries(run.file), 1):
        with bad.row(run.file, number):
            held = object_in(entry, "the entry")
            perturbation = _perturbation(held.get("perturbation"))
            key = name_in(held, "instance_id"), perturbation, str(held.get("train_trial_index"))
            found.setdefault(key, (number, {}))[1].update(_stats(held.get("stats")))
            split_of[key[0]] = _split(held.get("stats")) or split_of.get(key[0], "")
    instances = _instances(run.file.parent)
    for (name, _), instance in instances.items():
        split_of[name] = split_of.get(name) or text_of(instance.get("split")) or ""
    splits = list(dict.fromkeys(split_of[name] for name, *_ in found))
    if split is not None and split not in splits:
        bad.add(run.file, 0, f"has no split {split!r}; it has: {listed(splits)}")
    elif split is None and len(splits) > 1:
        facts[run.task].append(f"splits: {', '.join(splits)}; -O split=NAME takes one")
    method = part_of(_spec(run.file.parent), "adapter_spec", "method")
    choice = isinstance(method, str) and method.startswith("multiple_choice")
    for (name, perturbation, _), (number, stats) in found.items():
        if split not in (None, split_of[name]):
            continue
        instance = instances.get((name, perturbation), {})
        row = {"id": name, "perturbation": perturbation, "stats": stats, "instance": instance}
        yield number, {**row, "choice": choice}


def _split(stats: object) -> str:
    """The split that statistics are of, empty if they do not say it."""
    names = (part_of(stat, "name", "split") for stat in (stats if isinstance(stats, list) else ()))
    return next((name for name in names if isinstance(name, str)), "")


def _spec(folder: Path) -> object:
    file = file_in(folder, "run_spec.json")
    return {} if file is None else json_file(file)


def _instances(folder: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The instances by their id and perturbation, empty where no file has them."""
    found: Iterable[object] = ()
    if (file := file_in(folder, "instances.json")) is not None:
        found = json_file(file)
    elif (file := file_in(folder, "scenario_state.json")) is not None:
        states = part_of(json_file(file), "request_states")
        found = [part_of(state, "instance") for state in states] if isinstance(states, list) else ()
    return {
        (instance["id"], _perturbation(instance.get("perturbation"))): instance
        for instance in (found if isinstance(found, list) else ())
        if isinstance(instance, dict) and isinstance(instance.get("id"), str)
    }


def _perturbation(held: object) -> str:
    """The name of a perturbation with what tells it from others of its kind; empty for none."""
    if not isinstance(held, dict):
        return ""
    more = {key: value for key, value in flat(held).items() if key not in _DERIVED}
    return " ".join([str(held.get("name"))[:60], *(f"{key}={more[key]}" for key in sorted(more))])


def _answers(metric_of: Mapping[str, str], row: Mapping[str, Any], run: Run) -> Iterator[Answer]:
    scenario, _, subset = run.task.partition(":")
    perturbation, references = row["perturbation"], part_of(row["instance"], "references")
    held = part_of(row["instance"], "input")
    text = text_of(held if isinstance(held, str) else part_of(held, "text"))
    stats = row["stats"]
    n_options = len(references) if row["choice"] and isinstance(references, list) else 0
    yield Answer(
        f"{subset}/{row['id']}" if subset else row["id"],
        stats.get(metric_of[run.task]),
        benchmark=f"{scenario} [{perturbation}]" if perturbation else scenario,
        text=text,
        asked=text,
        subset=subset or None,
        chance=1 / n_options if n_options > 1 else None,
        axes={
            "latency_ms": milliseconds(stats.get("inference_runtime")),
            "tokens_in": stats.get("num_prompt_tokens"),
            "tokens_out": stats.get("num_output_tokens", stats.get("num_completion_tokens")),
        },
    )


def _stat(name: str, mean: float) -> dict[str, Any]:
    return {"name": {"name": name, "split": "test"}, "count": 1, "sum": mean, "mean": mean}


SAMPLE = {
    f"runs/v1/mmlu:subject=anatomy,model=org_{model}/{name}": content
    for model, scores in {"a": (1.0, 0.0), "b": (0.0, 1.0)}.items()
    for name, content in {
        "run_spec.json": {
            "name": f"mmlu:subject=anatomy,model=org_{model}",
            "scenario_spec": {"class_name": "helm.MMLU", "args": {"subject": "anatomy"}},
            "adapter_spec": {"method": "multiple_choice_joint", "model": f"org/{model}"},
        },
        "instances.json": [
            {
                "input": {"text": f"What is {number}?"},
                "references": [{"output": {"text": "1"}, "tags": ["correct"]}, {"tags": []}],
                "split": "test",
                "id": f"id{number}",
            }
            for number in range(2)
        ],
        _STATS: [
            {
                "instance_id": f"id{number}",
                "train_trial_index": 0,
                "stats": [_stat("num_prompt_tokens", 31.0), _stat("exact_match", score)],
            }
            for number, score in enumerate(scores)
        ],
    }.items()
}

IMPORTER = Importer(
    name="helm",
    summary="HELM's runs: per_instance_stats.json in a folder per scenario and model",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
