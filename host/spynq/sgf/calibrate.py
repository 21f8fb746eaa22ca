"""Thresholds from trials: integer quantiles of every statistic, of the training part alone.

Fixed thresholds do not carry over to another camera, distance or person; a few dozen trials, which
need no labels, set them. Whoever measures an accuracy keeps the test part out of these trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.params import UNITS
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup
from spynq.sgf.statistics import names

__all__ = ["bits_by_quantiles", "quantile"]

Integers = NDArray[np.int64]


def quantile(values: Integers, level: float) -> int:
    """The smallest of ``values`` that at least the share ``level`` of them does not exceed."""
    ordered = np.sort(values)
    return int(ordered[max(int(np.ceil(level * len(ordered))) - 1, 0)])


def bits_by_quantiles(
    setup: Setup, statistics: Integers, labels: Sequence[int] | None = None
) -> Mapping[str, tuple[Bit, ...]]:
    """Bits of every unit.

    Per statistic one bit for each level; equal thresholds count once, and a bit that no trial sets is
    left out. Units B and C use the trials of their own classes where labels tell them.

    Parameters
    ----------
    setup : Setup
    statistics : ndarray of int64, shape [trials, 512]
        By place.
    labels : sequence of int, optional
        Class numbers, shape [trials].

    Raises
    ------
    ValueError
        There is no trial, or a unit's trials leave it without a bit.
    """
    if not len(statistics):
        raise ValueError("calibration needs trials, and none came")
    places, found = names(setup.build), {}
    for unit in UNITS:
        if unit not in setup.features:
            continue
        rows = statistics
        if labels is not None:
            rows = statistics[np.isin(labels, sorted(setup.members(unit)))]
        if not len(rows):
            raise ValueError(f"no trial is of a class of unit {unit}; calibrate with some of each")
        bits = [
            Bit(places[name], threshold)
            for name in setup.features[unit]
            for threshold in _thresholds(rows[:, places[name]], setup.levels_of(unit))
        ]
        if not bits:
            raise ValueError(f"all {len(rows)} trials look the same to unit {unit}; calibrate with others")
        found[unit] = tuple(bits)
    return found


def _thresholds(values: Integers, levels: Sequence[float]) -> list[int]:
    most = int(values.max())
    return sorted({t for t in (quantile(values, level) for level in levels) if t < most})
