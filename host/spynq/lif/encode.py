"""Weights as bits in memory: the narrowest format that holds them, and lane groups of taps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import WeightFormat
from spynq.lif.errors import LifError
from spynq.lif.lanes import Lanes
from spynq.lif.params import BEAT_BYTES, LANES

__all__ = ["choose_format", "encode_groups", "encoded_bytes", "lane_groups"]

Integers = npt.NDArray[np.int64]
_RANGES = {WeightFormat.S2: (-1, 1), WeightFormat.S4: (-7, 7), WeightFormat.S8: (-127, 127)}
_SIZES = {WeightFormat.CODEBOOK2: 4, WeightFormat.CODEBOOK4: 16}


def choose_format(
    name: str,
    weights: Integers,
    asked: WeightFormat | None,
    codebook: tuple[int, ...] | None,
    *,
    codebooks: bool = True,
) -> tuple[WeightFormat, tuple[int, ...]]:
    """Format and codebook of a layer.

    Parameters
    ----------
    name : str
        Of the layer, for the refusal.
    weights : ndarray of int64
    asked : WeightFormat, optional
        The narrowest that holds the weights by default: s1, s2, codebook of 4, s4, codebook of 16, s8.
    codebook : tuple of int, optional
        The distinct weights by default.
    codebooks : bool
        Whether the build has codebooks: by default nothing is chosen that it lacks.

    Raises
    ------
    LifError
        E07: the weights do not fit the format.
    """
    values = np.unique(weights)
    every = (
        WeightFormat.S1,
        WeightFormat.S2,
        WeightFormat.CODEBOOK2,
        WeightFormat.S4,
        WeightFormat.CODEBOOK4,
        WeightFormat.S8,
    )
    order = [form for form in every if codebooks or form not in _SIZES]
    for form in order if asked is None else (asked,):
        if form in _SIZES:
            codes = tuple(int(v) for v in (values if codebook is None else codebook))
            if len(codes) <= _SIZES[form] and set(values.tolist()) <= set(codes) and _bytes(codes):
                return form, codes + (0,) * (16 - len(codes))
        elif form == WeightFormat.S1:
            if set(values.tolist()) <= {-1, 1}:
                return form, (0,) * 16
        else:
            low, high = _RANGES[form]
            if not values.size or low <= values[0] <= values[-1] <= high:
                return form, (0,) * 16
    wanted = "any format" if asked is None else asked.name.lower()
    raise LifError(
        "E07",
        f"layer {name!r}: weights from {values[0]} to {values[-1]} with {values.size} different values "
        f"do not fit {wanted} (s8 takes -127 to 127); quantise them to 8 bits or fewer",
    )


def _bytes(codes: tuple[int, ...]) -> bool:
    return all(-128 <= code <= 127 for code in codes)


def lane_groups(matrix: Integers, lanes: Lanes) -> Integers:
    """Taps in lane groups, shape (groups, taps, 16), from shape (taps, channels); the rest is 0."""
    taps, channels = matrix.shape
    filled = np.zeros((taps, lanes.stride), np.int64)
    filled[:, lanes.positions(channels)] = matrix
    return filled.reshape(taps, -1, LANES).transpose(1, 0, 2)


def encode_groups(weights: Integers, form: WeightFormat, codebook: tuple[int, ...]) -> bytes:
    """Bytes of lane groups, each in whole beats; ``weights`` has shape (groups, taps, 16)."""
    groups, taps = weights.shape[:2]
    bits = form.bits
    if form in _SIZES:
        used = np.array(codebook[: _SIZES[form]], np.int64)
        order = np.argsort(used, kind="stable")
        found = np.searchsorted(used[order], weights).clip(max=len(used) - 1)
        # Lanes and taps that are no channel may have no code of their own; any will do.
        codes = order[found]
    elif form == WeightFormat.S1:
        codes = (weights < 0).astype(np.int64)
    else:
        codes = weights & (1 << bits) - 1
    per_byte = 8 // bits
    flat = codes.reshape(groups, -1, per_byte)
    packed = np.bitwise_or.reduce(flat << np.arange(0, 8, bits), axis=2).astype(np.uint8)
    room = -(-taps * LANES // per_byte // BEAT_BYTES) * BEAT_BYTES
    filled = np.zeros((groups, room), np.uint8)
    filled[:, : packed.shape[1]] = packed
    return filled.tobytes()


def encoded_bytes(weights: Integers, form: WeightFormat) -> int:
    """Bytes that :func:`encode_groups` makes."""
    groups, taps = weights.shape[:2]
    return groups * -(-taps * form.bits // 8) * BEAT_BYTES
