"""What has been learnt: counters per row and bit, trials per row, and the table of vectors (spec 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.params import LOG_LIMIT, TRIAL_LIMIT, SgfConfig

__all__ = ["LOG", "Counters", "Vector", "display"]

Integers = NDArray[np.int64]
Vector = NDArray[np.bool_]
"""Bits of a unit, shape [bits]."""

_SLOT_LIMIT = 0xFFFF

LOG: Integers = np.concatenate(([0], np.round(256 * np.log2(np.arange(1, LOG_LIMIT + 1))))).astype(np.int64)
"""``round(256 log2 k)`` for k from 1 to 1,023; place 0 is never asked for."""


class Counters:
    """Counters of one build; every operation is exact and none depends on the order of the trials.

    Attributes
    ----------
    counts : ndarray of int64, shape [rows, bits]
        c: taught trials of a row that had the bit set, 0 to 65,535.
    trials : ndarray of int64, shape [rows]
        n: taught trials of a row, 0 to 65,535.
    vectors : ndarray of bool, shape [table, bits]
        Table: vectors, with zeros behind the bits of the unit.
    owners, slots : ndarray of int64, shape [table]
        Table: row, and how often the vector was taught; 0: the slot is free.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        self.counts = np.zeros((config.rows, config.bits), np.int64)
        self.trials = np.zeros(config.rows, np.int64)
        self.vectors = np.zeros((config.table, config.bits), bool)
        self.owners = np.zeros(config.table, np.int64)
        self.slots = np.zeros(config.table, np.int64)

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.counts, self.trials, self.vectors, self.owners, self.slots):
            part[:] = 0

    def forget(self, row: int) -> None:
        """Forget a row."""
        self.counts[row], self.trials[row] = 0, 0
        self._free((self.slots > 0) & (self.owners == row))

    def _free(self, where: NDArray[np.bool_]) -> None:
        self.vectors[where], self.owners[where], self.slots[where] = False, 0, 0

    def teach(self, row: int, vector: Vector) -> tuple[bool, bool]:
        """Add a trial; a full row is halved first.

        Returns
        -------
        halved, overflow : bool
            The row was halved; the table had no free slot.
        """
        halved = bool(self.trials[row] >= TRIAL_LIMIT)
        if halved:
            self.trials[row] >>= 1
            self.counts[row] >>= 1
        self.trials[row] += 1
        self.counts[row, : len(vector)] += vector
        return halved, self._enter(row, vector)

    def _enter(self, row: int, vector: Vector) -> bool:
        same = self._same(row, vector)
        if same.any():
            slot = int(np.argmax(same))
            self.slots[slot] = min(int(self.slots[slot]) + 1, _SLOT_LIMIT)
            return False
        free = self.slots == 0
        if not free.any():
            return bool(self.config.table)
        slot = int(np.argmax(free))
        self.vectors[slot, : len(vector)] = vector
        self.owners[slot], self.slots[slot] = row, 1
        return False

    def _same(self, row: int, vector: Vector) -> NDArray[np.bool_]:
        """Slots that hold a vector of a row."""
        equal = (self.vectors == self._padded(vector)).all(axis=1)
        return np.asarray((self.slots > 0) & (self.owners == row) & equal)

    def _padded(self, vector: Vector) -> Vector:
        return np.pad(np.asarray(vector, bool), (0, self.config.bits - len(vector)))

    def can_unteach(self, row: int, vector: Vector) -> bool:
        """Whether no counter of a row would go below 0, nor above the trials left."""
        counts = self.counts[row, : len(vector)] - vector
        return bool(self.trials[row] > 0 and (counts >= 0).all() and (counts < self.trials[row]).all())

    def unteach(self, row: int, vector: Vector) -> None:
        """Take a trial out; undoes :meth:`teach`, halving apart. Ask :meth:`can_unteach` first."""
        self.trials[row] -= 1
        self.counts[row, : len(vector)] -= vector
        same = self._same(row, vector)
        self.slots[same] -= 1
        self._free(same & (self.slots == 0))

    def matches(self, row: int, vector: Vector) -> Integers:
        """A of eq. 1: over all taught trials of a row, how many bits are the vector's."""
        return np.asarray(np.where(vector, self.counts[row, : len(vector)], self._clear(row, len(vector))))

    def _clear(self, row: int, length: int) -> Integers:
        return np.asarray(self.trials[row] - self.counts[row, :length])

    def score(self, row: int, vector: Vector) -> int:
        """A of eq. 1, the integer numerator ``L n S``."""
        return int(self.matches(row, vector).sum())

    def likelihood(self, row: int, vector: Vector) -> int:
        """B of naive Bayes, in 1/256 of a bit."""
        each = LOG[np.minimum(self.matches(row, vector) + 1, LOG_LIMIT)].sum()
        return int(each - len(vector) * LOG[min(int(self.trials[row]) + 2, LOG_LIMIT)])

    def occurrences(self, rows: range, vector: Vector) -> dict[int, int]:
        """How often each of ``rows`` was taught exactly this vector, where it was."""
        same = (self.slots > 0) & (self.vectors == self._padded(vector)).all(axis=1)
        return {
            row: int(self.slots[same & (self.owners == row)].sum())
            for row in rows
            if (same & (self.owners == row)).any()
        }

    def merge(self, other: Counters) -> None:
        """Add what another board has learnt, as if its trials had been taught here.

        Raises
        ------
        ValueError
            The builds differ, or a row would pass 65,535 trials.
        """
        if other.counts.shape != self.counts.shape or len(other.slots) != len(self.slots):
            raise ValueError(
                f"a model of {other.counts.shape[0]} rows, {other.counts.shape[1]} bits and "
                f"{len(other.slots)} slots cannot be merged into one of {self.counts.shape[0]}, "
                f"{self.counts.shape[1]} and {len(self.slots)}"
            )
        total = self.trials + other.trials
        if (total > TRIAL_LIMIT).any():
            row = int(np.argmax(total))
            raise ValueError(f"row {row} would hold {total[row]} trials; a row holds {TRIAL_LIMIT}")
        self.trials, self.counts = total, self.counts + other.counts
        for slot in (other.slots > 0).nonzero()[0]:
            self._merge_slot(int(other.owners[slot]), other.vectors[slot], int(other.slots[slot]))
        self._sort()

    def _merge_slot(self, row: int, vector: Vector, count: int) -> None:
        if self._enter(row, vector):
            return
        same = self._same(row, vector)
        self.slots[same] = np.minimum(self.slots[same] + count - 1, _SLOT_LIMIT)

    def _sort(self) -> None:
        """Slots by row and vector, the free ones last, so that a merge does not depend on its order."""
        keys = [tuple(reversed(self.vectors.T)), (self.owners,), (self.slots == 0,)]
        order = np.lexsort([key for group in keys for key in group])
        self.vectors, self.owners, self.slots = self.vectors[order], self.owners[order], self.slots[order]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Counters):
            return NotImplemented
        parts = ("counts", "trials", "vectors", "owners", "slots")
        return all(np.array_equal(getattr(self, part), getattr(other, part)) for part in parts)

    __hash__ = None  # type: ignore[assignment]


def display(score: int, bits: int, trials: int) -> int:
    """Score for people: ``floor(65536 A / (L n))``, at most 65,535; 0 where nothing was taught."""
    whole = bits * trials
    return min(score * 65536 // whole, 0xFFFF) if whole else 0
