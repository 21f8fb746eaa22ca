"""The gateware on the simulated board against the golden model: random layers, pauses and latencies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.lif.assemble import assemble
from spynq.lif.codes import Output
from spynq.lif.descriptor import Descriptor
from spynq.lif.estimate import together
from spynq.lif.formats import COUNTERS
from spynq.lif.generator import Case, random_case
from spynq.lif.golden_run import run_golden
from spynq.lif.image import Image
from spynq.lif.lanes import Lanes
from spynq.lif.params import BEAT_BYTES, LifConfig
from spynq_sim.bench_lif import LEAN

SMALL = {"weights": 1024, "banks": 2, "maps": 64, "units": 64, "rounds": 8, "kept": 128}


@dataclass(frozen=True)
class Build:
    """A build, random layers of it in each of two runs, of them with kept sums, and in `make test-full`."""

    config: LifConfig
    cases: int
    still: int
    all_cases: int
    full: bool = False


def build(columns: int, tied: int, *counts: int, full: bool = False, **others: int) -> Build:
    return Build(LifConfig(columns=columns, tied=tied, dsp=False, **(SMALL | others)), *counts, full=full)


BUILDS = {
    "1 column": build(1, 1, 8, 3, 300),
    "4 columns": build(4, 1, 10, 4, 400),
    "4 columns and no more than networks need": build(4, 4, 6, 2, 200, banks=1, features=LEAN.features),
    "16 columns in pairs": build(16, 2, 7, 2, 300, full=True),
    "16 columns": build(16, 1, 7, 2, 100, full=True),
    "16 columns in fours": build(16, 4, 7, 2, 50, full=True),
    "32 columns in pairs": build(32, 2, 7, 2, 50, full=True),
    "48 columns in pairs": build(48, 2, 7, 2, 50, full=True),
}
LATER = 2
"""Networks that are run again with what a column still holds."""
_WORDS = (Output.MEMBRANE, Output.SUMS)
PAUSES = (0, 40, 200)
LATENCIES = (0, 7, 60)
CLOCKED = sum(field.width // 8 for field in COUNTERS.fields[-4:])
"""Bytes at the end of a COUNTERS record that only a clock can fill."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(b, marks=pytest.mark.full) if b.full else b for b in BUILDS.values()],
    ids=list(BUILDS),
)
def built(request: pytest.FixtureRequest) -> Build:
    return cast("Build", request.param)


def opened(config: LifConfig, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return open_kernel(
        "lif", "rtl", config=config, pauses=int(rng.choice(PAUSES)),
        latency=int(rng.choice(LATENCIES)), seed=seed % (1 << 32), patience=100_000,
    )  # fmt: skip


def _forget(words: np.ndarray, channels: int, lanes: Lanes) -> None:  # type: ignore[type-arg]
    """Words of lanes that are no channel."""
    others = np.setdiff1d(np.arange(lanes.stride), lanes.positions(channels))
    words.reshape(-1, lanes.stride, 4)[:, others] = False


def known(image: Image) -> np.ndarray:  # type: ignore[type-arg]
    """Bytes of memory that the contract names: all but words of lanes that are no channel, and clocks."""
    mask = np.ones(image.beats * BEAT_BYTES, bool)
    for area in image.maps.values():
        if area.kind in _WORDS:
            words = mask[area.beat * BEAT_BYTES :][: area.sample * image.samples * BEAT_BYTES]
            _forget(words, area.shape.channels, area.lanes)
    for task in image.tasks[:-1]:
        d, plan = task.descriptor, task.plan
        if not (d.first and d.last):
            for n in range(image.samples):
                words = mask[(d.states + n * plan.state_sample) * BEAT_BYTES :]
                size = 4 * d.h_out * d.w_out * plan.out_channels
                _forget(words[:size], d.c_out, Lanes(plan.out_channels, plan.out_lanes))
    records = mask[image.records * BEAT_BYTES :].reshape(-1, 64)
    records[:, 64 - CLOCKED :] = False
    # A later run may find its weights in the engine, which its descriptors then say.
    mask[image.start * BEAT_BYTES : image.tasks[-1].beat * BEAT_BYTES] = False
    return mask


def check(driver: Any, case: Case, image: Image | None = None) -> None:
    """Every byte that the contract names, and every counter."""
    image = image or assemble(case.network, case.config, samples=len(case.values), chunk=case.chunk)
    want = run_golden(image, case.values)
    got = driver.run(image, case.values)
    assert got.cycles > 0
    mask = known(image)
    np.testing.assert_array_equal(got.memory[mask], want.memory[mask], f"seed {case.seed}")
    names = ("events", "spikes_in", "spikes_out", "saturated", "sop")
    assert {n: got.totals[n] for n in names} == {n: want.totals[n] for n in names}


def test_random_layers_equal_the_golden_model(built: Build, seed: int) -> None:
    start = seed % 1_000_000_000 * 2000
    with opened(built.config, seed) as driver:
        for number in range(built.cases):
            check(driver, random_case(start + number, config=built.config))


def still(seed: int, config: LifConfig) -> Case:
    """A case of an input that stays the same, mostly for more steps than a column has output slots."""
    case, rng = random_case(seed, config=config), np.random.default_rng(seed)
    steps = int(rng.choice([case.network.steps, 9, 20]))
    chunk = case.chunk if case.chunk < case.network.steps else steps
    network = replace(case.network, static=True, steps=steps)
    return replace(case, network=network, chunk=chunk, values=case.values[:, :1])


def test_layers_that_keep_their_sums_equal_the_golden_model(built: Build, seed: int) -> None:
    if not built.config.has("static"):
        pytest.skip("a build that keeps no sums")
    start, left = seed % 1_000_000_000 * 2000 + 500, {True: built.still, False: 1}
    with opened(built.config, seed) as driver:
        for number in range(200):
            case = still(start + number, built.config)
            image = assemble(case.network, case.config, chunk=case.chunk)
            # Steps go along with the first one, for which its sums hold, and others follow.
            kind = any(1 < together(t.descriptor, t.plan) < t.descriptor.steps for t in image.tasks[:-1])
            if left[kind] and case.network.steps > 1 and any(task.plan.static for task in image.tasks):
                check(driver, case)
                left[kind] -= 1
    assert not any(left.values())


def test_a_later_run_finds_weights_and_channel_records(built: Build, seed: int) -> None:
    start, found = seed % 1_000_000_000 * 2000 + 700, 0
    with opened(built.config, seed) as driver:
        for number in range(40):
            case = random_case(start + number, config=built.config)
            image = assemble(case.network, built.config, samples=len(case.values), chunk=case.chunk)
            tasks = image.tasks[:-1]
            rounds = {task.descriptor.params: task.plan.rounds for task in tasks}
            if found < LATER and image.resident and len(rounds) > 1:
                found += 1
                check(driver, case, image)
                check(driver, case, image)
                first = Descriptor.unpack(bytes(driver._buffer[tasks[0].beat * BEAT_BYTES :][:64]))
                assert first.resident
                assert first.resident_records == (sum(rounds.values()) <= built.config.record_rounds)
    assert found == LATER


@pytest.mark.full
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_random_layers_equal_the_golden_model(built: Build, part: int, fresh_seed: int) -> None:
    count = built.all_cases // 10
    start = fresh_seed % 1_000_000_000 * 2000 + 1000 + part * count
    with opened(built.config, start) as driver:
        for number in range(count):
            check(driver, random_case(start + number, config=built.config))
