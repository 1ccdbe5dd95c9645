"""`Layout`: what the columns of a plain table are for, found by their names and first rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.cells import is_word, number_of
from routereval.importers.column_cells import are_scores, are_verdicts, number_or_none
from routereval.importers.column_warnings import (
    GOLD,
    answer_columns,
    error_columns,
    unread_columns,
    unreadable_columns,
)
from routereval.importers.column_words import (
    are_models,
    plain_name,
)
from routereval.importers.examined import listed_names
from routereval.importers.json_layout import (
    Cells,
    is_inside,
    may_be_inside,
    rows_in_lists,
    scores_inside,
)
from routereval.importers.model_columns import (
    axis_columns,
    cost_columns,
    model_columns,
    refuse_no_models,
    refuse_no_prompts,
)
from routereval.importers.prompt_columns import INDEX, name_prompts
from routereval.importers.rows import RowError, axis_in
from routereval.importers.table_roles import NAMED_LISTS, ROLES, WORDS_ONLY
from routereval.importers.unscored import (
    GIVEN,
    answered,
    answers_of_one,
    may_be_models,
    may_be_scores,
    unscored,
)
from routereval.records.axes import AXIS_ROLES

_NO_MODEL = {
    *(*INDEX, *GOLD, "split", "prediction", "response", "output", "completion", "ignore"),
}
_METRIC_NAMES = ("metric", "metric_name", "measure", "scorer", "score_name", "score_type")
_OUT_OF = ("max_score", "max_points", "total_points", "points_possible", "out_of", "full_marks")
_PAIRS = (("model_a", "model_b"), ("model_1", "model_2"), ("chosen", "rejected"))
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
        score_key: what the score is called in such objects, as the user gives it; None by the
            known names.
        per_file: True if the file is one model's.
        metric: the column that names the metric of each row, in a long table.
        facts: what became what.
        warnings: what may not be what was meant.
    """

    roles: Mapping[str, str]
    models: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, str] = field(default_factory=dict)
    nested: tuple[str, str | None] | None = None
    listed: str | None = None
    objects: tuple[str, ...] = ()
    score_key: str | None = None
    per_file: bool = False
    axes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    metric: str | None = None
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
        _refuse_pairs(file, names, cells)
        key = _key_inside(names, named, cells)
        if key is not None:
            named = _without(named, "score")
        roles = _roles(file, names, named, cells)
        _refuse_points(file, names, roles, cells)
        if "model" in roles or several_files:
            _name_verdicts(roles, names, cells)
        name_prompts(roles, names, named, cells, several_files=several_files)
        has = f"; it has {listed_names(filter(str.strip, names), 6)}{rows_in_lists(names, cells)}"
        _require(file, roles, "prompt_id", (), has, several_files=several_files)
        if "model" in roles and "score" in roles:
            return _long(file, roles, names, cells)
        if several_files and "score" in named and "models" not in named:
            return _with_facts(cls(roles, per_file=True), names, ["model: the file's name"])
        inside = scores_inside(names, cells, per_model="model" not in roles, score=key)
        if inside is not None:
            rest = _without(roles, *_OF_A_RECORD)
            layout = cls(rest, score_key=key, **inside.places())
            return _with_facts(layout, names, inside.facts)
        if "model" in roles:
            others = may_be_scores(names, roles, cells)
            _require(file, roles, "score", others, unscored(names, cells))
        if several_files and "score" in roles and "models" not in named:
            return _with_facts(cls(roles, per_file=True), names, ["model: the file's name"])
        return _wide(file, roles, names, named, cells, several_files=several_files)


def _key_inside(names: Sequence[str], named: Mapping[str, str], cells: Cells) -> str | None:
    """The score's name, as the user gives it, where it is no column but a key of objects."""
    key = named.get("score")
    return key if key and key not in names and is_inside(names, cells, key) else None


def _refuse_pairs(file: Path, names: Sequence[str], cells: Cells) -> None:
    """Refuse pairs of answers and which of them won."""
    plain = {plain_name(name): name for name in names}
    for pair in _PAIRS:
        if plain.keys() >= set(pair) and not all(are_scores(cells(plain[name])) for name in pair):
            raise DataError(
                f"{file}: holds pairs of answers ({', '.join(pair)}) and which won, not a "
                "score per model; such preferences are no records of scores: have each answer "
                "scored by itself, or against one reference model's (as AlpacaEval does)"
            )


