"""The exported Verilog behind the real pynq against the golden model: same driver, same runs.

Memory is strict (two copies) and every bus channel pauses at random.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.errors import SpynqError
from spynq.stm.corners import FLAT_CORNERS, WEIGHTING_CORNERS, refusals
from spynq.stm.golden import Operation
from spynq.stm.model import StmModel
from spynq.stm.params import StmConfig
from spynq.stm.vectors import (
    BlockMemory,
    Start,
    expected,
    random_flat,
    random_weighting,
    resident_flat,
    resident_weighting,
)

pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]")

CONFIG = StmConfig(lanes=4, terms=2, population=64, columns=4, bins=16, states=8, state_bits=4, table=256)
MEMORY = 1 << 24
ROOM = 1 << 20


@pytest.fixture(scope="module")
def rtl() -> Iterator[Any]:
    options = {"memory": MEMORY, "strict": True, "pauses": 60, "seed": secrets.randbits(32)}
    with devices.open_kernel("stm", "rtl", CONFIG, **options) as driver:
        yield driver


class Pair:
    """The same starts on the RTL and on the model, with all memory compared after each."""

    def __init__(self, rtl: Any) -> None:
        self.rtl, self.model = rtl, StmModel(CONFIG)
        rtl.set("SCRATCH", 0)  # what the driver loaded will not be there any more
        self.buffer = rtl.allocate((ROOM // 4,), "u4")
        self.base = int(self.buffer.device_address)
        self.memory = BlockMemory(self.base + ROOM)

    def run(self, start: Start) -> None:
        results, _ = expected(self.model, start, self.memory)
        for address, words in start.blocks.items():
            first = (address - self.base) // 4
            self.buffer[first : first + words.size] = words
        self.buffer.sync_to_device()
        for name, value in start.registers.items():
            self.rtl.set(name, value)
        try:
            self.rtl.start_and_wait(start.name, timeout=60)
        except SpynqError as error:
            assert start.refused and "refused" in str(error), start.name
        assert {name: self.rtl.get(name) for name in results} == results, start.name
        self.buffer.sync_from_device()
        wanted = self.memory.read(self.base, ROOM)
        assert np.array_equal(self.buffer, np.frombuffer(wanted, "<u4")), start.name


@pytest.fixture
def pair(rtl: Any) -> Iterator[Pair]:
    pair = Pair(rtl)
    yield pair
    pair.buffer.freebuffer()


def test_random_runs_are_equal(pair: Pair, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(12):
        flat = random_flat(rng, CONFIG, base=pair.base)
        weighting = random_weighting(rng, CONFIG, base=pair.base)
        for start in (flat, resident_flat(rng, CONFIG, flat), weighting, resident_weighting(rng, weighting)):
            pair.run(start)


def test_programs_without_seeds_go_on_with_the_generators(pair: Pair, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for seeds in (True, False, False):
        pair.run(random_weighting(rng, CONFIG, base=pair.base, seeds=seeds))


def moved(start: Start, base: int) -> Start:
    """A start that was made for low memory, with its addresses from ``base`` on."""
    shift = base - 0x1000
    registers = dict(start.registers)
    places = {*start.blocks, *start.outputs}
    for name in ("IMAGE", "BATCH", "RESULT", "WEIGHT"):
        address = registers[f"{name}_LO"] | registers[f"{name}_HI"] << 32
        if address in places:
            address += shift
            registers |= {f"{name}_LO": address & 0xFFFF_FFFF, f"{name}_HI": address >> 32}
    blocks = {address + shift: words for address, words in start.blocks.items()}
    return Start(
        start.name, registers, blocks, {a + shift: size for a, size in start.outputs.items()}, start.refused
    )


@pytest.mark.parametrize("name", [*FLAT_CORNERS, *WEIGHTING_CORNERS])
def test_corner_is_equal(pair: Pair, seed: int, name: str) -> None:
    make = (FLAT_CORNERS | WEIGHTING_CORNERS)[name]
    pair.run(moved(make(np.random.default_rng(seed), CONFIG), pair.base))


def test_refusals_write_nothing(pair: Pair, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pair.run(random_flat(rng, CONFIG, base=pair.base))
    for start in refusals(rng, CONFIG):
        pair.run(moved(start, pair.base))


PROGRAM = [
    Operation(0, 2, column=1, fresh=True),
    Operation(4, 1, column=2, parents=((1, 1),)),
    Operation(12, weigh=True, parents=((2, 1), (1, 2)), push=True),
]


def answers(stm: Any, seed: int) -> list[str]:
    """Everything a driver can be asked, as text that compares arrays whole."""
    rng = np.random.default_rng(seed)
    columns, labels = rng.integers(-1000, 1000, (3, 50)), rng.integers(0, 7, 50)
    cues, gains = rng.integers(-1000, 1000, (6, 3)), rng.integers(0, 1 << 21, (6, 3))
    table = rng.integers(0, 1 << 24, 20) | rng.integers(0, 2, 20) << 24
    table[12:] &= 4095
    stm.load_population(columns, labels, bins=9)
    found = [stm.flat(cues, gains, histogram=True, weights=True), stm.flat(cues[0], gains[0])]
    stm.load_population(columns[:, :33])
    found += [stm.flat(cues[1], gains[1], weights=True), stm.flat(cues, gains, reload=True)]
    stm.load_program(PROGRAM, [(1, 0), (2, 4)], table, bins=6)
    found += [stm.weighting(2500, seed), stm.weighting(700), stm.flat(cues[2], gains[2])]
    stm.load_program(PROGRAM, [], table)
    found.append(stm.weighting(64, seed + 1))
    return [
        repr((r.records.tolist(), np.asarray(getattr(r, "weights", None)).tolist(), r.flags)) for r in found
    ]


def test_driver_gets_the_same_answers(rtl: Any, seed: int) -> None:
    with devices.open_kernel("stm", "golden", CONFIG, strict=True) as golden:
        assert answers(rtl, seed) == answers(golden, seed)
