"""Texts and subsets of prompts from a file of their own, for results that name prompts by ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from routereval.errors import DataError
from routereval.importers.column_words import plain_name
from routereval.importers.eval_logs import prompt_text
from routereval.importers.examined import listed_names
from routereval.importers.rows import BadRows
from routereval.importers.table_files import JSON_ENDS, has_end, rows_of
from routereval.importers.table_roles import KEYS, ROLES
from routereval.importers.table_row import Row, label_in
from routereval.records.draft import Draft

_SHOWN = 3


class PromptFile(NamedTuple):
    """What a file says of prompts, by their ids.

    Attributes:
        file: where it stands.
        texts: of each prompt.
        subsets: of each prompt that names one.
    """

    file: Path
    texts: Mapping[str, str]
    subsets: Mapping[str, str]


def read_prompts(file: Path) -> PromptFile:
    """The prompts of a table with a column of ids and one of texts, or of one object of both.

    Raises:
        DataError: if the file is none, or gives one id two texts.
    """
    if not file.is_file():
        raise DataError(f"{file} is no file; give a table of the prompts' ids and texts")
    bad = BadRows()
    rows = [row for _, row in rows_of(file, bad)]
    bad.check()
    by_id = has_end(file, *JSON_ENDS) and len(rows) == 1 and not _column(rows[0], "prompt_id")
    if by_id:
        rows = [{"prompt_id": key, "prompt": text} for key, text in rows[0].items()]
    texts, subsets = dict[str, str](), dict[str, str]()
    for row in rows:
        prompt_id = label_in(row, _needed(file, rows[0], "prompt_id"))
        text = prompt_text(row.get(_needed(file, rows[0], "prompt")))
        if prompt_id is None or not text:
            continue
        if texts.setdefault(prompt_id, text) != text:
            raise DataError(f"{file}: prompt {prompt_id!r} has two texts; give each id one")
        subset = label_in(row, _column(rows[0], "subset"))
        if subset is not None:
            subsets[prompt_id] = subset
    return PromptFile(file, texts, subsets)


def _column(row: Row, role: str) -> str | None:
    """The column of a role, by the names that tables know."""
    names = {plain_name(name): name for name in reversed(list(row))}
    known = (*ROLES[role], *(KEYS if role == "prompt_id" else ()))
    return next((names[alias] for alias in known if alias in names), None)


def _needed(file: Path, row: Row, role: str) -> str:
    found = _column(row, role)
    if found is None:
        raise DataError(
            f"{file}: there is no column for {role} ({listed_names(ROLES[role], 6)}); it has: "
            f"{listed_names(map(str, row), 8)}"
        )
    return found


def with_prompts(draft: Draft, known: PromptFile) -> Draft:
    """The draft with the texts that it lacks, and the subsets if it has none.

    Raises:
        DataError: if the file knows none of its prompts.
    """
    import polars as pl

    ids = draft.prompts["prompt_id"].to_list()
    missing = [prompt_id for prompt_id in ids if prompt_id not in known.texts]
    if len(missing) == len(ids):
        raise DataError(
            f"{draft.name}: {known.file} knows none of its prompts, such as {ids[0]!r}; it has "
            f"{listed_names(map(repr, known.texts), _SHOWN)}"
        )
    texts = pl.Series([known.texts.get(prompt_id) for prompt_id in ids], dtype=pl.String)
    prompts = draft.prompts
    if "text" in prompts.columns:
        texts = prompts["text"].cast(pl.String).replace("", None).fill_null(texts)
    prompts = prompts.with_columns(text=texts)
    if known.subsets and set(draft.prompts["subset"].to_list()) == {draft.name}:
        named = [known.subsets.get(prompt_id, draft.name) for prompt_id in ids]
        prompts = prompts.with_columns(subset=pl.Series(named, dtype=pl.String))
    facts = [f"texts: {len(ids) - len(missing):,} of {len(ids):,} prompts by {known.file.name}"]
    warnings = [
        f"{known.file.name} has no text of {len(missing):,} prompts, such as {missing[0]!r}"
        for _ in missing[:1]
    ]
    return replace(
        draft,
        prompts=prompts,
        facts=[*draft.facts, *facts],
        warnings=[*draft.warnings, *warnings],
    )
