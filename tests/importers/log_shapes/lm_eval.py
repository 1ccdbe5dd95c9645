"""lm-evaluation-harness: ``evaluation_tracker.py``, ``evaluator.py``, 0.4.0 to 0.4.13."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape


def sample(doc: int, metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A line of a sample log."""
    return {
        "doc_id": doc,
        "doc": {"question": f"Q{doc}?"},
        "target": "A",
        "arguments": {"gen_args_0": {"arg_0": f"Q{doc}?", "arg_1": {"until": ["\n"]}}},
        "resps": [["x"]],
        "filtered_resps": ["x"],
        "filter": "none",
        "metrics": list(metrics),
        "doc_hash": f"d{doc}",
        "prompt_hash": f"p{doc}",
        "target_hash": "t",
        **metrics,
        **more,
    }


def results(model: str, **more: Any) -> dict[str, Any]:
    """The results file of a run."""
    args = f"pretrained={model}"
    return {
        "results": {},
        "config": {"model": "hf", "model_args": args, "gen_kwargs": None},
        "model_source": "hf",
        "model_name": model,
        "model_name_sanitized": model.replace("/", "__"),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        **more,
    }


def run(
    model: str, task: str, samples: list[dict[str, Any]], day: int = 1, **more: Any
) -> dict[str, Any]:
    """The files of a run."""
    folder, stamp = model.replace("/", "__"), f"2025-06-{day:02}T10-00-00.000001"
    return {
        f"{folder}/samples_{task}_{stamp}.jsonl": samples,
        f"{folder}/results_{stamp}.json": results(model, **more),
    }


def marks(metric: str, *scores: Any) -> list[dict[str, Any]]:
    """A sample for each score."""
    return [sample(doc, {metric: score}) for doc, score in enumerate(scores)]


def ruler(length: int, score: float) -> dict[str, float]:
    """RULER's metrics, one per length; -1 where the sample is of another."""
    return {"4096": -1.0, "8192": -1.0, str(length): score}


def lmms(doc: int, metric: str, logged: Any) -> dict[str, Any]:
    """A line of lmms-eval, which lists no metrics."""
    return {
        "doc_id": doc,
        "target": "A",
        "filtered_resps": ["A"],
        "doc_hash": f"d{doc}",
        metric: logged,
        "input": f"Q{doc}?",
    }


TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"
OLD = {"doc_hash": None, "prompt_hash": None, "target_hash": None}

