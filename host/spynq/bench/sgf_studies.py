"""Four ways beyond the paper, each measured the same way: chosen on nothing, taught in one pass.

Weights from the counters, rejection, thresholds from the stream, and answers before a trial ends. The first
two are built in (scoring ``naive Bayes``; :meth:`spynq.sgf.SGF.limit`); the other two are measured here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spynq.sgf import golden
from spynq.sgf.calibrate import bits_by_quantiles
from spynq.sgf.params import DECISION
from spynq.sgf.protocol import Trials, of_statistics, taught
from spynq.sgf.reject import agreement
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup
from spynq.sgf.statistics import names

__all__ = ["area_under_curve", "known_scores", "running_bits", "spread_weighted"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def area_under_curve(known: Floats, unknown: Floats) -> float:
    """Chance that a known trial scores above an unknown one, ties half: the area under the ROC curve."""
    above = (known[:, None] > unknown[None, :]).mean()
    equal = (known[:, None] == unknown[None, :]).mean()
    return float(above + equal / 2)


def known_scores(setup: Setup, train: Trials, asked: Trials) -> dict[str, Floats]:
    """Scores that should be high for gestures of the taught classes, by rule, one per asked trial.

    ``agreement`` is the share of sure bits (:mod:`spynq.sgf.reject`); ``score`` the best score and
    ``margin`` its lead, as the spec measured them.
    """
    setting = setup.setting(bits_by_quantiles(setup, train.statistics, train.labels.tolist()))
    counters = taught(setting, setup, train)
    found: dict[str, list[float]] = {"agreement": [], "score": [], "margin": []}
    scoring = DECISION.index(setup.scoring)
    for row in asked.statistics:
        trial = of_statistics(row)
        answer = golden.infer(trial, setting, counters, scoring)
        path = setting.paths[answer.winner]
        rows = {0: path.row, **({path.unit: path.below} if path.unit else {})}
        pairs = [(rows[unit], vector) for unit, vector in answer.vectors.items()]
        found["agreement"].append(agreement(counters, pairs).share)
        first, second = np.sort(
            [counters.score(r, answer.vectors[0]) / counters.trials[r] for r in range(setting.count)]
        )[:-3:-1]
        found["score"].append(first)
        found["margin"].append(first - second)
    return {rule: np.array(values) for rule, values in found.items()}


def running_bits(setup: Setup, stream: Integers) -> Mapping[str, tuple[Bit, ...]]:
    """Thresholds as a kernel could follow them: one integer update per statistic and unlabelled trial.

    A threshold rises by its level's share of the mean deviation when the statistic is above it and falls
    by the rest otherwise (stochastic approximation of a quantile); no trial is stored.

    Parameters
    ----------
    setup : Setup
    stream : ndarray of int64, shape [trials, 512]
        Statistics in the order in which the trials came.
    """
    places, found = names(setup.build), {}
    for unit, listed in setup.features.items():
        bits = []
        for name in listed:
            values = stream[:, places[name]]
            bits += [
                Bit(places[name], t) for t in sorted({_followed(values, q) for q in setup.levels_of(unit)})
            ]
        found[unit] = tuple(bits)
    return found


def _followed(values: Integers, level: float) -> int:
    """Threshold after a stream of values; all in 1/256, the level too."""
    share = round(256 * level)
    threshold, width = int(values[0]) << 8, 0
    for count, value in enumerate(values.tolist(), 1):
        deviation = abs((value << 8) - threshold)
        width += (deviation - width) // min(count, 16)
        gain = min(max(count >> 1, 2), 16)
        step = share if (value << 8) > threshold else share - 256
        threshold += width * step // (128 * gain)
    return threshold >> 8


def spread_weighted(setup: Setup, train: Trials, test: Trials) -> Integers:
    """Winners of eq. 1 with every bit weighted by its spread over the classes (one unit, flat setup).

    The weight is the largest share of a class less the smallest, in 1/256: another weighting that the
    same counters give.
    """
    setting = setup.setting(bits_by_quantiles(setup, train.statistics))
    counters = taught(setting, setup, train)
    bits, rows = setting.bits[0], range(setting.count)
    shares = np.array([256 * counters.counts[r, : len(bits)] // counters.trials[r] for r in rows])
    weight = shares.max(axis=0) - shares.min(axis=0)
    vectors = golden.bits_of(test.statistics, bits)
    scores = np.array([(np.where(vectors, share, 256 - share) * weight).sum(axis=1) for share in shares])
    return np.array([setting.gates[int(row)].first for row in scores.argmax(axis=0)], np.int64)


def windows(frames: NDArray[np.int8], length: int, stride: int) -> Sequence[NDArray[np.int8]]:
    """Windows of ``length`` frames, one every ``stride`` frames."""
    return [frames[i : i + length] for i in range(0, len(frames) - length + 1, stride)]
