"""Which column of a table names the prompts, where none is called as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routereval.importers.column_cells import number_or_none
from routereval.importers.column_words import is_benchmark, plain_name, words_of
from routereval.importers.json_layout import Cells
from routereval.importers.table_roles import KEYS

INDEX = ("", "Unnamed: 0", "unnamed: 0", "__index_level_0__", "index", "#", "level_0", "№")
"""What columns are called that number the rows."""
_NO_PROMPT = frozenset(
    {
        *("run", "model", "response", "answer", "ans", "request", "trace", "span", "user", "job"),
        *("batch", "experiment", "config", "call", "completion", "judge", "annotator", "worker"),
        *("thread", "org", "organization", "provider", "deployment", "message", "row", "output"),
        *("generation", "submission", "eval", "evaluation", "project", "account", "team", "agent"),
        *("category", "cluster", "domain", "topic", "subject", "dataset", "conversation", "group"),
    }
)
"""Words of columns of ids that name no prompts."""


def name_prompts(
    roles: dict[str, str],
    names: Sequence[str],
    named: Mapping[str, str],
    cells: Cells,
    *,
    several_files: bool,
) -> None:
    """Name prompts that have no id by a key, their text, their task, or the row that each has."""
    if "prompt_id" in roles:
        if "prompt_id" not in named and _number_rows(roles, cells):
            roles["prompt_id"] = roles["prompt"]
        return
    index = next((name for name in INDEX if name in names), None)
    row_per_prompt = "model" not in roles and ("score" not in roles or "models" in named)
    text, key = roles.get("prompt"), _key_of_prompts(roles, names, cells)
    if text is not None or key is not None:
        roles["prompt_id"] = key or text or ""
    elif index is not None and row_per_prompt and not several_files:
        roles["prompt_id"] = index
    elif "benchmark" not in named and _are_tasks(roles, cells):
        roles["prompt_id"] = roles.pop("benchmark")


def _number_rows(roles: Mapping[str, str], cells: Cells) -> bool:
    """Whether a plain id is of the rows of models, which have the prompts' texts several times."""
    if not {"model", "prompt"} <= roles.keys() or plain_name(roles["prompt_id"]) != "id":
        return False
    ids = [cell for cell in cells(roles["prompt_id"]) if cell is not None]
    texts = {str(cell) for cell in cells(roles["prompt"]) if cell is not None}
    return len(set(map(str, ids))) == len(ids) and 0 < 2 * len(texts) <= len(ids)


def _key_of_prompts(roles: Mapping[str, str], names: Sequence[str], cells: Cells) -> str | None:
    """A column that names the prompts without a name known for that, where there is one.

    Beside a text it has to tell apart at least what the text does.
    """
    free = {plain_name(name): name for name in reversed(names) if name not in roles.values()}
    text = roles.get("prompt")
    keys = [free[alias] for alias in KEYS if alias in free]
    if text is not None:
        return next((key for key in keys if _is_of_one(cells(key), cells(text))), None)
    ids = [name for plain, name in free.items() if plain.endswith("_id") and _names_a_prompt(plain)]
    return next(iter(keys), None) or (ids[0] if len(ids) == 1 else None)


def _names_a_prompt(plain: str) -> bool:
    return not _NO_PROMPT.intersection(words_of(plain))


def _is_of_one(keys: Sequence[object], texts: Sequence[object]) -> bool:
    """Whether each text has a key, and each key one text."""
    of: dict[str, set[str]] = {}
    for key, text in zip(keys, texts, strict=True):
        if text is not None:
            of.setdefault(str(key), set()).add(str(text))
    return not {"None", ""} & of.keys() and all(len(held) == 1 for held in of.values())


def _are_tasks(roles: Mapping[str, str], cells: Cells) -> bool:
    """Whether the benchmarks are what models were asked again and again: tasks, run by run.

    Scores of single runs are 0 or 1; of benchmarks there would be means.
    """
    if not {"model", "score", "trial", "benchmark"} <= roles.keys() or "subset" in roles:
        return False
    tasks = {str(cell) for cell in cells(roles["benchmark"])}
    scores = {
        found for cell in cells(roles["score"]) if (found := number_or_none(cell)) is not None
    }
    return scores <= {0.0, 1.0} and not any(map(is_benchmark, tasks))
