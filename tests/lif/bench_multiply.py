"""A multiplying DSP48E2 beside its fabric twin, every cycle; started by test_gateware_adders.py."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

CYCLES = 3000
WIDTHS = {"a": 27, "b": 18, "c": 46}
"""Of ``c`` two bits less than there are, so that no result leaves 48 bits."""


@cocotb.test()
async def primitive_and_twin_agree_in_every_cycle(dut: Any) -> None:
    rng = random.Random(cocotb.RANDOM_SEED)

    Clock(dut.clk, 10, unit="ns").start(start_high=False)
    dut.rst.value = 0
    seen = []
    for cycle in range(CYCLES):
        now = {}
        for name, bits in WIDTHS.items():
            span = 1 << bits - 1
            now[name] = rng.choice([-span, span - 1, 0, -1, rng.randrange(-span, span)])
            getattr(dut, name).value = now[name] % (1 << len(getattr(dut, name)))
        seen.append(now)
        await RisingEdge(dut.clk)
        await Timer(1, "ns")
        if cycle >= 2:
            want = seen[-3]["a"] * seen[-3]["b"] + seen[-2]["c"]
            assert dut.twin.value.to_signed() == want, f"cycle {cycle}"
            assert dut.primitive.value == dut.twin.value, f"cycle {cycle}"
