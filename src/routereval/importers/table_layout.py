"""`Layout`: what the columns of a plain table are for, found by their names and first rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.cells import is_word, number_of, reads_as_score
from routereval.importers.column_warnings import GOLD, answer_columns, error_columns, unread_columns
from routereval.importers.examined import is_metadata, listed_names
from routereval.importers.json_layout import Cells, scores_inside
from routereval.importers.rows import RowError, axis_in
from routereval.importers.table_roles import NAMED_LISTS, ROLES
from routereval.records.axes import AXIS_ROLES, axis_of

_INDEX = ("", "Unnamed: 0", "unnamed: 0", "__index_level_0__", "index")
"""What columns are called that number the rows."""
_NO_MODEL = {
    *(*_INDEX, *GOLD, "split", "prediction", "response", "output", "completion", "ignore"),
}
_METRIC_NAMES = ("metric", "metric_name", "measure", "scorer", "score_name", "score_type")
_PAIRS = (("model_a", "model_b"), ("model_1", "model_2"), ("chosen", "rejected"))
_SCORE_ENDS = (*ROLES["score"], "correctness", "quality")
_COST_ENDS = ROLES["cost"]
_AXIS_ENDS = tuple(end for role in AXIS_ROLES for end in ROLES[role])
_BESIDE_ENDS = {*_COST_ENDS, *_AXIS_ENDS}
_ENDS = sorted((*_SCORE_ENDS, *_COST_ENDS, *_AXIS_ENDS), key=len, reverse=True)
_BETWEEN = "_.|: /"
_OF_A_RECORD = ("score", "cost", "model", "judge", "effort", *AXIS_ROLES)


@dataclass(frozen=True)
class Layout:
    """What the columns of one table are for.

    Attributes:
        roles: column by role.
        models: column of scores by model, in a wide table.
        costs: column of costs by model, in a wide table.
        nested: the column that holds an object of scores by model, and that of costs, if any.
        axes: column of an axis by model, by the axis's role, in a wide table.
        listed: the column that holds a list of objects, each with a model and a score.
        objects: columns that each hold an object with a score, of the model that names them.
        per_file: True if the file is one model's.
        facts: what became what.
        warnings: what may not be what was meant.
    """

    roles: Mapping[str, str]
    models: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, str] = field(default_factory=dict)
    nested: tuple[str, str | None] | None = None
    listed: str | None = None
    objects: tuple[str, ...] = ()
    per_file: bool = False
    axes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        file: Path,
        header: Iterable[str],
        named: Mapping[str, str],
        cells: Cells,
        *,
        several_files: bool = False,
    ) -> Layout:
        """The layout of a table with that header.

        Args:
            file: named in errors.
            header: all its columns.
            named: column by role, as the user gives it.
            cells: the first cells of a column.
            several_files: whether the table comes in several files, one of which may be a model's.

        Raises:
            DataError: if it is no table of scores.
        """
        left_out = set(filter(None, named.get("ignore", "").split("|")))
        names = [name for name in header if name not in left_out]
        for pair in _PAIRS:
            if set(names) >= set(pair):
                raise DataError(
                    f"{file}: holds pairs of answers ({', '.join(pair)}) and which won, not a "
                    "score per model; such preferences are no records of scores: have each answer "
                    "scored by itself, or against one reference model's (as AlpacaEval does)"
                )
        roles = _roles(file, names, named, cells)
        _name_prompts(roles, names, named, several_files=several_files)
        _require(file, roles, "prompt_id", several_files=several_files)
        if "model" in roles and "score" in roles:
            return _long(file, roles, names, cells)
        inside = scores_inside(names, cells, per_model="model" not in roles)
        if inside is not None:
            rest = _without(roles, *_OF_A_RECORD)
            layout = cls(rest, nested=inside.nested, listed=inside.listed, objects=inside.objects)
            return _with_facts(layout, names, [inside.fact])
        if "model" in roles:
            _require(file, roles, "score")
        if several_files and "score" in roles and "models" not in named:
            return _with_facts(cls(roles, per_file=True), names, ["model: the file's name"])
        return _wide(file, roles, names, named, cells)


def _roles(file: Path, names: list[str], named: Mapping[str, str], cells: Cells) -> dict[str, str]:
    wanted = {role: column for role, column in named.items() if role not in NAMED_LISTS}
    for role, column in wanted.items():
        if column not in names:
            shown = ", ".join(names[:20])
            raise DataError(f"{file}: there is no column {column!r} for {role}; it has: {shown}")
    by_lower = {name.lower(): name for name in reversed(names)}
    named_so = {
        role: next((by_lower[alias] for alias in aliases if alias in by_lower), None)
        for role, aliases in ROLES.items()
    }
    found = {role: column for role, column in named_so.items() if column is not None}
    if "model" in found | wanted:
        found = _inner_roles(names) | found
    for role in [role for role in AXIS_ROLES if role in found]:
        if not _holds_numbers(cells(found[role])):
            del found[role]  # a word such as "fast"; nothing to refuse the scores for
    return {role: (found | wanted)[role] for role in ROLES if role in found | wanted}


def _inner_roles(names: Sequence[str]) -> dict[str, str]:
    """Columns such as ``metrics.accuracy`` by role, where one only ends in a name of that role."""
    ends: dict[str, list[str]] = {}
    for name in names:
        outer, dot, inner = name.rpartition(".")
        if outer and dot:
            ends.setdefault(inner.lower(), []).append(name)
    inner_roles = ("score", "cost", *AXIS_ROLES)
    of = {role: [a for a in ROLES[role] if len(ends.get(a, ())) == 1] for role in inner_roles}
    return {role: ends[aliases[0]][0] for role, aliases in of.items() if aliases}


def _holds_numbers(cells: Sequence[object]) -> bool:
    """Whether most cells of a column that hold anything hold a number of an axis."""
    held = [cell for cell in cells if cell is not None and cell != ""]
    return not held or sum(map(_is_axis, held)) >= len(held) / 2


def _is_axis(cell: object) -> bool:
    try:
        return axis_in(number_of(cell, "", comma=True)) is not None
    except RowError:
        return False


def _require(
    file: Path, roles: Mapping[str, str], role: str, *, several_files: bool = False
) -> None:
    if role not in roles:
        needed = "" if role == "score" else "; records hold a score for each prompt, no means"
        needed += "; take the file out of the folder if it holds none" if several_files else ""
        raise DataError(
            f"{file}: there is no column for {role} ({', '.join(ROLES[role])}); "
            f"name it, as in --columns {role}=COLUMN{needed}"
        )


def _name_prompts(
    roles: dict[str, str], names: Sequence[str], named: Mapping[str, str], *, several_files: bool
) -> None:
    """Name prompts that have no id by their text, or by their row where each has one row."""
    index = next((name for name in _INDEX if name in names), None)
    row_per_prompt = "model" not in roles and ("score" not in roles or "models" in named)
    if "prompt_id" not in roles and "prompt" in roles:
        roles["prompt_id"] = roles["prompt"]
    elif "prompt_id" not in roles and index is not None and row_per_prompt and not several_files:
        roles["prompt_id"] = index


def _long(file: Path, roles: Mapping[str, str], names: list[str], cells: Cells) -> Layout:
    for name in [name for name in names if name.lower() in _METRIC_NAMES]:
        metrics = list(dict.fromkeys(str(cell) for cell in cells(name)))
        if len(metrics) > 1 and name not in roles.values():
            raise DataError(
                f"{file}: column {name!r} names several metrics ({listed_names(metrics, 6)}), a "
                "row for each; keep the rows of the one that is the score"
            )
    others = [name for name in names if name.lower() in ROLES["score"] and name != roles["score"]]
    others = [name for name in others if _share_of_scores(cells(name)) >= 0.5]
    warnings = [
        f"column {name!r} may be a score too; taken is {roles['score']!r} "
        f"(--columns score={name} takes the other)"
        for name in others
    ]
    warnings += error_columns([name for name in names if name != roles["score"]], cells)
    return _with_facts(Layout(roles, warnings=tuple(warnings)), names)


def _without(roles: Mapping[str, str], *which: str) -> dict[str, str]:
    return {role: column for role, column in roles.items() if role not in which}


def _wide(
    file: Path, roles: Mapping[str, str], names: list[str], named: Mapping[str, str], cells: Cells
) -> Layout:
    chosen = [name for name in named.get("models", "").split("|") if name]
    for name in chosen:
        if name not in names:
            raise DataError(f"{file}: there is no column {name!r} for models; it has: {names[:20]}")
    # A number beside a prompt may be a year or a key: names known for other roles are no models.
    known = {alias for aliases in ROLES.values() for alias in aliases} | _NO_MODEL
    free = [n for n in names if n.lower() not in known and n not in roles.values()]
    scored = [n for n in free if _share_of_scores(cells(n)) >= 0.5]
    words = [n for n in scored if _ambiguous_words(cells(n))] if not chosen else []
    numbers = [n for n in scored if n not in words] or scored
    words = [n for n in words if n not in numbers]
    models = {name: name for name in chosen} or _models(numbers)
    if not models:
        raise DataError(
            f"{file}: there is neither a column for the model nor one of numbers per model; name "
            "it, as in --columns model=COLUMN; where each model has a file of its own, give their "
            f"folder{_why_none(numbers)}"
        )
    if "score" in roles and not chosen and len(models) == 1:
        only = next(iter(models.values()))
        raise DataError(
            f"{file}: {roles['score']!r} holds scores, but no column says whose; name the model's "
            f"column (--columns model=NAME), or say that {only!r} is a model "
            f"(--columns models={only}); where each model has a file of its "
            "own, give their folder"
        )
    costs, axes = _costs_of(models, free), _axes_of(models, free)
    rest = _without(roles, *_OF_A_RECORD)
    facts = [f"models: the columns {listed_names(models.values())}"]
    facts += [f"costs: the columns {listed_names(costs.values())}"] if costs else []
    facts += [f"{axis}: the columns {listed_names(of.values())}" for axis, of in axes.items()]
    warnings = []
    if "score" in roles and not chosen:
        warnings.append(
            f"column {roles['score']!r} may be a score, but no column says whose: it is left out"
        )
    if words:
        warnings.append(
            f"columns of yes and no are left out: {listed_names(words)}; if they are models, name "
            f"all by --columns 'models={'|'.join([*models.values(), *words][:6])}'"
        )
    warnings += answer_columns(
        [name for name in names if name not in words], models.values(), cells
    )
    warnings += error_columns([n for n in names if n not in models.values()], cells)
    beside = {*costs.values(), *(column for of in axes.values() for column in of.values())}
    odd = [n for n in numbers if n not in {*models.values(), *beside}]
    if odd:
        facts.append(f"taken for no models: the columns {listed_names(odd)}")
    used = {*models.values(), *beside, *odd, *words}
    layout = Layout(rest, models=models, costs=costs, axes=axes, warnings=tuple(warnings))
    return _with_facts(layout, [n for n in names if n not in used], facts)


def _why_none(numbers: Sequence[str]) -> str:
    """Which columns of numbers were taken for no models, for the error where there are none."""
    if not numbers:
        return ""
    return (
        f"; {listed_names(numbers)} may be no scores, by their names: if they are, give --columns "
        f"'models={'|'.join(numbers[:6])}', and --scale WORST,BEST if less is better"
    )


def _models(columns: Sequence[str]) -> dict[str, str]:
    """The column of scores of each model, among columns of numbers."""
    ends = {name: _split(name) for name in columns}
    plain = {name for name in columns if not is_metadata(name)}
    by_end = {
        name: base
        for name, (base, end) in ends.items()
        if base and end in _SCORE_ENDS and base not in plain
    }
    if by_end and len(by_end) >= len(plain) - len(by_end):
        found: dict[str, str] = {}
        for name, base in by_end.items():
            found.setdefault(base, name)
        return found
    bases = {name for name in plain if name in columns}
    of_models = {n for n, (base, end) in ends.items() if base in bases and end in _BESIDE_ENDS}
    return {name: name for name in columns if name in plain - of_models}


def _costs_of(models: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    ends = [(name, *_split(name)) for name in columns]
    return {base: name for name, base, end in ends if base in models and end in _COST_ENDS}


def _axes_of(models: Mapping[str, str], columns: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name in columns:
        base, end = _split(name)
        alias = axis_of(end) if base in models else None
        if alias is not None:
            role = alias.axis if alias.factor == 1 else "latency_s"
            found.setdefault(role, {}).setdefault(base, name)
    return found


def _split(name: str) -> tuple[str, str]:
    """A column's name as the model's and what the cells say of it: ``gpt-4o_cost`` is both.

    Either may come first; a number alone is no model.
    """
    for end in _ENDS:
        if len(name) <= len(end) + 1:
            continue
        if name.lower().endswith(end) and name[-len(end) - 1] in _BETWEEN:
            return name[: -len(end) - 1], end
        rest = name[len(end) + 1 :]
        if name.lower().startswith(end) and name[len(end)] in _BETWEEN and not rest.isdigit():
            return rest, end
    return "", ""


def _share_of_scores(cells: Sequence[object]) -> float:
    """The share of a column's cells that read as scores, among those that hold anything."""
    read = [found for cell in cells if (found := reads_as_score(cell)) is not None]
    return sum(read) / len(read) if read else 0.0


def _ambiguous_words(cells: Sequence[object]) -> bool:
    """Whether a column holds yes and no as texts, which may be answers as well as scores."""
    held = [cell.strip().lower() for cell in cells if isinstance(cell, str) and is_word(cell)]
    return (
        bool(held)
        and set(held) <= {"yes", "no", "y", "n", "true", "false"}
        and not (set(held) <= {"true", "false"})
    )


def _with_facts(layout: Layout, names: Sequence[str], facts: Sequence[str] = ()) -> Layout:
    shown = [f"{role}: column {column!r}" for role, column in layout.roles.items()]
    inside = {*(layout.nested or ()), layout.listed, *layout.objects}
    used = {*layout.roles.values(), *inside}
    rest = [name for name in names if name not in used and name.strip()]
    more = [f"left out: the columns {listed_names(rest)}"] if rest else []
    return Layout(
        layout.roles,
        layout.models,
        layout.costs,
        layout.nested,
        layout.listed,
        layout.objects,
        layout.per_file,
        layout.axes,
        (*facts, *shown, *more),
        (*layout.warnings, *unread_columns(rest, layout.roles, costs=bool(layout.costs))),
    )
