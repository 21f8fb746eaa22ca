"""One neuron for every network.

Every system of the papers is the same update with other parameters (:class:`Neuron`)::

    u[t] = decay * v[t-1] + I[t] + bias        integrate after leak
    s[t] = 1 if u[t] >= threshold else 0       fire; the tie fires
    v[t] = reset_to           if s[t] and the reset is hard
           u[t] - subtract    if s[t] and the reset is soft
           u[t]               otherwise;       v[-1] = 0
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Neuron"]


@dataclass(frozen=True)
class Neuron:
    """Parameters of one layer's neurons, in units of the input current.

    Parameters
    ----------
    decay : float
        Factor of the membrane from step to step, 0 to 1.
    threshold : float
        Membrane at and above which a spike is sent, above 0.
    reset : {"hard", "soft"}
        To a value, or by subtraction.
    reset_to : float
        Value after a spike with the hard reset.
    subtract : float, optional
        Amount of the soft reset, the threshold by default.
    bias : float
        Added in every step.
    """

    decay: float
    threshold: float
    reset: Literal["hard", "soft"] = "hard"
    reset_to: float = 0.0
    subtract: float | None = None
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay must be 0 to 1, not {self.decay:g}")
        if not (math.isfinite(self.threshold) and self.threshold > 0):
            raise ValueError(f"threshold must be a number above 0, not {self.threshold:g}")
        if self.reset not in ("hard", "soft"):
            raise ValueError(f"reset must be hard or soft, not {self.reset!r}")

    @property
    def removed(self) -> float:
        """Amount that the soft reset subtracts."""
        return self.threshold if self.subtract is None else self.subtract
