"""One row of a plain table: its prompt, and the records that it holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from routereval.importers.arms import with_effort
from routereval.importers.axis_fields import axes_in
from routereval.importers.cells import CellForms, read_text
from routereval.importers.column_words import sums_up
from routereval.importers.eval_logs import prompt_text
from routereval.importers.rows import RowError, field_in, name_of, score_in
from routereval.importers.table_format import about
from routereval.importers.table_layout import Layout
from routereval.importers.table_roles import ROLES
from routereval.records.axes import AXIS_ROLES

_LONGEST_ID = 200
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d\d")

Row = Mapping[str, Any]


class TableCell(NamedTuple):
    """One record of a row.

    Attributes:
        model: the model's name.
        score: as it stands there, as is the cost.
        cost: USD per call, None if there is no column for it.
        column: what the score's column is called.
        cost_column: what that of the cost is called.
        row: what holds the numbers beside the score, as the columns of `axes`, by role.
        where: what to name in errors, where the row holds several records.
    """

    model: str
    score: object
    cost: object
    column: str
    cost_column: str
    row: Row
    axes: Mapping[str, str]
    where: str = ""


class RowReader:
    """Takes the rows of one file apart."""

    def __init__(self, layout: Layout, model: str, comma: bool) -> None:
        self.layout = layout
        self.comma = comma
        self._model = model
        self._axes = _axis_columns(layout.roles)
        self._sums_up: dict[str, bool] = {}

    def prompt(self, row: Row) -> tuple[str, dict[str, Any]]:
        """The prompt_id of a row, and what else is known of the prompt."""
        roles, known = self.layout.roles, dict[str, Any]()
        if "prompt" in roles:
            known["text"] = _text(row.get(roles["prompt"]))
        if "subset" in roles and row.get(roles["subset"]) not in {None, ""}:
            known["subset"] = _name(row, roles["subset"])
        if "chance" in roles:
            chance = score_in(row.get(roles["chance"]), "chance")
            known["chance"] = None if chance != chance else chance  # noqa: PLR0124 - NaN
        if roles["prompt_id"] == roles.get("prompt"):
            text = known["text"]
            if not text or not text.strip():
                raise RowError(f"{roles['prompt']!r} is empty, and there is no prompt_id")
            return _id_of_text(text), known
        prompt_id = _name(row, roles["prompt_id"])
        if prompt_id not in self._sums_up:
            _refuse_rounded(prompt_id, roles["prompt_id"])
            self._sums_up[prompt_id] = sums_up(prompt_id)
        return prompt_id, known

    def sums_up(self, prompt_id: str) -> bool:
        """Whether a row that was read sums up others, by its prompt_id; a text never says so."""
        return self._sums_up.get(prompt_id, False)

    def cells(self, row: Row) -> Iterator[TableCell]:
        """Each record of a row."""
        layout = self.layout
        if layout.nested is not None:
            yield from self._nested(row, *layout.nested)
        elif layout.listed is not None:
            yield from self._listed(row, layout.listed)
        elif layout.objects:
            for model in layout.objects:
                if row.get(model) is not None:
                    yield _item(model, row[model], layout.score_key)
        elif layout.models:
            for model, column in layout.models.items():
                of = {role: found[model] for role, found in layout.axes.items() if model in found}
                at = layout.costs.get(model, "\0")
                yield TableCell(model, row.get(column), row.get(at), column, at, row, of, column)
        else:
            yield self._plain(row)

    def _plain(self, row: Row) -> TableCell:
        """The record that a row of a long table is."""
        roles = self.layout.roles
        model = self._model if self.layout.per_file else _name(row, roles["model"])
        if "effort" in roles:
            model = with_effort(model, label_in(row, roles["effort"]))
        at, cost_at = roles["score"], roles.get("cost", "\0")
        if at not in row:
            raise RowError(
                f"there is no {at!r}; write null if the answer has no score, 0 if it is wrong"
            )
        return TableCell(model, field_in(row, at), row.get(cost_at), at, cost_at, row, self._axes)

    def _nested(self, row: Row, column: str, costs: str | None) -> Iterator[TableCell]:
        scores, usd = row.get(column), row.get(costs or "\0")
        if not isinstance(scores, dict):
            raise RowError(f"{column!r} should be an object of model: score")
        for model, cell in scores.items():
            name = name_of(model, "the model").strip()
            if isinstance(cell, dict):
                yield _item(name, cell, self.layout.score_key)
                continue
            cost = usd.get(model) if isinstance(usd, dict) else None
            yield TableCell(name, cell, cost, name, f"{costs}.{name}", row, {}, name)

    def _listed(self, row: Row, column: str) -> Iterator[TableCell]:
        items = row.get(column)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise RowError(f"{column!r} should be a list of objects")
        for item in items:
            yield _item(_name(item, _first_in(item, "model")), item, self.layout.score_key)

    def axes(self, cell: TableCell, forms: CellForms) -> dict[str, object]:
        """The numbers beside a score, by axis; what is no number as it is."""
        return axes_in(
            {role: self._axis(cell.row.get(at), role, at, forms) for role, at in cell.axes.items()}
        )

    def _axis(self, cell: object, role: str, column: str, forms: CellForms) -> object:
        if not isinstance(cell, str):
            return cell
        try:
            read = read_text(cell, role, comma=self.comma, whole=role.startswith("tokens"))
        except RowError:
            return cell  # which is counted, and named in a warning
        forms.add(column, cell, read, "unknown")
        return read.number


def _refuse_rounded(prompt_id: str, column: str) -> None:
    if _ROUNDED.fullmatch(prompt_id):
        raise RowError(
            f"{column!r} is {prompt_id!r}, a number whose last digits are lost; export the column "
            "as text"
        )


def error_of_column(column: str, error: RowError, layout: Layout) -> RowError:
    """What is wrong with a cell, with its column and what to do if that is no model.

    It is as it is where no column is named, as the row holds one record.
    """
    if not column:
        return error
    if "lies outside" not in str(error) or column not in layout.models.values():
        return RowError(f"{column!r}: {error}")
    return RowError(f"{column!r}: {error}; --columns ignore={column} if it is no model")


def _name(row: Row, column: str) -> str:
    """The name in a column, without blanks around it; whole numbers as they are counted."""
    value = field_in(row, column)
    if isinstance(value, str):
        return _name_of_text(value, column)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return name_of(value, repr(column))


@lru_cache(maxsize=1 << 16)
def _name_of_text(text: str, column: str) -> str:
    name = name_of(text, repr(column)).strip()
    whole, dot, zeros = name.partition(".")
    return whole if dot and zeros and not zeros.strip("0") and whole.isdigit() else name


def label_in(row: Row, column: str | None) -> str | None:
    """What a column of names holds, None where it is empty or there is none."""
    if column is None or row.get(column) in {None, ""}:
        return None
    return _name(row, column)


def _item(model: str, item: object, key: str | None) -> TableCell:
    """The record that an object of a model is; its score's name, if it is none of the known."""
    if not isinstance(item, dict):
        raise RowError(f"{model!r} should be an object with a score")
    at, cost_at = key or _first_in(item, "score"), _first_in(item, "cost")
    axes = {role: alias for role in AXIS_ROLES for alias in ROLES[role] if alias in item}
    with about(model):
        score = field_in(item, at)
    return TableCell(model, score, item.get(cost_at), at, cost_at, item, axes, model)


def _first_in(item: Row, role: str) -> str:
    """The first known name of a role that an object has, else the first of them."""
    return next((alias for alias in ROLES[role] if alias in item), ROLES[role][0])


def _axis_columns(columns: Mapping[str, str]) -> dict[str, str]:
    return {role: columns[role] for role in AXIS_ROLES if role in columns}


def _text(cell: object) -> str | None:
    """The text of a prompt; of chat messages, also those written as JSON, their contents.

    Any other object, such as a question with its context, is written as JSON.
    """
    if isinstance(cell, str) and cell.lstrip().startswith('[{"'):
        try:
            return prompt_text(json.loads(cell)) or cell
        except (ValueError, RecursionError):
            return prompt_text(cell)
    text = prompt_text(cell)
    if text is None and isinstance(cell, dict) and cell and "role" not in cell:
        return json.dumps(cell, ensure_ascii=False, default=str)
    return text


def _id_of_text(text: str) -> str:
    """A prompt's text as its name; of a long one the beginning and a digest."""
    if len(text) <= _LONGEST_ID:
        return text
    digest = hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:12]
    return f"{text[: _LONGEST_ID - 20]}… {digest}"
