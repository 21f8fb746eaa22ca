"""What a trial gives, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """Answer to one trial.

    Attributes
    ----------
    winner, second : str or None
        Class, and the runner-up of the unit that decided; None: nothing to answer with.
    score : float
        Score of the row that won last: share of agreeing bits, 0 to 1 (eq. 1).
    scores : dict of str to dict of str to float
        Of every unit that was asked, by class or group: eq. 1, or with naive Bayes the
        log likelihood in bits.
    vectors : dict of str to ndarray of bool
        Feature vector of every unit that was evaluated.
    gates : tuple of str
        Units that were open.
    flags : tuple of str
        Such as ``PADDED``, ``EMPTY``, ``TIE``, ``TAUGHT``, ``REFUSED``.
    events, frames, dropped : int
        Events that came, frames closed, events outside the sensor.
    cycles : int or None
        Clock cycles of the run; None on the golden device, which has no clock.
    seconds : float
        Wall time.
    device : str
        Where it ran.
    agreement : float or None
        With a limit: share of the bits that the winner is sure of in which the trial agrees.
    """

    winner: str | None
    second: str | None
    score: float
    scores: Mapping[str, Mapping[str, float]]
    vectors: Mapping[str, NDArray[np.bool_]]
    gates: tuple[str, ...]
    flags: tuple[str, ...]
    events: int
    frames: int
    dropped: int
    cycles: int | None
    seconds: float
    device: str
    agreement: float | None = None

    def as_json(self) -> dict[str, object]:
        """The keys that ``spynq sgf infer --json`` prints."""
        return {
            "device": self.device,
            "winner": self.winner,
            "second": self.second,
            "score": self.score,
            "scores": self.scores,
            "gates": list(self.gates),
            "flags": list(self.flags),
            "events": self.events,
            "frames": self.frames,
            "cycles": self.cycles,
            "dropped": self.dropped,
            "seconds": self.seconds,
            "agreement": self.agreement,
        }
