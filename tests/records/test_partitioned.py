from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.cli.import_ import import_command
from routereval.errors import DataError, SpecError
from routereval.records import Records, import_records, partitioned
from routereval.records.partitioned import import_partitioned
from tests.dask_cluster import kill_one, two_workers, wait_for_both

pytestmark = pytest.mark.slow  # processes of Dask are started

if TYPE_CHECKING:
    from distributed import LocalCluster


class Answer:
    """What a future is to its user, once it is there."""

    def __init__(self, value: object, error: Exception | None = None) -> None:
        self._value, self._error = value, error

    def result(self) -> object:
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> Exception | None:
        return self._error


class Here:
    """Does what the workers would, in this process and in order; real ones are met further down."""

    def submit(self, function: Callable[..., Any], *args: object, pure: bool) -> Answer:
        try:
            return Answer(function(*(_plain(arg) for arg in args)))
        except DataError as error:
            return Answer(None, error)

    def map(
        self, function: Callable[..., Any], *many: Sequence[object], pure: bool
    ) -> list[Answer]:
        return [self.submit(function, *args, pure=pure) for args in zip(*many, strict=True)]


def _plain(arg: Any) -> Any:  # noqa: ANN401 - futures, or lists of them, or anything else
    if isinstance(arg, list):
        return [_plain(one) for one in arg]
    return arg.result() if isinstance(arg, Answer) else arg


@pytest.fixture(scope="module")
def dask() -> Iterator[LocalCluster]:
    with two_workers() as found:
        yield found


@contextmanager
def connected_here(address: str) -> Iterator[Here]:
    yield Here()


