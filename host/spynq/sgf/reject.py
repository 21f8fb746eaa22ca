"""Unknown gestures: how much of what a class is sure of a trial breaks, from the counters alone.

A bit is *sure* in a class when nine of ten taught trials agree on it. The score of eq. 1 weighs those
bits like all others, so an unknown gesture that shares the undecided bits of a class scores well in it;
the share of sure bits that it agrees with falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.counters import Counters, Vector

__all__ = ["Agreement", "agreement", "limit_of"]

_SURE = 9
"""Tenths of the taught trials that must agree."""


class Agreement(NamedTuple):
    """Sure bits of the rows that a trial went through, and those in which the trial agrees."""

    agreeing: int
    sure: int

    @property
    def share(self) -> float:
        """Share of agreeing bits, 0 to 1; 1 where nothing is sure."""
        return self.agreeing / self.sure if self.sure else 1.0


def agreement(counters: Counters, path: Iterable[tuple[int, Vector]], *, without: bool = False) -> Agreement:
    """How far a trial agrees with the rows of one class.

    Parameters
    ----------
    counters : Counters
    path : iterable of (int, ndarray of bool)
        Row and vector of every unit on the way.
    without : bool
        The trial was taught to these rows: judge it as if it had not been. Exact, since a trial can be
        subtracted.
    """
    agreeing = sure = 0
    for row, vector in path:
        counts, trials = counters.counts[row, : len(vector)], int(counters.trials[row])
        if without:
            counts, trials = counts - vector, trials - 1
        always, never = 10 * counts >= _SURE * trials, 10 * (trials - counts) >= _SURE * trials
        if trials:
            sure += int((always | never).sum())
            agreeing += int(((always & vector) | (never & ~vector)).sum())
    return Agreement(agreeing, sure)


def limit_of(shares: NDArray[np.float64], rejected: float) -> float:
    """The share of agreement below which ``rejected`` of the known trials fall.

    Parameters
    ----------
    shares : ndarray of float64, shape [trials]
        Of taught trials, each judged without itself.
    rejected : float
        Share of known gestures that may be turned away, 0 to 1.
    """
    if not 0 <= rejected < 1:
        raise ValueError(f"the share of known gestures to reject is 0 to below 1, not {rejected}")
    ordered = np.sort(shares)
    return float(ordered[int(rejected * len(ordered))])


def path_of(rows: Mapping[str, int], vectors: Mapping[str, Vector]) -> list[tuple[int, Vector]]:
    """Pairs for :func:`agreement` from rows and vectors by unit."""
    return [(row, vectors[unit]) for unit, row in rows.items() if unit in vectors]
