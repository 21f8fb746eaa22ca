"""What follows a result when REPORT asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.cores import Marginals
from spynq.sgf.counters import Counters, Vector
from spynq.sgf.golden import Answer, Features
from spynq.sgf.params import Report, SgfConfig
from spynq.sgf.statistics import PLACES

__all__ = ["Reported", "read", "words"]

Integers = NDArray[np.int64]
_WORD = 0xFFFF_FFFF
_SHORT = 16


@dataclass
class Reported:
    """Parts of a report; None where they were not asked for.

    Parameters
    ----------
    scores, trials : ndarray of int64, shape [rows]
        A (or B) of every row that was asked, and n.
    vectors : ndarray of bool, shape [3, bits]
        Vectors of the units; zeros of those not evaluated.
    statistics : ndarray of int64, shape [512]
        By place.
    counts : ndarray of int64, shape [grid, grid]
        CNT.
    marginals : Marginals
        Of the frames that came.
    """

    scores: Integers | None = None
    trials: Integers | None = None
    vectors: NDArray[np.bool_] | None = None
    statistics: Integers | None = None
    counts: Integers | None = None
    marginals: Marginals | None = None


def words(report: int, trial: Features, answer: Answer, counters: Counters) -> list[int]:
    """Words of a report, in the order of :class:`~spynq.sgf.params.Report`."""
    config, found = counters.config, []
    if report >> Report.SCORES & 1:
        pairs = zip(answer.scores.tolist(), counters.trials.tolist(), strict=True)
        found += [(score & _WORD) | n << 32 for score, n in pairs]
    if report >> Report.VECTORS & 1:
        for unit in range(3):
            found += _vector_words(answer.vectors.get(unit, np.zeros(0, bool)), config.bits)
    if report >> Report.STATISTICS & 1:
        found += [value & _WORD for value in trial.statistics.tolist()]
    if report >> Report.CNT & 1:
        for row in trial.counts.astype(np.uint8):
            found += _packed(row.tobytes())
    if report >> Report.MARGINALS & 1:
        for parts in zip(*(part.ravel().tolist() for part in trial.marginals), strict=True):
            found.append(sum(value << _SHORT * i for i, value in enumerate(parts)))
    return found


def _vector_words(vector: Vector, bits: int) -> list[int]:
    padded = np.pad(vector, (0, bits - len(vector)))
    return _packed(np.packbits(padded, bitorder="little").tobytes())


def _packed(content: bytes) -> list[int]:
    content = content.ljust(-(-len(content) // 8) * 8, b"\0")
    return [int(word) for word in np.frombuffer(content, "<u8")]


def read(report: int, out: Iterator[int], frames: int, config: SgfConfig) -> Reported:
    """Take the parts of one report out of what the kernel sent.

    Parameters
    ----------
    report : int
        REPORT.
    out : iterator of int
        Words behind the result.
    frames : int
        Frames of the trial, for the marginals.
    config : SgfConfig
        Build parameters.
    """
    found = Reported()
    if report >> Report.SCORES & 1:
        rows = np.array([next(out) for _ in range(config.rows)], np.uint64)
        found.scores = (rows & np.uint64(_WORD)).astype(np.uint32).astype(np.int32).astype(np.int64)
        found.trials = (rows >> np.uint64(32)).astype(np.int64)
    if report >> Report.VECTORS & 1:
        each = -(-config.bits // 64)
        content = np.array([next(out) for _ in range(3 * each)], "<u8").reshape(3, each)
        found.vectors = np.unpackbits(content.view(np.uint8), axis=1, bitorder="little")[:, : config.bits] > 0
    if report >> Report.STATISTICS & 1:
        values = np.array([next(out) for _ in range(PLACES)], np.uint64)
        found.statistics = values.astype(np.uint32).astype(np.int32).astype(np.int64)
    if report >> Report.CNT & 1:
        each = -(-config.grid // 8)
        content = np.array([next(out) for _ in range(config.grid * each)], "<u8").reshape(-1, each)
        found.counts = content.view(np.uint8)[:, : config.grid].astype(np.int64)
    if report >> Report.MARGINALS & 1:
        values = np.array([next(out) for _ in range(frames * config.size)], np.uint64)
        parts = (values >> np.uint64(_SHORT * i) & np.uint64(0xFFFF) for i in range(3))
        found.marginals = Marginals(*(part.astype(np.int64).reshape(frames, config.size) for part in parts))
    return found
