"""Leaderboards and judges: LiveBench, HAL, ARC-AGI, MT-bench, AlpacaEval, Every Eval Ever,
RouterArena, after their writers."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape


def judged(question: str, model: str, score: float, **more: Any) -> dict[str, Any]:
    """A judgment of LiveBench."""
    return {
        "question_id": question,
        "task": "AMPS_Hard",
        "model": model,
        "score": score,
        "tstamp": 1750000000.5,
        "category": "math",
        "answer_id": f"{question}{model}",
        **more,
    }


def livebench(*rows: dict[str, Any], task: str = "math/AMPS_Hard") -> dict[str, Any]:
    """The judgments of a task."""
    return {f"data/live_bench/{task}/model_judgment/ground_truth_judgment.jsonl": [*rows]}


def hal(run: str, right: list[str], wrong: list[str], **config: Any) -> dict[str, Any]:
    """A run of HAL."""
    return {
        f"results/gaia/{run}/{run}_UPLOAD.json": {
            "config": {
                "agent_name": "HAL Generalist Agent (o3)",
                "benchmark_name": "gaia",
                "date": "2026-01-01",
                "run_id": run,
                "agent_args": {"model_name": "openai/o3"},
                "run_command": "hal-eval …",
                **config,
            },
            "results": {
                "accuracy": 0.5,
                "successful_tasks": right,
                "failed_tasks": wrong,
                "total_cost": 1.0,
                "latencies": {},
            },
            "raw_eval_results": {},
            "raw_logging_results": [],
            "task_prompts": {"t1": "How many?"},
            "total_usage": {},
            "wall_clock_times": {"t1": 2.5},
        }
    }


def arc(model: str, **scores: float) -> dict[str, Any]:
    """The results of ARC-AGI; tokens of input stand in newer ones only."""
    return {
        f"submissions/{model}/results.json": {
            "score": sum(scores.values()),
            "total_tasks": len(scores),
            "total_cost": 0.5,
            "total_attempts": 4,
            "avg_cost_per_task": 0.25,
            "task_results": {
                task: {
                    "score": score,
                    "cost": 0.25,
                    "attempts": 2,
                    "output_tokens": 90,
                    "total_tokens": 990,
                    "duration": 2.5,
                    "num_attempts_with_empty_list": 0,
                }
                for task, score in scores.items()
            },
            "num_attempts_with_empty_list": 0,
        },
        f"submissions/{model}/00576224.json": [{"attempt_1": {"answer": [[1]]}}],
    }


def rating(
    question: int, model: str, score: float, turn: int = 1, judge: str = "gpt-4"
) -> dict[str, Any]:
    """A judgment of MT-bench."""
    return {
        "question_id": question,
        "model": model,
        "judge": [judge, "single-v1" if turn == 1 else "single-v1-multi-turn"],
        "user_prompt": "…",
        "judgment": f"Rating: [[{score}]]",
        "score": score,
        "turn": turn,
        "tstamp": 1687222400.5,
    }


def preferred(instruction: str, preference: float | None, **more: Any) -> dict[str, Any]:
    """An annotation of AlpacaEval."""
    return {
        "instruction": instruction,
        "output_1": "x",
        "generator_1": "gpt4_1106_preview",
        "dataset": "helpful_base",
        "output_2": "y",
        "generator_2": "m",
        "annotator": "weighted_alpaca_eval_gpt4_turbo",
        "preference": preference,
        **more,
    }


ALPACA = "results/{}/weighted_alpaca_eval_gpt4_turbo/annotations.json"


def eee(name: str, score: float, **more: Any) -> dict[str, Any]:
    """A sample of Every Eval Ever."""
    return {
        "schema_version": "0.2.1",
        "evaluation_id": "gsm8k/m/1",
        "model_id": "org/m",
        "evaluation_name": "gsm8k",
        "sample_id": name,
        "interaction_type": "single_turn",
        "input": {"raw": f"{name}?", "reference": ["4"]},
        "output": {"raw": ["4"]},
        "answer_attribution": [],
        "evaluation": {"score": score, "is_correct": score == 1},
        **more,
    }


def arena(name: str, score: float | None, **more: Any) -> dict[str, Any]:
    """A line of RouterArena."""
    result = {"extracted_answer": "A", "score": score, "metric": "mcq", "inference_cost": 0.25}
    return {
        "global_index": name,
        "question": f"{name}?",
        "llm_selected": "gpt-4o",
        "generated_answer": "A",
        "token_usage": {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12},
        "success": True,
        "provider": "openai",
        "error": None,
        "evaluation_result": None if score is None else result,
        **more,
    }


SAMPLES = "data/gsm8k/org/m/8a7b_samples.jsonl"
SHAPES = {
    "LiveBench: tasks are subsets of their categories": Shape(
        "livebench",
        {
            **livebench(judged("q0", "a", 1), judged("q0", "b", 0.25)),
            **livebench(
                judged("q1", "a", 0, category="coding", task="LCB_generation"),
                judged("q1", "b", 1, category="coding", task="LCB_generation"),
                task="coding/LCB_generation",
            ),
        },
        {"coding": {"a": [0], "b": [1]}, "math": {"a": [1], "b": [0.25]}},
        about={"math": {"subsets": ["AMPS_Hard"]}},
    ),
    "LiveBench: an error of the call is noted as 0, and is none": Shape(
        "livebench",
        livebench(judged("q0", "a", 1), judged("q1", "a", 0, eval_status="api_error", error="429")),
        {"math": {"a": [1, None]}},
        says=["1 of 2 answers ended in an error"],
    ),
    "LiveBench: an answer judged again": Shape(
        "livebench",
        livebench(judged("q0", "a", 0), judged("q0", "a", 1, tstamp=1760000000.0)),
        {"math": {"a": [1]}},
        says=["1 judgments are superseded by newer ones"],
        about={"math": {"trials": 1}},
    ),
    "LiveBench: another answer is another trial": Shape(
        "livebench",
        livebench(judged("q0", "a", 0), judged("q0", "a", 1, answer_id="other")),
        {"math": {"a": [0.5]}},
        about={"math": {"trials": 2}},
    ),
    "HAL: what an agent solved": Shape(
        "hal",
        hal("r1", ["t1"], ["t2"]),
        {"gaia": {"openai/o3": [1, 0]}},
        about={"gaia": {"texts": ["How many?", None], "latency_ms": [[2500], [None]]}},
    ),
    "HAL: efforts and agents are arms": Shape(
        "hal",
        {
            **hal("r1", ["t1"], []),
            **hal(
                "r2", [], ["t1"], agent_args={"model_name": "openai/o3", "reasoning_effort": "high"}
            ),
        },
        {"gaia": {"openai/o3": [1], "openai/o3 [reasoning_effort=high]": [0]}},
    ),
    "HAL: runs of an agent are trials": Shape(
        "hal",
        {**hal("r1", ["t1"], []), **hal("r2", [], ["t1"])},
        {"gaia": {"openai/o3": [0.5]}},
        about={"gaia": {"trials": 2}},
    ),
    "HAL: an agent that takes no model": Shape(
        "hal",
        hal("r1", ["t1"], [], agent_args={}),
        {"gaia": {"HAL Generalist Agent (o3)": [1]}},
    ),
    "ARC-AGI: tasks with their costs": Shape(
        "arc-agi",
        {**arc("o3-high", a=1.0, b=0.5), **arc("o3-low", a=0.0, b=0.0)},
        {"arc-agi": {"o3-high": [1, 0.5], "o3-low": [0, 0]}},
        about={
            "arc-agi": {
                "costs": [[0.25, 0.25]] * 2,
                "tokens_out": [[90, 90]] * 2,
                "latency_ms": [[2500, 2500]] * 2,
            }
        },
    ),
    "MT-bench: turns are averaged, on a scale to 10": Shape(
        "mt-bench",
        {
            "mt_bench/model_judgment/gpt-4_single.jsonl": [
                rating(81, "a", 9),
                rating(81, "a", 6, 2),
                rating(81, "b", 10),
                rating(82, "a", -1),
            ]
        },
        {"mt_bench": {"a": [0.75, None], "b": [1, None]}},
        says=["1 of 4 judgments held no score (-1)"],
    ),
    "MT-bench: the ratings of two judges stay apart": Shape(
        "mt-bench",
        {
            f"mt_bench/model_judgment/{judge}_single.jsonl": [rating(81, "a", score, judge=judge)]
            for judge, score in (("gpt-4", 8), ("claude", 2))
        },
        {"mt_bench": {"a": [0.2]}},
    ),
    "MT-bench: pairs are refused": Shape(
        "mt-bench",
        {
            "mt_bench/model_judgment/gpt-4_pair.jsonl": [
                {
                    "question_id": 81,
                    "model_1": "a",
                    "model_2": "b",
                    "g1_winner": "model_1",
                    "g2_winner": "tie",
                    "judge": ["gpt-4", "pair-v2"],
                    "turn": 1,
                }
            ]
        },
        refused="pairs",
    ),
    "AlpacaEval: preferences between 1 and 2": Shape(
        "alpaca_eval",
        {
            ALPACA.format("m"): [preferred("a", 1.75), preferred("b", 1.0)],
            ALPACA.format("n"): [preferred("b", 1.5), preferred("a", 2.0)],
        },
        {"alpaca_eval_2": {"m": [0.75, 0], "n": [1, 0.5]}},
        about={"alpaca_eval_2": {"texts": ["a", "b"]}},
    ),
    "AlpacaEval: an annotation that failed has no preference": Shape(
        "alpaca_eval",
        {ALPACA.format("m"): [preferred("a", 2.0), preferred("b", None)]},
        {"alpaca_eval_2": {"m": [1, None]}},
    ),
    "AlpacaEval: a draw was 0": Shape(
        "alpaca_eval",
        {ALPACA.format("m"): [preferred("a", 0), preferred("b", 1.5)]},
        {"alpaca_eval_2": {"m": [0.5, 0.5]}},
    ),
    "Every Eval Ever: samples": Shape(
        "every-eval-ever",
        {
            SAMPLES: [
                eee(
                    "a",
                    1.0,
                    token_usage={"input_tokens": 9, "output_tokens": 1, "total_tokens": 10},
                ),
                eee("b", 0.0, performance={"latency_ms": 250.0}),
            ]
        },
        {"gsm8k": {"org/m": [1, 0]}},
        about={"gsm8k": {"tokens_in": [[9], [None]], "latency_ms": [[None], [250]]}},
    ),
    "Every Eval Ever: an error": Shape(
        "every-eval-ever",
        {SAMPLES: [eee("a", 1.0), eee("b", 0.0, error="timeout")]},
        {"gsm8k": {"org/m": [1, None]}},
        says=["1 of 2 answers ended in an error"],
    ),
    "Every Eval Ever: efforts are arms": Shape(
        "every-eval-ever",
        {
            path: content
            for effort, score in (("low", 0.0), ("high", 1.0))
            for path, content in {
                f"data/gsm8k/org/m/{effort}_samples.jsonl": [eee("a", score)],
                f"data/gsm8k/org/m/{effort}.json": {
                    "evaluation_results": [
                        {
                            "evaluation_name": "gsm8k",
                            "metric_config": {"lower_is_better": False},
                            "generation_config": {"generation_args": {"reasoning_effort": effort}},
                        }
                    ]
                },
            }.items()
        },
        {
            "gsm8k": {
                "org/m [reasoning_effort=high]": [1],
                "org/m [reasoning_effort=low]": [0],
            }
        },
    ),
    "Every Eval Ever: several records of a sample are trials": Shape(
        "every-eval-ever",
        {SAMPLES: [eee("a", 1.0), eee("a", 0.0)]},
        {"gsm8k": {"org/m": [0.5]}},
        about={"gsm8k": {"trials": 2}},
    ),
    "RouterArena: data sets are benchmarks": Shape(
        "routerarena",
        {
            "cached_results/gpt-4o.jsonl": [
                arena("AIME_1", 1.0),
                arena("MMLU_law_2", 0.0),
                arena("AIME_3", None),
            ]
        },
        {"AIME": {"gpt-4o": [1]}, "MMLU_law": {"gpt-4o": [0]}},
        about={"AIME": {"costs": [[0.25]], "tokens_in": [[10]], "texts": ["AIME_1?"]}},
    ),
    "RouterArena: an answer that failed is no 0": Shape(
        "routerarena",
        {
            "cached_results/gpt-4o.jsonl": [
                arena("AIME_1", 1.0),
                arena("AIME_2", 0.0, success=False, error="429", generated_answer=""),
            ]
        },
        {"AIME": {"gpt-4o": [1, None]}},
        says=["1 answers ended in an error"],
    ),
}
