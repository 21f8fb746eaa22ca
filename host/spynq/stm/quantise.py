"""From real numbers to the kernel's grid: samples, cues and gains of format F16."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.stm.params import MAX_GAIN_BITS

__all__ = ["MIN_SD_STEPS", "POSTERIOR_SD_STEPS", "Grid", "check_resolution", "gain"]

MIN_SD_STEPS = 28
"""Smallest sd of a cue in grid steps: below it the gain does not fit its 26 bits."""
POSTERIOR_SD_STEPS = 50
"""Smallest sd of a posterior in grid steps for an error of 1 %; 500 steps give 0.1 %."""

_HALF = 1 << 15
_SCALE = math.sqrt(math.log2(math.e) / 2)


@dataclass(frozen=True)
class Grid:
    """65,536 equal steps over a range: ``value = centre + step * integer``.

    Parameters
    ----------
    low, high : float
        Ends of the range, in the user's unit; ``low < high``.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"a grid needs two finite ends, low < high, not {self.low:g} and {self.high:g}")

    @property
    def step(self) -> float:
        """Width of one step, in the user's unit."""
        return (self.high - self.low) / (2 * _HALF)

    @property
    def centre(self) -> float:
        """Value of integer 0."""
        return (self.low + self.high) / 2

    def encode(self, values: npt.ArrayLike, name: str = "value") -> npt.NDArray[np.int64]:
        """Nearest integers, -32768 to 32767 (ties to even); the upper end belongs to the last one.

        Raises
        ------
        ValueError
            A value lies outside the grid or is not finite.
        """
        array = np.asarray(values, np.float64)
        outside = ~((array >= self.low) & (array <= self.high))
        if np.any(outside):
            raise ValueError(
                f"{name} {array[outside].ravel()[0]:g} lies outside the grid {self.low:g} to {self.high:g}; "
                "give a grid that covers samples and cues"
            )
        steps: npt.NDArray[np.int64] = np.rint((array - self.centre) / self.step).astype(np.int64)
        return np.minimum(steps, _HALF - 1)

    def decode(self, integers: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Values of integers or of their averages."""
        return self.centre + self.step * np.asarray(integers, np.float64)

    @classmethod
    def covering(cls, *values: npt.ArrayLike, margin: float = 0.0) -> Grid:
        """The grid from the smallest to the largest value, ``margin`` of that range wider on each side."""
        flat = np.concatenate([np.asarray(part, np.float64).ravel() for part in values])
        if not flat.size or not np.all(np.isfinite(flat)):
            raise ValueError("a grid needs values, all of them finite")
        low, high = float(flat.min()), float(flat.max())
        # A single value still needs a range.
        extra = margin * (high - low) if high > low else max(1.0, abs(high))
        return cls(low - extra, high + extra)


def gain(sd: npt.ArrayLike, step: float) -> npt.NDArray[np.int64]:
    """Gain of a cue: ``floor(sqrt(log2(e)/2) / sd * 2**31 + 1/2)`` with sd in steps.

    Parameters
    ----------
    sd : array_like of float
        Standard deviation in the user's unit; infinite for a cue that says nothing (gain 0).
    step : float
        Grid step in the same unit.

    Raises
    ------
    ValueError
        An sd is not positive, or is less than 28 steps.
    """
    array = np.asarray(sd, np.float64)
    if not np.all(array > 0):
        raise ValueError(f"sd must be above 0, not {array[~(array > 0)].ravel()[0]:g}")
    gains = np.floor(_SCALE * step / array * 2.0**31 + 0.5)
    if np.any(gains >= 1 << MAX_GAIN_BITS):
        worst = float(array.min())
        raise ValueError(
            f"sd {worst:g} is {worst / step:.3g} grid steps, and at least {MIN_SD_STEPS} are needed; "
            "narrow the grid or widen the cue"
        )
    return np.asarray(gains, np.int64)


def check_resolution(sds: Sequence[float], step: float) -> None:
    """Warn if the posterior of one coordinate under these cues is narrower than 50 grid steps."""
    precision = sum(1 / sd**2 for sd in sds)
    if precision > 0 and (steps := precision**-0.5 / step) < POSTERIOR_SD_STEPS:
        warnings.warn(
            f"the posterior's sd is {steps:.3g} grid steps, and below {POSTERIOR_SD_STEPS} the rounding of "
            "the cues shifts it by more than 1 %; narrow the grid",
            UserWarning,
            stacklevel=3,
        )
