"""The test prompts of a run, kept beside its results so that a report can show them.

What is kept is bounded: `MOST_PROMPTS` prompts per benchmark, `MOST_TEXT` characters of each, and
the scores and costs of `MOST_MODELS` models of the pools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.whole_files import whole_file

MOST_PROMPTS = 20_000
MOST_TEXT = 1_000
MOST_MODELS = 32
_NAME = 24
_FACTS = "routereval"


@dataclass(frozen=True, eq=False)
class KeptPrompts:
    """Test prompts of one benchmark, and what each model scored on them.

    Attributes:
        benchmark: name of the records.
        rows: (n_prompts,) which prompts of the records they are, rising.
        ids: their names.
        subsets: the subset of each.
        groups: (n_prompts,) the code of the group of equal prompts that each belongs to.
        texts: their texts, cut after `MOST_TEXT` characters; None where there is none.
        models: the models of the pools, `MOST_MODELS` at most.
        scores: (n_prompts, n_models) in [0, 1], NaN where not observed.
        costs: (n_prompts, n_models) USD per call, NaN where unknown; None if unknown throughout.
        n_test: how many test prompts there were.
    """

    benchmark: str
    rows: NDArray[np.int64]
    ids: tuple[str, ...]
    subsets: tuple[str, ...]
    groups: NDArray[np.int64]
    texts: tuple[str | None, ...]
    models: tuple[str, ...]
    scores: NDArray[np.float32]
    costs: NDArray[np.float32] | None
    n_test: int

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) the place of each row of the records here; -1 for those that were not kept."""
        if not len(self.rows):
            return np.full(len(rows), -1)
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[place] == rows, place, -1)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        import polars as pl

        kind = pl.List(pl.Float32)
        costs = [None] * len(self.rows) if self.costs is None else self.costs.tolist()
        table = pl.DataFrame(
            {
                "row": self.rows,
                "prompt_id": pl.Series(self.ids, dtype=pl.String),
                "subset": pl.Series(self.subsets, dtype=pl.String),
                "group": self.groups,
                "text": pl.Series(self.texts, dtype=pl.String),
                "scores": pl.Series(self.scores.tolist(), dtype=kind),
                "costs": pl.Series(costs, dtype=kind),
            }
        )
        facts = {"benchmark": self.benchmark, "models": self.models, "n_test": self.n_test}
        path.parent.mkdir(exist_ok=True)
        held = {_FACTS: json.dumps(facts)}
        with whole_file(path) as part:
            table.write_parquet(part, compression="zstd", statistics=False, metadata=held)

    @classmethod
    def load(cls, path: Path) -> KeptPrompts:
        """Read what `save` wrote.

        Raises:
            DataError: if the file is damaged.
        """
        import polars as pl
        from polars.exceptions import PolarsError

        try:
            table = pl.read_parquet(path)
            facts = json.loads(pl.read_parquet_metadata(path)[_FACTS])
            n = (len(table), len(facts["models"]))
            costs = None if table["costs"].null_count() else _matrix(table["costs"], n)
            return cls(
                facts["benchmark"],
                table["row"].to_numpy().astype(np.int64),
                tuple(table["prompt_id"].to_list()),
                tuple(table["subset"].to_list()),
                table["group"].to_numpy().astype(np.int64),
                tuple(table["text"].to_list()),
                tuple(facts["models"]),
                _matrix(table["scores"], n),
                costs,
                int(facts["n_test"]),
            )
        except (PolarsError, OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{path}: damaged ({reason}); delete it and run again") from None


class PromptsFolder(Mapping[str, KeptPrompts]):
    """The prompts that a run kept, by the hash of their records; each is read when it is asked for.

    Args:
        path: the folder; it may not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, KeptPrompts] = {}

    def file(self, records: str) -> Path:
        """Where the prompts of the records of this hash are, or would be."""
        return self.path / f"{records[:_NAME]}.parquet"

    def __getitem__(self, records: str) -> KeptPrompts:
        if records not in self._read:
            file = self.file(records)
            if not file.is_file():
                raise KeyError(records)
            self._read[records] = KeptPrompts.load(file)
        return self._read[records]

    def __iter__(self) -> Iterator[str]:
        found = sorted(self.path.glob("*.parquet")) if self.path.is_dir() else []
        return iter([file.stem for file in found])

    def __len__(self) -> int:
        return len(list(iter(self)))


def _matrix(column: object, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Lists of numbers as an array; null is NaN."""
    held = np.array(
        [[np.nan if one is None else one for one in row] for row in column.to_list()],  # type: ignore[attr-defined]
        dtype=np.float32,
    )
    return held.reshape(shape)
