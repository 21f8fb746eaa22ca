"""The sampling tree in exact integers: the contract that gateware and HLS twin meet bit for bit.

Number format F16. Each function is one step of the hardware and bears its name; arrays are
``int64`` unless said otherwise, and no step holds a number that needs more than 62 bits. Sums are
exact, so no result depends on the lane count or on the order of samples.

Two front ends produce negative log2 likelihoods ``nll`` (24 bits, 10 of them fraction):
:func:`log_likelihood` for a population under Gaussian cues, and :func:`chunk` for likelihood
weighting of a discrete Bayesian network. One back end follows: :func:`minimum`,
:func:`exponential`, :func:`weights`, :func:`sums`, :func:`histogram`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.stm.params import (
    CHUNK,
    IMPOSSIBLE,
    L_FRACTION,
    L_MAX,
    MAX_GAIN_BITS,
    SATZ_LIMIT,
    SLOTS,
    STREAMS,
)

__all__ = [
    "T0",
    "T1",
    "Operation",
    "chunk",
    "deviation",
    "draw",
    "exponential",
    "flags",
    "generator_states",
    "histogram",
    "log_likelihood",
    "minimum",
    "random_words",
    "row",
    "sums",
    "weigh",
    "weights",
    "xoshiro",
]

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]

_Z_BITS = 18
_TABLE_BITS = 5
_INTERPOLATION_BITS = L_FRACTION - _TABLE_BITS

T0: Integers = np.round(2.0**17 * 2.0 ** (-np.arange(33) / 32)).astype(np.int64)
"""2**17 * 2**(-a/32), rounded, for a = 0 to 32."""
T1: Integers = T0[:-1] - T0[1:]
"""Differences of T0, for the linear interpolation."""


# Front end: a population under Gaussian cues


def deviation(samples: npt.ArrayLike, cue: npt.ArrayLike, gain: npt.ArrayLike) -> Integers:
    """Scaled distance z of samples from a cue: 18 bits signed, 12 of them fraction.

    Parameters
    ----------
    samples, cue : array_like of int
        Signed 16 bit, in steps of the grid; they broadcast.
    gain : array_like of int
        0 to 2**26 - 1: ``floor(sqrt(log2(e)/2) / sd * 2**31 + 1/2)`` with sd in grid steps.

    Returns
    -------
    ndarray of int64
        ``((samples - cue) * gain + 2**18) >> 19``, clipped to -2**17 .. 2**17 - 1 (ties round up).
    """
    difference = np.asarray(samples, np.int64) - np.asarray(cue, np.int64)
    scaled = (difference * np.asarray(gain, np.int64) + (1 << 18)) >> 19
    clipped: Integers = np.clip(scaled, -(1 << (_Z_BITS - 1)), (1 << (_Z_BITS - 1)) - 1)
    return clipped


def log_likelihood(samples: npt.ArrayLike, cues: npt.ArrayLike, gains: npt.ArrayLike) -> Integers:
    """Negative log2 likelihood of each sample relative to the peak density, 10 fraction bits.

    Parameters
    ----------
    samples : array_like of int, shape [terms, samples]
        Term t reads row t.
    cues, gains : array_like of int, shape [terms] or [evidences, terms]
        See :func:`deviation`.

    Returns
    -------
    ndarray of int64, shape [samples] or [evidences, samples]
        0 to ``L_MAX``: squares of z summed over terms, rounded half up, saturated.
    """
    columns = np.asarray(samples, np.int64)
    cue, gain = np.asarray(cues, np.int64), np.asarray(gains, np.int64)
    if np.any(gain < 0) or np.any(gain >> MAX_GAIN_BITS):
        raise ValueError(f"gains must be 0 to {(1 << MAX_GAIN_BITS) - 1}, not {gain.tolist()}")
    total = np.zeros((*cue.shape[:-1], columns.shape[1]), np.int64)
    for term in range(columns.shape[0]):
        total += deviation(columns[term], cue[..., term, None], gain[..., term, None]) ** 2
    return np.minimum((total + (1 << 13)) >> 14, L_MAX)


# Back end


def minimum(nll: npt.ArrayLike) -> Integers:
    """Smallest ``nll`` along the last axis; ``IMPOSSIBLE`` if no sample is possible."""
    smallest: Integers = np.min(np.asarray(nll, np.int64), axis=-1)
    return smallest


def exponential(d: npt.ArrayLike) -> Integers:
    """2**(16 - d/1024) by a table of 32 and linear interpolation: 0 to 2**16.

    Parameters
    ----------
    d : array_like of int
        ``nll - l_min``, at least 0. From 18 * 1024 on the result is 0.
    """
    distance = np.asarray(d, np.int64)
    octave = np.minimum(distance >> L_FRACTION, 18)
    address = (distance >> _INTERPOLATION_BITS) & 31
    rest = distance & 31
    mantissa = T0[address] - ((T1[address] * rest + 16) >> 5)
    # At octave 17 and fraction 0 this sum is 2**17 + 2**17: 19 bits in hardware.
    rounded = (mantissa + (np.int64(1) << octave)) >> (octave + 1)
    return np.where(octave <= 17, rounded, 0)


def weights(nll: npt.ArrayLike, l_min: npt.ArrayLike) -> Integers:
    """Weight of each sample: 2**16 for the best, 0 for ``IMPOSSIBLE``.

    Parameters
    ----------
    nll : array_like of int, shape [..., samples]
    l_min : array_like of int, shape [...]
        As :func:`minimum` gives it.
    """
    value = np.asarray(nll, np.int64)
    distance = value - np.asarray(l_min, np.int64)[..., None]
    return np.where(value == IMPOSSIBLE, 0, exponential(np.maximum(distance, 0)))


def sums(w: npt.ArrayLike, samples: npt.ArrayLike = 0) -> tuple[Integers, Integers, Integers]:
    """W = sum of w, S1 = sum of w times sample, S2 = sum of w squared, along the last axis.

    Bounds for 65,536 samples: W at most 2**32, S1 at most 2**47 in magnitude, S2 at most 2**48.
    """
    weight = np.asarray(w, np.int64)
    return (
        np.asarray(weight.sum(axis=-1)),
        np.asarray((weight * np.asarray(samples, np.int64)).sum(axis=-1)),
        np.asarray((weight * weight).sum(axis=-1)),
    )


def histogram(w: npt.ArrayLike, labels: npt.ArrayLike, bins: int) -> tuple[Integers, Integers]:
    """Per bin the sum of weights H and of squared weights Q.

    Parameters
    ----------
    w : array_like of int, shape [samples]
    labels : array_like of int, shape [samples]
        Bin of each sample; taken modulo ``bins``.
    bins : int
        Bins of the kernel, a power of two.
    """
    weight = np.asarray(w, np.int64).ravel()
    place = np.asarray(labels, np.int64).ravel() & (bins - 1)
    h, q = np.zeros(bins, np.int64), np.zeros(bins, np.int64)
    np.add.at(h, place, weight)
    np.add.at(q, place, weight * weight)
    return h, q


def flags(l_min: int) -> tuple[bool, bool]:
    """ZERO (no sample is possible) and SATZ (the best one is 32 standard deviations off)."""
    zero = l_min == IMPOSSIBLE
    return zero, l_min >= SATZ_LIMIT and not zero


# Front end: likelihood weighting of a discrete network


@dataclass(frozen=True)
class Operation:
    """One step of a likelihood-weighting program, done for all samples of a chunk.

    Parameters
    ----------
    base : int
        First table entry of the node, evidence parents already folded in.
    log2_states : int
        log2 of the padded row length, 0 to 8; 0 when weighing.
    weigh : bool
        True: add the entry to the log-likelihood; False: draw a state.
    column : int
        State column a draw is written to.
    parents : tuple of (int, int)
        State column and stride of each sampled parent.
    fresh, push : bool
        First operation (log-likelihood starts at 0), last operation (it goes to the back end).
    """

    base: int
    log2_states: int = 0
    weigh: bool = False
    column: int = 0
    parents: tuple[tuple[int, int], ...] = ()
    fresh: bool = False
    push: bool = False


def generator_states(seed: int) -> Words:
    """States of the 64 generators for a seed: shape [64, 4], words s0 to s3 of each stream."""
    words = np.random.SeedSequence(seed).generate_state(4 * STREAMS, np.uint32)
    return words.astype(np.uint32).reshape(STREAMS, 4)


def _rotate(word: Words, count: int) -> Words:
    return (word << np.uint32(count)) | (word >> np.uint32(32 - count))


def xoshiro(states: Words) -> Words:
    """One step of xoshiro128++ (Blackman and Vigna 2021) in every generator.

    Parameters
    ----------
    states : ndarray of uint32, shape [streams, 4]
        Changed in place.

    Returns
    -------
    ndarray of uint32, shape [streams]
        The output of this step.
    """
    s0, s1, s2, s3 = (states[..., i] for i in range(4))
    result = _rotate(s0 + s3, 7) + s0
    shifted = s1 << np.uint32(9)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3[...] = _rotate(s3, 11)
    return result


def random_words(states: Words, count: int) -> Words:
    """``count`` steps of every generator: shape [count, streams]; ``states`` moves on."""
    # Generators run along the contiguous axis while stepping: a third of the time.
    columns = np.ascontiguousarray(states.T)
    words = np.empty((count, states.shape[0]), np.uint32)
    for i in range(count):
        words[i] = xoshiro(columns.T)
    states[...] = columns.T
    return words


def row(parents: Sequence[tuple[int, int]], states: npt.NDArray[np.uint8]) -> Integers:
    """Table row of each sample: sum of stride times parent state."""
    total = np.zeros(states.shape[1:], np.int64)
    for column, stride in parents:
        total += stride * states[column].astype(np.int64)
    return total


def draw(words: Words, rows: npt.ArrayLike, table: Words, base: int, log2_states: int) -> Integers:
    """Draw one state per sample from alias tables.

    Parameters
    ----------
    words : ndarray of uint32
        One random word per sample: the top ``log2_states`` bits choose the table column, the
        next 24 are compared with its threshold.
    rows : array_like of int
        Row of the table, of the shape of ``words``.
    table : ndarray of uint32
        Entries: threshold in bits 23:0, alias in bits 31:24; a power of two of them.
    base : int
        First entry of the node.
    log2_states : int
        log2 of the entries of a row, 0 to 8.

    Returns
    -------
    ndarray of int64
        The column if the 24 bits are below the threshold, else the alias.
    """
    word = words.astype(np.int64)
    column = word >> (32 - log2_states)
    fraction = (word >> (8 - log2_states)) & 0xFFFFFF
    address = base + (np.asarray(rows, np.int64) << log2_states) + column
    entry = table[address & (len(table) - 1)].astype(np.int64)
    return np.where(fraction < (entry & 0xFFFFFF), column, entry >> 24)


def weigh(nll: npt.ArrayLike, rows: npt.ArrayLike, table: Words, base: int) -> Integers:
    """Add the table's negative log2 probability to ``nll``; ``IMPOSSIBLE`` is sticky, else saturate."""
    before = np.asarray(nll, np.int64)
    address = (base + np.asarray(rows, np.int64)) & (len(table) - 1)
    entry = table[address].astype(np.int64) & IMPOSSIBLE
    impossible = (before == IMPOSSIBLE) | (entry == IMPOSSIBLE)
    return np.where(impossible, IMPOSSIBLE, np.minimum(before + entry, L_MAX))


