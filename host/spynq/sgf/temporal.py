"""Temporal statistics from the marginals of a trial (eq. 4 by spec 4.2, and spec 3.6).

Nothing here looks at pixels: the pairwise sum of the paper depends on the marginals alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.cores import Marginals
from spynq.sgf.params import SKIP, SgfConfig
from spynq.sgf.statistics import PLACES, REGIONS, names, region_place

__all__ = ["area", "centroids", "difference", "moves", "quadrature", "region_marginals", "steps", "temporal"]

Integers = NDArray[np.int64]

_STEP_SHARE = 8
_FRACTION = 16
_AREA_SHIFT = 8


def region_marginals(m: Marginals) -> list[tuple[Integers, Integers]]:
    """Row and column marginals of the left half, the right half and the whole, [frames, size] each."""
    half = m.columns.shape[1] // 2
    left, right = m.columns.copy(), m.columns.copy()
    left[:, half:] = 0
    right[:, :half] = 0
    return [(m.rows_left, left), (m.rows_right, right), (m.rows_left + m.rows_right, m.columns)]


def difference(now: Integers, before: Integers) -> Integers:
    """TE+ - TE- of eq. 4, with the share 1/2.

    An active pixel at ``l`` counts for + when more than half of the earlier pixels lie below ``l``,
    for - when more than half lie above.

    Parameters
    ----------
    now, before : ndarray of int64, shape [pairs, size]
        Marginals of the frames and of those :data:`~spynq.sgf.params.SKIP` earlier.

    Returns
    -------
    ndarray of int64, shape [pairs]
    """
    total = before.sum(axis=1, keepdims=True)
    upto = np.cumsum(before, axis=1)
    plus = 2 * (upto - before) > total
    minus = 2 * (total - upto) > total
    return np.asarray((now * plus - now * minus).sum(axis=1))


def moves(marginal: Integers, least: int) -> Integers:
    """TE+ - TE- of every frame, 0 where it cannot be told, shape [frames].

    Parameters
    ----------
    marginal : ndarray of int64, shape [frames, size]
        Marginal of one axis.
    least : int
        Active pixels that both frames need.
    """
    found = np.zeros(len(marginal), np.int64)
    if len(marginal) > SKIP:
        now, before = marginal[SKIP:], marginal[:-SKIP]
        enough = (now.sum(axis=1) >= least) & (before.sum(axis=1) >= least)
        found[SKIP:] = np.where(enough, difference(now, before), 0)
    return found


def steps(move: Integers, total: Integers) -> Integers:
    """Step of every frame, +1, -1 or 0: a move of more than an eighth of the active pixels.

    Parameters
    ----------
    move, total : ndarray of int64, shape [frames]
        Moves, and active pixels of the frames.
    """
    return np.asarray(np.where(_STEP_SHARE * move > total, 1, np.where(-_STEP_SHARE * move > total, -1, 0)))


def quadrature(dy: Integers, dx: Integers) -> int:
    """Quadrature decoder over the steps of both axes; above 0 is clockwise in the image, y down."""
    lx = ly = rot = 0
    for y, x in zip(dy.tolist(), dx.tolist(), strict=True):
        nx, ny = x or lx, y or ly
        rot += lx * ny - ly * nx
        lx, ly = nx, ny
    return rot


def centroids(rows: Integers, columns: Integers, least: int) -> tuple[Integers, Integers]:
    """Centroids (y, x) in sixteenths of a pixel, rounded down, of the frames with enough active pixels."""
    total = rows.sum(axis=1)
    steady = (total >= max(least, 1)).nonzero()[0]
    place = np.arange(rows.shape[1])
    cy, cx = (_FRACTION * (m[steady] @ place) // total[steady] for m in (rows, columns))
    return cy, cx


def area(cy: Integers, cx: Integers) -> int:
    """Area that the centroid path sweeps, rounded down; above 0 is clockwise in the image, y down."""
    if len(cy) < SKIP:
        return 0
    x, y = cx - cx.sum() // len(cx), cy - cy.sum() // len(cy)
    return int((x[:-2] * y[2:] - y[:-2] * x[2:]).sum()) >> _AREA_SHIFT


def temporal(m: Marginals, least: int, config: SgfConfig, out: Integers) -> None:
    """Write the temporal statistics of a trial to their places.

    Parameters
    ----------
    m : Marginals
        Of all frames of the trial.
    least : int
        Active pixels a step or a centroid needs (at least 1 is taken for a centroid).
    config : SgfConfig
        Build parameters.
    out : ndarray of int64, shape [512]
        Statistics.
    """
    assert len(out) == PLACES
    found = []
    for index, (rows, columns) in enumerate(region_marginals(m)):
        total = rows.sum(axis=1)
        my, mx = moves(rows, least), moves(columns, least)
        dy, dx = steps(my, total), steps(mx, total)
        found.append((dy, dx))
        cy, cx = centroids(rows, columns, least)
        values = {
            "down": (dy > 0).sum(), "up": (dy < 0).sum(), "yrev": _reversals(dy),
            "right": (dx > 0).sum(), "left": (dx < 0).sum(), "xrev": _reversals(dx),
            "rot": quadrature(dy, dx), "area": area(cy, cx),
            "height": (rows > 0).sum(), "width": (columns > 0).sum(), "active": rows.sum(),
            "sy": abs(cy[2:] - cy[:-2]).sum(), "sx": abs(cx[2:] - cx[:-2]).sum(),
            "cy": _mean(cy), "cx": _mean(cx), "steady": len(cy),
            "peak_y": rows.max(axis=1, initial=0).sum(), "peak_x": columns.max(axis=1, initial=0).sum(),
            "move_y": abs(my).sum(), "move_x": abs(mx).sum(),
            "dev_y": abs(cy - _mean(cy)).sum(), "dev_x": abs(cx - _mean(cx)).sum(),
        }  # fmt: skip
        for name, value in values.items():
            out[region_place(index, name)] = value
    places = names(config)
    left, right = found[REGIONS.index("L")], found[REGIONS.index("R")]
    out[places["couple_y"]] = (left[0] * right[0]).sum()
    out[places["couple_x"]] = (left[1] * right[1]).sum()
    out[places["frames"]] = len(m.columns)


def _reversals(step: Integers) -> int:
    signs = step[step != 0]
    return int((signs[1:] != signs[:-1]).sum())


def _mean(values: Integers) -> int:
    return int(values.sum() // len(values)) if len(values) else 0
