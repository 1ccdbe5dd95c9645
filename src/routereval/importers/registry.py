"""Importers by name, and the one that recognises a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from routereval.errors import DataError, SpecError, unknown
from routereval.importers.importer import Importer
from routereval.importers.unread import nearest_reason, table_reason
from routereval.records.draft import Draft
from routereval.records.folder import read_records, write_collection
from routereval.records.records import Records
from routereval.registry import Registry
from routereval.regular_files import special_kind
from routereval.whole_folders import replaced_copy

_LAST = "table"  # which many folders resemble
_AUTO = "auto"


def _checked(found: object, name: str) -> Importer:
    if isinstance(found, Importer):
        return found
    raise SpecError(f"format {name!r} is {found!r}, which is no routereval.importers.Importer")


IMPORTERS: Registry[Importer] = Registry(
    "format",
    "routereval.importers",
    # In the order in which a source is recognised.
    {
        "neutral": "neutral:IMPORTER",
        "routereval-raw": "routereval_raw:IMPORTER",
        "routereval-dataset": "routereval_dataset:IMPORTER",
        "lm-eval": "lm_eval:IMPORTER",
        "inspect": "inspect_log:IMPORTER",
        "openai-evals": "openai_evals:IMPORTER",
        "gateway-log": "gateway_log:IMPORTER",
        "routerbench": "routerbench:IMPORTER",
        "routellm": "routellm:IMPORTER",
        "routerarena": "routerarena:IMPORTER",
        "llmrouter": "llmrouter:IMPORTER",
        "llmrouterbench": "llmrouterbench:IMPORTER",
        "embedllm": "embedllm:IMPORTER",
        "sprout": "sprout:IMPORTER",
        "mixinstruct": "mixinstruct:IMPORTER",
        "alpaca_eval": "alpaca_eval:IMPORTER",
        "terminal-bench": "terminal_bench:IMPORTER",
        "harbor": "harbor:IMPORTER",
        "aider": "aider:IMPORTER",
        "livecodebench": "livecodebench:IMPORTER",
        "livebench": "livebench:IMPORTER",
        "hal": "hal:IMPORTER",
        "arc-agi": "arc_agi:IMPORTER",
        "deepeval": "deepeval:IMPORTER",
        "openai-eval-runs": "openai_eval_runs:IMPORTER",
        "opencompass": "opencompass:IMPORTER",
        "evalscope": "evalscope:IMPORTER",
        "lighteval": "lighteval:IMPORTER",
        "bfcl": "bfcl:IMPORTER",
        "evalplus": "evalplus:IMPORTER",
        "swe-bench": "swe_bench:IMPORTER",
        "helm": "helm:IMPORTER",
        "promptfoo": "promptfoo:IMPORTER",
        "tau-bench": "tau_bench:IMPORTER",
        "mt-bench": "mt_bench:IMPORTER",
        "every-eval-ever": "every_eval_ever:IMPORTER",
        "otel-genai": "otel_genai:IMPORTER",
        "langfuse": "langfuse:IMPORTER",
        "langsmith": "langsmith:IMPORTER",
        "braintrust": "braintrust:IMPORTER",
        "table": "table:IMPORTER",
    },
    home="routereval.importers",
    checked=_checked,
    summary=lambda found: found.summary,
    parameters=lambda found: found.options(),
    reserved={_AUTO: "'auto' is whichever format recognises the source"},
)
"""Every importer by name."""


def importer(name: str, path: Path, *, otherwise: str = "") -> Importer:
    """The importer of that name; for ``auto``, the first that recognises the source.

    Args:
        name: a name of `IMPORTERS`, or ``auto``.
        path: the source.
        otherwise: the importer of what none recognises, by name.

    Raises:
        SpecError: if no importer has that name.
        DataError: if the source does not exist, or no importer recognises it.
    """
    if name != _AUTO and name not in (known := IMPORTERS.known()):
        raise unknown("format", name, [*known, _AUTO])
    if not path.exists():
        left = replaced_copy(path)
        raise DataError(
            f"{path} does not exist{left}; give a folder of records or of results, or 'demo'"
        )
    if kind := special_kind(path):
        raise DataError(f"{path} is {kind}, not a file; write what comes from it to one")
    if name != _AUTO:
        return IMPORTERS[name]
    found = _recognising(path, otherwise)
    if found is not None:
        return found
    empty = path.is_dir() and not any(path.iterdir())
    what = "is an empty folder" if empty else "is of no known format"
    if reason := nearest_reason(path):
        raise DataError(f"{path} {what}: {reason}; `routereval list formats` names the known ones")
    known_names = ", ".join(IMPORTERS.known())
    raise DataError(f"{path} {what}; known formats: {known_names}, or a folder of records")


def _recognising(path: Path, otherwise: str) -> Importer | None:
    """The first importer that recognises a source, else the other one; None without any.

    Raises:
        DataError: if it only looks like a plain table.
    """
    for found in _in_order():
        if found.name == _LAST and not otherwise and (reason := table_reason(path)):
            raise DataError(f"{path} is of no known format: {reason}")
        if found.recognise(path):
            return found
    return IMPORTERS[otherwise] if otherwise else None


def _in_order() -> Iterator[Importer]:
    """All importers, the plain table after those of other packages."""
    for name in sorted(IMPORTERS.known(), key=_LAST.__eq__):
        try:
            yield IMPORTERS[name]
        except SpecError:  # another package's that cannot be loaded harms only who asks for it
            if name in IMPORTERS:
                raise


def _without_warnings(drafts: Iterator[Draft]) -> Iterator[Draft]:
    """The drafts; once all have come, their warnings are an error."""
    warnings = []
    for draft in drafts:
        warnings += [f"{draft.name}: {line}" for line in draft.warnings]
        yield draft
    if warnings:
        raise DataError("\n".join(["warnings are errors where an import is strict:", *warnings]))


def import_records(
    format_name: str,
    source: str | Path,
    dest: str | Path,
    *,
    overwrite: bool = False,
    strict: bool = False,
    **options: Any,  # noqa: ANN401
) -> list[Records]:
    """Read foreign results and write them as a collection of records.

    Args:
        format_name: a name of `IMPORTERS`, or ``auto``.
        source: the file or folder to read.
        dest: the collection's folder, which appears whole or not at all.
        overwrite: replace a folder that exists.
        strict: take warnings of the import's report for errors.
        options: what the importer takes, such as ``scale="0,100"``.

    Raises:
        DataError: if the source cannot be read or the folder exists, or on warnings if strict.
    """
    path = Path(source)
    # Columns that are named may be what a plain table lacks to be recognised.
    otherwise = _LAST if options.get("columns") else ""
    drafts = importer(format_name, path, otherwise=otherwise).drafts(path, **options)
    drafts = _without_warnings(drafts) if strict else drafts
    return [read_records(p) for p in write_collection(drafts, Path(dest), overwrite=overwrite)]
