"""The strongest software a user can pick: numba in float32 with a power of two that vectorises, and torch.

``2**t`` is made by writing the whole part of t into the exponent field of a float32 and multiplying by a
polynomial of degree five in the fraction; loops without calls and branches become vector instructions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.bayes.network import Floats
from spynq.bench.registry import NotMeasured
from spynq.errors import MissingDependency

__all__ = [
    "numba_batch",
    "numba_edge",
    "numba_exchange",
    "numba_fusion",
    "numba_shares",
    "torch_edge",
    "torch_exchange",
    "torch_histogram",
    "torch_shares",
]

Singles = npt.NDArray[np.float32]

# 2**f on [0, 1), least squares in Chebyshev points; largest relative error 7.7e-8.
_C = (
    0.999999926924982,
    0.6931529681766333,
    0.24015452988670877,
    0.055823604462325455,
    0.008992584031294465,
    0.0018762329452059467,
)
_SCALE = math.log2(math.e) / 2


def _numba() -> Any:
    try:
        return import_module("numba")
    except ImportError as error:
        raise MissingDependency("numba is not installed: pip install 'spynq[bayes]'") from error


def enough_threads(numba: Any, threads: int) -> None:
    """Refuse to call one thread two."""
    if numba.get_num_threads() < threads:
        raise NotMeasured(f"numba may use {numba.get_num_threads()} of {threads} threads here")


@cache
def _parts(numba: Any) -> Callable[..., Any]:
    """Exponent field and mantissa of ``2**t``, t at least -126."""
    c0, c1, c2, c3, c4, c5 = (np.float32(c) for c in _C)
    bias = np.int32(127)

    def parts(t: Any) -> Any:
        whole = np.floor(t)
        f = t - whole
        mantissa = c0 + f * (c1 + f * (c2 + f * (c3 + f * (c4 + f * c5))))
        return (np.int32(whole) + bias) << np.int32(23), mantissa

    return numba.njit(fastmath=True, error_model="numpy", inline="always")(parts)  # type: ignore[no-any-return]


@cache
def _power(numba: Any) -> Callable[..., Any]:
    """``scratch[k] = 2**(-scale * (x[k] - c)**2)``; returns the sum."""
    parts, one, lowest = _parts(numba), np.float32(1), np.float32(-126)

    def power(x: Any, c: Any, scale: Any, bits: Any, exponents: Any, scratch: Any) -> Any:
        for k in range(len(x)):
            d = x[k] - c
            bits[k], scratch[k] = parts(max(-scale * d * d, lowest))
        total = one - one
        for k in range(len(x)):
            scratch[k] *= exponents[k]
            total += scratch[k]
        return total

    return numba.njit(fastmath=True, boundscheck=False, error_model="numpy")(power)  # type: ignore[no-any-return]


@cache
def numba_exchange(threads: int) -> Callable[[Singles, Singles, Singles, float], Floats]:
    """Equation (E) for one squared difference per pair (the sufficient statistic).

    Returns
    -------
    callable
        Of pointers [children], weights [children], parents [parents] and the sd around a pointer.
    """
    numba = _numba()
    enough_threads(numba, threads)
    power = _power(numba)

    def run(pointers: Any, weights: Any, parents: Any, scale: Any, parts: Any) -> None:
        for part in numba.prange(parts.shape[0]):
            bits = np.empty(len(parents), np.int32)
            exponents = bits.view(np.float32)
            scratch = np.empty(len(parents), np.float32)
            for i in range(part, len(pointers), parts.shape[0]):
                total = power(parents, pointers[i], scale, bits, exponents, scratch)
                share = weights[i] / total
                for k in range(len(parents)):
                    parts[part, k] += share * scratch[k]

    compiled = numba.njit(parallel=threads > 1, fastmath=True, boundscheck=False, error_model="numpy")(run)

    def exchange(pointers: Singles, weights: Singles, parents: Singles, sd: float) -> Floats:
        parts = np.zeros((threads, len(parents)), np.float32)
        compiled(pointers, weights, parents, np.float32(_SCALE / sd**2), parts)
        message: Floats = parts.sum(axis=0).astype(np.float64)
        return message

    return exchange


@cache
def numba_fusion() -> Callable[[Singles, float, float, npt.NDArray[np.int32], int], Floats]:
    """One population under one merged cue, counted in bins: O(N), one pass."""
    numba = _numba()
    power = _power(numba)

    def run(x: Any, c: Any, scale: Any, labels: Any, bits: Any, exponents: Any, scratch: Any, h: Any) -> None:
        total = power(x, c, scale, bits, exponents, scratch)
        for k in range(len(x)):
            h[labels[k]] += scratch[k]
        for b in range(len(h)):
            h[b] /= total

    compiled = numba.njit(fastmath=True, boundscheck=False, error_model="numpy")(run)

    def fuse(x: Singles, mean: float, sd: float, labels: npt.NDArray[np.int32], bins: int) -> Floats:
        bits, scratch = np.empty(len(x), np.int32), np.empty(len(x), np.float32)
        found = np.zeros(bins, np.float32)
        scale = np.float32(_SCALE / sd**2)
        compiled(x, np.float32(mean), scale, labels, bits, bits.view(np.float32), scratch, found)
        return found.astype(np.float64)

    return fuse


@cache
def numba_shares() -> Callable[[Singles, Sequence[tuple[float, float]]], Floats]:
    """Normalised weights of samples [2, samples], each coordinate under its own cue (value, sd)."""
    numba = _numba()
    parts, one, lowest = _parts(numba), np.float32(1), np.float32(-126)

    def run(x: Any, y: Any, c: Any, d: Any, scale: Any, other: Any, bits: Any, scratch: Any) -> None:
        exponents = bits.view(np.float32)
        for k in range(len(x)):
            bits[k], scratch[k] = parts(
                max(-scale * (x[k] - c) * (x[k] - c) - other * (y[k] - d) * (y[k] - d), lowest)
            )
        total = one - one
        for k in range(len(x)):
            scratch[k] *= exponents[k]
            total += scratch[k]
        for k in range(len(x)):
            scratch[k] /= total

    compiled = numba.njit(fastmath=True, boundscheck=False, error_model="numpy")(run)

    def shares(samples: Singles, cues: Sequence[tuple[float, float]]) -> Floats:
        bits, scratch = np.empty(samples.shape[1], np.int32), np.empty(samples.shape[1], np.float32)
        values, scales = zip(*((np.float32(c), np.float32(_SCALE / sd**2)) for c, sd in cues), strict=True)
        compiled(samples[0], samples[1], *values, *scales, bits, scratch)
        return scratch.astype(np.float64)

    return shares


@cache
def numba_batch(threads: int) -> Callable[[Singles, Singles, Sequence[float]], Floats]:
    """Posterior means of the first coordinate under a batch of two cues each, on one population.

    Returns
    -------
    callable
        Of samples [2, samples], cues [evidences, 2] and the two sds.
    """
    numba = _numba()
    enough_threads(numba, threads)
    parts, lowest = _parts(numba), np.float32(-126)

    def run(x: Any, y: Any, cues: Any, scale: Any, other: Any, means: Any) -> None:
        for thread in numba.prange(means.shape[0]):
            bits = np.empty(len(x), np.int32)
            exponents = bits.view(np.float32)
            scratch = np.empty(len(x), np.float32)
            for e in range(thread, len(cues), means.shape[0]):
                c, d = cues[e]
                for k in range(len(x)):
                    bits[k], scratch[k] = parts(
                        max(-scale * (x[k] - c) * (x[k] - c) - other * (y[k] - d) * (y[k] - d), lowest)
                    )
                total = moment = np.float32(0)
                for k in range(len(x)):
                    weight = scratch[k] * exponents[k]
                    total += weight
                    moment += weight * x[k]
                means[thread, e] = moment / total

    compiled = numba.njit(parallel=threads > 1, fastmath=True, boundscheck=False, error_model="numpy")(run)

    def batch(samples: Singles, cues: Singles, sds: Sequence[float]) -> Floats:
        means = np.zeros((threads, len(cues)), np.float32)
        scales = [np.float32(_SCALE / sd**2) for sd in sds]
        compiled(samples[0], samples[1], cues, scales[0], scales[1], means)
        found: Floats = means.sum(axis=0).astype(np.float64)
        return found

    return batch


@cache
def _edge(numba: Any) -> Any:
    def run(table: Any, lower: Any, weights: Any, upper: Any, message: Any, density: Any) -> None:
        for i in range(len(lower)):
            row = table[lower[i]]
            total = np.float32(0)
            for k in range(len(upper)):
                density[k] = row[upper[k]]
                total += density[k]
            share = weights[i] / total
            for k in range(len(upper)):
                message[k] += share * density[k]

    return numba.njit(fastmath=True, boundscheck=False, error_model="numpy")(run)


def numba_edge(table: Floats, lower: Any, weights: Floats, upper: Any) -> Floats:
    """Equation (E) for discrete nodes, every pair: states of both ends, and the table between them."""
    message, density = np.zeros((2, len(upper)), np.float32)
    compiled = _edge(_numba())
    compiled(table.astype(np.float32), lower, weights.astype(np.float32), upper, message, density)
    found: Floats = message.astype(np.float64)
    return found


def _torch() -> Any:
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingDependency("torch is not installed: pip install 'spynq[train]'") from error


def torch_edge(table: Floats, lower: Any, weights: Floats, upper: Any) -> Floats:
    """Equation (E) for discrete nodes, every pair, float32."""
    torch = _torch()
    rows = torch.from_numpy(table.astype(np.float32))[torch.from_numpy(lower)]
    density = rows[:, torch.from_numpy(np.ascontiguousarray(upper))]
    message = (torch.from_numpy(weights.astype(np.float32)) / density.sum(dim=1)) @ density
    return np.asarray(message.numpy(), np.float64)


def torch_histogram(
    x: Singles, cues: Sequence[tuple[float, float]], labels: npt.NDArray[np.int32], bins: int
) -> Floats:
    """One population under several cues, counted in bins, float32."""
    torch = _torch()
    s = torch.from_numpy(x)
    weight = torch.exp(-0.5 * sum(((s - value) / sd) ** 2 for value, sd in cues))
    counted = torch.zeros(bins).index_add_(0, torch.from_numpy(labels).long(), weight)
    return np.asarray((counted / weight.sum()).numpy(), np.float64)


def torch_shares(samples: Singles, cues: Sequence[tuple[float, float]]) -> Floats:
    """Normalised weights of samples [samples, cues], each coordinate under its own cue, float32."""
    torch = _torch()
    square = sum(((torch.from_numpy(samples[:, d]) - c) / sd) ** 2 for d, (c, sd) in enumerate(cues))
    weight = torch.exp(-0.5 * square)
    return np.asarray((weight / weight.sum()).numpy(), np.float64)


def torch_exchange(pointers: Singles, weights: Singles, parents: Singles, sd: float) -> Floats:
    """Equation (E) in torch on the CPU, float32, blocks of 500 rows."""
    torch = _torch()
    x, y = torch.from_numpy(parents), torch.from_numpy(pointers)
    u = torch.from_numpy(weights)
    message = torch.zeros(len(parents))
    for first in range(0, len(pointers), 500):
        k = torch.exp2((y[first : first + 500, None] - x[None, :]).square_().mul_(-_SCALE / sd**2))
        message += (u[first : first + 500] / k.sum(dim=1)) @ k
    return np.asarray(message.numpy(), np.float64)
