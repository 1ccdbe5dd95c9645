"""Logs in the shapes in which their projects write them, variant by variant, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import RouterEvalError
from routereval.importers import IMPORTERS, write_sample
from routereval.importers.registry import importer
from routereval.records import Draft
from tests.importers.log_shapes import SHAPES
from tests.importers.log_shapes.shape import Shape


@pytest.mark.parametrize("name", SHAPES)
def test_a_log_is_read_as_it_was_meant(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    source = write_sample(shape.files, tmp_path / "in")
    if shape.refused:
        with pytest.raises(RouterEvalError, match=shape.refused):
            _drafts(shape, source)
        return
    drafts = _drafts(shape, source)
    assert {n: dict(_cells(draft)) for n, draft in drafts.items()} == {
        n: {model: list(held) for model, held in by_model.items()}
        for n, by_model in shape.scores.items()
    }
    for benchmark, about in shape.about.items():
        _check(drafts[benchmark], about)
    report = "\n".join(line for d in drafts.values() for line in [*d.facts, *d.warnings])
    for line in shape.says:
        assert line in report, f"{line!r} is not in:\n{report}"
    for line in shape.silent:
        assert line not in report, f"{line!r} is in:\n{report}"


def _drafts(shape: Shape, source: Path) -> dict[str, Draft]:
    found = importer("auto", source)
    assert found.name == shape.format
    drafts = IMPORTERS[shape.format].drafts(source, **shape.options)
    return {draft.name: draft.checked() for draft in drafts}


def _cells(draft: Draft) -> list[tuple[str, list[float | None]]]:
    """The scores of each model."""
    return [(m, _plain(draft.scores[:, n])) for n, m in enumerate(draft.models)]


def _plain(numbers: np.ndarray[Any, Any]) -> list[float | None]:
    return [None if np.isnan(number) else round(float(number), 6) for number in numbers]


def _check(draft: Draft, about: Mapping[str, Any]) -> None:
    columns = {"texts": "text", "subsets": "subset", "ids": "prompt_id", "chance": "chance"}
    for what, right in about.items():
        if what in columns:
            assert draft.prompts[columns[what]].to_list() == right, what
        elif what == "trials":
            assert (1 if draft.trials is None else len(draft.trials)) == right
        elif what == "effort":
            assert draft.model_info is not None
            held = dict(zip(draft.model_info["model"], draft.model_info["effort"], strict=True))
            assert [held.get(model) for model in draft.models] == right
        else:
            numbers = draft.costs if what == "costs" else draft.axes.get(what)
            assert numbers is not None, f"there are no {what}"
            assert [_plain(row) for row in numbers] == right, what


def test_patterns_of_refusals_are_regular_expressions() -> None:
    assert all(re.compile(shape.refused) for shape in SHAPES.values())
