"""What a run of the sampling tree gives back, in the kernel's integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.stm.golden import Words

__all__ = ["FlatResult", "RecordsResult", "TreeResult", "WeightingResult"]


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


@dataclass(frozen=True)
class RecordsResult:
    """Expected counts of a data set, and one record per record of data.

    Parameters
    ----------
    records, flags, cycles
        See :class:`FlatResult`; one record per record of data, its log evidence in L_MIN and W.
    counts : ndarray of uint64, shape [counts]
        Sum over records, each of which counts 2**24; those without a possible sample count nothing.
    """

    records: npt.NDArray[Any]
    counts: npt.NDArray[np.uint64]
    flags: dict[str, bool]
    cycles: int


@dataclass(frozen=True)
class TreeResult:
    """What the steps of a tree run wrote, by the index of the step.

    Parameters
    ----------
    records : dict of int to structured ndarray, shape [1]
        Of each CLOSE with ``records``; with a histogram it has BINS.
    weights : dict of int to ndarray of uint32, shape [samples]
        Of each CLOSE with ``weights``.
    spikes : dict of int to ndarray of uint32, shape [samples]
        Of each SPIKES.
    lost : float
        Largest share of a child's weight without a parent nearby, over the edges.
    flags, cycles
        See :class:`FlatResult`.
    """

    records: dict[int, npt.NDArray[Any]]
    weights: dict[int, Words]
    spikes: dict[int, Words]
    lost: float
    flags: dict[str, bool]
    cycles: int
