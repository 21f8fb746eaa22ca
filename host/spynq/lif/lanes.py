"""Where channels lie among the lanes of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.lif.params import BEAT_BYTES, LANES, LifConfig

__all__ = ["FOLDS", "MOST_TOGETHER", "Lanes", "foldable", "folded", "positions", "spread"]

MOST_TOGETHER = 16
"""Most columns that share a stream."""
FOLDS = 3
"""Groups of a map take 16, 8 or 4 bits: 16 >> fold, with fold 0 to 2."""


def positions(channels: int, lanes: int, fold: int = 0) -> npt.NDArray[np.int64]:
    """Place of every channel in a pixel, with ``lanes`` channels per group; 0: one behind the other."""
    numbers = np.arange(channels)
    return numbers // lanes * (LANES >> fold) + numbers % lanes if lanes else numbers


@dataclass(frozen=True)
class Lanes:
    """Channels of a map among the lanes of a pixel.

    Parameters
    ----------
    stride : int
        Lanes of a pixel, S.
    lanes : int
        Channels of a group; 0: they follow each other.
    fold : int
        A group takes ``16 >> fold`` lanes.
    """

    stride: int
    lanes: int = 0
    fold: int = 0

    def positions(self, channels: int) -> npt.NDArray[np.int64]:
        """Place of every channel."""
        return positions(channels, self.lanes, self.fold)


def spread(channels: int, config: LifConfig) -> tuple[int, int, Lanes]:
    """Log2 of the columns of a stream H, rounds R, and the lanes of a pixel's words and weights.

    H is the least power of two up to 16 that covers all lane groups and divides the columns; the groups are
    filled evenly, as a unit takes as long as its fullest column.
    """
    groups = -(-channels // LANES)
    log2_h = config.log2_tied
    while 1 << log2_h < min(groups, MOST_TOGETHER) and config.columns % (2 << log2_h) == 0:
        log2_h += 1
    rounds = -(-groups // (1 << log2_h))
    all_groups = rounds << log2_h
    return log2_h, rounds, Lanes(LANES * all_groups, -(-channels // all_groups))


def folded(lanes: Lanes, config: LifConfig) -> Lanes:
    """Groups of few channels take a half or a quarter of 16 bits of a map that the engine writes.

    So a map of a few channels is shorter, and a window of it has fewer words.
    """
    fold = 0
    while fold + 1 < FOLDS and lanes.lanes << fold + 1 <= LANES and foldable(config, fold + 1):
        fold += 1
    return Lanes(lanes.stride >> fold, lanes.lanes, fold)


def foldable(config: LifConfig, fold: int) -> bool:
    """Whether what all columns write at once is whole beats, or a beat a whole number of that."""
    bits, beat = config.columns * LANES >> fold, 8 * BEAT_BYTES
    return bits % beat == 0 or beat % bits == 0
