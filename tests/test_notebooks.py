"""The notebooks run from top to bottom, and are kept without what they print."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# What must be seen, so that a notebook that shows nothing is noticed.
SHOWN = {
    "first_evaluation": (
        "Cautious(k=20, prior=20)",
        "smallest difference",
        r"\begin{tab",
        "<table",
    ),
    "own_logs": (
        "Worth routing?",
        "Yes, for the score: knn gains",
        "lam = 0.3",
        "800 prompts × 5 models",
    ),
    "referee": ("prophet", "always", "sorter"),
    "scaling_up": ("models that bring 90 % of the headroom", "greedy", "<table"),
}


def cells(notebook: Path, kind: str) -> list[dict[str, Any]]:
    held = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in held if cell["cell_type"] == kind]


def shown(code: str, names: dict[str, Any]) -> str:
    """Run a cell; what a notebook then shows of its last expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102 - our own notebooks
    if not isinstance(last, ast.Expr):
        return ""
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    if hasattr(value, "_repr_png_"):
        assert value._repr_png_().startswith(b"\x89PNG")
    page = getattr(value, "_repr_html_", None)
    return "" if value is None else str(page() if page else repr(value))


def test_each_notebook_is_known() -> None:
    assert [notebook.stem for notebook in NOTEBOOKS] == sorted(SHOWN)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({notebook.name})" in page for notebook in NOTEBOOKS)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_cleared_and_data_are_called_simulated(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    first = "".join(cells(notebook, "markdown")[0]["source"])
    assert first.startswith("# ")
    assert any(word in first for word in ("simulated", "made up"))


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    notebook: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from matplotlib import pyplot as plt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    plt.switch_backend("agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    pages = [shown("".join(cell["source"]), names) for cell in cells(notebook, "code")]
    plt.close("all")
    seen = "\n".join([*pages, capsys.readouterr().out])
    for text in SHOWN[notebook.stem]:
        assert text in seen
