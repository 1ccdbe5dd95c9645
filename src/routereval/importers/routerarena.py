"""RouterArena's cached results: ``cached_results/<model>.jsonl``, one line a prompt.

Read are ``global_index`` (``<dataset>_<number>``: each dataset is a benchmark), ``question``,
``llm_selected``, ``evaluation_result.score`` and ``.inference_cost``; without the latter the cost
is ``token_usage`` times the prices of ``model_cost/*.json``. Lines that were not evaluated are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.importers.eval_logs import first_files, refuse_unscored, value_in
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    cost_in,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_file,
    json_objects,
    name_in,
    some_files,
    text_of,
)
from routereval.records.draft import Draft

_PRICES = "model_cost"

_Prices = Mapping[str, tuple[float, float]]


def recognise(path: Path) -> bool:
    """True for a cached result or a folder of them, by the first line of the first files."""
    files = first_files(_folder(path), "*.jsonl")
    return any({"global_index", "llm_selected"} <= first_object(file).keys() for file in files)


def read(path: Path, *, rescale: bool = False) -> Iterator[Draft]:
    """One draft a dataset.

    Args:
        path: the repository, its ``cached_results``, or one file of it.
        rescale: map each benchmark's range of scores onto [0, 1]; METEOR, with which RouterArena
            scores texts, can lie slightly below 0.

    Raises:
        DataError: if no line was evaluated, or lines cannot be read, with up to 20 listed.
    """
    files = some_files(_folder(path), "cached results (*.jsonl)", "*.jsonl")
    prices = _prices(path.absolute())
    bad, table, n_scores = BadRows(), LongTable(rescale=rescale), 0
    for file in files:
        for line, row in json_objects(file, bad):
            with bad.row(file, line):
                n_scores += _add(table, row, prices, rescale)
    bad.check()
    refuse_unscored(path, n_scores, files, "evaluate the answers with RouterArena first")
    yield from table.drafts(str(path), licence="Apache-2.0")


def _folder(path: Path) -> Path:
    return path / "cached_results" if (path / "cached_results").is_dir() else path


def _add(table: LongTable, row: Mapping[str, Any], prices: _Prices, rescale: bool) -> bool:
    """Add a line if it was evaluated."""
    name, model = name_in(row, "global_index"), name_in(row, "llm_selected")
    result = row.get("evaluation_result")
    if not isinstance(result, dict) or result.get("score") is None:
        return False
    cost = result.get("inference_cost")
    table.add(
        name.rpartition("_")[0] or name,
        name,
        model,
        value_in(field_in(result, "score"), rescale=rescale),
        cost=_tokens_cost(row, prices.get(model)) if cost is None else cost,
        text=text_of(row.get("question")),
    )
    return True


def _tokens_cost(row: Mapping[str, Any], price: tuple[float, float] | None) -> float | None:
    """USD for the tokens of a call, if both they and their price are known."""
    usage = row.get("token_usage")
    if price is None or not isinstance(usage, dict):
        return None
    tokens = (usage.get("input_tokens"), usage.get("output_tokens"))
    n_in, n_out = (finite_in(n, "number of tokens") for n in tokens)
    return (n_in * price[0] + n_out * price[1]) / 1e6


def _prices(path: Path) -> _Prices:
    """USD a million tokens, in and out, by LLM; empty if there is no price list beside."""
    found: dict[str, tuple[float, float]] = {}
    for file in (
        f for root in (path, *path.parents[:2]) for f in files_in(root / _PRICES, "*.json")
    ):
        bad, listed = BadRows(), json_file(file)
        for model, price in listed.items() if isinstance(listed, dict) else ():
            with bad.row(file, 0):
                found.setdefault(model, _price(price))
        bad.check()
    return found


def _price(price: object) -> tuple[float, float]:
    entry = price if isinstance(price, dict) else {}
    kinds = ("input", "output")
    per_million = [
        cost_in(field_in(entry, f"{kind}_token_price_per_million"), f"{kind} price")
        for kind in kinds
    ]
    return per_million[0], per_million[1]


SAMPLE = {
    f"cached_results/{model}.jsonl": [
        {
            "global_index": f"AIME_{number}",
            "question": f"what is {number}?",
            "llm_selected": model,
            "generated_answer": "x",
            "token_usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
            "success": True,
            "evaluation_result": {"score": score, "inference_cost": 0.001},
        }
        for number, score in enumerate(scores)
    ]
    for model, scores in {"a": (1.0, 0.5), "b": (0.0, 1.0)}.items()
}

IMPORTER = Importer(
    name="routerarena",
    summary="RouterArena's cached_results: a JSONL file an LLM, with scores and costs",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
