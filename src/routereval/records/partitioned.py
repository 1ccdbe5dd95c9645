"""Parquet tables in many parts, too large for one machine: imported on Dask workers.

Every part is read once, by one worker, which keeps its cells as numbers. The names of all parts are
joined in the order of the parts; then the cells are dealt out to blocks of LLMs, each of which a
worker makes into a matrix. Whichever worker is first, and whichever is lost on the way, the records
are those that the importer ``table`` makes of the same files, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import bits
from routereval.records.cluster import at_worker, connected
from routereval.records.importers.long import files_in, prompt_table
from routereval.records.importers.routereval_raw import refuse_options
from routereval.records.importers.table import NAME, column_names
from routereval.records.matrix import BinaryMatrix, RealMatrix
from routereval.records.parts import (
    KNOWN,
    Block,
    Cells,
    Names,
    Part,
    Shape,
    Summary,
    dealt_out,
    hand_of,
    joined,
    made_block,
    planned,
    read_part,
    summary_of,
)
from routereval.records.records import Records, model_table, read_records, write_collection
from routereval.records.records import prompt_table as stored_prompts
from routereval.records.routereval import reference_of

if TYPE_CHECKING:
    from distributed import Client, Future

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

CELLS = 1 << 24
"""About how many cells of the matrix one worker makes at a time."""

_JOINED = 16  # summaries that are joined in one step


def import_partitioned(
    source: str | Path,
    dest: str | Path,
    scheduler: str,
    *,
    columns: str | Mapping[str, str] | None = None,
    rescale: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: object,
) -> list[Records]:
    """Import a folder of Parquet parts, a row a record or a row a prompt, on Dask workers.

    Workers hold a few bytes for each record between them, this process the finished scores.

    Args:
        source: the folder of parts, or one file; every worker must see it under the same path.
        dest: the collection's folder, which appears whole or not at all; workers need not see it.
        scheduler: the address of the Dask scheduler, such as ``tcp://10.0.0.1:8786``.
        columns: role=column pairs where the names differ from those that are known.
        rescale: map each benchmark's range of scores onto [0, 1].
        overwrite: replace a folder that exists.
        progress: called as the import proceeds.
        options: none is known.

    Raises:
        DataError: if the parts cannot be read or contradict each other, the folder exists, or the
            scheduler does not answer.
        MissingDependencyError: if the package distributed is not installed.
        SpecError: if `columns` is not of that form, or another option is given.
    """
    refuse_options(NAME, options)
    named, path, report = column_names(columns), Path(source), progress or (lambda *_: None)
    files = [file.absolute() for file in files_in(path, "*.parquet")]
    if not files:
        raise DataError(
            f"{path} holds no .parquet file; other tables are imported without --scheduler"
        )
    benchmark = path.absolute().stem if path.is_file() else path.absolute().name
    read = partial(read_part, benchmark=benchmark, named=named, rescale=rescale)
    with connected(scheduler) as client:
        found = _records(client, at_worker(read, [path]), files, str(source), rescale, report)
        folders = write_collection(found, Path(dest), overwrite=overwrite)
    return [read_records(folder) for folder in folders]


def _records(
    client: Client,
    read: Callable[[Path], Part],
    files: Sequence[Path],
    source: str,
    rescale: bool,
    report: Progress,
) -> Iterator[Records]:
    """The records of each benchmark, as soon as all its blocks are there."""
    parts = client.map(read, files, pure=False)
    summaries = client.map(summary_of, parts, pure=False)
    for done, future in enumerate(summaries):
        report("parts", done, len(files))
        error = future.exception()  # type: ignore[no-untyped-call]
        if error is not None:  # in the order of the parts: of several always the same
            raise error
    report("parts", len(files), len(files))
    summary = _joined(client, summaries)
    plan = client.submit(planned, summary, rescale, CELLS, pure=False)
    dealt = client.map(dealt_out, parts, [plan] * len(parts), pure=False)
    told, shapes = summary.result(), plan.result()
    del parts, summaries, summary  # workers may forget them once they are dealt
    blocks = {
        name: [_block(client, dealt, plan, name, at) for at in range(shape.n_blocks)]
        for name, shape in shapes.items()
    }
    del dealt
    n_blocks, done = sum(map(len, blocks.values())), 0
    for name, futures in blocks.items():
        finished = []
        while futures:
            report("blocks of LLMs", done, n_blocks)
            finished.append(futures.pop(0).result())
            done += 1
        yield _assembled(shapes[name], told.benchmarks[name], finished, source)
    report("blocks of LLMs", done, n_blocks)


def _joined(client: Client, summaries: Sequence[Future[Summary]]) -> Future[Summary]:
    """One summary of all parts, joined a few at a time, neighbours only."""
    while True:
        summaries = [
            client.submit(joined, list(summaries[at : at + _JOINED]), pure=False)
            for at in range(0, len(summaries), _JOINED)
        ]
        if len(summaries) == 1:
            return summaries[0]


def _block(
    client: Client,
    dealt: Sequence[Future[dict[tuple[str, int], Cells]]],
    plan: Future[dict[str, Shape]],
    name: str,
    at: int,
) -> Future[Block]:
    hands = client.map(hand_of, dealt, [name] * len(dealt), [at] * len(dealt), pure=False)
    return client.submit(made_block, hands, plan, name, at, pure=False)


def _assembled(shape: Shape, names: Names, blocks: Sequence[Block], source: str) -> Records:
    """The records of a benchmark, from all its blocks."""
    known = [
        [names.known[role].get(prompt) for prompt in shape.prompts] if role in names.known else None
        for role in KNOWN
    ]
    return Records(
        name=shape.name,
        scores=_one_matrix([block.scores for block in blocks]),
        models=tuple(shape.models),
        prompts=stored_prompts(prompt_table(shape.name, shape.prompts, *known)),
        model_info=model_table(shape.models, None),
        costs=_one_plane(blocks),
        features={},
        meta={
            "source": source,
            "licence": "",
            "reference": reference_of(shape.name, len(shape.prompts)),
            "simulated": False,
            "published": None,
        },
    )


def _one_matrix(blocks: Sequence[BinaryMatrix | RealMatrix]) -> BinaryMatrix | RealMatrix:
    binary = [block for block in blocks if isinstance(block, BinaryMatrix)]
    if len(binary) < len(blocks):
        return RealMatrix(np.concatenate([_values(block) for block in blocks]))
    seen = None
    if any(block.seen is not None for block in binary):
        seen = np.concatenate([_seen(block) for block in binary])
    words = np.concatenate([block.words for block in binary])
    return BinaryMatrix(words, binary[0].n_prompts, seen)


def _values(block: BinaryMatrix | RealMatrix) -> NDArray[np.floating]:
    return block.values if isinstance(block, RealMatrix) else block.dense().T.astype(np.float32)


def _seen(block: BinaryMatrix) -> bits.Words:
    n_prompts, n_models = block.shape
    return bits.pack(np.ones((n_models, n_prompts), bool)) if block.seen is None else block.seen


def _one_plane(blocks: Sequence[Block]) -> NDArray[np.float32] | None:
    if all(block.costs is None for block in blocks):
        return None
    planes = [
        np.full(block.scores.shape[::-1], np.nan, np.float32)
        if block.costs is None
        else block.costs
        for block in blocks
    ]
    return np.concatenate(planes)
