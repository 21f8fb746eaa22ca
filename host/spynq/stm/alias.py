"""Probabilities as the integers of the kernel's tables: exact alias rows, rounded log-likelihoods.

An alias row (Walker 1977, built by Vose's method) turns one random word into a state: its top bits
choose a column, the next 24 choose between the column and its alias. In integers the row holds
exactly the counts it was built from.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spynq.stm.params import IMPOSSIBLE, L_FRACTION, L_MAX

__all__ = ["FRACTION_BITS", "alias_table", "counts", "log2_states", "negative_log2"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]

FRACTION_BITS = 24
"""Bits compared with a threshold; a row of 2**k columns shares out 2**(24 + k) counts."""


def log2_states(states: int) -> int:
    """log2 of the padded row length."""
    return (states - 1).bit_length()


def counts(rows: npt.ArrayLike) -> Integers:
    """Probabilities as integers that sum to 2**(24 + k) in each row.

    Parameters
    ----------
    rows : array_like of float, shape [rows, states]
        Each sums to one.

    Returns
    -------
    ndarray of int64, shape [rows, states]
        Largest-remainder rounding: each within one of its exact share, ties to the lower state;
        zero stays zero.
    """
    share = np.asarray(rows, np.float64)
    total = 1 << (FRACTION_BITS + log2_states(share.shape[1]))
    exact = share * total
    whole = np.floor(exact).astype(np.int64)
    # A state of probability zero is ranked last, behind any remainder.
    remainder = np.where(share > 0, exact - whole, -1.0)
    rank = np.argsort(np.argsort(-remainder, axis=1, kind="stable"), axis=1)
    missing = total - whole.sum(axis=1, keepdims=True)
    rounded: Integers = whole + (rank < missing)
    return rounded


def _alias_row(share: list[int], columns: int) -> list[int]:
    full = 1 << FRACTION_BITS
    left = share + [0] * (columns - len(share))
    entries = [column << FRACTION_BITS for column in range(columns)]
    small = [c for c in range(columns) if left[c] < full]
    large = [c for c in range(columns) if left[c] > full]
    while small:
        column = small.pop()
        giver = large[-1]
        entries[column] = left[column] | giver << FRACTION_BITS
        left[giver] -= full - left[column]
        if left[giver] <= full:
            large.pop()
            if left[giver] < full:
                small.append(giver)
    return entries


def alias_table(rows: npt.ArrayLike) -> Words:
    """Alias entries of a conditional table.

    Parameters
    ----------
    rows : array_like of float, shape [rows, states]
        Each sums to one; at most 256 states.

    Returns
    -------
    ndarray of uint32, shape [rows, 2**k]
        Threshold in bits 23:0, alias in bits 31:24. A full column has threshold 0 and itself as alias.
    """
    share = counts(rows)
    columns = 1 << log2_states(share.shape[1])
    return np.array([_alias_row(row, columns) for row in share.tolist()], np.uint32)


def negative_log2(likelihood: npt.ArrayLike) -> Words:
    """Entries of a weighing table: -log2 with 10 fraction bits, rounded to nearest, saturated.

    Parameters
    ----------
    likelihood : array_like of float
        0 to 1; 0 becomes the code of the impossible.
    """
    value = np.asarray(likelihood, np.float64)
    with np.errstate(divide="ignore"):
        scaled = np.rint(-np.log2(value) * (1 << L_FRACTION))
    return np.where(value > 0, np.minimum(scaled, L_MAX), IMPOSSIBLE).astype(np.uint32)