def work_here(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(partitioned, "connected", connected_here)
    patch.setattr(partitioned, "CELLS", 25)  # two LLMs a block


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    work_here(monkeypatch)


def in_parts(folder: Path, *frames: pl.DataFrame) -> Path:
    folder.mkdir(parents=True)
    for n, frame in enumerate(frames):
        frame.write_parquet(folder / f"part-{n:03}.parquet")
    return folder


def long_table(n_prompts: int, n_models: int, *, seed: int = 0) -> pl.DataFrame:
    """All records of a table in a random order."""
    rng = np.random.default_rng(seed)
    cell = rng.permutation(n_prompts * n_models)
    return pl.DataFrame(
        {
            "model": [f"org/model_{c % n_models}" for c in cell],
            "prompt_id": [f"q{c // n_models}" for c in cell],
            "score": rng.integers(0, 2, len(cell)),
        }
    )


def cut(frame: pl.DataFrame, n_parts: int) -> list[pl.DataFrame]:
    step = -(-frame.height // n_parts)
    return [frame[at : at + step] for at in range(0, frame.height, step)]


def same_files(found: Path, expected: Path) -> bool:
    files = sorted(path.relative_to(expected) for path in expected.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(found) for p in found.rglob("*") if p.is_file())
    for file in files:
        assert (found / file).read_bytes() == (expected / file).read_bytes(), file
    return True


def same_both_ways(source: Path, scheduler: str = "", **options: Any) -> list[Records]:  # noqa: ANN401
    """The records, once they are seen to be those of the importer for one machine."""
    expected, found = source.parent / f"{source.name}-here", source.parent / f"{source.name}-there"
    import_records("table", source, expected, **options)
    records = import_partitioned(source, found, scheduler, **options)
    assert same_files(found, expected)
    return records


RNG = np.random.default_rng(5)
TABLE = long_table(11, 7)
N = TABLE.height
CASES: dict[str, tuple[pl.DataFrame, dict[str, Any]]] = {
    "all observed": (TABLE, {}),
    "some rows missing": (TABLE[::3], {}),
    "some scores null": (
        TABLE.with_columns(pl.when(pl.int_range(pl.len()) % 4 > 0).then("score").alias("score")),
        {},
    ),
    "real, exact in 32 bits": (TABLE.with_columns(pl.lit(0.25) * pl.col("score")), {}),
    "real, in need of 64": (TABLE.with_columns(score=pl.Series(RNG.random(N))), {}),
    "real only in the last part": (
        TABLE.with_columns(score=pl.Series([*[1.0] * (N - 5), 0.3, 0.5, 1, 0, 0.1])),
        {},
    ),
    "truth values": (TABLE.with_columns(pl.col("score").cast(pl.Boolean)), {}),
    "rescaled": (TABLE.with_columns(score=pl.Series(RNG.normal(size=N))), {"rescale": True}),
    "rescaled to 0 and 1": (TABLE.with_columns(pl.col("score") * 5), {"rescale": True}),
    "rescaled in 32 bits": (
        TABLE.with_columns(score=pl.Series(RNG.integers(0, 9, N).astype(float))),
        {"rescale": True},
    ),
    "costs": (TABLE.with_columns(cost=pl.Series(RNG.random(N))), {}),
    "some costs": (
        TABLE.with_columns(cost=pl.Series([None] * (N - 9) + RNG.random(9).tolist())),
        {},
    ),
    "benchmarks, texts, subsets, chance": (
        TABLE.with_columns(
            benchmark=pl.Series([["b", "a", "c"][n % 3] for n in range(N)]),
            prompt=pl.Series([None if n % 2 else f"why {n}?" for n in range(N)]),
            subset=pl.Series([None if n % 5 else f"part {n}" for n in range(N)]),
            chance=pl.Series([None if n % 7 else n / N for n in range(N)]),
        ),
        {},
    ),
    "other names of columns": (
        TABLE.rename({"model": "who", "score": "right"}),
        {"columns": "model=who, score=right"},
    ),
    "names of other kinds": (
        TABLE.with_columns(
            pl.col("model").cast(pl.Categorical), pl.col("prompt_id").str.slice(1).cast(pl.Int64)
        ),
        {},
    ),
    "costs that change": (
        pl.concat([TABLE.reverse(), TABLE[::2], TABLE, TABLE.reverse()]).with_columns(
            cost=pl.int_range(pl.len()) / 4
        ),
        {},
    ),
    "the same records twice": (pl.concat([TABLE, TABLE.reverse()]), {}),
    "wide": (
        TABLE.pivot("model", index="prompt_id", values="score", maintain_order=True),
        {},
    ),
}


@pytest.mark.parametrize("n_parts", [1, 5])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("here")
def test_records_are_those_of_one_machine(case: str, n_parts: int, tmp_path: Path) -> None:
    frame, options = CASES[case]
    same_both_ways(in_parts(tmp_path / "table", *cut(frame, n_parts)), **options)


def test_scores_by_hand(here: None, tmp_path: Path) -> None:
    source = in_parts(
        tmp_path / "toy",
        pl.DataFrame({"model": ["b", "b"], "prompt_id": ["y", "x"], "score": [1, 0]}),
        pl.DataFrame({"model": ["a", "c"], "prompt_id": ["z", "x"], "score": [1, 1]}),
    )
    (records,) = import_partitioned(source, tmp_path / "out", "")
    assert records.models == ("b", "a", "c")
    assert records.prompts["prompt_id"].to_list() == ["y", "x", "z"]
    nan = np.nan
    np.testing.assert_array_equal(records.dense(), [[1, nan, nan], [0, nan, 1], [nan, 1, nan]])


rows = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from("mnop"),
        st.sampled_from("qrstu"),
        st.sampled_from([0.0, 1.0, 0.5, 0.1, None]),
        st.sampled_from([None, 0.25, 3.0]),
        st.sampled_from([None, "why?", "how?"]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(rows=rows, cuts=st.lists(st.integers(0, 40), max_size=4))
def test_any_table_in_any_parts(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], cuts: list[int]
) -> None:
    """As one machine does it: the same bytes, or an error there too."""
    names = ["benchmark", "model", "prompt_id", "score", "cost", "prompt"]
    kinds = [pl.String, pl.String, pl.String, pl.Float64, pl.Float64, pl.String]
    ends = sorted({0, len(rows), *(end for end in cuts if end < len(rows))})
    frames = [
        pl.DataFrame(rows[start:end], schema=dict(zip(names, kinds, strict=True)), orient="row")
        for start, end in pairwise(ends)
    ]
    source = in_parts(tmp_path_factory.mktemp("any") / "table", *frames)
    expected, found = source.parent / "expected", source.parent / "found"
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)
        try:
            import_records("table", source, expected)
        except DataError:
            with pytest.raises(DataError):
                import_partitioned(source, found, "")
            assert not found.exists()
            return
        import_partitioned(source, found, "")
    assert same_files(found, expected)


@pytest.mark.usefixtures("here")
class TestErrors:
    """What is wrong is said as it is on one machine, and nothing is left behind."""

    @pytest.fixture(autouse=True)
    def _nothing_left(self, tmp_path: Path) -> Iterator[None]:
        yield
        assert {child.name for child in tmp_path.iterdir()} <= {"table", "there"}

    def refused(self, source: Path, **options: Any) -> str:  # noqa: ANN401
        with pytest.raises(DataError) as error:
            import_partitioned(source, source.parent / "out", "", **options)
        return str(error.value)

    def test_two_scores_of_one_cell(self, tmp_path: Path) -> None:
        other = TABLE[40:41].with_columns(score=1 - pl.col("score"))
        told = self.refused(in_parts(tmp_path / "table", TABLE[:60], TABLE[60:], other))
        model, prompt, score = other.row(0)
        assert told.startswith("table: an LLM has two scores on one prompt")
        assert told.endswith(f"prompt {prompt!r}, LLM {model!r}: {score} and {1 - score}")

    def test_two_scores_in_one_part(self, tmp_path: Path) -> None:
        other = TABLE[:30].with_columns(score=1 - pl.col("score"))
        told = self.refused(in_parts(tmp_path / "table", pl.concat([TABLE, other])))
        assert 2 <= len(told.splitlines()) <= 21

    def test_first_bad_part_is_told_of(self, tmp_path: Path) -> None:
        bad = TABLE.with_columns(score=pl.Series([0.5] * 6 + [7.0] + [1.0] * (N - 7)))
        source = in_parts(tmp_path / "table", TABLE, bad, bad)
        head, line = self.refused(source).splitlines()
        assert head == "1 row cannot be read; mend or remove it:"
        assert line.startswith(f"{source}/part-001.parquet:7: ")
        assert line.endswith("score 7 lies outside [0, 1]")

    def test_damaged_part(self, tmp_path: Path) -> None:
        source = in_parts(tmp_path / "table", TABLE, TABLE)
        damaged = source / "part-001.parquet"
        damaged.write_bytes(damaged.read_bytes()[:-40])
        assert "part-001.parquet: cannot be read as Parquet" in self.refused(source)

    def test_part_without_a_column(self, tmp_path: Path) -> None:
        source = in_parts(tmp_path / "table", TABLE, TABLE.drop("prompt_id"))
        assert "part-001.parquet: there is no column for prompt_id" in self.refused(source)

    def test_no_score_at_all(self, tmp_path: Path) -> None:
        nothing = TABLE.with_columns(score=pl.lit(None, dtype=pl.Float64))
        told = self.refused(in_parts(tmp_path / "table", nothing))
        assert told == "table: no records: 11 prompts × 0 LLMs"

    def test_folder_without_parquet(self, tmp_path: Path) -> None:
        assert "table holds no .parquet file" in self.refused(in_parts(tmp_path / "table"))

    def test_folder_that_exists(self, tmp_path: Path) -> None:
        source = in_parts(tmp_path / "table", TABLE)
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "file").write_text("mine")
        with pytest.raises(DataError, match="exists already"):
            import_partitioned(source, tmp_path / "there", "")

    def test_unknown_option(self, tmp_path: Path) -> None:
        with pytest.raises(SpecError, match="metric"):
            import_partitioned(in_parts(tmp_path / "table", TABLE), "out", "", metric="acc")


