"""What all figures look like, and how they are written to files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routereval.errors import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "lines.linewidth": 1.1,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.hashsalt": "routereval",
    "pdf.fonttype": 42,
}
"""What all figures look like."""

SIMULATED = "Simulated data: no real model was asked"
FILES = ("png", "svg", "pdf")
"""What a figure can be saved as."""

_DPI = 200


@contextmanager
def styled() -> Iterator[None]:
    """The style of all figures, while it lasts."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def saved(figure: Figure, stem: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write a figure in some of `FILES`; the same figure gives the same bytes."""
    facts: dict[str, Any] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    written = []
    with styled():
        for kind in formats:
            if kind not in facts:
                raise unknown("figure format", kind, FILES)
            path = stem.with_name(f"{stem.name}.{kind}")
            figure.savefig(path, dpi=_DPI, metadata=facts[kind])
            figure.set_layout_engine("none")  # it stays as it was laid out
            written.append(path)
    return written


def png_of(figure: Figure) -> bytes:
    """A figure as a picture for a notebook."""
    picture = io.BytesIO()
    with styled():
        figure.savefig(picture, format="png", dpi=_DPI / 2, metadata={"Software": None})
    return picture.getvalue()
