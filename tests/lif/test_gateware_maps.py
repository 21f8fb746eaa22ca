"""Requests for maps: none before its beats are in memory for sure."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.sim import Simulator

from spynq.lif.params import LifConfig
from spynq_hw.lif.maps import Maps

FIRST, BEATS, STEPS = 100, 3, 5


@pytest.mark.parametrize("known", [0, FIRST + BEATS - 1, FIRST + BEATS, FIRST + 3 * BEATS + 1])
@pytest.mark.parametrize("several", ["", "planes", "second"])
def test_only_steps_below_what_is_known_to_be_there_are_asked_for(known: int, several: str) -> None:
    dut = Maps(LifConfig(columns=1))
    d, plan = dut.layer.descriptor, dut.layer.plan
    asked: list[int] = []

    async def bench(context: Any) -> None:
        for signal, value in ((d.first, 1), (d.steps, STEPS), (d.samples, 1), (d.input, FIRST)):
            context.set(signal, value)
        for signal, value in ((plan.in_beats, BEATS), (plan.in_step, BEATS), (plan.planes_second, 1)):
            context.set(signal, value)
        if several:
            context.set(d[several], 1)
        for signal, value in ((dut.total, BEATS), (dut.room, 1), (dut.request.ready, 1), (dut.below, known)):
            context.set(signal, value)
        await context.tick().repeat(3)
        context.set(dut.start, 1)
        await context.tick()
        context.set(dut.start, 0)
        for settled in (0, 1):
            context.set(dut.settled, settled)
            for _ in range(40):
                if context.get(dut.request.valid):
                    asked.append(context.get(dut.request.payload.address))
                await context.tick()
            if not settled:
                there = 0 if several else max(known - FIRST, 0) // BEATS
                assert asked == [FIRST + BEATS * step for step in range(there)]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(asked) == STEPS * (1 + bool(several))
