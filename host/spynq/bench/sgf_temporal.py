"""Temporal statistics in plain loops that numba compiles: part of the kernel's software rival.

The half point of an earlier frame is where its prefix sum passes half of it: found once per frame, so that
eq. 4 costs two look-ups of a prefix sum instead of a walk over two frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["path", "summary", "walk"]


def walk(marginal: Any, frames: int, least: int, step: Any, totals: Any, centre: Any, out: Any) -> None:
    """One axis of one region.

    Parameters
    ----------
    marginal : ndarray of int16, shape [frames, size]
    frames, least : int
    step, totals, centre : ndarray of int64, shape [frames]
        Filled: step of every frame, its active pixels, and its centroid in sixteenths.
    out : ndarray of int64, shape [7]
        Filled: steps +, steps -, reversals, occupied places, active pixels, sum of peaks, sum of \\|D\\|.
    """
    size = marginal.shape[1]
    upto = np.zeros((frames, size), np.int64)
    above, below = np.zeros(frames, np.int64), np.zeros(frames, np.int64)
    last = 0
    value: Any
    peak: Any
    for f in range(frames):
        total, moment, occupied, peak = 0, 0, 0, 0
        for place in range(size):
            value = np.int64(marginal[f, place])
            total += value
            moment += value * place
            occupied += value > 0
            peak = max(peak, value)
            upto[f, place] = total
        totals[f] = total
        centre[f] = 16 * moment // total if total else 0
        out[3] += occupied
        out[4] += total
        out[5] += peak
        j = k = 0
        while j < size - 1 and 2 * upto[f, j] <= total:
            j += 1
        while k < size - 1 and 2 * upto[f, k] < total:
            k += 1
        above[f], below[f] = j, k
        step[f] = 0
        if f >= 3 and total >= least and totals[f - 3] >= least:
            k = below[f - 3]
            plus, minus = total - upto[f, above[f - 3]], upto[f, k] - marginal[f, k]
            if totals[f - 3] == 0:
                plus = minus = 0
            d = plus - minus
            out[6] += abs(d)
            step[f] = 1 if 8 * d > total else (-1 if -8 * d > total else 0)
        if step[f]:
            out[0 if step[f] > 0 else 1] += 1
            out[2] += last == -step[f]
            last = step[f]


def path(cy: Any, cx: Any, totals: Any, frames: int, least: int, out: Any) -> None:
    """The centroid path of one region.

    Parameters
    ----------
    cy, cx, totals : ndarray of int64, shape [frames]
        Of :func:`walk`.
    frames, least : int
    out : ndarray of int64, shape [8]
        Filled: area, path length in y and x, mean centroid y and x, frames used, deviations in y and x.
    """
    used = 0
    for f in range(frames):
        if totals[f] >= max(least, 1):
            cy[used], cx[used] = cy[f], cx[f]
            used += 1
    out[5] = used
    if not used:
        return
    my, mx = cy[:used].sum() // used, cx[:used].sum() // used
    out[3], out[4] = my, mx
    for i in range(used):
        out[6] += abs(cy[i] - my)
        out[7] += abs(cx[i] - mx)
        if i >= 2:
            out[1] += abs(cy[i] - cy[i - 2])
            out[2] += abs(cx[i] - cx[i - 2])
            out[0] += (cx[i - 2] - mx) * (cy[i] - my) - (cy[i - 2] - my) * (cx[i] - mx)
    out[0] >>= 8


def summary(dy: Any, dx: Any, frames: int) -> int:
    """The quadrature decoder."""
    lx = ly = rot = 0
    for f in range(frames):
        nx, ny = (dx[f] if dx[f] else lx), (dy[f] if dy[f] else ly)
        rot += lx * ny - ly * nx
        lx, ly = nx, ny
    return rot
