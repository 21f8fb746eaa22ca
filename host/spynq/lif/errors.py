"""Errors E01 to E10 of the LIF engine: each names the layer, the value, the limit and the way out."""

from __future__ import annotations

from spynq.errors import DeviceTimeout, KernelMismatch, SpynqError

__all__ = ["CODES", "LifError", "LifMismatch", "LifTimeout"]

CODES = {
    "E01": "no time steps",
    "E02": "kernel larger than the padded input",
    "E03": "node, neuron or structure the engine does not have",
    "E04": "accumulator bound",
    "E05": "memory",
    "E06": "convention not given: reset, dt or tie",
    "E07": "parameter out of range",
    "E08": "shapes or types disagree",
    "E09": "hardware differs from the compiled network",
    "E10": "timeout",
}
"""What each code stands for."""


class LifError(SpynqError, ValueError):
    """A network, its input or its hardware is refused.

    Parameters
    ----------
    code : str
        One of :data:`CODES`.
    sentence : str
        One sentence with the layer, the value, the limit and the way out.
    """

    def __init__(self, code: str, sentence: str) -> None:
        if code not in CODES:
            raise ValueError(f"unknown error code {code!r}; known codes are {', '.join(CODES)}")
        self.code = code
        super().__init__(f"{code} {sentence}")


class LifMismatch(LifError, KernelMismatch):
    """E09: the hardware's version or size differs from what the network was compiled for."""


class LifTimeout(LifError, DeviceTimeout):
    """E10: a run did not end in time; the message holds the last counters."""
