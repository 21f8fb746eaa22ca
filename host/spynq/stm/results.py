"""What a run of the sampling tree gives back, in the kernel's integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from spynq.stm.golden import Words

__all__ = ["FlatResult", "WeightingResult"]


@dataclass(frozen=True)
class FlatResult:
    """Sums of a flat run, in the kernel's integers.

    Parameters
    ----------
    records : structured ndarray, shape [evidences]
        Fields W, S2, S1, L_MIN, FLAGS, and with a histogram BINS with H and Q [evidences, bins].
    weights : ndarray of uint32, shape [evidences, samples], or None
        Weight of each sample, 2**16 for the best.
    flags : dict of str to bool
        STATUS of the run.
    cycles : int
        Clock cycles; 0 on a device without a clock.
    """

    records: npt.NDArray[Any]
    weights: Words | None
    flags: dict[str, bool]
    cycles: int


@dataclass(frozen=True)
class WeightingResult:
    """Sums of a likelihood-weighting run, one record per chunk of 1,024 samples.

    Parameters
    ----------
    records, flags, cycles
        See :class:`FlatResult`; one record per chunk.
    samples : int
        Samples drawn and counted.
    """

    records: npt.NDArray[Any]
    flags: dict[str, bool]
    cycles: int
    samples: int
