"""Spatial statistics: how many cells count above a threshold, and sums of counts, per zone (eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.params import SgfConfig
from spynq.sgf.statistics import ZONE_REGIONS, names

__all__ = ["spatial"]

Integers = NDArray[np.int64]


def spatial(counts: Integers, thetas: Sequence[int], config: SgfConfig, out: Integers) -> None:
    """Write the spatial statistics of a trial to their places.

    Parameters
    ----------
    counts : ndarray of int64, shape [grid, grid]
        CNT.
    thetas : sequence of int
        Thresholds; a cell counts when CNT is above.
    config : SgfConfig
        Build parameters.
    out : ndarray of int64, shape [512]
        Statistics.
    """
    edges = [next(g for g in range(config.grid) if config.zone(g) == z) for z in range(config.zones)]
    places = names(config)
    for number in range(config.thetas + 1):
        name = "sum" if number == config.thetas else "above"
        tail = "" if number == config.thetas else f"_{number}"
        values = counts if number == config.thetas else (counts > thetas[number]).astype(np.int64)
        zones = np.add.reduceat(np.add.reduceat(values, edges, axis=0), edges, axis=1)
        for (row, column), value in np.ndenumerate(zones):
            out[places[f"{name}_{row}_{column}{tail}"]] = value
        for region, value in zip(ZONE_REGIONS, _regions(zones), strict=True):
            out[places[f"{name}_{region}{tail}"]] = value


def _regions(zones: Integers) -> list[int]:
    half = len(zones) // 2
    q = zones.reshape(2, half, 2, half).sum(axis=(1, 3))
    left, right = q.sum(axis=0)
    return [int(v) for v in (left, right, q[0, 0], q[0, 1], q[1, 0], q[1, 1], q.sum())]
