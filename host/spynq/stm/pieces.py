"""Sums of a population that was run in pieces, each with a smallest likelihood of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.stm.driver import FlatResult
from spynq.stm.params import L_FRACTION

__all__ = ["L_ONE", "Sums", "merged"]

L_ONE = 1 << L_FRACTION
"""One bit of likelihood, in units of L_MIN."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Sums over all samples, in units of 2**-16 of the best sample's weight.

    Parameters
    ----------
    smallest, total, first, squares : ndarray, shape [evidences]
        L_MIN, W, S1 and S2.
    bins : tuple of ndarray, shape [evidences, bins], or None
        H and Q.
    weights : ndarray, shape [evidences, samples], or None
    """

    smallest: Floats
    total: Floats
    first: Floats
    squares: Floats
    bins: tuple[Floats, Floats] | None
    weights: Floats | None


def merged(results: list[FlatResult]) -> Sums:
    """Add the sums of pieces, each scaled from its own smallest likelihood to that of all.

    Parameters
    ----------
    results : list of FlatResult
        One per piece, all for the same evidences.
    """
    minima = np.array([result.records["L_MIN"] for result in results], np.float64)
    smallest = minima.min(axis=0)
    scales = np.exp2((smallest - minima) / L_ONE)

    def add(name: str, power: int) -> Floats:
        parts = [r.records[name].astype(np.float64) for r in results]
        total: Floats = np.sum(scales**power * parts, axis=0)
        return total

    def add_bins(name: str, power: int) -> Floats:
        parts = [r.records["BINS"][name].astype(np.float64) for r in results]
        total: Floats = np.sum((scales**power)[..., None] * parts, axis=0)
        return total

    drawn = [
        result.weights * scale[:, None]
        for result, scale in zip(results, scales, strict=True)
        if result.weights is not None
    ]
    binned = "BINS" in (results[0].records.dtype.names or ())
    return Sums(
        smallest,
        add("W", 1),
        add("S1", 1),
        add("S2", 2),
        (add_bins("H", 1), add_bins("Q", 2)) if binned else None,
        np.concatenate(drawn, axis=1) if drawn else None,
    )
