"""Expected counts inside the kernel's shell, bit for bit against the golden model, and their cycles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spynq.stm.golden import Operation
from spynq.stm.params import StmConfig
from spynq.stm.vectors import random_weighting, resident_weighting
from spynq.stm.vectors_records import RECORD_CORNERS, random_records, records_start
from spynq_sim.stm_rig import rig, run_cocotb

BENCH = Path(__file__).with_name("bench_stm.py")


def counting(lanes: int, states: int = 8, parents: int = 2) -> StmConfig:
    return StmConfig(
        lanes=lanes, terms=0, bins=32, states=states, state_bits=3, parents=parents, program=32, table=256,
        targets=8, counts=1,
    )  # fmt: skip


def check(config: StmConfig, seed: int, runs: int) -> None:
    """Corners and random data, mixed with runs without data on the same kernel."""
    rng = np.random.default_rng(seed)
    for latency, pauses in ((0, 0), (25, 60), (7, 220)):
        with rig(config, latency=latency, pauses=pauses, seed=seed) as kernel:
            for corner in RECORD_CORNERS.values():
                kernel.compare(corner(rng, config))
            for _ in range(runs):
                kernel.compare(random_records(rng, config))
                start = random_weighting(rng, config, samples=int(rng.integers(1, 1500)), operations=4)
                kernel.compare(start)
                kernel.compare(resident_weighting(rng, start))


def test_every_run_over_data_matches_the_model_under_random_pauses(seed: int) -> None:
    check(counting(8), seed, 2)


@pytest.mark.full
@pytest.mark.parametrize(("lanes", "states", "parents"), [(1, 4, 1), (2, 4, 1), (16, 32, 4), (64, 64, 4)])
def test_every_run_over_data_matches_the_model_on_any_lanes(
    lanes: int, states: int, parents: int, seed: int
) -> None:
    check(counting(lanes, states, parents), seed, 6)


@pytest.mark.full
def test_an_independent_bus_model_agrees(seed: int) -> None:
    assert run_cocotb(BENCH, counting(16), "verilator", 2, seed) == 3


def test_a_record_takes_a_lap_per_counted_node_and_one_more() -> None:
    """Drawing the next record is hidden behind counting this one."""
    config, rng, nodes = counting(8), np.random.default_rng(1), 5
    program = [Operation(4 * i, 1, column=i, fresh=i == 0, push=i == nodes - 1) for i in range(nodes)]
    table = np.full(config.table, 1 << 23)
    cycles = []
    with rig(config, latency=20) as kernel:
        for records in (4, 12):
            data = np.full((records, nodes), 255)
            cycles.append(kernel.compare(records_start(rng, config, program, table, data, 1024, counts=20)))
    assert (cycles[1] - cycles[0]) / 8 <= (nodes + 1) * 1024 / 8 + 40
