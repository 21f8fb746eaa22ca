"""Runs of the sampling tree for the self-test: its front ends, as far as the build has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spynq.stm.golden import Operation

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


def _flat(
    driver: Any, rng: np.random.Generator, limit: dict[str, int]
) -> Iterator[tuple[str, dict[str, Any]]]:
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


def moved(driver: Any) -> int:
    """Bytes of a full population in and of its weights out, in one run of a flat build; 0 in others."""
    limit = driver.capabilities
    if not limit["CAP_TERMS"]:
        return 0
    columns = np.zeros((limit["CAP_COLUMNS"], limit["CAP_POPULATION"]), dtype=np.int64)
    driver.load_population(columns, columns[0])
    driver.flat(columns[:, 0], columns[:, 0], weights=True, reload=True)
    return 4 * (columns.size + 2 * columns.shape[1])