def _roles(file: Path, names: list[str], named: Mapping[str, str], cells: Cells) -> dict[str, str]:
    wanted = {role: column for role, column in named.items() if role not in NAMED_LISTS}
    for role, column in wanted.items():
        if column not in names:
            shown = ", ".join(names[:20])
            raise DataError(f"{file}: there is no column {column!r} for {role}; it has: {shown}")
    by_name = {plain_name(name): name for name in reversed(names)}
    by_name |= {name.lower(): name for name in reversed(names)}
    named_so = {
        role: [by_name[alias] for alias in aliases if alias in by_name]
        for role, aliases in ROLES.items()
    }
    # Of several columns that may be the score, one such as "correct" may hold the right answer.
    named_so["score"].sort(key=lambda name: not are_scores(cells(name)))
    found = {role: columns[0] for role, columns in named_so.items() if columns}
    if "model" in found | wanted:
        found = _inner_roles(names) | found
    for role in [role for role in AXIS_ROLES if role in found]:
        if not _holds_numbers(cells(found[role])):
            del found[role]  # a word such as "fast"; nothing to refuse the scores for
    return {role: (found | wanted)[role] for role in ROLES if role in found | wanted}


def _refuse_points(
    file: Path, names: Sequence[str], roles: Mapping[str, str], cells: Cells
) -> None:
    """Refuse scores that are points out of what another column says."""
    for name in names:
        if plain_name(name) in _OUT_OF and name not in roles.values():
            points = [found for cell in cells(name) if (found := number_or_none(cell)) is not None]
            if any(number > 1 for number in points):
                raise DataError(
                    f"{file}: column {name!r} says what the scores are out of, such as "
                    f"{max(points):g}; divide them by it first, or leave it out by "
                    f"--columns 'ignore={name}' if they are shares already"
                )


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
    file: Path,
    roles: Mapping[str, str],
    role: str,
    others: Sequence[str] = (),
    why: str = "",
    *,
    several_files: bool = False,
) -> None:
    if role not in roles:
        needed = "" if role == "score" else "; records hold a score for each prompt, no means"
        if "model" in roles and role == "prompt_id":
            needed += (
                "; if columns are prompts, turn the table: a row per prompt, a column per model"
            )
        needed += f"; it may be {' or '.join(others[:6])}" if others else ""
        needed += why
        needed += "; take the file out of the folder if it holds none" if several_files else ""
        raise DataError(
            f"{file}: there is no column for {role} ({listed_names(ROLES[role], 8)}); "
            f"name it, as in --columns {role}=COLUMN{needed}"
        )


def _name_verdicts(roles: dict[str, str], names: Sequence[str], cells: Cells) -> None:
    """Where no column is the score by its name, take one whose words say how good answers were."""
    by_name = {plain_name(name): name for name in reversed(names) if name not in roles.values()}
    found = [by_name[alias] for alias in WORDS_ONLY if alias in by_name]
    verdicts = [name for name in found if are_verdicts(cells(name))]
    # Beside a prediction in such words, a label is the right answer, and neither is a score.
    given = any(plain in GIVEN and are_verdicts(cells(n)) for plain, n in by_name.items())
    if verdicts and not given:
        roles.setdefault("score", verdicts[0])


def _long(file: Path, roles: Mapping[str, str], names: list[str], cells: Cells) -> Layout:
    metric = next((n for n in names if plain_name(n) in _METRIC_NAMES), None)
    metric = None if metric in roles.values() else metric
    if metric is not None:
        refuse_metrics(file, metric, cells(metric))
    others = [name for name in names if name.lower() in ROLES["score"] and name != roles["score"]]
    others = [name for name in others if are_scores(cells(name))]
    warnings = [
        f"column {name!r} may be a score too; taken is {roles['score']!r} "
        f"(--columns score={name} takes the other)"
        for name in others
    ]
    warnings += error_columns([name for name in names if name != roles["score"]], cells)
    return _with_facts(Layout(roles, metric=metric, warnings=tuple(warnings)), names)


def refuse_metrics(file: Path, column: str, cells: Iterable[object]) -> None:
    """Refuse a table whose rows are of several metrics, as a column of it names them.

    Raises:
        DataError: if there is more than one.
    """
    metrics = list(dict.fromkeys(str(cell) for cell in cells if cell is not None and cell != ""))
    if len(metrics) > 1:
        raise DataError(
            f"{file}: column {column!r} names several metrics ({listed_names(metrics, 6)}), a "
            "row for each; keep the rows of the one that is the score"
        )


def _without(roles: Mapping[str, str], *which: str) -> dict[str, str]:
    return {role: column for role, column in roles.items() if role not in which}


