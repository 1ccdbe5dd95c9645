"""What owners of logs hold and no importer reads: refused with the sentence that mends it."""

from __future__ import annotations

import gzip
from typing import Any

from tests.importers.log_shapes.shape import Shape

ONE_TABLE = "one table with the columns model, prompt and score"
AZURE = {
    "rows": [
        {"inputs.query": f"Q{n}", "inputs.response": "x", "outputs.relevance.relevance": 4.0}
        for n in range(2)
    ],
    "metrics": {"relevance.relevance": 4.0},
    "studio_url": None,
}
BEDROCK = {
    "automatedEvaluationResult": {"scores": [{"metricName": "Accuracy", "result": 0.5}]},
    "inputRecord": {"category": "c", "prompt": "Q", "referenceResponse": "x"},
    "modelResponses": [{"response": "x", "modelIdentifier": "anthropic.claude"}],
}
WEAVE = {
    "id": "c",
    "project_id": "p",
    "op_name": "weave:///e/p/op/Evaluation.predict_and_score:abc",
    "inputs": {"example": {"q": "Q"}},
    "output": {"scores": {"exact": {"correct": True}}},
}


def unread(why: str, **files: Any) -> Shape:
    """A shape that is refused; a double underscore in a file's name is a point."""
    return Shape("", {name.replace("__", "."): held for name, held in files.items()}, refused=why)


SHAPES = {
    "Azure AI's evaluation": unread(f"Azure AI.*{ONE_TABLE}", results__json=AZURE),
    "MLflow's table": unread(
        f"MLflow.*{ONE_TABLE}",
        eval_results_table__json={
            "columns": ["inputs", "outputs", "toxicity/v1/score"],
            "data": [["Q", "x", 0.01], ["R", "y", 0.5]],
        },
    ),
    "MLflow's table as CSV": unread(
        f"MLflow.*{ONE_TABLE}", t__csv="inputs,outputs,toxicity/v1/score\nQ,x,0.1\nR,y,0.5\n"
    ),
    "Opik's experiment": unread(
        f"Opik.*{ONE_TABLE}",
        t__csv="dataset_item_id,input,output,feedback_scores.hallucination\nd0,Q,x,0.5\nd1,R,x,1\n",
    ),
    "Vertex AI's table": unread(
        f"Vertex AI.*{ONE_TABLE}",
        t__csv="prompt,response,reference,exact_match/score,rouge_1/score\nQ,x,y,1,0.5\nR,x,y,0,1\n",
    ),
    "Ragas": unread(
        f"Ragas.*{ONE_TABLE}",
        t__csv="user_input,retrieved_contexts,response,reference,faithfulness\nQ,c,x,y,0.5\n",
    ),
    "Phoenix": unread(
        "spans of Phoenix.*which `table` reads",
        t__csv="context.span_id,name,attributes.llm.model_name,eval.Correctness.score\ns,c,o3,1\n",
    ),
    "Amazon Bedrock": unread("Amazon Bedrock.*which `table` reads", out__jsonl=[BEDROCK]),
    "W&B Weave": unread("W&B Weave.*which `table` reads", calls__jsonl=[WEAVE]),
    "simple-evals": unread(
        "simple-evals.*which `table` reads",
        **{"simpleqa_m_allresults__json": {"score": 0.5, "htmls": ["<p>"], "convos": [[]]}},
    ),
    "MLE-bench": unread(
        "MLE-bench.*any_medal",
        report__json={
            "total_runs": 1,
            "competition_reports": [{"competition_id": "a", "score": 0.9, "any_medal": False}],
        },
    ),
    "AgentBench": unread(
        "AgentBench.*means only",
        overall__json={"total": 10, "validation": {"completed": 0.9}, "custom": {"other": 0.4}},
    ),
    "Arena-Hard": unread(
        "Arena-Hard.*preferred to a baseline",
        m__jsonl=[{"uid": "u", "judge": "j", "model": "m", "baseline": "b", "games": []}],
    ),
    "SWE-bench's predictions": unread(
        "SWE-bench.*run_evaluation",
        preds__json={"a__b-1": {"model_name_or_path": "m", "model_patch": "diff"}},
    ),
    "HELM's means": unread(
        "HELM.*per_instance_stats.json",
        stats__json=[{"name": {"name": "exact_match", "split": "test"}, "sum": 1.0, "mean": 0.5}],
    ),
    "promptfoo's table": unread(
        "promptfoo.*-o results.json",
        out__csv="city,[openai:gpt-4o] Say {{city}}\nBerlin,[PASS] Berlin\nParis,[FAIL] no\n",
    ),
    "a packed log": unread(
        "packed logs.*gunzip",
        **{"samples_gsm8k__jsonl__gz": gzip.compress(b'{"doc_id": 0}', mtime=0)},
    ),
    "OpenCompass's predictions": unread(
        "--dump-eval-details", p__json={"0": {"origin_prompt": "Q", "prediction": "4", "gold": "4"}}
    ),
}
