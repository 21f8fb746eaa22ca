"""The contract: one trial from its frames to statistics, vectors, scores, gates and a winner.

Integers only. The gateware equals every field of :class:`Features` and :class:`Answer` bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.cores import Marginals, marginals, st_core_1, st_core_2
from spynq.sgf.counters import Counters, Vector, display
from spynq.sgf.frames import Cut, Framer, Pixels
from spynq.sgf.params import FLAG, NO_CLASS, Child, SgfConfig
from spynq.sgf.setting import Bit, Gate, Setting
from spynq.sgf.spatial import spatial
from spynq.sgf.statistics import PLACES
from spynq.sgf.temporal import temporal

__all__ = [
    "LEAST_ACTIVE",
    "Answer",
    "Features",
    "Ranking",
    "bits_of",
    "features",
    "frames_of",
    "infer",
    "rank",
    "statistics",
    "teach",
]

Integers = NDArray[np.int64]

LEAST_ACTIVE = 12
"""Active pixels that a step needs, unless set otherwise."""


@dataclass(frozen=True)
class Features:
    """Everything that a trial shows, before any counter is asked.

    Parameters
    ----------
    counts : ndarray of int64, shape [grid, grid]
        CNT.
    marginals : Marginals
        Of every frame of the trial.
    statistics : ndarray of int64, shape [512]
        By place (:func:`spynq.sgf.statistics.names`).
    flags : int
        PADDED, EMPTY, SATURATED and REORDERED of the result word.
    """

    counts: Integers
    marginals: Marginals
    statistics: Integers
    flags: int

    @property
    def frames(self) -> int:
        """Frames that came."""
        return len(self.marginals.columns)

    @property
    def empty(self) -> bool:
        """No frame came."""
        return bool(self.flags & FLAG["EMPTY"])


def frames_of(t: Integers, x: Integers, y: Integers, p: Integers, cut: Cut) -> tuple[Pixels, bool]:
    """Frames of a whole trial, and whether time ran backwards in it."""
    framer = Framer(cut)
    framer.push(*(np.asarray(column, np.int64) for column in (t, x, y, p)))
    return framer.end(), framer.reordered


def features(
    frames: Pixels,
    config: SgfConfig,
    thetas: Sequence[int],
    *,
    wanted: int | None = None,
    least: int = LEAST_ACTIVE,
    reordered: bool = False,
) -> Features:
    """Features of a trial.

    Parameters
    ----------
    frames : ndarray of int8, shape [frames, size, size]
        Pixels -1, 0 or +1, row first.
    config : SgfConfig
        Build parameters.
    thetas : sequence of int
        Thresholds of CNT; missing ones are 0.
    wanted : int, optional
        Frames of a full trial; by default as many as the build takes.
    least : int
        Active pixels that a step needs.
    reordered : bool
        Goes into the flags.
    """
    thetas = [*thetas, *[0] * config.thetas]
    counts, saturated = st_core_1(frames)
    seen = marginals(st_core_2(frames))
    found = np.zeros(PLACES, np.int64)
    if len(frames):
        spatial(counts, thetas, config, found)
        temporal(seen, least, config, found)
    flags = FLAG["PADDED"] * (len(frames) < (config.frames if wanted is None else wanted))
    flags |= FLAG["EMPTY"] * (not len(frames)) | FLAG["SATURATED"] * saturated | FLAG["REORDERED"] * reordered
    return Features(counts, seen, found, flags)


def statistics(
    t: Integers,
    x: Integers,
    y: Integers,
    p: Integers,
    config: SgfConfig,
    thetas: Sequence[int],
    *,
    cut: Cut | None = None,
    least: int = LEAST_ACTIVE,
) -> Integers:
    """Statistics of a whole trial whose places lie in the frame already, shape [512]."""
    cut = Cut(config.size, frames=config.frames) if cut is None else cut
    frames, reordered = frames_of(t, x, y, p, cut)
    return features(frames, config, thetas, wanted=cut.frames, least=least, reordered=reordered).statistics


def bits_of(statistics: Integers, bits: Sequence[Bit]) -> Vector:
    """Vector of a unit, shape [bits]; also of many trials at once, [trials, 512] to [trials, bits]."""
    places = [bit.statistic for bit in bits]
    return np.asarray(statistics[..., places] > np.array([bit.threshold for bit in bits], np.int64))


@dataclass(frozen=True)
class Ranking:
    """Order of the rows of a unit for one vector.

    Parameters
    ----------
    first, second : int or None
        Best row and runner-up; None where none is taught.
    tie : bool
        Another row did as well as the best.
    score : int
        Of the best row, for people (16 bit).
    """

    first: int | None
    second: int | None
    tie: bool
    score: int


def rank(counters: Counters, rows: range, vector: Vector, scoring: int) -> Ranking:
    """Best rows of a unit; among equal ones the lowest.

    Parameters
    ----------
    counters : Counters
        What was taught.
    rows : range
        Rows of the unit; those never taught are not offered.
    vector : ndarray of bool, shape [bits]
        Bits of the unit.
    scoring : int
        Index into :data:`~spynq.sgf.params.DECISION`.
    """
    offered = [row for row in rows if counters.trials[row]]
    if not offered:
        return Ranking(None, None, False, 0)
    trials = {row: int(counters.trials[row]) for row in offered}
    if scoring == 1:
        keys = {row: (counters.likelihood(row, vector), 1) for row in offered}
    else:
        keys = {row: (counters.score(row, vector), trials[row]) for row in offered}
    first = second = None
    for row in offered:
        if first is None or _beats(keys[row], keys[first]):
            first, second = row, first
        elif second is None or _beats(keys[row], keys[second]):
            second = row
    assert first is not None
    tie = any(not _beats(keys[first], keys[row]) for row in offered if row != first)
    if scoring >= 2:
        seen = counters.occurrences(rows, vector)
        chosen = _by_table(seen, scoring)
        if chosen is not None:
            tie = scoring == 3 and list(seen.values()).count(seen[chosen]) > 1
            first, second = chosen, first if chosen != first else second
    score = display(counters.score(first, vector), len(vector), trials[first])
    return Ranking(first, second, tie, score)


def _beats(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """A higher score per trial; exact, by cross-multiplication."""
    return a[0] * b[1] > b[0] * a[1]


def _by_table(seen: dict[int, int], scoring: int) -> int | None:
    if not seen or (scoring == 2 and len(seen) > 1):
        return None
    return max(seen, key=lambda row: (seen[row], -row))


@dataclass
class Answer:
    """What a trial gives.

    Parameters
    ----------
    winner, second : int
        Classes; 255: none.
    score : int
        Of the row that won last, 16 bit.
    opened : int
        Bit u: unit u was evaluated.
    flags : int
        Of the result word.
    vectors : dict of int to ndarray of bool
        By unit, of those evaluated.
    scores : ndarray of int64, shape [rows]
        A of eq. 1 (B with naive Bayes) of every row that was asked; 0 of the others.
    halvings, overflows : int
        Rows halved, vectors that found no slot.
    rule : int or None
        Place of the statistic whose sign was asked.
    """

    winner: int = NO_CLASS
    second: int = NO_CLASS
    score: int = 0
    opened: int = 0
    flags: int = 0
    vectors: dict[int, Vector] = field(default_factory=dict)
    scores: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    halvings: int = 0
    overflows: int = 0
    rule: int | None = None


def infer(trial: Features, setting: Setting, counters: Counters, scoring: int = 0) -> Answer:
    """Ask unit A, then the unit that the winner's gate opens."""
    answer = Answer(flags=trial.flags, scores=np.zeros(counters.config.rows, np.int64))
    if trial.empty:
        return answer
    found = _ask(
        answer, 0, range(setting.first, setting.first + setting.count), trial, setting, counters, scoring
    )
    if found.first is None:
        return answer
    gate = setting.gates.get(found.first, Gate())
    if gate.child == Child.LEAF:
        _decide(answer, found, setting)
    elif gate.child == Child.RULE:
        above = trial.statistics[gate.statistic] > 0
        answer.winner, answer.second = (gate.first, gate.count) if above else (gate.count, gate.first)
        answer.opened |= 2
        answer.rule = gate.statistic
        answer.score = found.score
        answer.flags |= FLAG["TIE"] * found.tie
    else:
        unit = 1 if gate.child == Child.UNIT_B else 2
        below = _ask(
            answer, unit, range(gate.first, gate.first + gate.count), trial, setting, counters, scoring
        )
        _decide(answer, below, setting)
    return answer


