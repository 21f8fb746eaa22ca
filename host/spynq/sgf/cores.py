"""Frames to spikes: ST core 1 with its counts, ST core 2 with its marginals (spec 3.3, 3.4, 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.frames import Pixels
from spynq.sgf.params import CORE_BLOCK, COUNT_LIMIT

__all__ = ["Marginals", "marginals", "st_core_1", "st_core_2"]

Integers = NDArray[np.int64]

_THRESHOLD = 2


class Marginals(NamedTuple):
    """Counts of active pixels per row and column of every frame.

    Parameters
    ----------
    rows_left, rows_right : ndarray of int64, shape [frames, size]
        Active pixels of a row in the left and in the right half.
    columns : ndarray of int64, shape [frames, size]
        Active pixels of a column.
    """

    rows_left: Integers
    rows_right: Integers
    columns: Integers


def st_core_1(frames: Pixels) -> tuple[Integers, bool]:
    """Counts of spatio-temporal spikes per cell of 3 x 3 pixels (eq. 2).

    Parameters
    ----------
    frames : ndarray of int8, shape [frames, size, size]
        Pixels.

    Returns
    -------
    counts : ndarray of int64, shape [grid, grid]
        CNT, saturated at 127.
    saturated : bool
        Some count would have passed it.
    """
    grid = frames.shape[1] // CORE_BLOCK
    part = frames[:, : grid * CORE_BLOCK, : grid * CORE_BLOCK]
    sums = part.reshape(-1, grid, CORE_BLOCK, grid, CORE_BLOCK).sum(axis=(2, 4), dtype=np.int8)
    v, u = np.zeros((grid, grid), np.int8), np.zeros((grid, grid), np.int8)
    spikes = np.zeros((len(frames) + 2, grid, grid), np.int8)
    for f, block in enumerate(sums):
        potential = v + block
        spikes[f] = potential >= _THRESHOLD
        v = np.where(spikes[f], 0, np.clip(potential, 0, 1)).astype(np.int8)
    counts = np.zeros((grid, grid), np.int64)
    # The window looks forward, so two empty frames follow the last one.
    window = spikes[:-2] + spikes[1:-1] + spikes[2:]
    for f in range(len(frames)):
        total = u + window[f]
        fires = total >= _THRESHOLD
        u = np.where(fires, 0, total).astype(np.int8)
        counts += spikes[f] & fires
    return np.minimum(counts, COUNT_LIMIT), bool((counts > COUNT_LIMIT).any())


def st_core_2(frames: Pixels) -> NDArray[np.bool_]:
    """Pixels that are active in a frame and in the next one, shape [frames, size, size]."""
    active: NDArray[np.bool_] = np.asarray(frames != 0)
    both = np.zeros_like(active)
    both[:-1] = active[:-1] & active[1:]
    return both


def marginals(active: NDArray[np.bool_]) -> Marginals:
    """Row and column sums of active pixels, shape [frames, size] each."""
    half = active.shape[2] // 2
    left, right = active[:, :, :half], active[:, :, half:]
    return Marginals(
        left.sum(axis=2, dtype=np.int64),
        right.sum(axis=2, dtype=np.int64),
        active.sum(axis=1, dtype=np.int64),
    )
