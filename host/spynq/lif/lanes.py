"""Where channels lie among the lanes of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.lif.params import LANES, LifConfig

__all__ = ["MOST_TOGETHER", "Lanes", "positions", "spread"]

MOST_TOGETHER = 16
"""Most columns that share a stream."""


def positions(channels: int, lanes: int) -> npt.NDArray[np.int64]:
    """Place of every channel in a pixel, with ``lanes`` channels per group of 16; 0: one behind the other."""
    numbers = np.arange(channels)
    return numbers // lanes * LANES + numbers % lanes if lanes else numbers


@dataclass(frozen=True)
class Lanes:
    """Channels of a map among the lanes of a pixel.

    Parameters
    ----------
    stride : int
        Lanes of a pixel, S.
    lanes : int
        Channels of a group of 16; 0: they follow each other.
    """

    stride: int
    lanes: int = 0

    def positions(self, channels: int) -> npt.NDArray[np.int64]:
        """Place of every channel."""
        return positions(channels, self.lanes)


def spread(channels: int, config: LifConfig) -> tuple[int, int, Lanes]:
    """Log2 of the columns of a stream H, rounds R, and lanes of what the engine writes.

    H is the least power of two up to 16 that covers all lane groups and divides the columns; the groups are
    filled evenly, as a unit takes as long as its fullest column.
    """
    groups = -(-channels // LANES)
    log2_h = config.tied - 1
    while 1 << log2_h < min(groups, MOST_TOGETHER) and config.columns % (2 << log2_h) == 0:
        log2_h += 1
    rounds = -(-groups // (1 << log2_h))
    written = rounds << log2_h
    return log2_h, rounds, Lanes(LANES * written, -(-channels // written))
