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

from spynq.bayes.network import Floats

__all__ = ["fusion_points", "in_processes", "in_threads", "process_start", "table_rows", "two_layer_rows"]

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


def _parts(count: int, rows: int) -> list[slice]:
    edges = np.linspace(0, rows, count + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def in_threads(
    part: Part, rows: Rows, weights: Sequence[float], parents: Sequence[Any], count: int
) -> Floats:
    """Rows shared out over threads; the interpreter's lock lets one of them run."""
    with ThreadPoolExecutor(count) as pool:
        jobs = [pool.submit(part, rows[s], weights[s], parents) for s in _parts(count, len(rows))]
        message: Floats = np.array([job.result() for job in jobs], np.float64).sum(axis=0)
        return message


def in_processes(
    part: Part, rows: Rows, weights: Sequence[float], parents: Sequence[Any], count: int
) -> Floats:
    """Rows shared out over new processes; starting them and sending the samples counts."""
    # A fork beside threads of other libraries may hang.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(part, rows[s], weights[s], parents) for s in _parts(count, len(rows))]
        message: Floats = np.array([job.result() for job in jobs], np.float64).sum(axis=0)
        return message


def process_start(count: int) -> float:
    """Seconds until so many new processes have answered."""
    begin = time.perf_counter()
    in_processes(two_layer_rows, [(0.0, 0.0, 0.0, 0.0)] * count, [1.0] * count, [0.0], count)
    return time.perf_counter() - begin
