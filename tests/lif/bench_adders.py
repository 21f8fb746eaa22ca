"""The DSP48E2 accumulators beside their fabric twins, every cycle; started by test_gateware_adders.py."""

from __future__ import annotations

import os
import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

CYCLES = 3000


@cocotb.test()
async def primitive_and_twin_agree_in_every_cycle(dut: Any) -> None:
    fields = int(os.environ["FIELDS"])
    rng = random.Random(cocotb.RANDOM_SEED)
    small = (1 << 48 // fields) - 1

    Clock(dut.clk, 10, unit="ns").start(start_high=False)
    dut.rst.value = 1
    dut.operands.value = 0
    dut.control.value = 4
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    checked = 0
    for cycle in range(CYCLES):
        extreme = rng.choice([0, small, small >> 1, (small >> 1) + 1])
        operands = sum(
            (extreme if rng.random() < 0.3 else rng.getrandbits(48 // fields)) << 48 // fields * i
            for i in range(2 * fields)
        )
        double = int(rng.random() < 0.1)
        take = 0 if double else rng.getrandbits(2)
        fresh = int(not double and rng.random() < 0.1)
        dut.operands.value = operands
        dut.control.value = take | fresh << 2 | double << 3 | int(rng.random() < 0.3 and not double) << 4
        await RisingEdge(dut.clk)
        await Timer(1, "ns")
        if cycle > 2:
            assert dut.primitive.value == dut.twin.value, f"cycle {cycle}"
            checked += int(int(dut.twin.value) != 0)
    assert checked > CYCLES // 2
