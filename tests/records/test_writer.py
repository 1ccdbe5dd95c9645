"""The streaming writer: the same files as a save, from blocks of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.records import Draft, Records, read_records
from routereval.records.atomic import atomic_folder
from routereval.records.writer import About, RecordsWriter


def drafted(n_prompts: int, n_models: int, *, binary: bool = True) -> Draft:
    rng = np.random.default_rng(n_prompts)
    scores = rng.random((n_prompts, n_models), dtype=np.float32)
    models = [f"llm {column}" for column in range(n_models)]
    return Draft(
        "toy",
        models,
        np.round(scores) if binary else scores,
        pl.DataFrame({"prompt_id": [f"q{row}" for row in range(n_prompts)], "day": 3}),
        model_info=pl.DataFrame({"model": models[::-1], "params": range(n_models)}),
        reference=0.75,
        source="made here",
        licence="none",
        simulated=True,
    )


def about(draft: Draft, *, binary: bool = True) -> About:
    return About(
        draft.name,
        draft.models,
        draft.prompts,
        draft.model_info,
        binary=binary,
        reference=draft.reference,
        source=draft.source,
        licence=draft.licence,
        simulated=draft.simulated,
    )


def write(draft: Draft, folder: Path, *, binary: bool = True, block: int = 2) -> None:
    rows = draft.scores.T == 1 if binary else draft.scores.T
    with RecordsWriter(folder, about(draft, binary=binary)) as writer:
        for start in range(0, len(rows), block):
            writer.append(rows[start : start + block])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 140), st.integers(1, 9), st.booleans(), st.integers(1, 10))
def test_blocks_of_any_size_are_the_bytes_of_a_save(
    tmp_path_factory: pytest.TempPathFactory,
    n_prompts: int,
    n_models: int,
    binary: bool,
    block: int,
) -> None:
    folder = tmp_path_factory.mktemp("records")
    draft = drafted(n_prompts, n_models, binary=binary)
    (folder / "streamed").mkdir()
    write(draft, folder / "streamed", binary=binary, block=block)
    saved = Records.from_draft(draft).save(folder / "saved")
    names = sorted(file.name for file in saved.iterdir())
    assert sorted(file.name for file in (folder / "streamed").iterdir()) == names
    for name in names:
        assert (folder / "streamed" / name).read_bytes() == (saved / name).read_bytes()


def test_what_is_streamed_is_read(tmp_path: Path) -> None:
    draft = drafted(70, 5)
    write(draft, tmp_path)
    records = read_records(tmp_path)
    assert np.array_equal(records.dense(), draft.scores)
    assert records.hash == Records.from_draft(draft).hash
    assert records.simulated


@pytest.mark.parametrize("shape", [(1, 69), (1, 71), (6, 70), (70,), (1, 1, 70)])
def test_a_block_that_does_not_fit_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with (
        pytest.raises(DataError, match="5 models × 70 prompts are left to write"),
        RecordsWriter(tmp_path, about(drafted(70, 5))) as writer,
    ):
        writer.append(np.zeros(shape, dtype=np.bool_))
    assert not (tmp_path / "manifest.json").exists()


def test_llms_that_never_came_are_told(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="scores of the last 3 models are missing"),
        RecordsWriter(tmp_path, about(drafted(70, 5))) as writer,
    ):
        writer.append(np.zeros((2, 70), dtype=np.bool_))
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize(
    "scores", [np.full((5, 70), 1.5), np.full((5, 70), -0.1), np.full((5, 70), np.nan)]
)
def test_real_scores_outside_the_range_are_refused(tmp_path: Path, scores: np.ndarray) -> None:
    with (
        pytest.raises(DataError, match=r"outside \[0, 1\]"),
        RecordsWriter(tmp_path, about(drafted(70, 5), binary=False)) as writer,
    ):
        writer.append(scores)


def test_what_names_nothing_or_twice_is_refused(tmp_path: Path) -> None:
    prompts = pl.DataFrame({"prompt_id": ["x", "y"]})
    for bad, sentence in (
        (About("toy", [], prompts), "no records: 2 prompts × 0 models"),
        (About("toy", ["a"], prompts.head(0)), "no records: 0 prompts × 1 models"),
        (About("toy", ["a", "a"], prompts), "model 'a' occurs twice"),
        (About("toy", ["a"], pl.concat([prompts, prompts])), "prompt_id 'x' occurs twice"),
    ):
        with pytest.raises(DataError, match=sentence), RecordsWriter(tmp_path, bad):
            pass
    assert not list(tmp_path.iterdir())


def failing(path: Path) -> None:
    with atomic_folder(path) as folder, RecordsWriter(folder, about(drafted(70, 5))) as writer:
        writer.append(np.zeros((5, 70), dtype=np.bool_))
        raise OSError("disk")


def test_an_exception_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk"):
        failing(tmp_path / "toy")
    assert not list(tmp_path.iterdir())
