"""Runs of the sampling tree for the self-test: its front ends, as far as the build has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from spynq.stm import image
from spynq.stm.driver_tree import Task
from spynq.stm.golden import Operation
from spynq.stm.step import Op, Step

__all__ = ["moved", "runs"]

Runs = Iterator[tuple[str, dict[str, Any]]]


def runs(driver: Any, seed: int) -> Runs:
    """What must be equal on every device, by name."""
    rng = np.random.default_rng(seed)
    limit = driver.capabilities
    if limit["CAP_TERMS"]:
        yield from _flat(driver, rng, limit)
    if limit["CAP_STATES"]:
        yield from _weighting(driver, rng)
    if limit["CAP_COUNTS"]:
        yield from _records(driver, rng)
    if limit["CAP_EDGE"]:
        yield from _tree(driver, rng, limit)


def _flat(driver: Any, rng: np.random.Generator, limit: dict[str, int]) -> Runs:
    terms, samples = limit["CAP_COLUMNS"], limit["CAP_POPULATION"]
    labels = rng.integers(0, min(4, limit["CAP_BINS"]), samples)
    driver.load_population(rng.integers(-3000, 3000, (terms, samples)), labels)
    cues, gains = rng.integers(-2000, 2000, (5, terms)), rng.integers(1 << 20, 1 << 23, (5, terms))
    found = driver.flat(cues, gains, histogram=True, weights=True)
    yield "flat, a batch", {"records": found.records, "weights": found.weights}
    found = driver.flat(cues[0], gains[0])
    yield "flat, one evidence from registers", {"records": found.records}


def _weighting(driver: Any, rng: np.random.Generator) -> Runs:
    # Two states, drawn; a soft finding on them.
    program = [
        Operation(base=0, log2_states=1, column=0, fresh=True),
        Operation(base=4, weigh=True, parents=((0, 1),), push=True),
    ]
    threshold, cost = int(rng.integers(1 << 24)), rng.integers(0, 4096, 2)
    table = np.array([threshold | 1 << 24, threshold, 0, 0, cost[0], cost[1]], dtype=np.uint32)
    driver.load_program(program, [(0, 0)], table, bins=2)
    for samples in (1, 3000):
        found = driver.weighting(samples, seed=int(rng.integers(1 << 30)))
        yield f"weighting, {samples} samples", {"records": found.records}


def _records(driver: Any, rng: np.random.Generator) -> Runs:
    """Expected counts of two nodes of two states, the second below the first, a third of it missing."""
    program = [
        Operation(base=0, log2_states=1, column=0, fresh=True),
        Operation(base=2, log2_states=1, column=1, parents=((0, 1),), push=True),
    ]
    half = driver.capabilities["CAP_COUNTS"]
    thresholds, costs = rng.integers(1 << 24, size=3), rng.integers(1, 4096, 6)
    table = np.zeros(2 * half, np.uint32)
    # An alias row: state 0 up to the threshold, else state 1.
    table[:6:2], table[1:6:2] = thresholds | 1 << 24, thresholds
    table[half : half + 6] = costs
    driver.load_program(program, [(0, 0), (1, 0)], table, bins=1)
    data = np.where(rng.random((40, 2)) < 1 / 3, 255, rng.integers(0, 2, (40, 2)))
    found = driver.records(data, 100, 6, int(rng.integers(1 << 30)))
    yield "records, 40", {"records": found.records, "counts": found.counts}


def _tree(driver: Any, rng: np.random.Generator, limit: dict[str, int]) -> Runs:
    """Half of the memory for the parents, half for their children, every pair of them."""
    size = child = limit["CAP_POPULATION"] // 2 // limit["CAP_EDGE"] * limit["CAP_EDGE"]
    samples = min(size, 200)
    driver.load_tree(
        [
            Task(Step(Op.COLUMN, samples=samples), rng.integers(-2000, 2000, samples)),
            Task(Step(Op.COLUMN, base=child, samples=samples), rng.integers(-2000, 2000, samples)),
            Task(Step(Op.COUNTS, samples=samples), rng.integers(0, 9, samples)),
        ]
    )
    unit, seed = int(rng.integers(1 << 18, 1 << 20)), int(rng.integers(1, 1 << 60))
    below = [
        Task(Step(Op.CUE, base=child, samples=samples, cue=700, gains=(unit,), fresh=True)),
        Task(Step(Op.CLOSE, base=child, samples=samples, records=True)),
    ]
    above = [Task(Step(Op.CLOSE, samples=samples, records=True, weights=True))]
    edge = Step(Op.EDGE, samples=samples, row_base=child, rows=samples, fresh=True)
    spikes = Task(Step(Op.SPIKES, samples=samples, gains=(500,), seed=seed))
    gaussian = Task(replace(edge, terms=1, gains=(unit,)))
    found = driver.tree([*below, gaussian, *above, spikes])
    told = {"child": found.records[1], "parent": found.records[3], "weights": found.weights[3]}
    yield "tree, a Gaussian edge and spikes", {**told, "spikes": found.spikes[4], "lost": found.lost}
    codes = image.code_rows(rng.integers(0, 1 << 14, (samples, samples)))
    found = driver.tree([*below, Task(replace(edge, table=True, counted=True), codes), *above])
    yield "tree, an edge from a table", {"parent": found.records[3], "weights": found.weights[3]}


def moved(driver: Any) -> int:
    """Bytes of a full population in and of its weights out, in one run of a flat build; 0 in others."""
    limit = driver.capabilities
    if not limit["CAP_TERMS"]:
        return 0
    columns = np.zeros((limit["CAP_COLUMNS"], limit["CAP_POPULATION"]), dtype=np.int64)
    driver.load_population(columns, columns[0])
    driver.flat(columns[:, 0], columns[:, 0], weights=True, reload=True)
    return 4 * (columns.size + 2 * columns.shape[1])
