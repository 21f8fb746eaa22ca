"""The sampling tree inside its shell, bit for bit against the golden model, and its cycles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spynq.stm.corners import FLAT_CORNERS, WEIGHTING_CORNERS, refusals
from spynq.stm.params import StmConfig
from spynq.stm.vectors import (
    Start,
    flat_start,
    random_flat,
    random_weighting,
    resident_flat,
    resident_weighting,
)
from spynq_sim.stm_rig import rig, run_cocotb

BENCH = Path(__file__).with_name("bench_stm.py")


def flat(lanes: int, terms: int = 2, population: int = 64, columns: int = 2, bins: int = 8) -> StmConfig:
    return StmConfig(lanes=lanes, terms=terms, population=population, columns=columns, bins=bins, states=0)


def both(lanes: int) -> StmConfig:
    return StmConfig(
        lanes=lanes, terms=1, population=64, columns=2, bins=32, states=8, state_bits=4, program=32,
        table=1024, targets=8,
    )  # fmt: skip


def starts(rng: np.random.Generator, config: StmConfig, count: int) -> Iterator[Start]:
    """Corners, refusals and random runs of both front ends, some on what is resident."""
    corners = [*(FLAT_CORNERS if config.terms else {}).values()]
    corners += [*(WEIGHTING_CORNERS if config.states else {}).values()]
    yield from (corner(rng, config) for corner in corners)
    yield from refusals(rng, config)
    for _ in range(count):
        if config.terms:
            start = random_flat(rng, config)
            yield from (start, resident_flat(rng, config, start))
        if config.states:
            start = random_weighting(rng, config)
            yield from (start, resident_weighting(rng, start))


SMALL = [
    flat(1, terms=1, population=16, columns=3),
    flat(2, terms=3, population=2, columns=3, bins=16),
    flat(8, terms=3, population=512, columns=6, bins=16),
    both(4),
    StmConfig(lanes=8, terms=0, bins=64, states=8, state_bits=4, program=32, table=1024, targets=8),
]
LARGE = [
    flat(16, terms=4, population=1024, columns=8, bins=128),
    flat(32, population=1024, bins=64),
    StmConfig(lanes=64, population=4096, bins=1024),
]


def names(config: StmConfig) -> str:
    return f"{config.lanes} lanes, {config.terms} terms, {config.states} states"


@pytest.mark.parametrize("config", SMALL, ids=names)
def test_every_run_matches_the_model_under_random_pauses(config: StmConfig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for latency, pauses in ((0, 0), (25, 60), (7, 220)):
        with rig(config, latency=latency, pauses=pauses, seed=seed) as kernel:
            for start in starts(rng, config, 12):
                kernel.compare(start)


@pytest.mark.full
@pytest.mark.parametrize("config", LARGE, ids=names)
def test_every_run_matches_the_model_on_a_large_build(config: StmConfig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for latency, pauses in ((0, 0), (25, 60), (7, 220)):
        with rig(config, latency=latency, pauses=pauses, seed=seed) as kernel:
            for start in starts(rng, config, 40):
                kernel.compare(start)


def test_an_independent_bus_model_agrees_and_no_unknown_value_gets_out(seed: int) -> None:
    """Other bus models, on a simulator that knows unknown values."""
    assert run_cocotb(BENCH, flat(2, population=16), "icarus", 2, seed) == 3


@pytest.mark.full
def test_an_independent_bus_model_agrees_for_both_front_ends(seed: int) -> None:
    assert run_cocotb(BENCH, both(4), "verilator", 4, seed) == 3


# Cycles


def table_one(samples: int, evidences: int, config: StmConfig, **options: object) -> Start:
    """The paper's network: two terms, from registers or as a batch."""
    rng = np.random.default_rng(1)
    columns = rng.integers(-2000, 2000, (2, samples))
    cues, gains = rng.integers(-500, 500, (evidences, 2)), np.full((evidences, 2), 1 << 18)
    return flat_start(rng, config, columns, cues, gains, batch=evidences > 1, **options)  # type: ignore[arg-type]


def check_cycles(config: StmConfig, samples: int) -> None:
    """Two phases of ``groups`` cycles, a fixed latency, and ``groups`` per evidence of a batch."""
    groups = -(-samples // config.lanes)
    with rig(config, latency=20) as kernel:
        kernel.compare(table_one(samples, 1, config, records=False))
        moments = kernel.compare(table_one(samples, 1, config, load=False, records=False))
        assert 2 * groups < moments <= 2 * groups + 26
        few, many = (kernel.compare(table_one(samples, n, config, load=False)) for n in (16, 80))
        assert (many - few) / 64 == max(groups, 2)
        weights = kernel.compare(table_one(samples, 1, config, load=False, records=False, weights=True))
        assert weights <= groups + -(-samples // 4) + 70


def test_evidences_follow_each_other_without_a_gap() -> None:
    check_cycles(SMALL[2], 500)


@pytest.mark.full
def test_1000_samples_on_32_lanes_take_less_than_100_cycles() -> None:
    config = LARGE[1]
    check_cycles(config, 1000)
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 64, 1000)
    with rig(config, latency=20) as kernel:
        kernel.compare(table_one(1000, 1, config, records=False))
        assert kernel.compare(table_one(1000, 1, config, load=False, records=False)) <= 100
        moved = table_one(1000, 1, config, records=False, weights=True, labels=labels, bins=64)
        assert kernel.compare(moved) <= 950


@pytest.mark.full
def test_64_lanes_take_an_evidence_of_256_samples_every_4_cycles() -> None:
    config = flat(64, population=256)
    with rig(config, latency=20) as kernel:
        kernel.compare(table_one(256, 1, config))
        few, many = (kernel.compare(table_one(256, n, config, load=False)) for n in (100, 300))
        assert (many - few) / 200 == 4
