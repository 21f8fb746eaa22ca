"""Neurons of the golden model: leak, integrate, fire, reset, saturate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Leak, Refractory, Reset
from spynq.lif.descriptor import Channel, Descriptor

__all__ = ["Integers", "Neurons", "Step", "fits", "toward_zero"]

Integers = npt.NDArray[np.int64]
_DECAY_BITS = 12


def fits(name: str, values: Integers, bits: int) -> Integers:
    """``values``, or AssertionError if one of them is no signed integer of so many bits."""
    limit = 1 << bits - 1
    if values.size and not -limit <= values.min() <= values.max() < limit:
        raise AssertionError(f"{name} goes from {values.min()} to {values.max()} and has {bits} bits")
    return values


def toward_zero(values: Integers, shift: int) -> Integers:
    """Divide by 2**shift, truncating toward zero, so that what decays reaches rest."""
    whole: Integers = np.abs(values) >> shift
    return np.where(values < 0, -whole, whole)


@dataclass
class Step:
    """What one step made of the neurons, shape (samples, rows, pixels, channels) each.

    Parameters
    ----------
    u : ndarray of int64
        Before firing, unsaturated.
    spikes : ndarray of bool
    v : ndarray of int64
        Stored membrane.
    r : ndarray of int64
        Refractory steps left.
    saturated : int
        Membranes clipped.
    """

    u: Integers
    spikes: npt.NDArray[np.bool_]
    v: Integers
    r: Integers
    saturated: int


class Neurons:
    """All neurons of some samples of a layer.

    Parameters
    ----------
    d : Descriptor
    channels : list of Channel
        Those that exist.
    samples : int
    """

    def __init__(self, d: Descriptor, channels: list[Channel], samples: int) -> None:
        self.d = d
        self.theta, self.zeta, self.bias, self.decay, self.v_reset, self.rest = (
            np.array([getattr(channel, name) for channel in channels], np.int64)
            for name in ("theta", "zeta", "bias", "decay", "v_reset", "rest")
        )
        shape = (samples, d.h_out, d.w_out, d.c_out)
        self.v = np.broadcast_to(self.rest, shape).copy()
        self.r = np.zeros(shape, np.int64)
        self.fired = np.zeros(shape, bool)
        self.bits = 16 if d.fire else 24

    def load(self, words: npt.NDArray[np.uint32]) -> None:
        """Set what a chunk before left; STATE records, shape (samples, rows, pixels, channels)."""
        word = words.astype(np.int64)
        self.v = ((word & 0xFF_FFFF) ^ 0x80_0000) - 0x80_0000
        field = word >> 24 & 3
        # One field serves both: without a refractory period it is the spike of the last step.
        n = self.d.refractory
        self.r = field if n else np.zeros_like(field)
        self.fired = field == n if n else field > 0

    def store(self) -> npt.NDArray[np.uint32]:
        """STATE records for the next chunk."""
        field = self.r if self.d.refractory else self.fired.astype(np.int64)
        return (self.v & 0xFF_FFFF | field << 24).astype(np.uint32)

    def scale(self, sums: Integers) -> Integers:
        """J = A * 2**F + b."""
        scaled: Integers = np.left_shift(fits("A", sums, 24), self.d.fraction)
        j: Integers = scaled + self.bias
        return j

    def leak(self) -> Integers:
        """D: the membrane moves toward rest."""
        away: Integers = self.v - self.rest
        if self.d.leak == Leak.MULTIPLY:
            away = toward_zero(away * self.decay, _DECAY_BITS)
        elif self.d.leak == Leak.LINEAR:
            left = np.maximum(np.abs(away) - self.decay, 0)
            away = np.where(away < 0, -left, left)
        return away + self.rest

    def integrate(self, decayed: Integers, j: Integers) -> Integers:
        """U, which a neuron in its refractory period makes by the policy."""
        d, u = self.d, decayed + j
        if d.refractory:
            waiting = {
                Refractory.FREEZE: self.v,
                Refractory.LEAK: decayed,
                Refractory.INTEGRATE: u,
            }[Refractory(d.policy)]
            u = np.where(self.r > 0, waiting, u)
        if d.reset == Reset.SOFT_DELAYED:
            u = u - self.fired * self.zeta
        return fits("U", u, 33)

    def fire(self, u: Integers) -> npt.NDArray[np.bool_]:
        """Spikes, decided before anything is clipped."""
        if not self.d.fire:
            return np.zeros(u.shape, bool)
        spikes: npt.NDArray[np.bool_] = (u >= self.theta) & (self.r == 0)
        return spikes

    def reset(self, u: Integers, spikes: npt.NDArray[np.bool_]) -> Integers:
        """V before it is clipped."""
        if self.d.reset == Reset.HARD:
            return np.where(spikes, self.v_reset, u)
        if self.d.reset == Reset.SOFT:
            return u - spikes * self.zeta
        return u

    def step(self, sums: Integers) -> Step:
        """One time step of all neurons."""
        u = self.integrate(self.leak(), self.scale(sums))
        spikes = self.fire(u)
        v = self.reset(u, spikes)
        limit = 1 << self.bits - 1
        clipped = np.clip(v, -limit, limit - 1)
        saturated = int(np.count_nonzero(clipped != v))
        self.v = clipped
        self.r = np.where(spikes, self.d.refractory, np.maximum(self.r - 1, 0))
        self.fired = spikes
        return Step(u, spikes, self.v, self.r, saturated)