def _ask(
    answer: Answer,
    unit: int,
    rows: range,
    trial: Features,
    setting: Setting,
    counters: Counters,
    scoring: int,
) -> Ranking:
    vector = bits_of(trial.statistics, setting.bits[unit])
    answer.vectors[unit] = vector
    answer.opened |= 1 << unit
    ask = counters.likelihood if scoring == 1 else counters.score
    for row in rows:
        if counters.trials[row]:
            answer.scores[row] = ask(row, vector)
    return rank(counters, rows, vector, scoring)


def _decide(answer: Answer, found: Ranking, setting: Setting) -> None:
    if found.first is None:
        return
    answer.winner = _class_of(found.first, setting)
    answer.second = NO_CLASS if found.second is None else _class_of(found.second, setting)
    answer.score = found.score
    answer.flags |= FLAG["TIE"] * found.tie


def _class_of(row: int, setting: Setting) -> int:
    gate = setting.gates.get(row, Gate())
    return gate.first if gate.child == Child.LEAF else NO_CLASS


def teach(
    trial: Features,
    setting: Setting,
    counters: Counters,
    number: int,
    *,
    out: bool = False,
    allow_empty: bool = False,
) -> Answer:
    """Add a trial to a class, or take it out of it; the label opens the path (spec 6).

    Parameters
    ----------
    number : int
        Class.
    out : bool
        Take it out. Refused whole when any counter would go below 0.
    allow_empty : bool
        Teach a trial without frames as vectors of zeros; else it is refused.
    """
    answer = Answer(flags=trial.flags, scores=np.zeros(counters.config.rows, np.int64))
    path = setting.paths.get(number)
    if path is None or (trial.empty and not allow_empty):
        answer.flags |= FLAG["REFUSED"]
        return answer
    steps = [(0, path.row)] + ([(path.unit, path.below)] if path.unit else [])
    for unit, _ in steps:
        bits = setting.bits[unit]
        vector = np.zeros(len(bits), bool) if trial.empty else bits_of(trial.statistics, bits)
        answer.vectors[unit] = vector
        answer.opened |= 1 << unit
    if out and not all(counters.can_unteach(row, answer.vectors[unit]) for unit, row in steps):
        answer.flags |= FLAG["REFUSED"]
        return answer
    for unit, row in steps:
        if out:
            counters.unteach(row, answer.vectors[unit])
        else:
            halved, overflow = counters.teach(row, answer.vectors[unit])
            answer.halvings += halved
            answer.overflows += overflow
    answer.winner = number
    answer.flags |= FLAG["TAUGHT"] | FLAG["OVERFLOW"] * bool(answer.overflows)
    return answer
