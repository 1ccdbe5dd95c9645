"""What a table lacks that has no scores, or no models, and which of its columns may be these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routereval.importers.column_cells import are_scores
from routereval.importers.column_warnings import GOLD
from routereval.importers.column_words import is_metadata, plain_name, words_of
from routereval.importers.examined import listed_names
from routereval.importers.json_layout import Cells
from routereval.importers.table_roles import WORDS_ONLY

_RIGHT = (
    *(name for name in GOLD if name != "label"),
    *("standard_answer", "correct_option", "true_label", "actual_label", "label"),
)
GIVEN = (
    *("pred", "preds", "prediction", "predicted", "predicted_answer", "predicted_label"),
    *("model_answer", "model_response", "model_output", "parsed_answer", "extracted_answer"),
    *("response", "output", "generated", "completion", "model_prediction"),
)
"""What columns of right answers, and of given ones, are called."""
_ANSWERS = {"response", "completion", "prediction", "generation", "output"}
_GENERATED = {"model", "llm", "ai", "bot", "assistant", "agent", "chatbot", "predicted"}
_GENERATED |= {"generated", "actual", "raw", "parsed", "extracted", "candidate"}
_OF_AN_ANSWER = {"text", "full", "final", "system", "answer"}
"""Words of which the name of one model's answers consists: one of `_ANSWERS`, or of `_GENERATED`
beside another; ``answer`` alone may be the right one."""
_MOST_ANSWERS = 10
_MOST_GRADES, _LONGEST_GRADE = 12, 24
_OF_MODELS = {"model", "llm", "system", "assistant", "agent", "engine", "candidate"}
_OF_ANSWERS = {"answer", "response", "output", "prediction", "completion", "text", "score", "cost"}
_OF_ANSWERS |= {"prompt", "judge", "eval", "evaluator", "grader"}


def may_be_scores(names: Sequence[str], roles: Mapping[str, str], cells: Cells) -> list[str]:
    """Columns that may hold the scores of a table that names models, for the error without any."""
    free = [name for name in names if name not in roles.values()]
    numbers = [name for name in free if not is_metadata(name.rpartition(".")[2])]
    return [n for n in numbers if are_scores(cells(n))] + [
        name for name in free if plain_name(name) in WORDS_ONLY and name not in numbers
    ]


def graded(names: Sequence[str], cells: Cells) -> str:
    """What to do where a column called as verdicts are holds a few words; empty if none does."""
    for name in names:
        if plain_name(name) in WORDS_ONLY:
            held = {str(cell).strip() for cell in cells(name) if cell is not None} - {""}
            if 1 < len(held) <= _MOST_GRADES and max(map(len, held)) <= _LONGEST_GRADE:
                words = sorted(held)
                return (
                    f"; if {name!r} says how good answers were ({listed_names(words, 4)}), say "
                    f"what each is worth: --columns score={name} --worth "
                    f"'{','.join(f'{word}=…' for word in words[:4])}'"
                )
    return ""


def unscored(names: Sequence[str], cells: Cells) -> str:
    """What to do where a table has grades, or answers and the right ones; empty if neither."""
    if grades := graded(names, cells):
        return grades
    gold = next((name for name in names if plain_name(name) in _RIGHT), None)
    answer = next((n for n in names if plain_name(n) in GIVEN and n != gold), None)
    if gold is None or answer is None:
        return ""
    return (
        f"; {answer!r} holds answers and {gold!r} the right ones: add a column 'score' that says "
        "whether they agree"
    )


def answers_of_one(names: Sequence[str], cells: Cells) -> str | None:
    """The column of the answers of a model that no column names; None if there is none.

    Where columns are models', each model would have a column of answers under its name.
    """
    return next((n for n in names if _are_answers(n) and not are_scores(cells(n))), None)


def _are_answers(name: str) -> bool:
    """Whether a name is that of answers, and of no model.

    >>> [_are_answers(n) for n in ("Response", "model_answer", "gpt_response", "answer", "model")]
    [True, True, False, False, False]
    """
    words = set(words_of(name))
    if not words or not words <= _ANSWERS | _GENERATED | _OF_AN_ANSWER:
        return False
    return bool(words & _ANSWERS) or (bool(words & _GENERATED) and bool(words & {"answer", "text"}))


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
