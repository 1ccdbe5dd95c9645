"""The base of all figures: numbers that are drawn later, on axes, to a file or on the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from routereval.report.draw_matplotlib import draw, small_multiples
from routereval.report.draw_svg import panel_svg
from routereval.report.figure_style import png_of, saved
from routereval.report.panel import Panel, Rows
from routereval.report.tags import Html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Display:
    """Numbers that are drawn later.

    A kind of figure tells its panels, and all the rest follows: `plot` draws the first onto given
    axes, `figure` all of them as small multiples, `save` writes files, `svg` gives pictures for a
    page. One that no panel can show makes its own `figure`.
    """

    def panels(self) -> Sequence[Panel | Rows]:
        """What it shows."""
        raise NotImplementedError

    @property
    def simulated(self) -> bool:
        """Whether the figure says that no real model was asked."""
        return False

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the first panel onto axes, or onto those of a new figure.

        Args:
            ax: where to draw.

        Returns:
            The axes.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure().add_subplot()
        draw(ax, self.panels()[0])
        return ax

    def figure(self) -> Figure:
        """All panels as small multiples."""
        return small_multiples(self.panels(), simulated=self.simulated)

    def save(self, stem: str | Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
        """Write the figure; the same numbers give the same bytes.

        Args:
            stem: path of the files, without their ending.
            formats: some of png, svg and pdf.

        Returns:
            The files.

        Raises:
            SpecError: if a format is unknown.
        """
        return saved(self.figure(), Path(stem), formats)

    def _repr_png_(self) -> bytes:
        """The figure, for a notebook."""
        return png_of(self.figure())

    def svg(self) -> list[Html]:
        """A picture for the page of each panel."""
        return [panel_svg(panel) for panel in self.panels()]
