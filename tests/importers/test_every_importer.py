"""What holds of every importer, whoever wrote it: its sample is read, kept, and damaged."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval import importers
from routereval.errors import RouterEvalError, SpecError
from routereval.importers import IMPORTERS, Importer, import_records, write_sample
from routereval.importers.registry import importer
from routereval.records import Records
from tests.fuzzing import examples
from tests.importers.mutating import Files, mutated, write


def files_of(name: str) -> Files:
    """The files of an importer's sample."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_sample(IMPORTERS[name].sample, Path(folder))
        return {
            str(file.relative_to(path)): file.read_bytes()
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }


def test_no_importer_is_forgotten() -> None:
    held = list(IMPORTERS.values())
    for found in iter_modules(importers.__path__):
        module = import_module(f"routereval.importers.{found.name}")
        for value in vars(module).values():
            assert not isinstance(value, Importer) or value in held, (
                f"{module.__name__} defines the importer {value.name!r}, which no name reaches: "
                "add it to the table in importers/registry.py"
            )
        if hasattr(module, "recognise"):
            assert hasattr(module, "IMPORTER"), f"{module.__name__} recognises, but is no importer"


@pytest.mark.parametrize("name", IMPORTERS)
def test_an_importer_is_registered_under_its_own_name(name: str) -> None:
    assert IMPORTERS[name].name == name
    assert IMPORTERS[name].summary
    assert IMPORTERS[name].sample, f"{name} brings no sample, so nothing damages its files"


@pytest.mark.parametrize("name", IMPORTERS)
def test_a_sample_is_recognised_read_and_kept(name: str, tmp_path: Path) -> None:
    source = write_sample(IMPORTERS[name].sample, tmp_path / "in")
    assert importer("auto", source).name == name
    drafts = [draft.checked() for draft in IMPORTERS[name].drafts(source)]
    assert drafts
    kept = {records.name: records for records in import_records("auto", source, tmp_path / "out")}
    for draft in drafts:
        records = kept[draft.name]
        assert list(records.models) == list(draft.models)
        assert records.prompts["prompt_id"].to_list() == draft.prompts["prompt_id"].to_list()
        np.testing.assert_array_equal(records.dense(), draft.scores)
        if draft.costs is not None:
            assert records.costs is not None
            np.testing.assert_allclose(np.asarray(records.costs).T, draft.costs, rtol=1e-6)
    again = [draft.checked() for draft in IMPORTERS[name].drafts(source)]
    assert [Records.from_draft(d).hash for d in again] == [
        Records.from_draft(d).hash for d in drafts
    ]


@pytest.mark.parametrize("name", IMPORTERS)
def test_an_option_that_is_not_known_is_refused_by_name(name: str, tmp_path: Path) -> None:
    source = write_sample(IMPORTERS[name].sample, tmp_path / "in")
    with pytest.raises(SpecError, match=f"{name} takes no option 'nonsense'; "):
        import_records(name, source, tmp_path / "out", nonsense=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("many", [20, pytest.param(80, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", IMPORTERS)
def test_damaged_samples_end_in_records_or_in_our_errors(name: str, many: int) -> None:
    found, files = IMPORTERS[name], files_of(name)

    @settings(max_examples=examples(many), deadline=None)
    @given(damaged=mutated(files), rescale=st.booleans())
    def ends_well(damaged: Files, rescale: bool) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source, dest = write(Path(folder) / "in", damaged), Path(folder) / "out"
            assert found.recognise(source) in {True, False}
            options = {"rescale": rescale} if "rescale" in found.options() else {}
            written = False
            with suppress(RouterEvalError):
                written = bool(import_records(name, source, dest, **options))
            assert dest.exists() == written
            left = {path.name for path in Path(folder).iterdir()}
            assert left <= {"in", "out"}, "something half-written was left"

    ends_well()
