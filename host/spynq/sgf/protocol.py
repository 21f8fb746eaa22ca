"""Accuracy as the paper measures it: teach one part in one pass, ask about the other, people apart.

Works from the statistics of the trials and the golden counters, so that a whole protocol takes a second;
every device gives the same answers from the events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spynq.sgf import golden
from spynq.sgf.calibrate import bits_by_quantiles
from spynq.sgf.cores import Marginals
from spynq.sgf.counters import Counters
from spynq.sgf.params import DECISION
from spynq.sgf.setting import Bit, Setting
from spynq.sgf.setup import Setup

__all__ = ["Outcome", "Trials", "cross_validated", "hold_out", "of_statistics", "taught", "with_bits"]

Integers = NDArray[np.int64]
_NOTHING = np.zeros((0, 0), np.int64)


@dataclass(frozen=True)
class Trials:
    """Statistics of many trials.

    Parameters
    ----------
    statistics : ndarray of int64, shape [trials, 512]
        By place.
    labels : ndarray of int64, shape [trials]
        Class numbers.
    people : ndarray of int64, shape [trials]
        Who made it.
    """

    statistics: Integers
    labels: Integers
    people: Integers

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: NDArray[np.bool_] | Integers) -> Trials:
        return Trials(self.statistics[chosen], self.labels[chosen], self.people[chosen])

    def draw(self, each: int, rng: np.random.Generator) -> Trials:
        """``each`` trials of every class, at random without replacement."""
        chosen = [
            rng.choice(np.flatnonzero(self.labels == label), each, replace=False)
            for label in np.unique(self.labels)
        ]
        return self[np.concatenate(chosen)]


@dataclass(frozen=True)
class Outcome:
    """What a protocol gave.

    Parameters
    ----------
    winners : ndarray of int64, shape [trials]
        Class numbers; 255: none.
    right : ndarray of bool, shape [trials]
        The winner is the label.
    gated : ndarray of bool, shape [trials]
        Unit A opened the way to the label.
    bits : dict of str to int
        Bits of every unit.
    model_bytes : int
        Counters of 16 bits and trial counts that were used.
    """

    winners: Integers
    right: NDArray[np.bool_]
    gated: NDArray[np.bool_]
    bits: dict[str, int]
    model_bytes: int

    @property
    def accuracy(self) -> float:
        """Share of right answers, percent."""
        return 100 * float(self.right.mean())

    @property
    def gate_accuracy(self) -> float:
        """Share of trials that unit A sent the right way, percent."""
        return 100 * float(self.gated.mean())


def of_statistics(statistics: Integers) -> golden.Features:
    """A trial of which nothing but the statistics is known, shape [512]."""
    return golden.Features(_NOTHING, Marginals(_NOTHING, _NOTHING, _NOTHING), statistics, 0)


def taught(setting: Setting, setup: Setup, trials: Trials) -> Counters:
    """Counters after one pass over the trials."""
    counters = Counters(
        replace(setup.build, table=setup.build.table if DECISION.index(setup.scoring) > 1 else 0)
    )
    for row, label in zip(trials.statistics, trials.labels.tolist(), strict=True):
        golden.teach(of_statistics(row), setting, counters, label)
    return counters


def hold_out(
    setup: Setup, train: Trials, test: Trials, calibration: Trials | None = None, *, labelled: bool = True
) -> Outcome:
    """Calibrate and teach with one part, ask about the other.

    Parameters
    ----------
    setup : Setup
    train, test : Trials
        No person may be in both.
    calibration : Trials, optional
        Sets the thresholds; by default the training part.
    labelled : bool
        Let units B and C set their thresholds on their own classes.

    Raises
    ------
    ValueError
        A person is on both sides.
    """
    base = train if calibration is None else calibration
    labels = base.labels.tolist() if labelled else None
    return with_bits(setup, bits_by_quantiles(setup, base.statistics, labels), train, test)


def with_bits(setup: Setup, bits: Mapping[str, tuple[Bit, ...]], train: Trials, test: Trials) -> Outcome:
    """The same with thresholds that stand already."""
    both = sorted(set(train.people.tolist()) & set(test.people.tolist()))
    if both:
        raise ValueError(f"person {both[0]} is in the training and in the test part; split by people")
    setting = setup.setting(bits)
    counters = taught(setting, setup, train)
    scoring = DECISION.index(setup.scoring)
    answers = [golden.infer(of_statistics(row), setting, counters, scoring) for row in test.statistics]
    winners = np.array([answer.winner for answer in answers], np.int64)
    gated = _gated(setting, winners, test.labels)
    lengths = {unit: len(found) for unit, found in bits.items()}
    rows = setup.rows()
    size = sum(2 * len(rows[unit]) * (lengths[unit] + 1) for unit in lengths)
    return Outcome(winners, winners == test.labels, gated, lengths, size)


def _gated(setting: Setting, winners: Integers, labels: Integers) -> NDArray[np.bool_]:
    """Whether winner and label hang below the same row of unit A."""
    row = {number: path.row for number, path in setting.paths.items()}
    pairs = zip(winners.tolist(), labels.tolist(), strict=True)
    return np.array([row.get(winner, -1) == row[label] for winner, label in pairs], bool)


def cross_validated(setup: Setup, trials: Trials, folds: int = 6) -> Outcome:
    """The protocol within one part, person by person: how choices are made without the test part.

    Parameters
    ----------
    setup : Setup
    trials : Trials
        The training part.
    folds : int
        Person number modulo this is the fold.
    """
    found: list[Outcome] = []
    order: list[Sequence[int]] = []
    for fold in range(folds):
        inside = trials.people % folds == fold
        found.append(hold_out(setup, trials[~inside], trials[inside]))
        order.append(np.flatnonzero(inside).tolist())
    place = np.argsort(np.concatenate(order))
    winners, right, gated = (
        np.concatenate([getattr(one, name) for one in found])[place] for name in ("winners", "right", "gated")
    )
    return Outcome(winners, right, gated, found[-1].bits, found[-1].model_bytes)
