"""Cycles of edges and of expected counts, for ``spynq bench stm``: RTL runs whose answers equal golden's."""

from __future__ import annotations

from functools import cache

import numpy as np

from spynq.bayes.files import example
from spynq.devices import open_kernel
from spynq.stm.driver_tree import Task
from spynq.stm.learn.expected import expected_counts, learning_config
from spynq.stm.params import StmConfig
from spynq.stm.quantise import Grid, gain
from spynq.stm.step import Op, Step

__all__ = ["CHIP", "EDGE", "LEARN", "MISSING_SHARE", "NEURONS", "edge_cycles", "learn_cycles"]

EDGE = StmConfig(lanes=4, terms=0, states=0, edge=32, population=8192, columns=2, bins=16)
CHIP = StmConfig(lanes=4, terms=0, states=0, edge=256, population=8192, columns=2, bins=16)
"""As many lanes in one kernel as a power of two allows on the XCZU7EV."""
NEURONS = 4_000
MISSING_SHARE = 0.3
_RECORDS = (16, 48)
_SAMPLES = 1024


LEARN = learning_config(
    example("alarm"),
    StmConfig(
        lanes=64, terms=0, bins=4, states=64, state_bits=2, parents=4, program=64, table=2048, targets=64
    ),
)
"""64 lanes for the data of ALARM."""


def _tasks(neurons: int, base: int) -> tuple[list[Task], list[Task]]:
    """A ~ N(0, 9), B given A ~ N(A, 1), a cue on B: what is loaded, and the run."""
    rng, grid = np.random.default_rng(1), Grid(-32, 32)
    a = rng.normal(0, 3, neurons)
    b = a[rng.permutation(neurons)] + rng.normal(0, 1, neurons)
    unit = int(gain([1.0], grid.step)[0])
    load = [
        Task(Step(Op.COLUMN, samples=neurons), grid.encode(a)),
        Task(Step(Op.COLUMN, base=base, samples=neurons), grid.encode(b)),
    ]
    # A cue of 32 sd: every row has weight, so none is skipped.
    run = [
        Task(
            Step(
                Op.CUE, base=base, samples=neurons, cue=int(grid.encode(1.5)), gains=(unit >> 5,), fresh=True
            )
        ),
        Task(Step(Op.CLOSE, base=base, samples=neurons, records=True)),
        Task(Step(Op.EDGE, samples=neurons, row_base=base, rows=neurons, terms=1, gains=(unit,), fresh=True)),
        Task(Step(Op.CLOSE, samples=neurons, records=True, weights=True)),
    ]
    return load, run


@cache
def edge_cycles(config: StmConfig = EDGE, neurons: int = NEURONS) -> int:
    """Cycles of one inference on two resident populations: cue in, message, all weights out."""
    base = config.population // 2
    load, run = _tasks(neurons, base)
    answers = []
    for name in ("rtl", "golden"):
        with open_kernel("stm", name, config=config) as driver:
            driver.load_tree(load)
            driver.tree(run[:2])
            answers.append(driver.tree(run))
    rtl, golden = answers
    assert np.array_equal(rtl.weights[3], golden.weights[3]), "rtl and golden differ"
    assert all(np.array_equal(rtl.records[i], golden.records[i]) for i in (1, 3)), "rtl and golden differ"
    cycles: int = rtl.cycles
    return cycles


@cache
def learn_cycles(config: StmConfig = LEARN) -> float:
    """Cycles per record of the E step on ALARM, 30 % missing, 1,024 samples: what a record more costs."""
    network = example("alarm")
    rng = np.random.default_rng(1)
    column = {name: index for index, name in enumerate(network.nodes)}
    data = np.zeros((_RECORDS[1], len(column)), np.uint8)
    for name in network.order:
        node = network[name]
        rows = node.table[tuple(data[:, column[parent]] for parent in node.parents)]
        rows = np.broadcast_to(rows, (len(data), node.size))
        data[:, column[name]] = (rows.cumsum(axis=1) < rng.random((len(data), 1))).sum(axis=1)
    data[rng.random(data.shape) < MISSING_SHARE] = 255
    cycles, counts = [], []
    for name in ("rtl", "golden"):
        with open_kernel("stm", name, config=config) as driver:
            found = [expected_counts(driver, network, data[:count], _SAMPLES) for count in _RECORDS]
        cycles.append([one.cycles for one in found])
        counts.append(found[1].counts)
    same = all(np.array_equal(counts[0][name], counts[1][name]) for name in counts[0])
    assert same, "rtl and golden differ"
    return (cycles[0][1] - cycles[0][0]) / (_RECORDS[1] - _RECORDS[0])