def chunk(
    program: Sequence[Operation],
    table: Words,
    generators: Words,
    columns: int,
    count: int = 1,
    state_bits: int = 8,
    source: Callable[[Words, int], Words] = random_words,
) -> tuple[Integers, npt.NDArray[np.uint8]]:
    """Run the program on ``count`` chunks of 1,024 samples.

    Sample i of a chunk is drawn by generator ``i % 64`` in slot ``i // 64``. A generator draws
    for each chunk, in it for each drawing operation, in it for each slot, in this order.

    Parameters
    ----------
    program : sequence of Operation
    table : ndarray of uint32
        All entries of the kernel, a power of two of them.
    generators : ndarray of uint32, shape [64, 4]
        Generator states; they move on.
    columns : int
        State columns of the kernel.
    count : int
        Chunks.
    state_bits : int
        Bits a state column keeps.
    source : callable
        Gives the random words; any other must equal :func:`random_words`.

    Returns
    -------
    nll : ndarray of int64, shape [count, 1024]
        Log-likelihoods, as the operation with ``push`` leaves them.
    states : ndarray of uint8, shape [columns, count, 1024]
        State columns at the end of the program.
    """
    draws = sum(not operation.weigh for operation in program)
    words = source(generators, count * draws * SLOTS).reshape(count, draws, CHUNK)
    states = np.zeros((columns, count, CHUNK), np.uint8)
    nll = pushed = np.zeros((count, CHUNK), np.int64)
    drawn = 0
    for operation in program:
        if operation.fresh:
            nll = np.zeros_like(nll)
        rows = row(operation.parents, states)
        if operation.weigh:
            nll = weigh(nll, rows, table, operation.base)
        else:
            state = draw(words[:, drawn], rows, table, operation.base, operation.log2_states)
            states[operation.column] = state & ((1 << state_bits) - 1)
            drawn += 1
        if operation.push:
            pushed = nll
    return pushed, states
