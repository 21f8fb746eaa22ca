"""Codes of the descriptor's fields by name."""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "Bias",
    "Combine",
    "Leak",
    "Op",
    "Output",
    "Pool",
    "Refractory",
    "Reset",
    "WeightFormat",
]


class Op(IntEnum):
    """What a descriptor does."""

    END = 0
    CONV = 1
    FC = 2
    POOL = 3
    DEPTHWISE = 4
    BARRIER = 6


class Pool(IntEnum):
    """Pooling of the input without a neuron: each pooled pixel stands for k x k pixels.

    A descriptor has NONE and SUM; OR becomes a layer of its own (:mod:`spynq.lif.lowering`).
    """

    NONE = 0
    SUM = 1
    OR = 2


class Combine(IntEnum):
    """How the second source joins the first, bit by bit except ADD.

    A descriptor adds; the others become layers of their own (:mod:`spynq.lif.lowering`).
    """

    ADD = 0
    AND = 1
    AND_NOT = 2
    OR = 3


class WeightFormat(IntEnum):
    """Coding of a weight."""

    S8 = 0
    S4 = 1
    S2 = 2
    S1 = 3
    CODEBOOK2 = 4
    CODEBOOK4 = 5

    @property
    def bits(self) -> int:
        """Bits of a weight in memory."""
        return (8, 4, 2, 1, 2, 4)[self]


class Reset(IntEnum):
    """What firing does to the membrane."""

    HARD = 0
    SOFT = 1
    SOFT_DELAYED = 2
    NONE = 3


class Leak(IntEnum):
    """How the membrane decays: not, by a factor a / 4096, or by a constant amount toward zero."""

    NONE = 0
    MULTIPLY = 1
    LINEAR = 2


class Refractory(IntEnum):
    """What a neuron does while it may not fire."""

    FREEZE = 0
    LEAK = 1
    INTEGRATE = 2


class Bias(IntEnum):
    """What is added every step: the channel's b, and perhaps words from memory to the sums."""

    CHANNEL = 0
    WORDS = 1


class Output(IntEnum):
    """What a layer writes."""

    SPIKES = 0
    VALUE = 1
    COUNTS = 2
    MEMBRANE = 3
    SUMS = 4

    @property
    def is_map(self) -> bool:
        """Planes of bits; the others are words."""
        return self in (Output.SPIKES, Output.VALUE)
