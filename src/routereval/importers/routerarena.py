"""RouterArena's cached results: ``cached_results/<model>.jsonl``, one line per prompt.

Read are ``global_index`` (``<dataset>_<number>``: each dataset is a benchmark), ``question``,
``llm_selected``, ``evaluation_result.score`` and ``.inference_cost``; without the latter the cost
is ``token_usage`` times the prices of ``model_cost/*.json``. Lines that were not evaluated are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from routereval.importers.axis_fields import axes_in
from routereval.importers.eval_logs import mean_in
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    cost_in,
    field_in,
    files_in,
    finite_in,
    first_object,
    json_file,
    json_records,
    name_in,
    text_of,
)
from routereval.importers.scale import Rescale
from routereval.importers.table_format import Cell, Place, Row, TableFormat
from routereval.records.draft import Draft

_PRICES = "model_cost"

_Prices = Mapping[str, tuple[float, float]]

FORMAT = TableFormat(
    title="RouterArena",
    kind="cached results (*.jsonl)",
    forms=("*.jsonl",),
    is_ours=lambda file: {"global_index", "llm_selected"} <= first_object(file).keys(),
    licence="Apache-2.0",
    rows=json_records,
    n_first=20,
    unscored="evaluate the answers with RouterArena first",
)


def recognise(path: Path) -> bool:
    """True for a cached result or a folder of them, by the first line of the first files."""
    return FORMAT.recognise(_folder(path))


def read(path: Path, *, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per dataset.

    Args:
        path: the repository, its ``cached_results``, or one file of it.
        rescale: the scale of the scores, or True for the range that is observed;
            METEOR, with which RouterArena scores texts, can lie slightly below 0: clip it.

    Raises:
        DataError: if no line was evaluated, or lines cannot be read, with up to 20 listed.
    """
    cells = partial(_cells, prices=_prices(path.absolute()))
    yield from FORMAT.read(_folder(path), cells, rescale=rescale)


def _folder(path: Path) -> Path:
    return path / "cached_results" if (path / "cached_results").is_dir() else path


def _cells(row: Row, _: Place, *, prices: _Prices) -> Iterator[Cell]:
    """The record of a line, if it was evaluated."""
    name, model = name_in(row, "global_index"), name_in(row, "llm_selected")
    result = row.get("evaluation_result")
    if not isinstance(result, dict) or result.get("score") is None:
        return
    score = mean_in(field_in(result, "score"))
    cost = result.get("inference_cost")
    cost = _tokens_cost(row, prices.get(model)) if cost is None else cost
    benchmark = name.rpartition("_")[0] or name
    text, axes = text_of(row.get("question")), axes_in(row.get("token_usage"))
    failed = row.get("success") is False and not row.get("generated_answer")
    yield Cell(benchmark, name, model, score, cost, text, axes=axes, failed=failed)


def _tokens_cost(row: Row, price: tuple[float, float] | None) -> float | None:
    """USD for the tokens of a call, if both they and their price are known."""
    usage = row.get("token_usage")
    if price is None or not isinstance(usage, dict):
        return None
    tokens = (usage.get("input_tokens"), usage.get("output_tokens"))
    n_in, n_out = (finite_in(n, "number of tokens") for n in tokens)
    return (n_in * price[0] + n_out * price[1]) / 1e6


def _prices(path: Path) -> _Prices:
    """USD per million tokens, in and out, by model; empty if there is no price list beside."""
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
    summary="RouterArena's cached_results: a JSONL file per model, with scores and costs",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
