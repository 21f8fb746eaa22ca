"""Table 2: A over B1..B4, 4,000 neurons in each of two populations, every pair evaluated."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from spynq.bayes.network import Floats
from spynq.bench.paper import loops
from spynq.bench.paper.compiled import numba_exchange, torch_exchange
from spynq.bench.paper.published import NEURONS
from spynq.bench.paper.timing import Contender, in_parts
from spynq.stm.tree.experiments import causal_gaussian
from spynq.stm.tree.infer import Options, populations_of

__all__ = ["EVIDENCE", "contenders", "reference"]

EVIDENCE = {"I1": 1.0, "I2": 2.5, "I3": 0.3, "I4": 1.7}
_LOOP_ROWS, _SPLIT_ROWS, _NUMPY_ROWS = 20, 800, 400
"""Rows that are timed; processes get more, or the time to start them would hide the work."""


@cache
def samples() -> tuple[Floats, Floats, Floats]:
    """Parents [neurons], children [neurons, 4], and the children's weights under the stimuli."""
    drawn = populations_of(causal_gaussian(), Options(neurons=NEURONS))
    children = np.stack([drawn["B"].points[f"B{m}"] for m in range(1, 5)], axis=1)
    away = children - np.array(list(EVIDENCE.values()))
    return drawn["A"].points["A"].astype(np.float64), children, np.exp(-0.5 * (away**2).sum(axis=1))


def reference(rows: int) -> Floats:
    """The message after so many rows, in float64."""
    return numpy_blocked(rows, np.float64)


def numpy_row_by_row(rows: int) -> Floats:
    """One child neuron at a time against all parents."""
    parents, children, weights = samples()
    message = np.zeros(len(parents))
    for b, u in zip(children[:rows], weights[:rows], strict=True):
        density = np.exp(-0.5 * ((b[:, None] - parents) ** 2).sum(axis=0))
        message += u / density.sum() * density
    return message


def numpy_blocked(rows: int, kind: Any = np.float32) -> Floats:
    """Blocks of 100 children, four squared differences per pair."""
    parents, children, weights = samples()
    a, b, u = parents.astype(kind), children.astype(kind), weights.astype(kind)
    message = np.zeros(len(a), kind)
    for first in range(0, rows, 100):
        here = slice(first, min(first + 100, rows))
        square = (b[here, 0, None] - a) ** 2
        for m in range(1, 4):
            square += (b[here, m, None] - a) ** 2
        density = np.exp(kind(-0.5) * square)
        message += (u[here] / density.sum(axis=1)) @ density
    found: Floats = message.astype(np.float64)
    return found


def numpy_statistic(rows: int) -> Floats:
    """Blocks of 100 children, one squared difference per pair: the mean of B1..B4 is sufficient."""
    parents, children, weights = samples()
    a, mean = parents.astype(np.float32), children.mean(axis=1).astype(np.float32)
    u = weights.astype(np.float32)
    message = np.zeros(len(a), np.float32)
    for first in range(0, rows, 100):
        here = slice(first, min(first + 100, rows))
        density = np.exp(np.float32(-2) * (mean[here, None] - a) ** 2)
        message += (u[here] / density.sum(axis=1)) @ density
    found: Floats = message.astype(np.float64)
    return found


def compiled(rows: int, threads: int) -> Floats:
    """numba, float32, own power of two, sufficient statistic."""
    parents, children, weights = (v.astype(np.float32) for v in samples())
    return numba_exchange(threads)(children[:rows].mean(axis=1), weights[:rows], parents, 0.5)


def torch_rows(rows: int, threads: int) -> Floats:
    """torch on the CPU, float32, sufficient statistic."""
    parents, children, weights = (v.astype(np.float32) for v in samples())
    return torch_exchange(children[:rows].mean(axis=1), weights[:rows], parents, 0.5, threads)


def integrated(rows: int) -> Floats:
    """The better algorithm: B integrated out, so that A's population alone is weighed, O(N)."""
    parents, _, _ = samples()
    away = parents[:, None] - np.array(list(EVIDENCE.values()))
    weights: Floats = np.exp(-0.25 * (away**2).sum(axis=1))
    return weights


def _as_lists(rows: int) -> tuple[list[list[float]], list[float], list[float]]:
    parents, children, weights = samples()
    return children[:rows].tolist(), weights[:rows].tolist(), parents.tolist()


def plain(rows: int) -> Floats:
    """Nested loops."""
    children, weights, parents = _as_lists(rows)
    return np.array(loops.two_layer_rows(children, weights, parents))


def shared(rows: int, how: Callable[..., list[list[float]]], count: int) -> Floats:
    """The same loops in threads or processes."""
    children, weights, parents = _as_lists(rows)
    parts = how(loops.two_layer_rows, loops.split(count, children, weights), parents)
    message: Floats = np.sum(parts, axis=0)
    return message


def contenders() -> list[Contender]:
    """From the paper's loops to the best there is."""
    return [
        Contender("Python, loops", plain, _LOOP_ROWS),
        *in_parts(shared, _LOOP_ROWS, _SPLIT_ROWS),
        Contender("NumPy, one neuron at a time", numpy_row_by_row, _NUMPY_ROWS),
        Contender("NumPy, blocks, float32", numpy_blocked, _NUMPY_ROWS),
        Contender("NumPy, blocks, float32, sufficient statistic", numpy_statistic, NEURONS),
        Contender(
            "torch CPU, float32, sufficient statistic, 1 thread", partial(torch_rows, threads=1), NEURONS
        ),
        Contender(
            "torch CPU, float32, sufficient statistic, 2 threads", partial(torch_rows, threads=2), NEURONS, 2
        ),
        Contender("numba, float32 polynomial, 1 thread", partial(compiled, threads=1), NEURONS),
        Contender("numba, float32 polynomial, 2 threads", partial(compiled, threads=2), NEURONS, 2),
        Contender(
            "NumPy, O(N), B integrated out",
            integrated,
            NEURONS,
            algorithm="another estimator of the same posterior, with half the error",
        ),
    ]
