"""The paper's programs as plain Python: nested loops over neurons, with threads and with processes.

Functions of arrays of rows alone, so that processes can be sent them.
"""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = [
    "fusion_points",
    "fusion_weights",
    "in_processes",
    "in_threads",
    "process_start",
    "split",
    "table_rows",
    "two_layer_rows",
]

Rows = Sequence[Any]
Part = Callable[..., list[float]]


def two_layer_rows(
    children: Sequence[Sequence[float]], weights: Sequence[float], parents: Sequence[float]
) -> list[float]:
    """Equation (E) pair by pair: four conditional densities per pair, their sum over parents, the message.

    Parameters
    ----------
    children : sequence of (float, float, float, float)
        B1 to B4 of each child sample, of unit variance around the parent.
    weights : sequence of float
        Of the child samples.
    parents : sequence of float
    """
    message = [0.0] * len(parents)
    for (b1, b2, b3, b4), weight in zip(children, weights, strict=True):
        row = []
        total = 0.0
        for a in parents:
            density = (
                math.exp(-0.5 * (b1 - a) ** 2)
                * math.exp(-0.5 * (b2 - a) ** 2)
                * math.exp(-0.5 * (b3 - a) ** 2)
                * math.exp(-0.5 * (b4 - a) ** 2)
            )
            row.append(density)
            total += density
        share = weight / total if total else 0.0
        for k, density in enumerate(row):
            message[k] += share * density
    return message


def table_rows(
    rows: Sequence[tuple[Sequence[float]]], weights: Sequence[float], parents: Sequence[int]
) -> list[float]:
    """Equation (E) pair by pair for discrete nodes: the density is looked up by the parent's state.

    Parameters
    ----------
    rows : sequence of (sequence of float,)
        P(child's state | parent's state) over the parent's states, for each child sample.
    weights : sequence of float
        Of the child samples.
    parents : sequence of int
        State of each parent sample.
    """
    message = [0.0] * len(parents)
    for (table,), weight in zip(rows, weights, strict=True):
        row = []
        total = 0.0
        for a in parents:
            density = table[a]
            row.append(density)
            total += density
        share = weight / total if total else 0.0
        for k, density in enumerate(row):
            message[k] += share * density
    return message


def fusion_points(
    points: Sequence[float], samples: Sequence[float], cues: Sequence[tuple[float, float]], width: float
) -> list[float]:
    """Equation (9) point by point: the likelihood of every sample, and an indicator of the point's bin."""
    found = []
    for point in points:
        inside = total = 0.0
        for s in samples:
            likelihood = 1.0
            for value, sd in cues:
                likelihood *= math.exp(-0.5 * ((s - value) / sd) ** 2)
            total += likelihood
            if abs(s - point) <= 0.5 * width:
                inside += likelihood
        found.append(inside / total)
    return found


def fusion_weights(neurons: Sequence[tuple[float, ...]], cues: Sequence[tuple[float, float]]) -> list[float]:
    """Likelihood of every neuron, each coordinate under its own cue."""
    weights = []
    for neuron in neurons:
        weight = 1.0
        for coordinate, (value, sd) in zip(neuron, cues, strict=True):
            weight *= math.exp(-0.5 * ((coordinate - value) / sd) ** 2)
        weights.append(weight)
    return weights


def split(count: int, rows: Rows, *columns: Sequence[float]) -> list[tuple[Sequence[Any], ...]]:
    """Rows, and what goes with each of them, in so many parts."""
    edges = np.linspace(0, len(rows), count + 1).astype(int).tolist()
    return [tuple(values[a:b] for values in (rows, *columns)) for a, b in pairwise(edges)]


def in_threads(part: Part, jobs: Sequence[tuple[Any, ...]], *common: Any) -> list[list[float]]:
    """A function of each part and of what all parts share, in threads; the interpreter runs one of them."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(part, *job, *common) for job in jobs]
        return [job.result() for job in running]


def in_processes(part: Part, jobs: Sequence[tuple[Any, ...]], *common: Any) -> list[list[float]]:
    """The same in new processes; starting them and sending the samples counts."""
    # A fork beside threads of other libraries may hang.
    with ProcessPoolExecutor(len(jobs), multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(part, *job, *common) for job in jobs]
        return [job.result() for job in running]


def process_start(count: int) -> float:
    """Seconds until so many new processes have answered."""
    begin = time.perf_counter()
    in_processes(two_layer_rows, split(count, [(0.0, 0.0, 0.0, 0.0)] * count, [1.0] * count), [0.0])
    return time.perf_counter() - begin
