"""A spiking convolution on a processor, event by event, as fast as numba makes it: the engine's rival.

Every spike adds the weights of its window to the sums of all output channels, which lie beside each
other, so that LLVM adds them in vectors; zeros cost nothing. The neurons are the engine's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.bench.software import Stopwatch
from spynq.errors import MissingDependency

__all__ = ["Run", "convolution"]


@dataclass(frozen=True)
class Run:
    """Spikes and what they cost.

    Parameters
    ----------
    spikes : ndarray of uint8, shape [N, T, H, W, outputs]
    operations : int
        Additions: a spike met the weight of an output channel.
    seconds : float
        By :class:`spynq.bench.software.Stopwatch`.
    """

    spikes: npt.NDArray[np.uint8]
    operations: int
    seconds: float


def convolution(
    spikes: npt.NDArray[np.uint8],
    weights: npt.NDArray[np.int8],
    theta: npt.NDArray[np.int32],
    decay: int,
    fraction: int,
    threads: int = 2,
) -> Run:
    """A layer without padding, stride 1, soft reset one step late.

    Parameters
    ----------
    spikes : ndarray of uint8, shape [N, T, C, H, W]
    weights : ndarray of int8, shape [outputs, C, K, K]
    theta : ndarray of int32, shape [outputs]
        Thresholds, which are what the reset subtracts.
    decay : int
        a of ``a / 4096``.
    fraction : int
        Fraction bits of the membrane.
    threads : int
        Samples are spread over them.

    Raises
    ------
    MissingDependency
        numba is not installed.
    """
    layer = _compiled()
    samples, steps, _, height, width = spikes.shape
    outputs, kernel = len(weights), weights.shape[2]
    shape = samples, steps, height - kernel + 1, width - kernel + 1, outputs
    wanted = np.ascontiguousarray(weights.transpose(1, 2, 3, 0).astype(np.int32))
    found, counted = np.zeros(shape, np.uint8), np.zeros(samples, np.int64)
    clock = Stopwatch(min(threads, samples))
    layer(spikes, wanted, theta.astype(np.int32), decay, fraction, found, counted)
    return Run(found, int(counted.sum()), clock.seconds())


@cache
def _compiled() -> Callable[..., None]:
    try:
        import numba
    except ImportError as error:
        raise MissingDependency("numba is not installed: pip install 'spynq[bayes]'") from error

    def layer(
        spikes: Any, weights: Any, theta: Any, decay: int, fraction: int, found: Any, counted: Any
    ) -> None:
        samples, steps, channels, height, width = spikes.shape
        kernel, outputs = weights.shape[1], weights.shape[3]
        rows, columns = found.shape[2], found.shape[3]
        for n in numba.prange(samples):
            v = np.zeros((rows, columns, outputs), np.int32)
            sums = np.zeros((rows, columns, outputs), np.int32)
            operations = 0
            for t in range(steps):
                sums[:] = 0
                for c in range(channels):
                    for y in range(height):
                        for x in range(width):
                            if spikes[n, t, c, y, x]:
                                for ky in range(max(0, y - rows + 1), min(kernel, y + 1)):
                                    for kx in range(max(0, x - columns + 1), min(kernel, x + 1)):
                                        operations += outputs
                                        for o in range(outputs):
                                            sums[y - ky, x - kx, o] += weights[c, ky, kx, o]
                for y in range(rows):
                    for x in range(columns):
                        for o in range(outputs):
                            before = np.int64(v[y, x, o]) * decay
                            # Toward zero, as the engine does.
                            left = before >> 12 if before >= 0 else -((-before) >> 12)
                            u = left + (np.int64(sums[y, x, o]) << fraction)
                            if t > 0 and found[n, t - 1, y, x, o]:
                                u -= theta[o]
                            found[n, t, y, x, o] = u >= theta[o]
                            v[y, x, o] = min(max(u, -32768), 32767)
            counted[n] = operations

    compiled: Callable[..., None] = numba.njit(parallel=True, boundscheck=False, error_model="numpy")(layer)
    return compiled