def _wide(
    file: Path,
    roles: Mapping[str, str],
    names: list[str],
    named: Mapping[str, str],
    cells: Cells,
    *,
    several_files: bool,
) -> Layout:
    chosen = [name for name in named.get("models", "").split("|") if name]
    for name in chosen:
        if name not in names:
            raise DataError(f"{file}: there is no column {name!r} for models; it has: {names[:20]}")
    # A number beside a prompt may be a year or a key: names known for other roles are no models.
    known = {alias for aliases in ROLES.values() for alias in aliases} | _NO_MODEL
    free = [n for n in names if not {n.lower(), plain_name(n)} & known and n not in roles.values()]
    scored = [n for n in free if are_scores(cells(n))]
    words = [n for n in scored if _ambiguous_words(cells(n))] if not chosen else []
    numbers = [n for n in scored if n not in words] or scored
    words = [n for n in words if n not in numbers]
    models = {name: name for name in chosen} or model_columns(file, numbers)
    answers = answers_of_one(names, cells) if not chosen else None
    if not chosen:
        if models:
            refuse_no_prompts(file, roles, list(models), cells)
        why = "" if "score" in roles else unscored(names, cells) or answered(free, names, cells)
        why = why or may_be_inside(names, cells) or may_be_models(names)
        refuse_no_models(
            file,
            roles,
            models,
            numbers,
            cells,
            why,
            answers=answers,
            several_files=several_files,
        )
    costs, axes = cost_columns(models, free), axis_columns(models, free)
    rest = _without(roles, *_OF_A_RECORD)
    facts = [f"models: the columns {listed_names(models.values())}"]
    facts += [f"costs: the columns {listed_names(costs.values())}"] if costs else []
    facts += [f"{axis}: the columns {listed_names(of.values())}" for axis, of in axes.items()]
    beside = {*costs.values(), *(column for of in axes.values() for column in of.values())}
    of_models = {*models.values()}
    warnings = [
        *(_unowned(roles, [*models.values()], words) if not chosen else ()),
        *answer_columns([n for n in names if n not in words], models.values(), cells),
        *error_columns([n for n in names if n not in of_models], cells),
    ]
    if not chosen:
        known = beside | {*scored}
        others = [n for n in free if n not in known]
        warnings += [*unreadable_columns(others, models, cells), *_alone(models)]
    if answers is not None:
        warnings.append(
            f"column {answers!r} holds the answers of one model: if {listed_names(models, 3)} "
            "judged these, they are no models whose scores these are"
        )
    odd = [n for n in numbers if n not in of_models and n not in beside]
    if odd:
        facts.append(f"taken for no models: the columns {listed_names(odd)}")
    used = {*of_models, *beside, *odd, *words}
    layout = Layout(rest, models=models, costs=costs, axes=axes, warnings=tuple(warnings))
    return _with_facts(layout, [n for n in names if n not in used], facts)


def _unowned(
    roles: Mapping[str, str], models: Sequence[str], words: Sequence[str]
) -> Iterator[str]:
    """Warnings of scores that are left out, as no column says whose, or as they may be answers."""
    if "score" in roles:
        yield f"column {roles['score']!r} may be a score, but no column says whose: it is left out"
    if words:
        yield (
            f"columns of yes and no are left out: {listed_names(words)}; if they are models, name "
            f"all by --columns 'models={'|'.join([*models, *words][:6])}'"
        )


def _alone(models: Mapping[str, str]) -> Iterator[str]:
    """A warning of the one column that is taken for a model's, where its name is no model's."""
    if len(models) == 1 and not are_models(models):
        only = next(iter(models.values()))
        yield (
            f"only column {only!r} is taken for a model's scores; if it is a metric of one model, "
            "give that model's column too (--columns model=NAME), or a folder of models' files "
            f"with --columns score={only}"
        )


def _ambiguous_words(cells: Sequence[object]) -> bool:
    """Whether a column holds yes and no as texts, which may be answers as well as scores."""
    held = [cell.strip().lower() for cell in cells if isinstance(cell, str) and is_word(cell)]
    return (
        bool(held)
        and set(held) <= {"yes", "no", "y", "n", "true", "false"}
        and not (set(held) <= {"true", "false"})
    )


def _with_facts(layout: Layout, names: Sequence[str], facts: Sequence[str] = ()) -> Layout:
    shown = [
        f"{role}: {f'column {column!r}' if column else 'the keys, or the column without a name'}"
        for role, column in layout.roles.items()
    ]
    inside = {*(layout.nested or ()), layout.listed, *layout.objects}
    used = {*layout.roles.values(), *inside}
    rest = [name for name in names if name not in used and name.strip()]
    more = [f"left out: the columns {listed_names(rest)}"] if rest else []
    warnings = unread_columns(rest, layout.roles, costs=bool(layout.costs))
    return replace(layout, facts=(*facts, *shown, *more), warnings=(*layout.warnings, *warnings))
