"""What an importer is: a value that knows how to recognise and read one format, with a sample."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from routereval.errors import DataError, SpecError
from routereval.importers.examined import examined, listed_names
from routereval.importers.scale import Scale
from routereval.importers.source_files import repeated_keys
from routereval.number_of import number_of
from routereval.records.draft import Draft
from routereval.registry import defaults

_WIDE_SCALE = 5.0
_MOST_KEYS = 3

Sample = Mapping[str, Any]
"""Files by name, each with its content: text, or what its ending (.json, .jsonl, .csv, .parquet,
.pkl) is written from."""


@dataclass(frozen=True)
class Importer:
    """One format.

    Attributes:
        name: how it is named on the command line.
        summary: one line that describes it.
        recognise: True if a file or folder is of this format; it never raises.
        read: one draft per benchmark of a file or folder; its options are keyword-only parameters.
        sample: a small source of this format, which `recognise` knows and `read` takes; tests read
            it, damage it and read it again.

    >>> from routereval.importers import IMPORTERS
    >>> IMPORTERS["mixinstruct"].options()
    {'metric': 'bertscore', 'rescale': False}
    """

    name: str
    summary: str
    recognise: Callable[[Path], bool]
    read: Callable[..., Iterator[Draft]]
    sample: Sample

    def options(self) -> dict[str, Any]:
        """The options of `read` with their defaults."""
        return {name: value for name, value in defaults(self.read).items() if name != "path"}

    def drafts(self, path: Path, **options: Any) -> Iterator[Draft]:  # noqa: ANN401
        """Read a source, once its options are seen to be known.

        Args:
            path: the file or folder.
            options: those of `read`; one that is not set (None, False) is left out.
                ``prompt_texts`` names a file of the prompts' ids and texts, for what has no texts
                itself. Where `read` takes ``rescale``, ``scale``, ``missing``, ``worth`` and
                ``clip`` declare it, as in `Scale.of`.

        Raises:
            SpecError: if the format has no such option, or ``rescale`` comes without a scale.
            DataError: if the source cannot be read.
        """
        given = {name: value for name, value in options.items() if value}
        file = given.pop("prompt_texts", None)
        scale = _declared(given) if "rescale" in self.options() else None
        if scale is not None:
            given["rescale"] = scale
        for name in given:
            if name not in self.options():
                known = ", ".join(self.options())
                remedy = f"it takes {known}" if known else "leave it out"
                raise SpecError(f"{self.name} takes no option {name!r}; {remedy}")
        drafts = self.read(path, **given)
        return self._examined(drafts if file is None else _with_texts(drafts, file), scale)

    def _examined(self, drafts: Iterator[Draft], scale: Scale | None) -> Iterator[Draft]:
        known = [] if scale is None else [f"scores: {scale}"]
        try:
            for draft, repeated in _with_repeated_keys(drafts):
                facts, warnings = (
                    [*draft.facts, *known],
                    [*draft.warnings, *repeated, *_of_scale(draft, scale)],
                )
                yield examined(replace(draft, format=self.name, facts=facts, warnings=warnings))
        except MemoryError:
            raise DataError(
                f"what {self.name} reads there does not fit into memory; give it in parts"
            ) from None


def _with_texts(drafts: Iterator[Draft], file: str | Path) -> Iterator[Draft]:
    """The drafts with the texts that a file has of their prompts."""
    from routereval.importers.prompt_file import read_prompts, with_prompts

    known = read_prompts(Path(file))
    return (with_prompts(draft, known) for draft in drafts)


def _with_repeated_keys(drafts: Iterator[Draft]) -> Iterator[tuple[Draft, list[str]]]:
    """Each draft, with a warning of objects of JSON that were read for it and name a key twice."""
    while True:
        with repeated_keys() as found:
            draft = next(drafts, None)
        if draft is None:
            return
        yield (
            draft,
            [
                f"{key!r} stands twice in {number_of(n, 'object')} of JSON: the last value counts"
                for key, n in found.most_common(_MOST_KEYS)
            ],
        )


def _of_scale(draft: Draft, scale: Scale | None) -> Iterator[str]:
    """A warning of models whose scores look as if they were on another scale than the rest's."""
    if scale is None or scale.low != 0 or scale.high < _WIDE_SCALE:
        return
    with np.errstate(all="ignore"):
        highest = np.fmax.reduce(draft.scores, axis=0)
    low = [m for m, top in zip(draft.models, highest, strict=True) if 0 < top * scale.high <= 1]
    if low and len(low) < len(draft.models):
        yield (
            f"no score of {listed_names(low)} exceeds 1 on a scale to {scale.high:g}: they may be "
            "on another scale than those of the other models; bring all to one"
        )


def _declared(options: dict[str, Any]) -> Scale | None:
    """The scale that options declare, which are taken out of them."""
    names = ("scale", "missing", "worth", "clip")
    found = {name: options.pop(name) for name in names if name in options}
    if found:
        texts = {name: str(found.get(name, "")) for name in ("scale", "missing", "worth")}
        return Scale.of(**texts, clip=bool(found.get("clip")))
    given = options.get("rescale")
    if given and not isinstance(given, Scale):
        raise SpecError(
            "rescale maps a declared scale, never the range that happens to be observed: give it "
            "with --scale LOW,HIGH, such as 0,100"
        )
    return given or None


def write_sample(sample: Sample, folder: Path) -> Path:
    """Write the files of a sample.

    Args:
        sample: as in `Importer`.
        folder: where; it is made.

    Returns:
        The folder.
    """
    for name, content in sample.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".parquet":
            import polars as pl

            pl.DataFrame(content).write_parquet(file)
        else:
            file.write_bytes(_bytes_of(content, file.suffix))
    return folder


def _bytes_of(content: Any, suffix: str) -> bytes:  # noqa: ANN401 - whatever a sample holds
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    if suffix == ".pkl":
        return pickle.dumps(content, protocol=4)
    if suffix == ".jsonl":
        return "".join(f"{json.dumps(row)}\n" for row in content).encode()
    return json.dumps(content, indent=1).encode()
