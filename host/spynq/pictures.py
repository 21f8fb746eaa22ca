"""Figures that need no display, leave pyplot alone, and show themselves in a notebook."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Literal

from spynq.errors import MissingDependency

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure"]


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Empty figure; as the last value of a notebook cell it is drawn.

    Parameters
    ----------
    width, height : float
        Inches.
    layout : str, optional
        As matplotlib has it.

    Raises
    ------
    MissingDependency
        matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency("plots need matplotlib: pip install 'spynq[plot]'") from error

    class Picture(Figure):
        # Notebooks know how to show a plain Figure only once pyplot has drawn one of its own.
        def _repr_png_(self) -> bytes:
            png = BytesIO()
            self.savefig(png, format="png", dpi=100)
            return png.getvalue()

    return Picture(figsize=(width, height), layout=layout)
