"""Weights of the golden model, and the sums of a window: A of every neuron and step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from spynq.lif.codes import Pool, WeightFormat
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.lanes import positions
from spynq.lif.params import BEAT_BYTES, LANES
from spynq.model import Memory

__all__ = ["BOUND", "Gather", "decode_weights", "read_weights"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
BOUND = (1 << 23) - 1
"""Largest sum of |weight| times largest input value of a neuron: what the 24-bit accumulator holds."""


def decode_weights(
    data: npt.NDArray[np.uint8], form: WeightFormat, codebook: tuple[int, ...], taps: int
) -> Integers:
    """Weights of one lane group from its beats, shape (taps, 16)."""
    bits = form.bits
    if bits == 8:
        return data.view(np.int8).astype(np.int64).reshape(-1, LANES)[:taps]
    # Codes fill a byte from its low end, and taps a beat.
    codes = (data.reshape(-1, 1) >> np.arange(0, 8, bits)) & (1 << bits) - 1
    codes = codes.astype(np.int64).reshape(-1, LANES)[:taps]
    if form in (WeightFormat.CODEBOOK2, WeightFormat.CODEBOOK4):
        values: Integers = np.array(codebook, np.int64)[codes]
        return values
    if form == WeightFormat.S1:
        return 1 - 2 * codes
    return codes - ((codes >> bits - 1) << bits)


def read_weights(memory: Memory, base: int, d: Descriptor, plan: Plan) -> Integers:
    """Weights of all output channels, shape (taps, channels)."""
    form = WeightFormat(d.format)
    groups = plan.rounds << plan.log2_h
    per_beat = 8 // form.bits
    beats = -(-plan.taps // per_beat)
    if groups * beats != plan.weight_beats:
        raise AssertionError(f"{groups} lane groups of {beats} beats are not {plan.weight_beats}")
    data = memory.read(base + d.weights * BEAT_BYTES, plan.weight_beats * BEAT_BYTES)
    raw = np.frombuffer(data, np.uint8).reshape(groups, -1)
    weights = np.stack([decode_weights(group, form, plan.codebook, plan.taps) for group in raw])
    # A one-bit weight cannot be zero, so the lanes that are no channel hold anything.
    flat = weights.transpose(1, 0, 2).reshape(plan.taps, -1)
    return flat[:, positions(d.c_out, plan.out_lanes)]


class Gather:
    """Sums of one layer.

    Sums are made in float32, which is exact here: every partial sum is an integer below 2**24,
    as the bound of the accumulator says, and the bound is checked first.

    Parameters
    ----------
    d, plan : Descriptor, Plan
    weights : ndarray of int64, shape (taps, channels)
    """

    def __init__(self, d: Descriptor, plan: Plan, weights: Integers) -> None:
        self.d = d
        stride = min(plan.slice or plan.in_channels, plan.in_channels)
        taps = weights.reshape(d.kh * d.kw, stride, d.c_out)
        lanes = positions(d.c_in, plan.in_lanes, plan.in_fold)
        if plan.slice:
            # A round sees its own slice of a pixel.
            in_round = positions(d.c_out, plan.out_lanes) // plan.slice
            seen = in_round == (lanes // plan.slice)[:, None]
            taps = taps[:, lanes % plan.slice] * seen
        else:
            # Taps of lanes that are no channel are never used.
            taps = taps[:, lanes]
        total = np.abs(taps).sum(axis=(0, 1)).max() * _largest_value(d, plan)
        if total > BOUND:
            raise AssertionError(f"sums of up to {total} leave the accumulator, which holds {BOUND}")
        self.matrix = taps.reshape(-1, d.c_out).astype(np.float32)
        self.diagonal: Floats | None = None
        if d.c_in == d.c_out:
            own = taps[:, np.arange(d.c_in), np.arange(d.c_in)]
            if np.abs(own).sum() == np.abs(taps).sum():
                self.diagonal = own.astype(np.float32)

    def __call__(self, values: npt.NDArray[np.int16]) -> Integers:
        """A, shape (items, rows, pixels, channels), from values, shape (items, rows, pixels, channels in)."""
        windows = self._windows(self._padded(values))
        items, rows, pixels, kh, kw = windows.shape[:5]
        if self.diagonal is not None:
            kernel = windows.reshape(items * rows * pixels, kh * kw, -1)
            sums = np.einsum("ikc,kc->ic", kernel, self.diagonal)
        else:
            sums = windows.reshape(items * rows * pixels, -1) @ self.matrix
        whole: Integers = sums.reshape(items, rows, pixels, -1).astype(np.int64)
        return whole

    def _padded(self, values: npt.NDArray[np.int16]) -> Floats:
        """The map inside zeros, so that every window is within."""
        d = self.d
        items, rows, pixels, channels = values.shape
        high = max(d.pad_y + rows, (d.h_out - 1) * d.stride_y + (d.kh - 1) * d.dilation_y + 1)
        wide = max(d.pad_x + pixels, (d.w_out - 1) * d.stride_x + (d.kw - 1) * d.dilation_x + 1)
        padded = np.zeros((items, high, wide, channels), np.float32)
        padded[:, d.pad_y : d.pad_y + rows, d.pad_x : d.pad_x + pixels] = values
        return padded

    def _windows(self, padded: Floats) -> Floats:
        """View of all windows, shape (items, rows, pixels, kh, kw, channels)."""
        d = self.d
        item, row, pixel, channel = padded.strides
        return as_strided(
            padded,
            (len(padded), d.h_out, d.w_out, d.kh, d.kw, padded.shape[3]),
            (
                item,
                row * d.stride_y,
                pixel * d.stride_x,
                row * d.dilation_y,
                pixel * d.dilation_x,
                channel,
            ),
            writeable=False,
        )


def _largest_value(d: Descriptor, plan: Plan) -> int:
    """Largest magnitude of an input value after pooling and joining."""
    value = 1 << d.planes - 1 if d.signed else (1 << d.planes) - 1
    if d.second:
        value += (1 << plan.planes_second) - 1
    return value << 2 * d.pool_log2 if d.pool_in == Pool.SUM else value
