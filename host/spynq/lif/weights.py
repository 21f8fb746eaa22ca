"""Weights in few bits: per output channel the scale with the least squared error, clipping included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.lif.errors import LifError

__all__ = ["FORMATS", "Format", "best_scales", "codebook", "round_weights"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STEPS = 150
"""Clipping points tried per channel, beside those at which the largest weight is a whole number."""


@dataclass(frozen=True)
class Format:
    """One way to hold a weight.

    Parameters
    ----------
    name : str
        ``int8``, ``int4``, ``int2`` (-1, 0, 1), ``int1`` (-1, 1), ``codebook2`` or ``codebook4``.
    bits : int
        Bits per weight in memory.
    levels : int
        Distinct values of a codebook; 0: none.
    """

    name: str
    bits: int
    levels: int = 0


FORMATS = {
    "int8": Format("int8", 8),
    "int4": Format("int4", 4),
    "int2": Format("int2", 2),
    "int1": Format("int1", 1),
    "codebook2": Format("codebook2", 2, 4),
    "codebook4": Format("codebook4", 4, 16),
}
"""The formats by name."""


def largest(bits: int) -> int:
    """Largest weight; the range is symmetric (8 bits: 127, 4: 7, 2 and 1: 1)."""
    return (1 << max(bits - 1, 1)) - 1


def round_weights(weight: Floats, scale: Floats, bits: int) -> Ints:
    """Integers of weights [channels, taps] by scales [channels]; ties to even, clipped."""
    units = weight / scale[:, None]
    if bits == 1:
        return np.where(units >= 0, 1, -1).astype(np.int64)
    most = largest(bits)
    return np.clip(np.rint(units), -most, most).astype(np.int64)


def best_scales(weight: Floats, bits: int) -> Floats:
    """Scale per channel with the least squared error of ``scale * integer``.

    Weights that already lie on a grid of these bits are met exactly.

    Parameters
    ----------
    weight : ndarray of float64, shape [channels, taps]
    bits : int
        1 to 8.

    Returns
    -------
    ndarray of float64, shape [channels]
        Above 0, 1 for a channel without weights.
    """
    peak = np.abs(weight).max(axis=1)
    peak = np.where(peak > 0, peak, 1.0)
    if bits == 1:
        # The mean magnitude is the least-squares answer for -1 and 1.
        mean: Floats = np.abs(weight).mean(axis=1)
        return np.where(mean > 0, mean, peak)
    most = largest(bits)
    ratios = np.concatenate([most / np.arange(most, 0, -1), np.geomspace(0.05, 1, _STEPS)])
    best, error = peak / most, np.full(len(peak), np.inf)
    for ratio in ratios:
        scale = peak * ratio / most
        found = ((round_weights(weight, scale, bits) * scale[:, None] - weight) ** 2).sum(axis=1)
        better = found < error * (1 - 1e-9)
        best, error = np.where(better, scale, best), np.where(better, found, error)
    return best


def codebook(layer: str, weight: Floats, levels: int) -> tuple[Floats, Ints]:
    """Distinct values of a layer's weights, and the code of each weight.

    Raises
    ------
    LifError
        E03: there are more distinct values than the codebook holds.
    """
    values, codes = np.unique(weight, return_inverse=True)
    if len(values) > levels:
        raise LifError(
            "E03",
            f"layer {layer!r}: weights have {len(values)} distinct values, and a codebook holds {levels}; "
            "use "
            "int8 or int4, or train it with fewer levels",
        )
    return values, codes.reshape(weight.shape).astype(np.int64)
