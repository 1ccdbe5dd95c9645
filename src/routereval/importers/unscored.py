"""What a table lacks that has no scores, or no models, and which of its columns may be these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routereval.importers.column_cells import are_scores
from routereval.importers.column_warnings import GOLD
from routereval.importers.column_words import is_metadata, plain_name, words_of
from routereval.importers.examined import listed_names
from routereval.importers.json_layout import Cells
from routereval.importers.table_roles import WORDS_ONLY

_RIGHT = (*(name for name in GOLD if name != "label"), "standard_answer", "correct_option", "label")
GIVEN = (
    *("pred", "preds", "prediction", "predicted", "predicted_answer", "predicted_label"),
    *("model_answer", "model_response", "model_output", "parsed_answer", "extracted_answer"),
    *("response", "output", "generated", "completion", "model_prediction"),
)
"""What columns of right answers, and of given ones, are called."""
_MOST_ANSWERS = 10
_OF_MODELS = {"model", "llm", "system", "assistant", "agent", "engine", "candidate"}
_OF_ANSWERS = {"answer", "response", "output", "prediction", "completion", "text", "score", "cost"}


def may_be_scores(names: Sequence[str], roles: Mapping[str, str], cells: Cells) -> list[str]:
    """Columns that may hold the scores of a table that names models, for the error without any."""
    free = [name for name in names if name not in roles.values()]
    numbers = [name for name in free if not is_metadata(name.rpartition(".")[2])]
    return [n for n in numbers if are_scores(cells(n))] + [
        name for name in free if plain_name(name) in WORDS_ONLY and name not in numbers
    ]


def unscored(names: Sequence[str]) -> str:
    """What to do where a table has answers and the right ones, but no scores; empty if not."""
    gold = next((name for name in names if plain_name(name) in _RIGHT), None)
    answer = next((n for n in names if plain_name(n) in GIVEN and n != gold), None)
    if gold is None or answer is None:
        return ""
    return (
        f"; {answer!r} holds answers and {gold!r} the right ones: add a column 'score' that says "
        "whether they agree"
    )


def answered(free: Sequence[str], names: Sequence[str], cells: Cells) -> str:
    """What to do where columns hold answers as the column of the right ones does."""
    gold = next((name for name in names if plain_name(name) in _RIGHT), None)
    right = {str(cell).strip() for cell in cells(gold)} if gold is not None else set()
    right -= {"", "None"}
    found = [n for n in free if right & {str(cell).strip() for cell in cells(n)}]
    if not found or len(right) > _MOST_ANSWERS:
        return ""
    return (
        f"; {listed_names(found, 4)} may hold answers, and {gold!r} the right ones: write 1 where "
        "they agree, and 0 where not"
    )


def may_be_models(names: Sequence[str]) -> str:
    """Which columns may name the models, by a word of their names, for the error without any."""
    named = [(name, set(words_of(name))) for name in names]
    found = [name for name, words in named if words & _OF_MODELS and not words & _OF_ANSWERS]
    return f"; it may be {' or '.join(found[:3])}" if found else ""
