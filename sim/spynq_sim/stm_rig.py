"""Starts of the sampling tree on simulated gateware, each compared with the golden model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spynq.memory import Arena
from spynq.stm.model import StmModel
from spynq.stm.params import KERNEL, StmConfig
from spynq.stm.starts import BlockMemory, Start, expected
from spynq_hw.export import export
from spynq_sim.bench import run_bench
from spynq_sim.library import SimKernel
from spynq_sim.models import built
from spynq_sim.settings import SimSettings

__all__ = ["Rig", "rig", "run_cocotb"]

BASE = 0x1000
SIZE = 1 << 22
RESULTS = tuple(register.name for register in KERNEL.registers if register.access == "ro")
DONE = 2


class Rig:
    """A simulated kernel and its golden model, each with its own memory."""

    def __init__(self, config: StmConfig, settings: SimSettings) -> None:
        self.arena = Arena(SIZE, BASE)
        self.kernel = SimKernel(built("stm", config).path, "stm_0", self.arena, settings)
        self.model, self.memory = StmModel(config), BlockMemory(BASE + SIZE)

    def compare(self, start: Start) -> int:
        """Do a run: registers, flags and all of memory must be the golden model's. Returns its cycles."""
        want, _ = expected(self.model, start, self.memory)
        for address, words in start.blocks.items():
            self.arena.write(address, words.astype("<u4").tobytes())
        for name, value in start.registers.items():
            self.kernel.write(KERNEL.offset(name), value)
        self.kernel.write(KERNEL.offset("CTRL"), 1)
        for _ in range(100_000):
            if self.kernel.read(KERNEL.offset("CTRL")) & DONE:
                break
        else:
            raise TimeoutError(f"{start.name} was not done; {start.registers}")
        got = {name: self.kernel.read(KERNEL.offset(name)) for name in (*RESULTS, "STATUS")}
        assert got == want, f"{start.name}: {start.registers}"
        same = self.arena.read(BASE, SIZE) == bytes(self.memory.data[BASE:])
        assert same, f"{start.name}: memory differs; {start.registers}"
        return self.kernel.read(KERNEL.offset("CYCLES_LO"))


@contextmanager
def rig(config: StmConfig, **settings: int) -> Iterator[Rig]:
    """A build under settings of :class:`~spynq_sim.settings.SimSettings`."""
    chosen: dict[str, Any] = {"access_cycles": 3, "longest_step": 64, **settings}
    made = Rig(config, SimSettings(**chosen))
    try:
        yield made
    finally:
        made.kernel.close()


def run_cocotb(bench: Path, config: StmConfig, simulator: str, runs: int, seed: int) -> int:
    """Run the cocotb tests of ``bench`` on a build; returns how many there were."""
    kernel = export("stm", config)
    settings = {"CONFIG": json.dumps(asdict(config)), "RUNS": str(runs)}
    return run_bench(kernel.verilog, kernel.top, bench, simulator=simulator, seed=seed, settings=settings)
