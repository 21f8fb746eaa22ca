"""Golden device of the tree front end: the steps of a list, on pools that stay resident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.model import Memory
from spynq.stm import golden, golden_edge
from spynq.stm.golden_spikes import spike_counts
from spynq.stm.params import IMPOSSIBLE, MAX_GAIN_BITS
from spynq.stm.step import MAX_EDGE_TERMS, STEP_BEATS, Op, Step, read_steps

__all__ = ["Closed", "TreeModel", "fits"]

_BLOCK = 1 << 20
"""Pairs evaluated at once."""
_BEAT = 16
_GAIN = (1 << MAX_GAIN_BITS) - 1


@dataclass(frozen=True)
class Closed:
    """A pool that was closed: what EDGE and SPIKES refer to, and what the back end is given."""

    step: Step
    nll: golden.Integers
    samples: golden.Integers
    labels: golden.Integers


def fits(step: Step, limits: Mapping[str, int]) -> bool:
    """Whether a step fits the kernel; one that does not is left out and sets SKIPPED."""
    if step.op not in tuple(Op) or not _pool(step.base, step.samples, limits):
        return False
    reads = step.op in (Op.COLUMN, Op.LABELS, Op.COUNTS, Op.CODES) or (step.op == Op.EDGE and step.table)
    writes = step.op == Op.SPIKES or (step.op == Op.CLOSE and step.records)
    written = step.op == Op.CLOSE and step.weights
    used = ((step.source, reads), (step.target, writes), (step.weight, written))
    if any(use and address % _BEAT for address, use in used):
        return False
    if step.op in (Op.COLUMN, Op.CUE, Op.CLOSE) and step.column >= limits["CAP_COLUMNS"]:
        return False
    if step.op == Op.OUTER:
        inside = step.base + step.samples * step.rows <= limits["CAP_POPULATION"]
        after = step.base >= max(step.row_base + step.rows, step.other + step.samples)
        pools = _pool(step.row_base, step.rows, limits) and _pool(step.other, step.samples, limits)
        return pools and inside and after and not step.samples % 4
    if step.op == Op.EDGE:
        return _pool(step.row_base, step.rows, limits) and (step.table or _terms_fit(step, limits))
    if step.op == Op.CLOSE:
        return step.bins <= limits["CAP_BINS"] and not (step.histogram and step.bins == 0)
    return True


def _pool(base: int, samples: int, limits: Mapping[str, int]) -> bool:
    return base % limits["CAP_EDGE"] == 0 and 1 <= samples <= limits["CAP_POPULATION"] - base


def _terms_fit(step: Step, limits: Mapping[str, int]) -> bool:
    last = max(step.column, step.row_column) + step.terms
    return 1 <= step.terms <= MAX_EDGE_TERMS and last <= limits["CAP_COLUMNS"]


class TreeModel:
    """Pools and messages of one kernel.

    Parameters
    ----------
    limits : mapping of str to int
        Capabilities of the kernel.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.limits = limits
        size = limits["CAP_POPULATION"] if limits["CAP_EDGE"] else 0
        self.columns = np.zeros((limits["CAP_COLUMNS"], size), np.int64)
        self.labels = np.zeros(size, np.int64)
        self.counts = np.zeros(size, np.int64)
        self.nll = np.zeros(size, np.int64)
        self._l_min, self._total = IMPOSSIBLE, 0
        self.lost, self.lost_any, self.skipped = 0, False, False

    def run(
        self, memory: Memory, address: int, steps: int, close: Callable[[Closed], tuple[int, int]]
    ) -> None:
        """Run a list.

        Parameters
        ----------
        memory : Memory
        address, steps : int
            Byte address of the list, and its length.
        close : callable
            The back end: given a closed pool, returns its smallest log-likelihood and sum of weights.
        """
        self.lost, self.lost_any, self.skipped = 0, False, False
        for index in range(steps):
            at = address + index * STEP_BEATS * _BEAT
            step = read_steps(_words(memory, at, 4 * STEP_BEATS).astype(np.uint32))[0]
            if not fits(step, self.limits):
                self.skipped = True
            elif step.op == Op.CLOSE:
                here = slice(step.base, step.base + step.samples)
                closed = Closed(step, self.nll[here], self.columns[step.column, here], self.labels[here])
                self._l_min, self._total = close(closed)
            else:
                self._step(step, memory)

    def _step(self, step: Step, memory: Memory) -> None:
        here = slice(step.base, step.base + step.samples)
        if step.op == Op.COLUMN:
            words = _words(memory, step.source, step.samples)
            self.columns[step.column, here] = words.astype(np.uint16).view(np.int16)
        elif step.op == Op.LABELS:
            self.labels[here] = _words(memory, step.source, step.samples) & (self.limits["CAP_BINS"] - 1)
        elif step.op == Op.COUNTS:
            self.counts[here] = _words(memory, step.source, step.samples) & 0xFFFF
        elif step.op == Op.CODES:
            self._add(step, here, _words(memory, step.source, step.samples) & IMPOSSIBLE)
        elif step.op == Op.CUE:
            column = self.columns[step.column, here]
            self._add(step, here, golden.log_likelihood([column], [step.cue], [step.gains[0] & _GAIN]))
        elif step.op == Op.OUTER:
            slow = self.nll[step.row_base : step.row_base + step.rows].copy()
            fast = self.nll[step.other : step.other + step.samples].copy()
            self.nll[step.base : step.base + slow.size * fast.size] = golden_edge.outer(slow, fast)
        elif step.op == Op.EDGE:
            self._add(step, here, golden_edge.codes(self._edge(step, here, memory)))
        else:
            self._spikes(step, memory)

    def _add(self, step: Step, here: slice, codes: golden.Integers) -> None:
        before = np.zeros_like(codes) if step.fresh else self.nll[here]
        self.nll[here] = golden_edge.accumulate(before, codes)

    def _edge(self, step: Step, here: slice, memory: Memory) -> golden.Integers:
        """Message of the rows; rows of weight 0 add nothing and are not evaluated."""
        child = slice(step.row_base, step.row_base + step.rows)
        u = self._weights(child)
        fraction = golden_edge.quotient_fraction(self._total)
        counts = self.counts[here] if step.counted else None
        mass = np.zeros(step.samples, np.int64)
        gone = 0
        alive = np.flatnonzero(u)
        block = max(1, _BLOCK // step.samples)
        for first in range(0, len(alive), block):
            rows = alive[first : first + block]
            nll = self._rows(step, here, rows, memory)
            k, d, lost = golden_edge.conditionals(nll, counts)
            mass += golden_edge.message(k, golden_edge.quotients(u[rows], d, lost, fraction))
            gone += int(u[rows][lost].sum())
        self.lost = max(self.lost, golden_edge.lost_share(gone, self._total))
        self.lost_any |= gone > 0
        return mass

    def _weights(self, pool: slice) -> golden.Integers:
        """Weights of a pool against the minimum of the pool closed last, which should be this one."""
        nll = self.nll[pool]
        distance = (nll - self._l_min) & IMPOSSIBLE
        return np.where(nll == IMPOSSIBLE, 0, golden.exponential(distance))

    def _rows(self, step: Step, here: slice, rows: npt.NDArray[np.int64], memory: Memory) -> golden.Integers:
        if step.table:
            beats = -(-step.samples // 4)
            found = [_words(memory, step.source + int(r) * beats * _BEAT, step.samples) for r in rows]
            return np.array(found, np.int64).reshape(len(rows), step.samples) & IMPOSSIBLE
        parents = self.columns[step.column : step.column + step.terms, here]
        at = step.row_base + rows
        cues = self.columns[step.row_column : step.row_column + step.terms][:, at].T
        gains = np.array(step.gains[: step.terms], np.int64) & _GAIN
        return golden.log_likelihood(parents, cues, np.broadcast_to(gains, cues.shape))

    def _spikes(self, step: Step, memory: Memory) -> None:
        w = self._weights(slice(step.base, step.base + step.samples))
        counts = spike_counts(w, step.seed, step.gains[0] & _GAIN, poisson=step.poisson)
        padded = np.zeros(-(-step.samples // 4) * 4, "<u4")
        padded[: step.samples] = counts
        memory.write(step.target, padded.tobytes())


def _words(memory: Memory, address: int, count: int) -> golden.Integers:
    """The first ``count`` words of whole beats."""
    beats = -(-count // 4)
    return np.frombuffer(memory.read(address, beats * _BEAT), "<u4")[:count].astype(np.int64)
