"""Spikes of a population in exact integers: Poisson counts and their total, drawn on chip.

Independent Poisson counts with means in the ratio of the weights are a Poisson total whose spikes each
choose a neuron with probability w_i / W; so one mechanism serves both, the Poisson code and counts that
are multinomial given their total. A spike is drawn by rejection, which is exact: a random word names a
neuron, and is taken if its other bits are below the neuron's weight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spynq.stm.generators import segmented_words
from spynq.stm.golden import Integers, Words
from spynq.stm.golden_edge import log2

__all__ = ["MEAN_ONE", "PATIENCE", "poisson_total", "spike_counts", "waiting"]

MEAN_ONE = 1477.3197218702985
"""A mean of one spike in the units of a Poisson mean: 1024 * log2(e)."""
PATIENCE = 1 << 22
"""Trials without a spike after which no more are drawn: with a weight of 2**16 that never happens."""
_BLOCK = 4096
_BITS = 16


def waiting(words: npt.ArrayLike) -> Integers:
    """Exponential waiting times -log2((word + 1) / 2**32), 10 fraction bits."""
    return (32 << 10) - log2(np.asarray(words, np.int64) + 1)


def _stream(seed: int) -> Words:
    return np.frombuffer(seed.to_bytes(16, "little"), "<u4").astype(np.uint32).reshape(1, 4)


def poisson_total(state: Words, mean: int) -> int:
    """Number of spikes in a time ``mean``: waiting times are summed until they exceed it.

    Parameters
    ----------
    state : ndarray of uint32, shape [1, 4]
        State of the generator; it moves on by one word more than there are spikes.
    mean : int
        Mean number of spikes times ``MEAN_ONE``, rounded.
    """
    time, spikes, ahead = 0, 0, 64
    while True:
        later = state.copy()
        ends = time + np.cumsum(waiting(segmented_words(later, ahead)[:, 0]))
        inside = int((ends <= mean).sum())
        if inside < ahead:
            segmented_words(state, inside + 1)
            return spikes + inside
        state[...] = later
        time, spikes, ahead = int(ends[-1]), spikes + ahead, 2 * ahead


def spike_counts(w: npt.ArrayLike, seed: int, number: int, *, poisson: bool = False) -> Integers:
    """Spike count of each neuron.

    Parameters
    ----------
    w : array_like of int, shape [neurons]
        Weights, 0 to 2**16; without a possible neuron no spike is drawn.
    seed : int
        State of the generator, words s0 to s3 from bit 0 up; not zero.
    number : int
        Spikes; with ``poisson`` their mean, as in :func:`poisson_total`.
    """
    weight = np.asarray(w, np.int64)
    counts = np.zeros(len(weight), np.int64)
    state = _stream(seed)
    left = poisson_total(state, number) if poisson else number
    missed = 0
    while left and weight.any() and missed < PATIENCE:
        word = segmented_words(state, _BLOCK)[:, 0].astype(np.int64)
        neuron = word >> _BITS & ((1 << (len(weight) - 1).bit_length()) - 1)
        inside = neuron < len(weight)
        hit = np.flatnonzero(inside & ((word & 0xFFFF) < weight[np.where(inside, neuron, 0)]))[:left]
        np.add.at(counts, neuron[hit], 1)
        left -= len(hit)
        missed = _BLOCK - 1 - int(hit[-1]) if len(hit) else missed + _BLOCK
    return counts
