"""Rows of ``spynq bench sgf``: what the counters reach on the synthetic set (tables 10.1 to 10.3).

Every row teaches 18 people in one pass and asks 8 others; thresholds come from the training part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from spynq.bench import Measured, bench
from spynq.bench.sgf_set import BUILD, paper_part, part
from spynq.sgf.params import DECISION
from spynq.sgf.presets import GESTURE_CLASSES, flat, gestures
from spynq.sgf.protocol import Outcome, Trials, hold_out, with_bits
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup, spatial_names, temporal_names
from spynq.sgf.statistics import names

EQ_1, BAYES = DECISION[:2]
_DRAWS = 20
_SIZES = (1, 2, 3, 5, 8, 12, 18, 24, 36)
_MEDIAN, _THIRDS, _QUARTERS = (0.5,), (1 / 3, 2 / 3), (0.25, 0.5, 0.75)
_HOW = "360 taught in one pass, 240 asked, other people; thresholds of the training part; golden model"

MAIN: dict[str, Callable[[str], Setup]] = {
    "hierarchical": gestures,
    "flat": lambda scoring: flat(GESTURE_CLASSES, scoring),
}
"""The two setups of the targets, by scoring."""


@cache
def main(name: str, scoring: str) -> Outcome:
    """Whole training part against whole test part."""
    return hold_out(MAIN[name](scoring), part("train"), part("test"))


def _told(outcome: Outcome) -> str:
    bits = ", ".join(f"{count} bits of unit {unit}" for unit, count in outcome.bits.items())
    size, gate = f"{outcome.model_bytes:,} bytes of counters", f"gate right in {outcome.gate_accuracy:.1f} %"
    return f"{_HOW}; {bits}, {size}; {gate}"


def _main_row(name: str, scoring: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        outcome = main(name, scoring)
        return Measured(outcome.accuracy, _told(outcome))

    return measure


_MUSTS = {("hierarchical", EQ_1): ">= 84", ("flat", EQ_1): ">= 78"}
for _name in MAIN:
    for _scoring in (EQ_1, BAYES):
        bench("sgf", f"36:24, {_name}, {_scoring}", unit="%", must=_MUSTS.get((_name, _scoring)))(
            _main_row(_name, _scoring)
        )


@bench("sgf", "36:24, best with at most 4 KB of counters", unit="%", moonshot=">= 93")
def small_model() -> Measured:
    """Flat naive Bayes, whose setup cross-validation over the training people chose."""
    outcome = main("flat", BAYES)
    if outcome.model_bytes > 4096:
        raise ValueError(f"the model takes {outcome.model_bytes} bytes")
    return Measured(outcome.accuracy, _told(outcome))


# Table 10.1: which features


def paper_bits() -> tuple[Bit, ...]:
    """The authors' unit A with their fixed thresholds: 28 distinct of 68 bits."""
    places = names(BUILD)
    halves = [Bit(places[f"above_{side}_{i}"], 10) for side in ("left", "right") for i in (0, 1)]
    quarters = [
        Bit(places[f"above_{zone}_{i}"], theta_a)
        for zone in ("q00", "q01", "q10", "q11")
        for i in (2, 3)
        for theta_a in (120, 144, 172)
    ]
    return (*halves, *quarters)


FEATURES: dict[str, tuple[list[str], tuple[float, ...]]] = {
    "spatial, medians": (
        [n for n in spatial_names(BUILD) if "_q" in n or "left" in n or "right" in n],
        _MEDIAN,
    ),
    "temporal, medians": (temporal_names(BUILD), _MEDIAN),
    "temporal, two quantiles": (temporal_names(BUILD), _THIRDS),
    "grid of ST counts, medians": ([f"sum_{r}_{c}" for r in range(6) for c in range(6)], _MEDIAN),
    "spatial and temporal, three quantiles": (list(flat(GESTURE_CLASSES).features["A"]), _QUARTERS),
}


def feature_setup(name: str, scoring: str) -> Setup:
    """A flat setup on one family of statistics."""
    listed, levels = FEATURES[name]
    usable = [n for n in listed if not n.endswith(("_2", "_3")) or not n.startswith("above_")]
    return flat(GESTURE_CLASSES, scoring).with_features("A", usable, levels)


def _feature_row(name: str, scoring: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        outcome = hold_out(feature_setup(name, scoring), part("train"), part("test"))
        return Measured(outcome.accuracy, _told(outcome))

    return measure


def _paper_row(scoring: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        setup = replace(flat(GESTURE_CLASSES, scoring), thetas=(20, 21, 3, 4))
        outcome = with_bits(setup, {"A": paper_bits()}, paper_part("train"), paper_part("test"))
        return Measured(
            outcome.accuracy, f"{_HOW}, but the authors' fixed thresholds; 28 distinct bits of 68"
        )

    return measure


for _scoring in (EQ_1, BAYES, DECISION[2]):
    bench("sgf", f"features: the authors' unit A and thresholds, {_scoring}", unit="%")(_paper_row(_scoring))
    for _name in FEATURES:
        bench("sgf", f"features: {_name}, {_scoring}", unit="%")(_feature_row(_name, _scoring))


# Table 10.3: few trials


def few(setup: Setup, each: int, train: Trials, test: Trials) -> list[float]:
    """Accuracies of random draws of ``each`` training trials per class, thresholds of those alone."""
    rng = np.random.default_rng(each)
    draws = 1 if each * 10 == len(train) else _DRAWS
    return [hold_out(setup, train.draw(each, rng), test).accuracy for _ in range(draws)]


def _few_row(name: str, scoring: str, each: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        found = few(MAIN[name](scoring), each, part("train"), part("test"))
        how = f"mean of {len(found)} draws (standard deviation {np.std(found):.1f})"
        return Measured(float(np.mean(found)), f"{how}; thresholds of the draw alone; 240 asked")

    return measure


for _name in MAIN:
    for _scoring in (EQ_1, BAYES):
        for _each in _SIZES:
            bench("sgf", f"few: {_each} a class, {_name}, {_scoring}", unit="%")(
                _few_row(_name, _scoring, _each)
            )
