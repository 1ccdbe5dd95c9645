"""Which files of a folder hold a table, and what their names and folders say of all their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from routereval.importers.column_words import is_benchmark
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
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def table_files(path: Path) -> list[Path]:
    """The files of a table: itself, or those of a folder, of the first kind that is there.

    These lie in the folder or its ``data``; in folders such as ``model=NAME``; where all have one
    name, or the names of benchmarks, in a folder for each model; where the folders have the names
    of benchmarks, in one for each; or in the one folder below it that has any.
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
        of_each = _have_one_name(files) or are_benchmarks(files) or _in_benchmarks(files)
        if len(files) > 1 and of_each:
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
    in_folders = len({other.parent for other in files}) > 1
    if (
        in_folders
        and not _in_benchmarks(files)
        and (_have_one_name(files) or are_benchmarks(files))
    ):
        return file.absolute().parent.name
    return _bare_names([table_name(other) for other in files])[table_name(file)]


def _bare_names(names: Sequence[str]) -> dict[str, str]:
    """Each name without what all begin with up to a word of `_OF_FILES`, and end with from one on.

    >>> _bare_names(["my_output_gpt-4_v2_results", "my_output_o1_v2_results"])
    {'my_output_gpt-4_v2_results': 'gpt-4_v2', 'my_output_o1_v2_results': 'o1_v2'}
    """
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


def columns_of_all(file: Path, path: Path, files: Sequence[Path]) -> Mapping[str, str]:
    """What holds for all rows of a file, by column: what folders such as ``model=NAME`` say."""
    found = {"benchmark": table_name(file)} if are_benchmarks(files) else {}
    if path.is_dir() and _in_benchmarks(files):
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


def _in_benchmarks(files: Sequence[Path]) -> bool:
    """Whether files lie in folders that are called as benchmarks are."""
    folders = {file.absolute().parent for file in files}
    return len(folders) > 1 and all(is_benchmark(folder.name) for folder in folders)


def _have_one_name(files: Sequence[Path]) -> bool:
    return len({file.name for file in files}) == 1