@pytest.mark.slow
def test_real_workers_make_the_same_records(
    dask: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioned, "CELLS", 20_000)
    table = long_table(600, 60).with_columns(
        benchmark=pl.col("prompt_id").str.slice(1).cast(pl.Int64) % 2,
        prompt=pl.format("why {}?", "prompt_id"),
    )
    steps: list[tuple[str, int, int]] = []
    source = in_parts(tmp_path / "table", *cut(table, 20))
    records = same_both_ways(source, dask.scheduler_address, columns="benchmark=benchmark")
    assert {r.name for r in records} == {"0", "1"}
    import_partitioned(
        source,
        tmp_path / "again",
        dask.scheduler_address,
        progress=lambda *step: steps.append(step),
    )
    assert steps[0] == ("parts", 0, 20)
    assert steps[-1] == ("blocks of LLMs", 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["parts", "blocks of LLMs"])
def test_killed_worker_changes_no_byte(
    phase: str, dask: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_both(dask)
    monkeypatch.setattr(partitioned, "CELLS", 40_000)
    source = in_parts(tmp_path / "table", *cut(long_table(2_000, 100), 16))
    import_records("table", source, tmp_path / "undisturbed")
    killed: list[tuple[int, int]] = []

    def kill_halfway(what: str, done: int, total: int) -> None:
        if what == phase and not killed and done == total // 2:
            kill_one(dask)
            killed.append((done, total))

    import_partitioned(source, tmp_path / "found", dask.scheduler_address, progress=kill_halfway)
    assert killed == [{"parts": (8, 16), "blocks of LLMs": (2, 5)}[phase]]
    assert same_files(tmp_path / "found", tmp_path / "undisturbed")


def test_errors_of_real_workers_are_ours(dask: LocalCluster, tmp_path: Path) -> None:
    bad = TABLE.with_columns(pl.col("score") + 1)
    source = in_parts(tmp_path / "table", TABLE, bad)
    with pytest.raises(DataError, match=r"part-001\.parquet:\d+: .*score 2 lies outside"):
        import_partitioned(source, tmp_path / "out", dask.scheduler_address)
    assert [child.name for child in tmp_path.iterdir()] == ["table"]


def test_command_takes_a_scheduler(dask: LocalCluster, tmp_path: Path) -> None:
    source = in_parts(tmp_path / "table", *cut(TABLE, 3))
    args = [str(source), str(tmp_path / "out"), "--scheduler", dask.scheduler_address]
    told = CliRunner().invoke(import_command, ["auto", *args])
    assert told.exit_code == 0, told.output
    assert "11 prompts × 7 LLMs" in told.stdout
    told = CliRunner().invoke(import_command, ["routerbench", *args])
    assert told.exit_code == 2
    assert "--scheduler is for the format table" in told.output
