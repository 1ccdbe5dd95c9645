"""Services that trace and evaluate calls: what they export, after their packages and references."""

from __future__ import annotations

import json
from typing import Any

from tests.importers.log_shapes.shape import Shape


def asked(text: str) -> list[dict[str, str]]:
    """Chat messages."""
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


# OpenAI's Evals API


def item(number: int, model: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An output item."""
    return {
        "object": "eval.run.output_item",
        "id": f"outputitem_{number}{model}",
        "created_at": 1750000000,
        "run_id": f"evalrun_{model}",
        "eval_id": "eval_68",
        "status": "pass",
        "datasource_item_id": number,
        "datasource_item": {"question": f"Q{number}", "answer": "x"},
        "results": [*results],
        "sample": {
            "input": asked(f"Q{number}"),
            "output": [{"role": "assistant", "content": "x"}],
            "finish_reason": "stop",
            "model": model,
            "usage": {
                "total_tokens": 37,
                "completion_tokens": 7,
                "prompt_tokens": 30,
                "cached_tokens": 10,
            },
            "error": None,
            "temperature": 1.0,
            "seed": 42,
        },
        **more,
    }


def grade(score: float | None, name: str = "match", **more: Any) -> dict[str, Any]:
    """A grader's result."""
    passed = None if score is None else score >= 0.5
    return {"name": name, "type": "string_check", "score": score, "passed": passed, **more}


UUID = "9d3c47f0-6c1b-4b4f-a0b7-0e0f0a9a3a11"


# DeepEval


def case(number: int, **scores: float | None) -> dict[str, Any]:
    """A test case; a metric without a score ended in an error."""
    metrics = [
        {
            "name": name,
            "threshold": 0.5,
            "success": score is not None and score >= 0.5,
            "strictMode": False,
            "evaluationModel": "gpt-4.1",
            **({"error": "rate limit"} if score is None else {"score": score}),
        }
        for name, score in scores.items()
    ]
    return {
        "name": f"test_case_{number}",
        "input": f"Q{number}",
        "actualOutput": "x",
        "success": all(metric["success"] for metric in metrics),
        "metricsData": metrics,
        "runDuration": 2.0,
        "completionTime": 0.5,
        "tokenCost": 0.01,
        "order": number,
    }


def deepeval(*cases: dict[str, Any], **run: Any) -> dict[str, Any]:
    """A test run."""
    return {
        "testCases": [*cases],
        "conversationalTestCases": [],
        "metricsScores": [],
        "testPassed": 1,
        "testFailed": 1,
        "runDuration": 3.0,
        **run,
    }


# Langfuse


def observation(name: str, trace: str, model: str, text: str, **more: Any) -> dict[str, Any]:
    """A generation as Langfuse's API gives it."""
    return {
        "id": name,
        "traceId": trace,
        "type": "GENERATION",
        "name": "chat",
        "startTime": "2026-01-01T10:00:00.000Z",
        "endTime": "2026-01-01T10:00:02.500Z",
        "model": model,
        "input": asked(text),
        "output": {"role": "assistant", "content": "x"},
        "usageDetails": {"input": 20, "output": 5, "total": 25, "input_cached_tokens": 8},
        "costDetails": {"input": 0.1, "output": 0.15, "total": 0.25},
        "calculatedTotalCost": 0.25,
        "level": "DEFAULT",
        **more,
    }


def scored(name: str, value: object, kind: str = "NUMERIC", **of: Any) -> dict[str, Any]:
    """A score as Langfuse's API gives it."""
    return {"id": f"s{name}", "name": name, "value": value, "dataType": kind, "source": "API", **of}


# promptfoo


def result(model: str, word: str, score: float, test: int, **more: Any) -> dict[str, Any]:
    """A result of promptfoo."""
    return {
        "promptIdx": 0,
        "testIdx": test,
        "testCase": {"vars": {"w": word}, "assert": [{"type": "equals", "value": word}]},
        "promptId": "p",
        "provider": {"id": model, "label": ""},
        "prompt": {"raw": f"Say {word}", "label": "Say {{w}}"},
        "vars": {"w": word},
        "response": {"output": word, "tokenUsage": {"total": 12, "prompt": 10, "completion": 2}},
        "score": score,
        "success": score == 1,
        "latencyMs": 100,
        "namedScores": {},
        "cost": 0.25,
        "failureReason": 0 if score == 1 else 1,
        "gradingResult": {"pass": score == 1, "score": score, "reason": "…"},
        **more,
    }


def promptfoo(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A results.json of version 3."""
    return {
        "evalId": "eval-abc",
        "results": {
            "version": 3,
            "timestamp": "2026-01-01T10:00:00.000Z",
            "prompts": [],
            "results": [*results],
            "stats": {"successes": 1, "failures": 1, "errors": 0},
        },
        "config": {"providers": ["openai:gpt-4o"], "prompts": ["Say {{w}}"]},
        "shareableUrl": None,
        "metadata": {"promptfooVersion": "0.118.0"},
        **more,
    }


# LangSmith and Braintrust


def run(name: str, model: str, example: str, score: float | None, **more: Any) -> dict[str, Any]:
    """A run of LangSmith."""
    return {
        "id": name,
        "trace_id": name,
        "parent_run_id": None,
        "name": "Target",
        "run_type": "chain",
        "start_time": "2026-01-01T10:00:00",
        "end_time": "2026-01-01T10:00:02",
        "inputs": {"question": f"Q{example}"},
        "outputs": {"answer": "x"},
        "error": None,
        "reference_example_id": example,
        "session_id": f"session-{model}",
        "extra": {"metadata": {"ls_model_name": model, "ls_provider": "openai"}},
        "feedback_stats": {} if score is None else {"correctness": {"n": 1, "avg": score}},
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "total_cost": "0.25",
        **more,
    }


def event(name: str, scores: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """An event of Braintrust."""
    return {
        "id": name,
        "experiment_id": "e",
        "project_id": "p",
        "span_id": name,
        "root_span_id": name,
        "span_parents": None,
        "is_root": True,
        "input": f"Q{name[-1]}",
        "output": "x",
        "expected": "x",
        "scores": scores,
        "metadata": {"model": name[:-1]},
        "metrics": {"start": 1.0, "end": 3.0, "prompt_tokens": 20, "completion_tokens": 5},
        "tags": None,
        "error": None,
        "span_attributes": {"name": "eval", "type": "eval"},
        **more,
    }


# OpenTelemetry


def span(name: str, model: str, text: str, *events: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A span with plain attributes."""
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    return {
        "name": f"chat {model}",
        "context": {"trace_id": f"0xt{name}", "span_id": f"0x{name}", "trace_state": "[]"},
        "kind": "SpanKind.CLIENT",
        "parent_id": None,
        "start_time": "2026-01-01T10:00:00.000000Z",
        "end_time": "2026-01-01T10:00:02.000000Z",
        "status": {"status_code": "UNSET"},
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.usage.input_tokens": 20,
            "gen_ai.usage.output_tokens": 5,
        },
        "events": [*events],
        **more,
    }


def evaluated(name: str, **score: Any) -> dict[str, Any]:
    """An evaluation's result as an event."""
    held = {f"gen_ai.evaluation.score.{key}": value for key, value in score.items()}
    return {
        "name": "gen_ai.evaluation.result",
        "attributes": {"gen_ai.evaluation.name": name, **held},
    }


SHAPES = {
    "OpenAI's eval runs: a listed page": Shape(
        "openai-eval-runs",
        {
            "page.json": {
                "object": "list",
                "data": [
                    item(0, "gpt-5", grade(1.0, f"match-{UUID}")),
                    item(1, "gpt-5", grade(0.0, f"match-{UUID}")),
                    item(0, "o3", grade(0.25, "match")),
                ],
                "has_more": False,
            }
        },
        {"eval_68": {"gpt-5": [1, 0], "o3": [0.25, None]}},
        about={
            "eval_68": {
                "texts": ["Be brief.\n\nQ0", "Be brief.\n\nQ1"],
                "tokens_in": [[30, 30], [30, None]],
                "tokens_cached": [[10, 10], [10, None]],
            }
        },
        says=["score: match"],
    ),
    "OpenAI's eval runs: lines, and a grader that only passes or fails": Shape(
        "openai-eval-runs",
        {
            "items.jsonl": [
                item(0, "gpt-5", {"name": "judge", "passed": True}),
                item(1, "gpt-5", {"name": "judge", "passed": False}),
            ]
        },
        {"eval_68": {"gpt-5": [1, 0]}},
    ),
    "OpenAI's eval runs: an error is not observed": Shape(
        "openai-eval-runs",
        {
            "items.jsonl": [
                item(0, "gpt-5", grade(1.0)),
                item(
                    1,
                    "gpt-5",
                    status="error",
                    sample={"model": "gpt-5", "error": {"code": "429", "message": "slow down"}},
                ),
            ]
        },
        {"eval_68": {"gpt-5": [1, None]}},
        says=["1 calls ended in an error"],
    ),
    "OpenAI's eval runs: of two graders one is chosen": Shape(
        "openai-eval-runs",
        {"items.jsonl": [item(0, "gpt-5", grade(1.0), grade(0.5, "style"))]},
        refused="several scores: 'match', 'style'; choose one",
    ),
    "OpenAI's eval runs: repeated runs are trials": Shape(
        "openai-eval-runs",
        {f"{n}.jsonl": [item(0, "gpt-5", grade(float(n)), run_id=f"r{n}")] for n in range(2)},
        {"eval_68": {"gpt-5": [0.5]}},
        about={"eval_68": {"trials": 2}},
    ),
    "DeepEval: the model is a hyperparameter": Shape(
        "deepeval",
        {
            f"test_run_{model}.json": deepeval(
                case(0, Correctness=first),
                case(1, Correctness=0.5),
                hyperparameters={"model": model},
            )
            for model, first in (("gpt-5", 1.0), ("o3", 0.0))
        },
        {"in": {"gpt-5": [1, 0.5], "o3": [0, 0.5]}},
        about={
            "in": {"texts": ["Q0", "Q1"], "costs": [[0.01] * 2] * 2, "latency_ms": [[500] * 2] * 2}
        },
    ),
    "DeepEval: of several metrics one is chosen": Shape(
        "deepeval",
        {"a.json": deepeval(case(0, Correctness=1.0, Bias=0.0), hyperparameters={"model": "m"})},
        refused="several scores: 'Correctness', 'Bias'; choose one",
    ),
    "DeepEval: whether all passed": Shape(
        "deepeval",
        {"a.json": deepeval(case(0, A=1.0, B=0.0), case(1, A=1.0, B=1.0), identifier="run-a")},
        {"in": {"run-a": [0, 1]}},
        options={"score": "success"},
    ),
    "DeepEval: the last run is kept in a hidden file": Shape(
        "deepeval",
        {
            "my_app/.deepeval/.latest_test_run.json": {
                "testRunData": deepeval(case(0, **{"Correctness [GEval]": 1.0}))
            },
        },
        {"in": {"my_app": [1]}},
        says=["my_app: no model is named in the hyperparameters"],
    ),
    "DeepEval: that file may be given by its folder": Shape(
        "deepeval",
        {
            ".deepeval/.latest_test_run.json": {
                "testRunData": deepeval(case(0, **{"Correctness [GEval]": 1.0}))
            },
            ".deepeval/.deepeval-cache.json": {"test_cases_lookup_map": {}},
        },
        {"in": {"in": [1]}},
        says=["score: Correctness [GEval]"],
    ),
    "DeepEval: toxicity is the better the lower it is": Shape(
        "deepeval",
        {"a.json": deepeval(case(0, Toxicity=0.0), identifier="m")},
        refused="Toxicity is the better the lower it is.*--scale 1,0",
    ),
    "DeepEval: toxicity inverted": Shape(
        "deepeval",
        {"a.json": deepeval(case(0, Toxicity=0.25), identifier="m")},
        {"in": {"m": [0.75]}},
        options={"scale": "1,0"},
    ),
    "DeepEval: a metric that passes below its threshold": Shape(
        "deepeval",
        {
            "a.json": deepeval(
                {
                    **case(0),
                    "metricsData": [
                        {"name": "Leak", "threshold": 0.5, "success": True, "score": 0.0}
                    ],
                },
                identifier="m",
            )
        },
        refused="Leak is the better the lower it is",
    ),
    "DeepEval: a metric that failed gave no score": Shape(
        "deepeval",
        {"a.json": deepeval(case(0, A=1.0), case(1, A=None), datasetAlias="faq", identifier="m")},
        {"faq": {"m": [1, None]}},
    ),
    "promptfoo: results of version 3": Shape(
        "promptfoo",
        {
            "results.json": promptfoo(
                result("openai:gpt-4o", "x", 1, 0),
                result("openai:gpt-4o", "y", 0.5, 1),
                result("openai:o3", "x", 0, 0),
                result("openai:o3", "y", 0, 1, failureReason=2, error="429", gradingResult=None),
            )
        },
        {"promptfoo": {"openai:gpt-4o": [1, 0.5], "openai:o3": [0, None]}},
        about={
            "promptfoo": {
                "costs": [[0.25, 0.25], [0.25, None]],
                "tokens_in": [[10, 10], [10, None]],
            }
        },
        says=["1 of 2 answers ended in an error"],
    ),
    "promptfoo: success of a test": Shape(
        "promptfoo",
        {"results.json": promptfoo(result("a", "x", 1, 0), result("a", "y", 0.5, 1))},
        {"promptfoo": {"a": [1, 0]}},
        options={"metric": "success"},
    ),
    "promptfoo: lines": Shape(
        "promptfoo",
        {"results.jsonl": [result("a", "x", 1, 0), result("b", "x", 0, 0)]},
        {"promptfoo": {"a": [1], "b": [0]}},
    ),
    "promptfoo: what came from its cache took no time": Shape(
        "promptfoo",
        {
            "results.json": promptfoo(
                result("a", "x", 1, 0),
                result("a", "y", 1, 1, response={"output": "y", "cached": True}, latencyMs=1),
            )
        },
        {"promptfoo": {"a": [1, 1]}},
        about={"promptfoo": {"latency_ms": [[100], [None]]}},
    ),
    "promptfoo: a seed is a trial, an effort an arm": Shape(
        "promptfoo",
        {
            f"{n}.json": promptfoo(
                result("openai:o3", "x", score, 0),
                config={
                    "providers": [
                        {"id": "openai:o3", "config": {"seed": n, "reasoning_effort": effort}}
                    ]
                },
            )
            for n, effort, score in ((1, "low", 0), (2, "low", 1), (3, "high", 1))
        },
        {
            "promptfoo": {
                "openai:o3 [reasoning_effort=low]": [0.5],
                "openai:o3 [reasoning_effort=high]": [1],
            }
        },
    ),
    "Langfuse: traces fetched with their observations": Shape(
        "langfuse",
        {
            "traces.json": [
                {
                    "id": f"t{n}",
                    "observations": [observation(f"o{n}", f"t{n}", model, "Q")],
                    "scores": [scored("quality", value, traceId=f"t{n}", observationId=None)],
                }
                for n, (model, value) in enumerate((("gpt-5", 1), ("o3", 0.25)))
            ]
        },
        {"in": {"gpt-5": [1], "o3": [0.25]}},
        about={
            "in": {
                "costs": [[0.25, 0.25]],
                "latency_ms": [[2500, 2500]],
                "tokens_cached": [[8, 8]],
                "texts": ["Be brief.\n\nQ"],
            }
        },
    ),
    "Langfuse: a table downloaded from its interface": Shape(
        "langfuse",
        {
            "lf-observations-export.csv": (
                'id,traceId,type,model,input,latency,totalCost,"scores.quality"\n'
                'o0,t0,GENERATION,gpt-5,"{""question"": ""Q0""}",1.5,0.25,1\n'
                'o1,t1,GENERATION,o3,"{""question"": ""Q0""}",0.5,0.5,0\n'
            )
        },
        {"in": {"gpt-5": [1], "o3": [0]}},
        about={"in": {"costs": [[0.25, 0.5]], "latency_ms": [[1500, 500]]}},
    ),
    "Langfuse: a Boolean score, and a category that is none": Shape(
        "langfuse",
        {
            "observations_v2/1.jsonl": [
                {
                    **observation("o1", "t1", "gpt-5", "Q"),
                    "trace_id": "t1",
                    "provided_model_name": "gpt-5",
                }
            ],
            "scores/1.jsonl": [
                {
                    "id": "s",
                    "trace_id": "t1",
                    "observation_id": "o1",
                    "name": name,
                    "value": 1,
                    "data_type": kind,
                }
                for name, kind in (("ok", "BOOLEAN"), ("tone", "CATEGORICAL"))
            ],
        },
        {"in": {"gpt-5": [1]}},
        says=["1 scores 'tone' of type CATEGORICAL"],
    ),
    "Langfuse: items of a dataset run": Shape(
        "langfuse",
        {
            "observations_v2/1.jsonl": [
                {
                    **observation(f"o{n}", f"t{n}", model, f"Q, said {model}"),
                    "trace_id": f"t{n}",
                    "provided_model_name": model,
                    "metadata": json.dumps({"dataset_item_id": "item-1"}),
                }
                for n, model in enumerate(("gpt-5", "gpt-5"))
            ],
            "scores/1.jsonl": [
                {
                    "id": f"s{n}",
                    "trace_id": f"t{n}",
                    "observation_id": None,
                    "name": "ok",
                    "value": n,
                    "data_type": "NUMERIC",
                }
                for n in range(2)
            ],
        },
        {"in": {"gpt-5": [0.5]}},
        about={"in": {"ids": ["item-1"], "trials": 2}},
    ),
    "LangSmith: runs with their feedback": Shape(
        "langsmith",
        {
            "runs.jsonl": [
                run("r0", "gpt-5", "e0", 1.0),
                run("r1", "gpt-5", "e1", 0.0),
                run("r2", "o3", "e0", None, error="Timeout", feedback_stats={}),
                run("r3", "o3", "e1", 0.5),
            ]
        },
        {"in": {"gpt-5": [1, 0], "o3": [None, 0.5]}},
        about={
            "in": {
                "costs": [[0.25, None], [0.25, 0.25]],
                "latency_ms": [[2000, None], [2000, 2000]],
            }
        },
        says=["1 calls ended in an error"],
    ),
    "LangSmith: a chain whose calls name the model": Shape(
        "langsmith",
        {
            "runs.json": [
                run("r0", "", "e0", 1.0, extra={"metadata": {}}),
                {
                    **run("c0", "gpt-5", "e0", None),
                    "trace_id": "r0",
                    "parent_run_id": "r0",
                    "run_type": "llm",
                },
            ]
        },
        {"in": {"gpt-5": [1]}},
    ),
    "LangSmith: repetitions of an example are trials": Shape(
        "langsmith",
        {"runs.jsonl": [run(f"r{n}", "gpt-5", "e0", float(n)) for n in range(2)]},
        {"in": {"gpt-5": [0.5]}},
        about={"in": {"trials": 2}},
    ),
    "LangSmith: of several feedbacks one is chosen": Shape(
        "langsmith",
        {
            "runs.jsonl": [
                run(
                    "r0",
                    "m",
                    "e0",
                    1.0,
                    feedback_stats={"a": {"n": 1, "avg": 1}, "b": {"n": 1, "avg": 0}},
                )
            ]
        },
        refused="several scores: 'a', 'b'",
    ),
    "Braintrust: an experiment": Shape(
        "braintrust",
        {
            "e.json": [
                event("gpt-50", {"Factuality": 0.6}),
                event("gpt-51", {"Factuality": None}),
                event("o30", {"Factuality": 1}),
            ]
        },
        {"in": {"gpt-5": [0.6], "o3": [1]}},
        says=["left out: 1 calls without 'Factuality'"],
        about={"in": {"tokens_in": [[20, 20]], "latency_ms": [[2000, 2000]]}},
    ),
    "Braintrust: a fetched page": Shape(
        "braintrust",
        {"page.json": {"events": [event("m0", {"ok": 1}), event("m1", {"ok": 0})], "cursor": None}},
        {"in": {"m": [1, 0]}},
    ),
    "Braintrust: an error is not observed": Shape(
        "braintrust",
        {"e.jsonl": [event("m0", {"ok": 1}), event("m1", None, error="429")]},
        {"in": {"m": [1, None]}},
    ),
    "Braintrust: an experiment whose events name no model": Shape(
        "braintrust",
        {"baseline.jsonl": [event("m0", {"ok": 1}, metadata={})]},
        {"in": {"baseline": [1]}},
    ),
    "OpenTelemetry: spans with results": Shape(
        "otel-genai",
        {
            "spans.jsonl": [
                span("a", "gpt-5", "Q", evaluated("Relevance", value=0.75)),
                span("b", "o3", "Q", evaluated("Relevance", value=0.25)),
            ]
        },
        {"in": {"gpt-5": [0.75], "o3": [0.25]}},
        about={"in": {"texts": ["Q"], "tokens_in": [[20, 20]], "latency_ms": [[2000, 2000]]}},
    ),
    "OpenTelemetry: a label is a word, and is told": Shape(
        "otel-genai",
        {
            "spans.jsonl": [
                span("a", "gpt-5", "Q", evaluated("ok", label="pass")),
                span("b", "o3", "Q", evaluated("ok", label="fail")),
            ]
        },
        {"in": {"gpt-5": [1], "o3": [0]}},
        says=["column 'ok': 1 'pass' as 1, 1 'fail' as 0"],
    ),
    "OpenTelemetry: an error of the call": Shape(
        "otel-genai",
        {
            "spans.jsonl": [
                span("a", "gpt-5", "Q", evaluated("ok", value=1.0)),
                span(
                    "b",
                    "o3",
                    "Q",
                    evaluated("ok", value=0.0),
                    status={"status_code": "ERROR", "description": "429"},
                ),
            ]
        },
        {"in": {"gpt-5": [1]}},
        says=["1 calls ended in an error"],
    ),
    "OpenTelemetry: of two evaluations one is chosen": Shape(
        "otel-genai",
        {
            "spans.jsonl": [
                span("a", "m", "Q", evaluated("x", value=1.0), evaluated("y", value=0.5))
            ]
        },
        {"in": {"m": [0.5]}},
        options={"score": "y"},
    ),
}
