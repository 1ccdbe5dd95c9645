"""Code: EvalPlus, HumanEval, BigCodeBench, LiveCodeBench and aider, after their writers."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape


def evalplus(*statuses: tuple[str, str], task: str = "HumanEval") -> dict[str, Any]:
    """EvalPlus's results of a sample per task."""
    return {
        "date": "2026-01-01 10:00",
        "hash": "x",
        "eval": {
            f"{task}/{n}": [
                {
                    "task_id": f"{task}/{n}",
                    "solution": f"def f{n}(): pass",
                    "base_status": base,
                    "plus_status": plus,
                    "base_fail_tests": [],
                    "plus_fail_tests": [],
                }
            ]
            for n, (base, plus) in enumerate(statuses)
        },
        "pass_at_k": {"base": {"pass@1": 0.5}},
    }


def bigcode(*by_task: list[str]) -> dict[str, Any]:
    """BigCodeBench's results."""
    return {
        "date": "2026-01-01 10:00",
        "eval": {
            f"BigCodeBench/{n}": [
                {
                    "task_id": f"BigCodeBench/{n}",
                    "solution": f"import x{n}{at}",
                    "status": status,
                    "details": {},
                }
                for at, status in enumerate(statuses)
            ]
            for n, statuses in enumerate(by_task)
        },
    }


def lcb(number: str, *grades: bool, **more: Any) -> dict[str, Any]:
    """A problem of LiveCodeBench with its graded samples."""
    return {
        "question_title": "T",
        "question_content": f"Print {number}.",
        "platform": "atcoder",
        "question_id": number,
        "contest_id": "abc",
        "contest_date": "2025-01-01T00:00:00",
        "starter_code": "",
        "difficulty": "hard",
        "output_list": ["x" for _ in grades],
        "code_list": [f"{number}{at}" for at, _ in enumerate(grades)],
        "graded_list": [*grades],
        "pass@1": sum(grades) / len(grades),
        "metadata": ["{}" for _ in grades],
        **more,
    }


def exercise(run: str, name: str, language: str = "go", **result: Any) -> dict[str, Any]:
    """A result of aider."""
    return {
        f"{run}/{language}/exercises/practice/{name}/.aider.results.json": {
            "testdir": name,
            "testcase": name,
            "edit_format": "diff",
            "cost": 0.5,
            "duration": 2.5,
            "test_timeouts": 0,
            "num_error_outputs": 0,
            "reasoning_effort": None,
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "thinking_tokens": None,
            "chat_hashes": [[run, name]],
            **result,
        }
    }


