"""Expected counts of a data set in exact integers: the E step of EM on the likelihood-weighting front end.

Every chunk of 1,024 samples belongs to one record of data. The program has one operation per node, in
topological order; where the record observes the node, the operation takes the observed state and weighs
it, else it draws. The lower half of the table holds the alias rows, the upper half at the same places
the negative log2 probabilities. The place of the entry of a sample's state in its row is at the same time
the place where its weight is counted, so the counts have the shape of the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from spynq.stm.golden import Integers, Operation, Words, draw, random_words, row, weigh
from spynq.stm.params import CHUNK, SLOTS

__all__ = [
    "COUNT_FRACTION",
    "MISSING",
    "MOST_COUNTED",
    "RECIPROCAL_FRACTION",
    "count",
    "reciprocal",
    "record_chunk",
    "share",
]

MISSING = 255
"""State of a node that a record does not observe."""
MOST_COUNTED = 255
"""Columns that are counted, at most."""
COUNT_FRACTION = 24
"""Fraction bits of a count: all samples of a record together count 1."""
RECIPROCAL_FRACTION = 40
_DROP = RECIPROCAL_FRACTION - COUNT_FRACTION


def record_chunk(
    program: Sequence[Operation],
    table: Words,
    generators: Words,
    records: npt.NDArray[np.uint8],
    state_bits: int = 8,
    source: Callable[[Words, int], Words] = random_words,
) -> tuple[Integers, Integers]:
    """Run the program once per record.

    Generators step in every operation, observed or not, in the order of :func:`spynq.stm.golden.chunk`.

    Parameters
    ----------
    program : sequence of Operation
        Drawing operations, one per node.
    table : ndarray of uint32
        All entries of the kernel: alias rows in the lower half, log-likelihoods in the upper one.
    generators : ndarray of uint32, shape [64, 4]
        Generator states; they move on.
    records : ndarray of uint8, shape [records, columns]
        Observed state of each state column, or ``MISSING``.
    state_bits : int
        Bits a state column keeps.
    source : callable
        Gives the random words; any other must equal :func:`random_words`.

    Returns
    -------
    nll : ndarray of int64, shape [records, 1024]
    places : ndarray of int64, shape [columns, records, 1024]
        Place of the entry that holds the state of a column given its parents; 0 for columns without one.
    """
    count, columns = records.shape
    half = len(table) >> 1
    words = source(generators, count * len(program) * SLOTS).reshape(count, len(program), CHUNK)
    states = np.zeros((columns, count, CHUNK), np.uint8)
    places = np.zeros((columns, count, CHUNK), np.int64)
    nll = np.zeros((count, CHUNK), np.int64)
    for index, op in enumerate(program):
        seen = records[:, op.column, None]
        rows = row(op.parents, states)
        drawn = draw(words[:, index], rows, table, op.base, op.log2_states)
        state = np.where(seen == MISSING, drawn, seen) & ((1 << state_bits) - 1)
        place = op.base + (rows << op.log2_states) + state
        weighed = weigh(nll, place & (half - 1), table, half)
        nll = np.where(seen == MISSING, nll, weighed)
        states[op.column] = state
        places[op.column] = place & (half - 1)
    return nll, places


def reciprocal(total: npt.ArrayLike) -> Integers:
    """2**40 / W, rounded half up: at most 25 bits, as W is at least 2**16; 0 for W = 0.

    Parameters
    ----------
    total : array_like of int
        Sum of weights of each record.
    """
    w = np.asarray(total, np.int64)
    safe = np.maximum(w, 1)
    return np.where(w == 0, 0, ((np.int64(1) << RECIPROCAL_FRACTION) + (safe >> 1)) // safe)


def share(w: npt.ArrayLike, inverse: npt.ArrayLike) -> Integers:
    """Weights as shares of their record, 24 fraction bits, rounded half up."""
    return (np.asarray(w, np.int64) * np.asarray(inverse, np.int64) + (1 << (_DROP - 1))) >> _DROP


def count(totals: Integers, w: Integers, places: Integers, targets: Sequence[int]) -> None:
    """Add the shares of each record to the counts of its places.

    Parameters
    ----------
    totals : ndarray of int64, shape [entries]
        Counts, 24 fraction bits; changed in place.
    w : ndarray of int64, shape [records, 1024]
        Weights of the samples.
    places : ndarray of int64, shape [columns, records, 1024]
    targets : sequence of int
        State columns that are counted.
    """
    shares = share(w, reciprocal(w.sum(axis=-1))[:, None])
    for column in targets:
        np.add.at(totals, places[column].ravel(), shares.ravel())