SHAPES = {
    "chat templates are settings": Shape(
        "lm-eval",
        {
            **run("org/m", "gsm8k", marks("exact_match", 0.0, 1.0)),
            **run(
                "org/m",
                "gsm8k",
                marks("exact_match", 1.0, 1.0),
                2,
                chat_template=TEMPLATE,
                chat_template_sha="9f3c" * 16,
                fewshot_as_multiturn=True,
            ),
        },
        {
            "gsm8k": {
                "org/m": [0, 1],
                "org/m [chat_template=9f3c9f3c, fewshot_as_multiturn=True]": [1, 1],
            }
        },
    ),
    "a system instruction is a setting": Shape(
        "lm-eval",
        {
            **run("org/m", "gsm8k", marks("exact_match", 0.0)),
            **run(
                "org/m",
                "gsm8k",
                marks("exact_match", 1.0),
                2,
                system_instruction="Think step by step.",
                system_instruction_sha="abcd" * 16,
            ),
        },
        {"gsm8k": {"org/m": [0], "org/m [system_instruction=Think step by step.]": [1]}},
    ),
    "runs at several seeds are trials": Shape(
        "lm-eval",
        {
            path: content
            for seed, score in ((1, 0.0), (2, 1.0))
            for path, content in run(
                "org/m",
                "aime",
                marks("exact_match", score, 1.0),
                seed,
                config={"model_args": f"pretrained=org/m,seed={seed}", "gen_kwargs": None},
            ).items()
        },
        {"aime": {"org/m": [0.5, 1]}},
        about={"aime": {"trials": 2}},
    ),
    "RULER's metrics are lengths": Shape(
        "lm-eval",
        run(
            "org/m",
            "niah_single_1",
            [sample(0, ruler(4096, 1.0)), sample(1, ruler(8192, 0.25))],
        ),
        {"niah_single_1": {"org/m": [1, 0.25]}},
        says=["the one of '4096', '8192' that is not -1"],
    ),
    "what was only predicted is no score": Shape(
        "lm-eval",
        run("org/m", "gsm8k", marks("bypass", 999)),
        refused="--predict_only",
    ),
    "the first filter counts, and is told": Shape(
        "lm-eval",
        run(
            "org/m",
            "gsm8k",
            [
                sample(doc, {"exact_match": score}, filter=kind)
                for kind, scores in (("strict-match", (0.0, 0.0)), ("flexible-extract", (1.0, 0.0)))
                for doc, score in enumerate(scores)
            ],
        ),
        {"gsm8k": {"org/m": [0, 0]}},
        says=["filter strict-match (one of strict-match, flexible-extract; -O filter=NAME)"],
    ),
    "words are told": Shape(
        "lm-eval",
        run("org/m", "toy", marks("acc", "True", "False", "True")),
        {"toy": {"org/m": [1, 0, 1]}},
        says=["column 'acc': 2 'True' as 1, 1 'False' as 0"],
    ),
    "code passes by pass@1, and its path is the model": Shape(
        "lm-eval",
        run("/data/models/Llama-3", "humaneval", marks("pass@1", 1.0, 0.0)),
        {"humaneval": {"/data/models/Llama-3": [1, 0]}},
    ),
    "BLEU is no share": Shape(
        "lm-eval",
        run("org/m", "truthfulqa_gen", [sample(0, {"bleu_max": 31.5, "bleu_acc": 1})]),
        refused="bleu_max 31.5 lies outside.*-O metric=NAME: 'bleu_acc'",
    ),
    "BLEU is no share, but whether it is the higher one is": Shape(
        "lm-eval",
        run("org/m", "truthfulqa_gen", [sample(0, {"bleu_max": 31.5, "bleu_acc": 1})]),
        {"truthfulqa_gen": {"org/m": [1]}},
        options={"metric": "bleu_acc"},
    ),
    "0.4.2 wrote a list, named by the arguments": Shape(
        "lm-eval",
        {
            "results.json": {
                "results": {"arc_easy": {}, "gsm8k": {}},
                "config": {"model": "hf", "model_args": "pretrained=org/m,dtype=float16"},
            },
            "pretrained__org__m,dtype__float16_arc_easy.jsonl": [
                {**sample(0, {"acc": 1.0, "acc_norm": 0.0}), **OLD, "filter": "none"}
            ],
            "pretrained__org__m,dtype__float16_gsm8k.jsonl": [
                sample(0, {"exact_match": 1.0}),
                sample(1, {"exact_match": 0.0}),
            ],
        },
        {"arc_easy": {"org/m": [0]}, "gsm8k": {"org/m": [1, 0]}},
    ),
    "lmms-eval's logs are named otherwise": Shape(
        "lm-eval",
        {
            "org__m/20260101_120000_samples_mme.jsonl": [
                lmms(n, "mme_score", {"question_id": str(n), "score": score})
                for n, score in enumerate((1.0, 0.0))
            ],
            "org__m/20260101_120000_samples_gqa.jsonl": [lmms(0, "exact_match", 1.0)],
            "org__m/20260101_120000_results.json": results("org/m"),
        },
        {"gqa": {"org/m": [1]}, "mme": {"org/m": [1, 0]}},
        about={"mme": {"texts": ["Q0?", "Q1?"]}},
        says=["mme: score: metric mme_score"],
    ),
    "lmms-eval's objects without a score are none": Shape(
        "lm-eval",
        {"m/20260101_120000_samples_mmmu.jsonl": [lmms(0, "mmmu_acc", {"id": "a", "answer": "A"})]},
        refused="there is no metric any known name|is an object",
    ),
    "the rest of a run cut short is joined": Shape(
        "lm-eval",
        {
            **run("org/m", "gsm8k", marks("exact_match", 0.0, 1.0)),
            **run("org/m", "gsm8k", [sample(2, {"exact_match": 1.0})], 2),
        },
        {"gsm8k": {"org/m": [1, 0, 1]}},
        says=["joined are the prompts of"],
    ),
}