INSTRUCT = "--main--bigcodebench-hard-instruct--vllm-0.0-1-sanitized_calibrated_eval_results.json"
SHAPES = {
    "EvalPlus: passing the additional tests takes the base tests too": Shape(
        "evalplus",
        {
            "humaneval/org--m_openai_temp_0.0_eval_results.json": evalplus(
                ("pass", "pass"), ("pass", "fail"), ("fail", "pass"), ("timeout", "timeout")
            )
        },
        {"humaneval": {"org/m": [1, 1, 0, 0]}, "humaneval+": {"org/m": [1, 0, 0, 0]}},
    ),
    "EvalPlus: temperatures are arms": Shape(
        "evalplus",
        {
            f"mbpp/m_vllm_temp_{t}_eval_results.json": evalplus((status, status), task="Mbpp")
            for t, status in (("0.0", "pass"), ("0.8", "fail"))
        },
        {
            name: {"m [temperature=0.0]": [1], "m [temperature=0.8]": [0]}
            for name in ("mbpp", "mbpp+")
        },
    ),
    "EvalPlus: the older form had pairs": Shape(
        "evalplus",
        {
            "m_temp_0.0/eval_results.json": {
                "date": "2023-12-01",
                "hash": "x",
                "eval": {
                    "HumanEval/0": {
                        "nfiles": 2,
                        "base": [["success", [True]], ["failed", [False]]],
                        "plus": [["failed", [False]], ["failed", [False]]],
                    }
                },
            }
        },
        {"humaneval": {"m_temp_0.0": [0.5]}, "humaneval+": {"m_temp_0.0": [0]}},
    ),
    "HumanEval: samples of a task are trials": Shape(
        "evalplus",
        {
            "m.jsonl_results.jsonl": [
                {"task_id": "HumanEval/0", "completion": c, "result": "passed", "passed": passed}
                for c, passed in (("a", True), ("b", False))
            ]
        },
        {"humaneval": {"m": [0.5]}},
        about={"humaneval": {"trials": 2}},
    ),
    "BigCodeBench: a status per sample": Shape(
        "evalplus",
        {
            f"bcb_results/org--a{INSTRUCT}": bigcode(["pass"], ["fail"]),
            f"bcb_results/org--b{INSTRUCT}": bigcode(["timeout"], ["pass"]),
        },
        {"bigcodebench-hard-instruct": {"org/a": [1, 0], "org/b": [0, 1]}},
    ),
    "BigCodeBench: its sets stand apart": Shape(
        "evalplus",
        {
            f"bcb_results/org--a{INSTRUCT}": bigcode(["pass"]),
            f"bcb_results/org--a{INSTRUCT.replace('hard-instruct', 'complete')}": bigcode(["fail"]),
        },
        {"bigcodebench-complete": {"org/a": [0]}, "bigcodebench-hard-instruct": {"org/a": [1]}},
    ),
    "LiveCodeBench: samples are trials": Shape(
        "livecodebench",
        {
            "output/GPT-4O/Scenario.codegeneration_2_0.2_eval_all.json": [
                lcb("abc301_a", True, False),
                lcb("abc301_b", False, False),
            ]
        },
        {"livecodebench-codegeneration": {"GPT-4O": [0.5, 0]}},
        about={
            "livecodebench-codegeneration": {
                "trials": 2,
                "texts": ["Print abc301_a.", "Print abc301_b."],
                "subsets": ["hard", "hard"],
            }
        },
    ),
    "LiveCodeBench: temperatures are arms": Shape(
        "livecodebench",
        {
            f"output/M/Scenario.codegeneration_1_{t}_eval_all.json": [lcb("a", t == "0.2")]
            for t in ("0.2", "0.6")
        },
        {
            "livecodebench-codegeneration": {
                "M [temperature=0.2]": [1],
                "M [temperature=0.6]": [0],
            }
        },
    ),
    "LiveCodeBench: scenarios are benchmarks": Shape(
        "livecodebench",
        {
            "output/M/Scenario.testoutputprediction_1_0.2_eval_all.json": [
                lcb("a", True, test_id=0),
                lcb("a", False, test_id=1),
            ]
        },
        {"livecodebench-testoutputprediction": {"M": [1, 0]}},
        about={"livecodebench-testoutputprediction": {"ids": ["a/0", "a/1"]}},
    ),
    "LiveCodeBench: a problem without a sample is not observed": Shape(
        "livecodebench",
        {
            "output/M/codegeneration_1_0.2_eval_all.json": [
                lcb("a", True),
                {**lcb("b", True), "graded_list": [], "code_list": []},
            ]
        },
        {"livecodebench-codegeneration": {"M": [1, None]}},
    ),
    "aider: tests pass within two tries": Shape(
        "aider",
        {
            **exercise("r1", "bob", model="gpt-5", tests_outcomes=[False, True]),
            **exercise("r1", "tree", model="gpt-5", tests_outcomes=[False, False]),
            **exercise("r1", "bob", "python", model="gpt-5", tests_outcomes=[True]),
        },
        {"aider": {"gpt-5": [1, 0, 1]}},
        about={
            "aider": {
                "ids": ["go/bob", "go/tree", "python/bob"],
                "subsets": ["go", "go", "python"],
                "costs": [[0.5]] * 3,
                "latency_ms": [[2500]] * 3,
                "tokens_in": [[100]] * 3,
            }
        },
    ),
    "aider: one try": Shape(
        "aider",
        exercise("r1", "bob", model="gpt-5", tests_outcomes=[False, True]),
        {"aider": {"gpt-5": [0]}},
        options={"tries": "1"},
    ),
    "aider: a number of tries that is none": Shape(
        "aider",
        exercise("r1", "bob", model="gpt-5", tests_outcomes=[True]),
        refused="tries 'two' should be a number",
        options={"tries": "two"},
    ),
    "aider: an exception is not observed": Shape(
        "aider",
        {
            **exercise("r1", "bob", model="gpt-5", tests_outcomes=[True]),
            "r1/go/exercises/practice/tree/.aider.results.json": {"exception": "Traceback …"},
        },
        {"aider": {"gpt-5": [1, None]}},
        says=["1 of 2 answers ended in an error"],
    ),
    "aider: efforts are arms, runs are trials": Shape(
        "aider",
        {
            **exercise("r1", "bob", model="o3", tests_outcomes=[True], reasoning_effort="low"),
            **exercise("r2", "bob", model="o3", tests_outcomes=[False], reasoning_effort="low"),
            **exercise("r3", "bob", model="o3", tests_outcomes=[True], reasoning_effort="high"),
        },
        {"aider": {"o3 [reasoning_effort=low]": [0.5], "o3 [reasoning_effort=high]": [1]}},
    ),
}
