"""Table 4: the posterior of S at 4,000 points from 4,000 neurons; with an indicator per pair, or O(N)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import exp
from typing import Any

import numpy as np

from spynq.bayes.network import Floats
from spynq.bench.paper import loops
from spynq.bench.paper.compiled import numba_fusion, torch_histogram
from spynq.bench.paper.published import NEURONS
from spynq.bench.paper.timing import Contender, in_parts
from spynq.stm.reference import product_of_gaussians
from spynq.stm.tree.experiments import E3_SDS, multisensory
from spynq.stm.tree.infer import Options, populations_of

__all__ = ["BINS", "EVIDENCE", "contenders", "reference"]

EVIDENCE = {"haptic": 8.0, "visual": -4.0, "auditory": 2.0}
BINS = 100
_CUES = [(EVIDENCE[name], sd) for name, sd in E3_SDS.items()]
_LOW, _WIDTH = -50.0, 1.0
_LOOP_ROWS, _SPLIT_ROWS, _NUMPY_ROWS = 20, 800, 200
"""Rows that are timed; processes get more, or the time to start them would hide the work."""


@cache
def samples() -> Floats:
    """The population of S."""
    drawn: Floats = populations_of(multisensory(), Options(neurons=NEURONS))["S"].points["S"]
    return drawn


@cache
def _points() -> Floats:
    """Evaluation points: middles of the bins, over and over, as many as there are neurons."""
    middles = _LOW + _WIDTH * (np.arange(BINS) + 0.5)
    return np.tile(middles, NEURONS // BINS)


@cache
def _labels() -> np.ndarray:  # type: ignore[type-arg]
    return np.minimum(((samples() - _LOW) / _WIDTH).astype(np.int32), BINS - 1)


def reference(rows: int) -> Floats:
    """Posterior at the first points, in float64, from one histogram."""
    return _spread(_histogram(np.float64), rows)


def _histogram(kind: Any) -> Floats:
    s = samples().astype(kind)
    square = sum(((s - kind(value)) / kind(sd)) ** 2 for value, sd in _CUES)
    weight = np.exp(kind(-0.5) * np.asarray(square))
    counted: Floats = np.bincount(_labels(), weight, BINS) / weight.sum()
    return counted


def _spread(histogram: Floats, rows: int) -> Floats:
    points: Floats = histogram[np.arange(rows) % BINS]
    return points


def plain(rows: int) -> Floats:
    """Nested loops: all likelihoods again for every point, as the paper's algorithm has it."""
    return np.array(loops.fusion_points(_points()[:rows].tolist(), samples().tolist(), _CUES, _WIDTH))


def shared(rows: int, how: Callable[..., list[list[float]]], count: int) -> Floats:
    """The same loops in threads or processes."""
    jobs = loops.split(count, _points()[:rows].tolist())
    return np.concatenate(how(loops.fusion_points, jobs, samples().tolist(), _CUES, _WIDTH))


def numpy_points(rows: int) -> Floats:
    """NumPy inside a loop over points."""
    s = samples()
    found = []
    for point in _points()[:rows]:
        weight = np.exp(-0.5 * sum(((s - value) / sd) ** 2 for value, sd in _CUES))
        found.append(weight[np.abs(s - point) <= 0.5 * _WIDTH].sum() / weight.sum())
    return np.array(found)


def plain_once(rows: int) -> Floats:
    """Python, every likelihood once, counted by bin."""
    labels = _labels().tolist()
    histogram, total = [0.0] * BINS, 0.0
    for s, label in zip(samples().tolist(), labels, strict=True):
        weight = exp(-0.5 * sum(((s - value) / sd) ** 2 for value, sd in _CUES))
        histogram[label] += weight
        total += weight
    return np.array(histogram) / total


def numpy_once(rows: int) -> Floats:
    """NumPy, float32, O(N)."""
    return _histogram(np.float32)


def compiled(rows: int) -> Floats:
    """numba, float32, own power of two, the cues merged into one."""
    mean, sd = product_of_gaussians(_CUES)
    return numba_fusion()(_single(), mean, sd, _labels(), BINS)


@cache
def _single() -> np.ndarray:  # type: ignore[type-arg]
    return samples().astype(np.float32)


def torch_once(rows: int) -> Floats:
    """torch on the CPU, float32, O(N)."""
    return torch_histogram(_single(), _CUES, _labels(), BINS)


def contenders() -> list[Contender]:
    """From the paper's loops to the best there is."""
    once = partial(Contender, rows=NEURONS)
    return [
        Contender("Python, loops", plain, _LOOP_ROWS),
        *in_parts(shared, _LOOP_ROWS, _SPLIT_ROWS),
        Contender("NumPy, one point at a time", numpy_points, _NUMPY_ROWS),
        once("Python, O(N), counted by bin", plain_once),
        once("NumPy, O(N), float32", numpy_once),
        once("torch CPU, O(N), float32", torch_once),
        once("numba, O(N), float32 polynomial", compiled),
    ]
