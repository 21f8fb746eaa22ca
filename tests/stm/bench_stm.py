"""Runs of the sampling tree on the simulator; started by test_gateware.py."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np

from spynq.stm.corners import FLAT_CORNERS, WEIGHTING_CORNERS, refusals
from spynq.stm.model import StmModel
from spynq.stm.params import KERNEL, StmConfig
from spynq.stm.vectors import (
    BlockMemory,
    Start,
    expected,
    random_flat,
    random_weighting,
    resident_flat,
    resident_weighting,
)
from spynq.stm.vectors_records import RECORD_CORNERS, random_records
from spynq.stm.vectors_tree import TREE_CORNERS, blank_tree, random_tree
from spynq_sim.axi_memory import AxiMemory
from spynq_sim.bus_models import Bench, LiteMaster
from spynq_sim.pauses import STYLES

CONFIG = StmConfig(**json.loads(os.environ["CONFIG"]))
RUNS = int(os.environ["RUNS"])
SEED = cocotb.RANDOM_SEED
SIZE = 1 << 20
RESULTS = tuple(register.name for register in KERNEL.registers if register.access == "ro")


class Rig:
    """The kernel between models of everything around it, and the golden model beside it."""

    def __init__(self, dut: Any, style: str = "none", latency: int = 1) -> None:
        self.bench = Bench(dut)
        self.control = LiteMaster(self.bench, style=style, seed=SEED)
        self.memory = AxiMemory(self.bench, style=style, seed=SEED + 10, size=SIZE, latency=latency)
        self.model = StmModel(CONFIG)
        self.golden_memory = BlockMemory(SIZE)
        self._set: dict[str, int] = {}

    async def get(self, name: str) -> int:
        return await self.control.read(KERNEL.offset(name))

    async def begin(self, start: Start) -> None:
        """Write memory and registers, and start; does not wait."""
        for address, words in start.blocks.items():
            self.memory.load(address, words.astype("<u4").tobytes())
        for name, value in start.registers.items():
            if self._set.get(name) != value:
                await self.control.write(KERNEL.offset(name), value)
        self._set = dict(start.registers)
        await self.control.write(KERNEL.offset("CTRL"), 1)

    async def compare(self, start: Start) -> None:
        """Do a run: registers, flags and all of memory must be the golden model's."""
        want, _ = expected(self.model, start, self.golden_memory)
        await self.begin(start)
        for _ in range(20_000):
            if await self.get("CTRL") & 2:
                break
            await self.bench.cycles(20)
        else:
            raise TimeoutError(f"{start.name} was not done; {start.registers}")
        assert not self.memory.busy, f"{start.name}: done came before the last write was acknowledged"
        got = {name: await self.get(name) for name in (*RESULTS, "STATUS")}
        assert got == want, f"{start.name}: {start.registers}"
        assert self.memory.content == self.golden_memory.data, f"{start.name}: {start.registers}"


def random_starts(rng: np.random.Generator, count: int) -> Iterator[Start]:
    """Runs of both front ends in random order, some on what the one before left resident."""
    kinds = ["flat"] * bool(CONFIG.terms) + ["weighting"] * bool(CONFIG.states)
    kinds += ["tree"] * bool(CONFIG.edge) + ["records"] * bool(CONFIG.counts)
    for _ in range(count):
        kind = kinds[int(rng.integers(len(kinds)))]
        if kind in ("tree", "records"):
            yield (random_tree if kind == "tree" else random_records)(rng, CONFIG)
            continue
        if kind == "flat":
            start = random_flat(rng, CONFIG)
            follow = resident_flat(rng, CONFIG, start)
        else:
            start = random_weighting(rng, CONFIG, samples=int(rng.integers(1, 1500)), operations=4)
            follow = resident_weighting(rng, start)
        yield start
        if rng.integers(2):
            yield follow


async def _blank(rig: Rig, rng: np.random.Generator) -> None:
    """Pools outlive a reset, and the model begins without any."""
    if CONFIG.edge:
        await rig.compare(blank_tree(rng, CONFIG))


def _of_records() -> list[Any]:
    return [RECORD_CORNERS[name] for name in ("one entry", "impossible record")] if CONFIG.counts else []


@cocotb.test()
async def random_runs_match_the_model_under_random_pauses(dut: Any) -> None:
    rng = np.random.default_rng(SEED)
    for style in STYLES:
        rig = Rig(dut, style, latency=int(rng.integers(1, 40)))
        await rig.bench.begin()
        await _blank(rig, rng)
        for start in random_starts(rng, RUNS):
            await rig.compare(start)


@cocotb.test()
async def corners_and_refusals_match_the_model(dut: Any) -> None:
    rng = np.random.default_rng(SEED)
    rig = Rig(dut, "rare", latency=3)
    await rig.bench.begin()
    await _blank(rig, rng)
    if CONFIG.terms:
        for corner in FLAT_CORNERS.values():
            await rig.compare(corner(rng, CONFIG))
    if CONFIG.states:
        for name in ("no sample possible", "no evidence", "bins wrap"):
            await rig.compare(WEIGHTING_CORNERS[name](rng, CONFIG))
    for corner in (*(TREE_CORNERS if CONFIG.edge else {}).values(), *_of_records()):
        await rig.compare(corner(rng, CONFIG))
    for start in refusals(rng, CONFIG):
        bursts = len(rig.memory.read_bursts) + len(rig.memory.write_bursts)
        await rig.compare(start)
        assert len(rig.memory.read_bursts) + len(rig.memory.write_bursts) == bursts, start.name


def _cut_short(rng: np.random.Generator) -> Start:
    """A run that is under way for some time."""
    if CONFIG.terms:
        return random_flat(rng, CONFIG, samples=min(CONFIG.population, 6 * CONFIG.lanes))
    return random_tree(rng, CONFIG) if CONFIG.edge else random_records(rng, CONFIG)


def _afresh(rng: np.random.Generator) -> Iterator[Start]:
    """Runs that depend on nothing from before, and would show what was left behind."""
    if CONFIG.terms:
        start = random_flat(rng, CONFIG)
        while not (start.mode("HISTOGRAM") and start.mode("RECORDS")):
            start = random_flat(rng, CONFIG)
        yield start
    if CONFIG.edge:
        yield blank_tree(rng, CONFIG)
        yield random_tree(rng, CONFIG)
    if CONFIG.counts:
        yield random_records(rng, CONFIG)


@cocotb.test()
async def reset_in_mid_run_leaves_nothing_behind(dut: Any) -> None:
    """The bins are memory, which no reset clears: the next run must not see half a histogram."""
    rng = np.random.default_rng(SEED)
    rig = Rig(dut, "none", latency=2)
    await rig.bench.begin()
    for cut in (5, 30, 60, 90, 120):
        await rig.begin(_cut_short(rng))
        await rig.bench.cycles(cut + int(rng.integers(30)))
        rig.memory.forget()
        rig.control.quiet()
        await rig.bench.reset()
        assert await rig.get("CTRL") == 4
        rig._set.clear()
        # What the cut run wrote, and the old population, may differ: a fresh image replaces both.
        rig.golden_memory.data[:] = rig.memory.content
        rig.model = StmModel(CONFIG)
        for start in _afresh(rng):
            await rig.compare(start)
