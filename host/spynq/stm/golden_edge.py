"""Two populations on an edge, in exact integers: the contract of the tree front end.

The message of a child population to its parent, in lambda form:

    m(x_k) = sum over i of u_i * P(y_i | x_k) / sum over k' of n_k' * P(y_i | x_k')

with child samples y_i of weight u_i, parent samples x_k of multiplicity n_k (1, or the counts or exact
marginals of the states of a discrete node). A row i is one child sample; the step names are those of the
gateware. Sums are exact, so neither lane count nor order changes a result; the message leaves as a
negative log2 code with 10 fraction bits, to be added to the parent's log-likelihood.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spynq.stm.golden import Integers, minimum, weights
from spynq.stm.params import IMPOSSIBLE, L_FRACTION, L_MAX, SATZ_LIMIT

__all__ = [
    "L0",
    "L1",
    "QUOTIENT_BITS",
    "accumulate",
    "codes",
    "conditionals",
    "log2",
    "lost_share",
    "message",
    "outer",
    "quotient_fraction",
    "quotients",
]

QUOTIENT_BITS = 26
"""Bits of a quotient: the unsigned side of the signed 27 by 18 bit multiplier."""
_MASS_BITS = 48
"""Bits of the sum of a parent's message."""
_LOG_TABLE = 6
_LOG_REST = 10
_LOG_FRACTION = 14

L0: Integers = np.round(2.0**_LOG_FRACTION * np.log2(1 + np.arange(65) / 64)).astype(np.int64)
"""2**14 * log2(1 + a/64), rounded, for a = 0 to 64."""
L1: Integers = L0[1:] - L0[:-1]
"""Differences of L0, for the linear interpolation."""


def accumulate(stored: npt.ArrayLike, code: npt.ArrayLike) -> Integers:
    """Log-likelihood after a message or evidence: ``IMPOSSIBLE`` is sticky, the sum at most ``L_MAX``."""
    before, added = np.asarray(stored, np.int64), np.asarray(code, np.int64)
    impossible = (before == IMPOSSIBLE) | (added == IMPOSSIBLE)
    return np.where(impossible, IMPOSSIBLE, np.minimum(before + added, L_MAX))


def outer(slow: npt.ArrayLike, fast: npt.ArrayLike) -> Integers:
    """Log-likelihoods of a product population: sample i of one with sample j of the other, at i * J + j.

    The published multi-layer rule is an edge from such a population, whose rows are pairs of child samples.
    """
    a, b = np.asarray(slow, np.int64), np.asarray(fast, np.int64)
    return accumulate(a[:, None], b[None, :]).ravel()


def conditionals(
    nll: npt.ArrayLike, counts: npt.ArrayLike | None = None
) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """K, D and which rows are lost.

    Parameters
    ----------
    nll : array_like of int, shape [rows, parents]
        Negative log2 of P(y_i | x_k), each row up to a constant.
    counts : array_like of int, shape [parents], optional
        Multiplicities, 16 bits; a parent of multiplicity 0 is absent.

    Returns
    -------
    k : ndarray of int64, shape [rows, parents]
        ``weights`` of each row: 2**16 for the best parent.
    d : ndarray of int64, shape [rows]
        Sum of multiplicity times k.
    lost : ndarray of bool, shape [rows]
        No parent is near: the smallest ``nll`` is ``SATZ_LIMIT`` or more, or ``d`` is 0.
    """
    value = np.asarray(nll, np.int64)
    smallest = minimum(value)
    k = weights(value, smallest)
    if counts is None:
        d: Integers = k.sum(axis=-1)
    else:
        n = np.asarray(counts, np.int64)
        k = np.where(n == 0, 0, k)
        d = (k * n).sum(axis=-1)
    return k, d, (smallest >= SATZ_LIMIT) | (d == 0)


def quotient_fraction(total: int) -> int:
    """FQ, fraction bits of the quotients, from the sum of all child weights: the message fits 48 bits."""
    whole = max(1, int(total) >> 16)
    return QUOTIENT_BITS - max(0, whole.bit_length() - 5)


def quotients(u: npt.ArrayLike, d: npt.ArrayLike, lost: npt.ArrayLike, fraction: int) -> Integers:
    """q = floor((u * 2**FQ + floor(d / 2)) / d), at most 2**26 - 1; 0 for a lost row.

    Parameters
    ----------
    u, d, lost : array_like, shape [rows]
    fraction : int
        As :func:`quotient_fraction` gives it.
    """
    weight, divisor = np.asarray(u, np.int64), np.asarray(d, np.int64)
    gone = np.asarray(lost, bool)
    safe = np.where(gone, 1, divisor)
    q = ((weight << fraction) + (safe >> 1)) // safe
    return np.where(gone, 0, np.minimum(q, (1 << QUOTIENT_BITS) - 1))


def message(k: npt.ArrayLike, q: npt.ArrayLike) -> Integers:
    """M_k = sum over rows of q_i * K_ik, at most 48 bits."""
    # Below 2**43 each, and FQ keeps the sum below 2**48.
    total: Integers = (np.asarray(q, np.int64)[:, None] * np.asarray(k, np.int64)).sum(axis=0)
    assert not np.any(total >> _MASS_BITS), "the message of an edge outgrew its 48 bits"
    return total


def log2(values: npt.ArrayLike) -> Integers:
    """log2 of integers 1 to 2**48 - 1, 10 fraction bits: a table of 64 with linear interpolation, rounded."""
    value = np.asarray(values, np.int64)
    # frexp is exact here: an integer below 2**48 is a float64.
    exponent = np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1
    shift = _LOG_TABLE + _LOG_REST
    left, right = np.maximum(shift - exponent, 0), np.maximum(exponent - shift, 0)
    mantissa = ((value << left) >> right) & ((1 << shift) - 1)
    address, rest = mantissa >> _LOG_REST, mantissa & ((1 << _LOG_REST) - 1)
    fraction = L0[address] + ((L1[address] * rest + (1 << (_LOG_REST - 1))) >> _LOG_REST)
    drop = _LOG_FRACTION - L_FRACTION
    rounded: Integers = ((exponent << _LOG_FRACTION) + fraction + (1 << (drop - 1))) >> drop
    return rounded


def codes(mass: npt.ArrayLike) -> Integers:
    """A message as negative log2 codes: 0 for the largest, ``IMPOSSIBLE`` for 0.

    Subtracting the largest is the renormalisation; a message that is 0 throughout (every row lost) says
    nothing, so all its codes are 0.
    """
    m = np.asarray(mass, np.int64)
    largest = int(m.max())
    if largest == 0:
        return np.zeros_like(m)
    return np.where(m == 0, IMPOSSIBLE, log2(largest) - log2(np.maximum(m, 1)))


def lost_share(lost: int, total: int) -> int:
    """Share of the child weights whose rows were lost, in 2**-16: 0 to 2**16; 0 if there is no weight.

    Both sums are cut to the 17 bits of the total's head, then divided as quotients are.
    """
    cut = max(0, int(total).bit_length() - 17)
    part, whole = int(lost) >> cut, int(total) >> cut
    return ((part << 16) + (whole >> 1)) // whole if whole else 0
