"""Which files of a folder hold a table, and what their names and folders say of all their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from routereval.importers.column_words import is_benchmark
from routereval.importers.rows import files_in
from routereval.importers.table_files import ENDS, has_end

_DEEPEST = 3  # folders of a partition within each other
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def table_files(path: Path) -> list[Path]:
    """The files of a table: itself, or those of a folder, of the first kind that is there.

    These lie in the folder or its ``data``; in folders such as ``model=NAME``; or, where all have
    one name, or the names of benchmarks, in a folder for each model.
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
        if len(files) > 1 and (_have_one_name(files) or are_benchmarks(files)):
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
    """The model whose file it is: the file's name, or the folder's that holds it."""
    in_folders = len({other.parent for other in files}) > 1
    if in_folders and (_have_one_name(files) or are_benchmarks(files)):
        return file.absolute().parent.name
    return table_name(file)


def columns_of_all(file: Path, path: Path, files: Sequence[Path]) -> Mapping[str, str]:
    """What holds for all rows of a file, by column: what folders such as ``model=NAME`` say."""
    found = {"benchmark": table_name(file)} if are_benchmarks(files) else {}
    if path.is_dir():
        for folder in file.relative_to(path).parts[:-1]:
            column, sign, value = folder.partition("=")
            if sign and value != _NO_VALUE:
                found[column] = unquote(value)
    return found


def are_benchmarks(files: Sequence[Path]) -> bool:
    """Whether several files are called as benchmarks are, each by another's name or in a folder."""
    return len(files) > 1 and all(is_benchmark(table_name(file)) for file in files)


def _have_one_name(files: Sequence[Path]) -> bool:
    return len({file.name for file in files}) == 1
