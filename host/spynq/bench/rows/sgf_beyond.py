"""Rows of ``spynq bench sgf``: beyond the paper, each taught in one pass and tuned on nothing of the test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from spynq.bench import Measured, bench
from spynq.bench.sgf_set import part, window_part
from spynq.bench.sgf_studies import area_under_curve, known_scores, running_bits, spread_weighted
from spynq.sgf.params import DECISION
from spynq.sgf.presets import GESTURE_CLASSES, flat
from spynq.sgf.protocol import Trials, hold_out, with_bits
from spynq.sgf.setup import Setup

EQ_1, BAYES = DECISION[:2]
_ORDERS = 5
_SET = "360 taught in one pass, 240 asked, other people"


def _setup(scoring: str = BAYES) -> Setup:
    return flat(GESTURE_CLASSES, scoring)


# Weighting by the same counters


@bench("sgf", "beyond: weights, gain of naive Bayes over eq. 1 on the same counters", unit="points")
def bayes_gain() -> Measured:
    """Built in: the kernel scores with logarithms of the counts."""
    plain, weighted = (hold_out(_setup(s), part("train"), part("test")).accuracy for s in (EQ_1, BAYES))
    return Measured(weighted - plain, f"{plain:.1f} and {weighted:.1f} %; flat, same bits; {_SET}")


@bench("sgf", "beyond: weights, gain of each bit's spread over eq. 1 on the same counters", unit="points")
def spread_gain() -> Measured:
    """The other weighting of the specification."""
    plain = hold_out(_setup(EQ_1), part("train"), part("test")).accuracy
    winners = spread_weighted(_setup(EQ_1), part("train"), part("test"))
    weighted = 100 * float((winners == part("test").labels).mean())
    return Measured(weighted - plain, f"{plain:.1f} and {weighted:.1f} %; flat, same bits; {_SET}")


# Rejection


@cache
def _rejection() -> dict[str, float]:
    known, unknown = (known_scores(_setup(), part("train"), part(name)) for name in ("test", "unknown"))
    return {rule: area_under_curve(known[rule], unknown[rule]) for rule in known}


@cache
def _left_out() -> float:
    """Every class in turn is the unknown one, for the training people alone, other people asked."""
    areas, train = [], part("train")
    for fold in range(0, 6, 2):
        inside = train.people % 6 == fold
        for label in range(len(GESTURE_CLASSES)):
            taught, asked = train[~inside & (train.labels != label)], train[inside]
            shares = known_scores(_setup_without(label), _renumbered(taught, label), asked)["agreement"]
            unknown = asked.labels == label
            areas.append(area_under_curve(shares[~unknown], shares[unknown]))
    return float(np.mean(areas))


def _setup_without(label: int) -> Setup:
    names = [name for number, name in enumerate(GESTURE_CLASSES) if number != label]
    return flat(names, BAYES)


def _renumbered(trials: Trials, label: int) -> Trials:
    return Trials(trials.statistics, trials.labels - (trials.labels > label), trials.people)


@bench("sgf", "beyond: rejection of class 11, area under the ROC curve", unit="area", moonshot=">= 0.9")
def rejection() -> Measured:
    """Built in: agreement with the winner's sure bits."""
    areas = _rejection()
    others = f"best score {areas['score']:.3f}, margin {areas['margin']:.3f}"
    return Measured(
        areas["agreement"], f"24 trials of class 11 against 240 known ones; {others}; flat, {_SET}"
    )


@bench("sgf", "beyond: rejection of a class left out, area under the ROC curve", unit="area")
def rejection_left_out() -> Measured:
    """Harder than class 11: the unknown gesture is as tidy as the known ones."""
    return Measured(
        _left_out(), "mean over ten classes and three folds of the training people, each class once"
    )


# Thresholds from the stream


@bench("sgf", "beyond: thresholds followed on the chip over 100 unlabelled trials", unit="%")
def followed() -> Measured:
    """One integer update per statistic and trial, no trial stored; then the model is taught as usual."""
    train, test, found = part("train"), part("test"), []
    for seed in range(_ORDERS):
        order = np.random.default_rng(seed).permutation(len(train))[:100]
        bits = running_bits(_setup(), train.statistics[order])
        found.append(with_bits(_setup(), bits, train, test).accuracy)
    exact = hold_out(_setup(), train, test).accuracy
    spread = f"{min(found):.1f} to {max(found):.1f} over {_ORDERS} orders"
    return Measured(float(np.mean(found)), f"{spread}; quantiles of all 360 give {exact:.1f}; flat, {_SET}")


# Answers before the trial ends


def _window_row(length: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        outcome = hold_out(_setup(), window_part("train", length), window_part("test", length))
        return Measured(
            outcome.accuracy, f"thresholds, teaching and asking on windows of {length} frames; {_SET}"
        )

    return measure


for _length in (10, 20, 40, 80):
    bench("sgf", f"beyond: any-time answer from the first {_length} frames", unit="%")(_window_row(_length))
