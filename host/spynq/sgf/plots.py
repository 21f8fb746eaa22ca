"""Pictures of a trial on its way through the flow: frames, ST cores, the path of the centroid, bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spynq.pictures import new_figure
from spynq.sgf.cores import st_core_2
from spynq.sgf.frames import Pixels
from spynq.sgf.golden import Features
from spynq.sgf.knowledge import Knowledge
from spynq.sgf.result import Result
from spynq.sgf.temporal import centroids, region_marginals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["answer", "cores", "frames", "path"]

_SIXTEENTHS = 16


def frames(pixels: Pixels, each: int = 10, most: int = 6) -> Figure:
    """Every ``each``-th frame: red brighter, blue darker; below it, what was active in the next one too.

    Parameters
    ----------
    pixels : ndarray of int8, shape [frames, size, size]
    each, most : int
        Which frames, and how many of them.
    """
    chosen = range(0, len(pixels), each)[:most]
    both = st_core_2(pixels)
    figure = new_figure(2 * max(len(chosen), 1), 4)
    grid = figure.subplots(2, max(len(chosen), 1), squeeze=False)
    for column, number in enumerate(chosen):
        grid[0, column].imshow(pixels[number], cmap="bwr", vmin=-1, vmax=1)
        grid[1, column].imshow(both[number], cmap="Greys")
        grid[0, column].set_title(f"frame {number}", fontsize=9)
    for axes in grid.flat:
        axes.axis("off")
    return figure


def cores(trial: Features) -> Figure:
    """CNT of every ST core: how often each block of 3 x 3 pixels fired in its window."""
    figure = new_figure(4.5, 3.8)
    axes = figure.subplots()
    figure.colorbar(axes.imshow(trial.counts, cmap="magma"), ax=axes, label="CNT")
    axes.set_title("ST core 1: spikes per block")
    axes.axis("off")
    return figure


def path(trial: Features, least: int = 12) -> Figure:
    """Marginals of the whole frame over time, and the path of the centroid; y down as in the image."""
    rows, columns = region_marginals(trial.marginals)[2]
    cy, cx = (values / _SIXTEENTHS for values in centroids(rows, columns, least))
    figure = new_figure(10, 3.2)
    first, second, third = figure.subplots(1, 3)
    for axes, marginal, name in ((first, rows, "row"), (second, columns, "column")):
        axes.imshow(marginal.T, aspect="auto", cmap="Greys")
        axes.set(xlabel="frame", ylabel=name, title=f"active pixels per {name}")
    third.plot(cx, cy, color="tab:grey", linewidth=0.8)
    third.scatter(cx, cy, c=np.arange(len(cx)), s=12)
    third.set(xlim=(0, rows.shape[1]), ylim=(rows.shape[1], 0), xlabel="x", ylabel="y", title="centroid")
    third.set_aspect("equal")
    return figure


def answer(result: Result, knowledge: Knowledge) -> Figure:
    """Bits and scores of every unit that was asked; a bit of the winner's habit is dark where it agrees."""
    units = [unit for unit in result.scores if result.vectors.get(unit) is not None]
    figure = new_figure(9, 2.4 * max(len(units), 1))
    grid = figure.subplots(max(len(units), 1), 2, squeeze=False, width_ratios=(2, 1))
    for (left, right), unit in zip(grid, units, strict=True):
        names, shares = knowledge.shares(unit)
        agree = np.where(result.vectors[unit], shares, 1 - shares)
        left.imshow(agree, aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        left.set_yticks(range(len(names)), names, fontsize=8)
        left.set(xlabel="bit", title=f"unit {unit}: how usual each bit is")
        scores = result.scores[unit]
        right.barh(range(len(scores)), list(scores.values()), color="tab:blue")
        right.set_yticks(range(len(scores)), [""] * len(scores))
        right.invert_yaxis()
        low, high = min(scores.values()), max(scores.values())
        right.set_xlim(low - 0.2 * (high - low or 1), high + 0.1 * (high - low or 1))
        right.set_title("score")
    return figure
