"""Which files of a folder hold a table, and what their names and folders say of all their rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from routereval.errors import DataError
from routereval.importers.column_words import are_models, is_benchmark
from routereval.importers.examined import listed_names
from routereval.importers.rows import files_in
from routereval.importers.table_files import ENDS, has_end

_DEEPEST = 4  # folders within each other
_OF_FILES = frozenset(
    {
        *("output", "outputs", "result", "results", "score", "scores", "scored", "eval", "evals"),
        *("evaluation", "evaluations", "evaluated", "prediction", "predictions", "preds", "pred"),
        *("response", "responses", "completion", "completions", "answer", "answers", "judged"),
        *("samples", "detailed", "details", "graded", "grades", "run", "runs", "log", "logs"),
    }
)
"""Words in the names of files that are no part of the model's."""
_OF_RUNS = frozenset(
    {
        *("trial", "trials", "seed", "rep", "repeat", "iter", "iteration", "attempt", "epoch"),
        *("temp", "temperature", "part", "chunk", "shard", "fold", "batch", "checkpoint", "final"),
    }
)
"""Words in the names of files that hold runs, or parts, of one model's results."""
_WORD_OR_NUMBER = re.compile(r"[^\W\d_]+|\d+")
_SEVERAL = 2
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def table_files(path: Path) -> list[Path]:
    """The files of a table: itself, or those of a folder, of the first kind that is there.

    These lie in the folder or its ``data``; in folders such as ``model=NAME``; where all have one
    name, or the names of benchmarks, in a folder for each model; where the folders have the names
    of benchmarks, in one for each; where folders of models hold files of the same names, or folders
    of the same names those of models; or in the one folder below it that has any.
    """
    if path.is_file():
        return [path] if has_end(path, *ENDS) else []
    nested = ["*=*/" * depth for depth in range(1, _DEEPEST + 1)]
    for folders in ([""], ["data/"], nested):
        found = (files_in(path, *(f"{above}*{end}" for above in folders)) for end in ENDS)
        if files := next((files for files in found if files), []):
            return files
    for end in (*ENDS[1:], ENDS[0]):
        files = files_in(path, f"*/*{end}")
        if len(files) > 1 and (_roles_of_names(tuple(files)).folder or _have_one_name(files)):
            return files
    below = tables_below(path)
    return below if len({file.parent for file in below}) == 1 else []


def tables_below(path: Path) -> list[Path]:
    """The files that may hold tables in the folders below a folder, of the first kind there is."""
    for depth in range(1, _DEEPEST + 1):
        for end in ENDS:
            if files := files_in(path, f"{'*/' * depth}*{end}"):
                return files
    return []


def tables_of_other_kinds(path: Path, files: Sequence[Path]) -> list[Path]:
    """Files of a folder that may hold a table too, but are of another kind."""
    if path.is_file() or not files or files[0].parent != path:
        return []
    others = files_in(path, *(f"*{end}" for end in ENDS))
    return [file for file in others if file not in files]


def table_name(file: Path) -> str:
    """A file's name without what says its kind."""
    end = next((end for end in sorted(ENDS, key=len, reverse=True) if has_end(file, end)), "")
    return file.name[: len(file.name) - len(end)] if end else file.stem


def model_of(file: Path, files: Sequence[Path]) -> str:
    """The model whose file it is: the file's name, or the folder's that holds it.

    What the names of all files begin or end with, such as ``results_``, is no part of the model's.
    """
    if _roles_of_names(tuple(files)).folder == "model":
        return file.absolute().parent.name
    return _bare_names(tuple(files))[table_name(file)]


@lru_cache(maxsize=4)
def _bare_names(files: tuple[Path, ...]) -> dict[str, str]:
    """Each name without what all begin with up to a word of `_OF_FILES`, and end with from one on.

    >>> _bare_names((Path("my_output_gpt-4_v2_results.csv"), Path("my_output_o1_v2_results.csv")))
    {'my_output_gpt-4_v2_results': 'gpt-4_v2', 'my_output_o1_v2_results': 'o1_v2'}
    """
    names = list(map(table_name, files))
    words = [name.split("_") for name in names]
    n_first = _n_of_all(words)
    n_last = _n_of_all([list(reversed(parts)) for parts in words])
    bare = ["_".join(parts[n_first : len(parts) - n_last]) for parts in words]
    different = all(bare) and len(set(bare)) == len(set(names)) > 1
    return dict(zip(names, bare if different else names, strict=True))


def _n_of_all(names: Sequence[Sequence[str]]) -> int:
    """How many first words of all names are the same and go up to a word of files."""
    n_same = next((n for n, words in enumerate(zip(*names)) if len(set(words)) > 1), 0)  # noqa: B905
    of_files = [n for n in range(n_same) if names[0][n].lower() in _OF_FILES]
    return of_files[-1] + 1 if of_files else 0


