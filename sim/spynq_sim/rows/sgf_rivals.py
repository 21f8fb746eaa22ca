"""Rows of ``spynq bench sgf``: learners with gradients on the same trials, in the same run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.bench import Measured, bench
from spynq.bench.rows.sgf_tables import FEATURES, feature_setup, paper_bits
from spynq.bench.sgf_set import paper_part, part
from spynq.errors import MissingDependency
from spynq.sgf import golden
from spynq.sgf.calibrate import bits_by_quantiles
from spynq.sgf.params import DECISION
from spynq.sgf.presets import GESTURE_CLASSES, flat
from spynq.sgf.protocol import Trials
from spynq.sgf.statistics import names
from spynq.sgf.synthetic import benchmark, recordings

_EPOCHS = (1, 10, 60)
_SEEDS = (0, 1)
_FEW = (2, 5, 12)
_SET = "same 360 training and 240 test trials, same run"

Numbers = NDArray[np.int64]


def _rivals() -> Any:
    """The module of rivals, or what to install."""
    try:
        for needed in ("torch", "sklearn"):
            import_module(needed)
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed: pip install 'spynq[train]'") from error
    return import_module("spynq_train.gesture_rivals")


@cache
def _images(name: str, side: int) -> NDArray[np.float32]:
    binned = _rivals().binned
    return np.array([binned(recording.events, side) for _, recording in recordings(benchmark(name))])


def _accuracy(winners: Numbers) -> float:
    return 100 * float((winners == part("test").labels).mean())


@cache
def _vectors() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Bits of the flat setup, thresholds of the training part."""
    bits = bits_by_quantiles(flat(GESTURE_CLASSES), part("train").statistics)["A"]
    train, test = (golden.bits_of(part(name).statistics, bits) for name in ("train", "test"))
    return train, test


def _linear(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Measured:
    found = _rivals().linear(train, part("train").labels, test)
    return Measured(_accuracy(found), f"scikit-learn, {train.shape[1]} bits; {_SET}")


def _feature_row(name: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        bits = bits_by_quantiles(feature_setup(name, DECISION[0]), part("train").statistics)["A"]
        train, test = (golden.bits_of(part(half).statistics, bits) for half in ("train", "test"))
        return _linear(train, test)

    return measure


for _name in FEATURES:
    bench("sgf", f"features: {_name}, rival: logistic regression", unit="%")(_feature_row(_name))


@bench("sgf", "features: the authors' unit A and thresholds, rival: logistic regression", unit="%")
def linear_on_paper_bits() -> Measured:
    """The authors' bits, for a learner with gradients."""
    train, test = (golden.bits_of(paper_part(half).statistics, paper_bits()) for half in ("train", "test"))
    return _linear(train, test)


@bench("sgf", "36:24, rival: logistic regression on the flat setup's bits", unit="%")
def linear_on_bits() -> Measured:
    """What the bits hold, for a learner with gradients and many passes."""
    return _linear(*_vectors())


@bench("sgf", "36:24, rival: nearest neighbour in Hamming distance on the flat setup's bits", unit="%")
def nearest_on_bits() -> Measured:
    """A table of all vectors instead of counters."""
    train, test = _vectors()
    found = _rivals().nearest(train, part("train").labels, test)
    return Measured(_accuracy(found), f"{train.shape[0]} stored vectors of {train.shape[1]} bits; {_SET}")


@bench("sgf", "36:24, rival: random forest on the raw statistics", unit="%")
def forest_on_statistics() -> Measured:
    """What the statistics hold."""
    places = list(names(flat(GESTURE_CLASSES).build).values())
    train, test = (part(name).statistics[:, places] for name in ("train", "test"))
    found = _rivals().forest(train, part("train").labels, test)
    return Measured(_accuracy(found), f"scikit-learn, 400 trees, {len(places)} integers; {_SET}")


@bench("sgf", "36:24, rival: logistic regression on 10 x 16 x 16 event counts", unit="%")
def linear_on_counts() -> Measured:
    """No features of ours."""
    train, test = (_images(name, 16) for name in ("train", "test"))
    found = _rivals().linear(train.reshape(len(train), -1), part("train").labels, test.reshape(len(test), -1))
    return Measured(_accuracy(found), f"scikit-learn, logarithms of counts; {_SET}")


@cache
def _network(seed: int) -> dict[int, float]:
    train, test = (_images(name, 32) for name in ("train", "test"))
    found = _rivals().train_network(train, part("train").labels, test, epochs=_EPOCHS, seed=seed)
    return {epoch: _accuracy(winners) for epoch, winners in found.items()}


def _network_row(epochs: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        found = [_network(seed)[epochs] for seed in _SEEDS]
        told = " and ".join(f"{value:.1f}" for value in found)
        weights = _rivals().WEIGHTS
        how = f"mean of two seeds ({told}); {weights:,} weights, 3.25 million multiplications, torch; {_SET}"
        return Measured(float(np.mean(found)), how)

    return measure


for _epochs in _EPOCHS:
    bench("sgf", f"36:24, rival: convolutional network after {_epochs} epochs", unit="%")(
        _network_row(_epochs)
    )


def _few_rows(each: int) -> tuple[Numbers, Trials]:
    """One draw of training trials: their places, and their statistics."""
    train = part("train")
    rng = np.random.default_rng(each)
    places = np.concatenate(
        [rng.choice(np.flatnonzero(train.labels == label), each, replace=False) for label in range(10)]
    )
    return places, train[places]


def _few_network(each: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        places, drawn = _few_rows(each)
        images, test = _images("train", 32)[places], _images("test", 32)
        found = _rivals().train_network(images, drawn.labels, test, epochs=(60,))[60]
        return Measured(_accuracy(found), "one draw, 60 epochs, torch; 240 asked")

    return measure


def _few_linear(each: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        found = []
        for draw in range(5):
            drawn = part("train").draw(each, np.random.default_rng(100 * each + draw))
            bits = bits_by_quantiles(flat(GESTURE_CLASSES), drawn.statistics)["A"]
            vectors, asked = (golden.bits_of(p.statistics, bits) for p in (drawn, part("test")))
            found.append(_accuracy(_rivals().linear(vectors, drawn.labels, asked)))
        return Measured(float(np.mean(found)), "mean of 5 draws, thresholds of the draw alone; 240 asked")

    return measure


for _each in _FEW:
    bench("sgf", f"few: {_each} a class, rival: convolutional network", unit="%")(_few_network(_each))
    bench("sgf", f"few: {_each} a class, rival: logistic regression on bits", unit="%")(_few_linear(_each))
