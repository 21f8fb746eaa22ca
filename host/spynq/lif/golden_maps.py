"""Bit maps of the golden model: from beats to values of pixels and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Pool
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.lanes import Lanes, positions
from spynq.lif.params import BEAT_BYTES
from spynq.model import Memory

__all__ = ["Integers", "Maps", "pack_bits", "read_beats", "read_map", "write_map"]

Integers = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]
_BEAT_BITS = 8 * BEAT_BYTES


class Maps:
    """Input of some samples and steps: values of the pixels, and what was counted on the way.

    Attributes
    ----------
    values : ndarray of int16, shape (samples, steps, rows, pixels, channels)
        After pooling and joining.
    events : ndarray of int64, shape (rows, pixels)
        Spikes at every pooled pixel, all samples, steps, planes and sources.
    spikes : int
        Bits of the beats read.
    """

    def __init__(self, descriptor: Descriptor, plan: Plan, sources: list[Bits], spikes: int) -> None:
        d = descriptor
        self.spikes = spikes
        planes = [d.planes, plan.planes_second]
        self.values = np.zeros(_pooled_shape(sources[0], d), np.int16)
        self.events = np.zeros(self.values.shape[2:4], np.int64)
        for number, bits in enumerate(sources):
            # Plane 0 is the most significant; that of a signed first source counts negative.
            for plane in range(planes[number]):
                weight = 1 << planes[number] - 1 - plane
                if plane == 0 and d.signed and number == 0:
                    weight = -weight
                self._add(bits[:, :, plane], weight, d)

    def _add(self, bits: Bits, weight: int, d: Descriptor) -> None:
        k = 1 << d.pool_log2 if d.pool_in != Pool.NONE else 1
        rows, pixels = self.events.shape
        cut = bits[:, :, : rows * k, : pixels * k].reshape(*bits.shape[:2], rows, k, pixels, k, -1)
        pooled = cut.sum(axis=(3, 5), dtype=np.int16)
        self.values += pooled * np.int16(weight)
        self.events += pooled.sum(axis=(0, 1, 4), dtype=np.int64)


def _pooled_shape(bits: Bits, d: Descriptor) -> tuple[int, ...]:
    shift = d.pool_log2 if d.pool_in != Pool.NONE else 0
    samples, steps, _, rows, pixels, channels = bits.shape
    return samples, steps, rows >> shift, pixels >> shift, channels


def read_beats(memory: Memory, address: int, beats: int) -> npt.NDArray[np.uint8]:
    """Beats as an array of bytes, shape (beats, 16)."""
    data = memory.read(address, beats * BEAT_BYTES)
    return np.frombuffer(data, np.uint8).reshape(beats, BEAT_BYTES)


def read_map(
    memory: Memory, base: int, d: Descriptor, plan: Plan, samples: range, steps: range, second: bool = False
) -> tuple[Bits, int]:
    """Bits of one source.

    Parameters
    ----------
    memory : Memory
    base : int
        Byte address that beats count from.
    d, plan : Descriptor, Plan
    samples, steps : range
        Which of them, each without gaps.
    second : bool
        The second source in place of the first.

    Returns
    -------
    bits : ndarray of uint8, shape (samples, steps, planes, rows, pixels, channels)
    spikes : int
        Bits set in all beats read.
    """
    start = d.second_input if second else d.input
    planes = plan.planes_second if second else d.planes
    sample, step = (plan.second_sample, plan.second_step) if second else (plan.in_sample, plan.in_step)
    together = d.planes if plan.by_row else 1
    row = together * d.w_in * plan.in_channels
    end = plan.in_bit + d.h_in * row
    if end > plan.in_beats * _BEAT_BITS:
        raise AssertionError(f"rows end at bit {end} of {plan.in_beats} beats")
    lanes = positions(d.c_in, plan.in_lanes, plan.in_fold)
    bits = np.empty((len(samples), len(steps), planes, d.h_in, d.w_in, d.c_in), np.uint8)
    spikes = 0
    for i, n in enumerate(samples):
        for j, t in enumerate(steps):
            for p in range(0, planes, together):
                place = start + n * sample + t * step + p * plan.in_plane
                beats = read_beats(memory, base + place * BEAT_BYTES, plan.in_beats)
                flat = np.unpackbits(beats.ravel(), bitorder="little")
                pixels = flat[plan.in_bit : end].reshape(d.h_in, together, d.w_in, plan.in_channels)
                found = bits[i, j, p : p + together]
                found[:] = pixels[..., lanes].swapaxes(0, 1)
                if int(pixels.sum(dtype=np.int64)) != int(found.sum(dtype=np.int64)):
                    raise AssertionError("a bit is set that is no channel")
                spikes += int(flat.sum(dtype=np.int64))
    return bits, spikes


def pack_bits(pixels: npt.NDArray[np.bool_], lanes: Lanes) -> bytes:
    """Whole beats of a map from pixels, shape (rows, pixels, channels)."""
    rows, width, channels = pixels.shape
    beats = -(-rows * width * lanes.stride // _BEAT_BITS)
    flat = np.zeros((rows, width, lanes.stride), np.uint8)
    flat[:, :, lanes.positions(channels)] = pixels
    packed = np.packbits(flat.ravel(), bitorder="little").tobytes()
    return packed.ljust(beats * BEAT_BYTES, b"\0")


def write_map(
    memory: Memory, base: int, d: Descriptor, plan: Plan, sample: int, step: int, values: Integers
) -> None:
    """Write the planes of one step; ``values`` has shape (rows, pixels, channels)."""
    planes, fold = plan.planes_out, plan.out_fold
    lanes = Lanes(plan.out_channels >> fold, plan.out_lanes, fold)
    for plane in range(planes):
        content = pack_bits(values >> planes - 1 - plane & 1 != 0, lanes)
        if len(content) != plan.out_beats * BEAT_BYTES:
            raise AssertionError(f"a plane has {len(content)} bytes, the plan {plan.out_beats} beats")
        place = d.result + sample * plan.out_sample + step * plan.out_step + plane * plan.out_plane
        memory.write(base + place * BEAT_BYTES, content)