def are_runs(names: Iterable[str]) -> bool:
    """Whether names are those of runs or parts, not of models: numbers, beside known words at most.

    >>> are_runs(["temp0.7_run1_results", "seed2"]), are_runs(["part-1"]), are_runs(["o1", "run1"])
    (True, True, False)
    """
    words = [_WORD_OR_NUMBER.findall(name.lower()) for name in names]
    known = all(w.isdigit() or w in _OF_RUNS or w in _OF_FILES for held in words for w in held)
    return known and all(any(w.isdigit() for w in held) for held in words)


@lru_cache(maxsize=4)  # asked for each of the files
def _models_are_runs(files: tuple[Path, ...]) -> bool:
    """Whether several models that files are named for are called as runs are."""
    if _roles_of_names(files).folder == "model":
        models = {file.absolute().parent.name for file in files}
    else:
        models = {*_bare_names(files).values()}
    return len(models) > 1 and are_runs(models)


def refuse_runs(path: Path, files: Sequence[Path]) -> None:
    """Refuse files that would each be taken for a model's, but are called as runs are.

    Raises:
        DataError: if they are.
    """
    if _models_are_runs(tuple(files)):
        raise DataError(
            f"{path}: its files are called as runs or parts are "
            f"({listed_names(map(table_name, files), 3)}), and no column names the model: call "
            "each file by its model, give the folder above if the folders in it are called so, or "
            "write columns 'model' and 'trial'"
        )


def runs_as_benchmarks(files: Sequence[Path]) -> Iterator[str]:
    """A warning of files that are taken for benchmarks, but are called as runs are."""
    names = list(dict.fromkeys(map(table_name, files)))
    if len(names) > 1 and are_runs(names):
        yield (
            f"files of one name are a benchmark, but are called as runs or parts are "
            f"({listed_names(names, 3)}): for runs of one benchmark write a column 'trial'"
        )


def columns_of_all(file: Path, path: Path, files: Sequence[Path]) -> Mapping[str, str]:
    """What holds for all rows of a file, by column: what folders such as ``model=NAME`` say."""
    roles = _roles_of_names(tuple(files))
    found = {"benchmark": table_name(file)} if roles.file == "benchmark" else {}
    if path.is_dir() and roles.folder == "benchmark":
        found = {"benchmark": file.absolute().parent.name}
    if path.is_dir():
        for folder in file.relative_to(path).parts[:-1]:
            column, sign, value = folder.partition("=")
            if sign and value != _NO_VALUE:
                found[column] = unquote(value)
    return found


def are_benchmarks(files: Sequence[Path]) -> bool:
    """Whether several files are called as benchmarks are, each by another's name or in a folder."""
    return len(files) > 1 and all(is_benchmark(table_name(file)) for file in files)


class _Roles(NamedTuple):
    """What the names of folders and files stand for: ``model``, ``benchmark`` or nothing."""

    folder: str
    file: str


@lru_cache(maxsize=4)  # asked for each of the files
def _roles_of_names(files: tuple[Path, ...]) -> _Roles:
    """What the names of files stand for, and those of their folders.

    In folders with files of the same names, one of both are models, as their names tell.
    """
    if len({file.parent for file in files}) < _SEVERAL:
        return _Roles("", "benchmark" if are_benchmarks(files) else "model")
    if _in_benchmarks(files):
        return _Roles("benchmark", "model")
    if are_benchmarks(files):
        return _Roles("model", "benchmark")
    if _have_one_name(files):
        return _Roles("model", "")
    folders = are_models({file.absolute().parent.name for file in files})
    if _have_the_same_names(files) and folders != are_models(map(table_name, files)):
        return _Roles("model", "benchmark") if folders else _Roles("benchmark", "model")
    return _Roles("", "model")


def _have_the_same_names(files: Sequence[Path]) -> bool:
    """Whether all folders have at least half of the names of files, and several."""
    names: dict[Path, set[str]] = {}
    for file in files:
        names.setdefault(file.parent, set()).add(file.name)
    of_all = set.intersection(*names.values())
    return len(of_all) >= _SEVERAL and 2 * len(of_all) >= len(set.union(*names.values()))


def _in_benchmarks(files: Sequence[Path]) -> bool:
    """Whether files lie in folders that are called as benchmarks are."""
    folders = {file.absolute().parent for file in files}
    return len(folders) > 1 and all(is_benchmark(folder.name) for folder in folders)


def _have_one_name(files: Sequence[Path]) -> bool:
    return len({file.name for file in files}) == 1
