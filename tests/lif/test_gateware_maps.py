"""Requests for maps: none before its beats are in memory for sure, some before a layer starts."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.sim import Simulator

from spynq.lif.params import LifConfig
from spynq_hw.lif.maps import Maps

FIRST, BEATS, STEPS, NEXT = 100, 3, 5, 500


def describe(context: Any, layer: Any, first: int, steps: int, **others: int) -> None:
    """A layer of one sample."""
    d, plan = layer.descriptor, layer.plan
    for signal, value in ((d.first, 1), (d.steps, steps), (d.samples, 1), (d.input, first)):
        context.set(signal, value)
    for signal, value in ((plan.in_beats, BEATS), (plan.in_step, BEATS), (plan.planes_second, 1)):
        context.set(signal, value)
    for name, value in others.items():
        context.set((plan if name in ("static", "in_step") else d)[name], value)


def simulate(dut: Maps, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("known", [0, FIRST + BEATS - 1, FIRST + BEATS, FIRST + 3 * BEATS + 1])
@pytest.mark.parametrize("several", ["", "planes", "second"])
def test_only_steps_below_what_is_known_to_be_there_are_asked_for(known: int, several: str) -> None:
    dut = Maps(LifConfig(columns=1))
    asked: list[int] = []

    async def bench(context: Any) -> None:
        for layer in (dut.layer, dut.next):
            describe(context, layer, FIRST, STEPS, **({several: 1} if several else {}))
        for signal in (dut.follows, dut.room, dut.request.ready):
            context.set(signal, 1)
        for signal, value in ((dut.total, BEATS), (dut.below, known)):
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

    simulate(dut, bench)
    assert len(asked) == STEPS * (1 + bool(several))


class Memory:
    """Answers at once, unless told to be slow, and counts."""

    def __init__(self, context: Any, dut: Maps) -> None:
        self.context, self.dut = context, dut
        self.asked: list[int] = []
        self.answered = self.reserved = self.loaded = 0
        self.answers = True

    async def run(self, cycles: int) -> None:
        get, dut = self.context.get, self.dut
        for _ in range(cycles):
            run = dut.request.payload
            if get(dut.request.valid) and get(dut.request.ready):
                first = get(run.address)
                self.asked += range(first, first + get(run.beats))
            self.answered += get(dut.words.valid) and get(dut.words.ready)
            self.reserved += get(dut.reserved)
            self.loaded += get(dut.loaded)
            # No map comes whose slot is not taken.
            assert self.loaded <= self.reserved
            await self.context.tick()
            self.context.set(dut.words.valid, self.answers and self.answered < len(self.asked))


HAZARDS = ["", "late", "known", "ahead", "coming", "planes", "second"]


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize(("steps", "others", "count"), [
    (3, {}, 1), (8, {}, 4), (19, {}, 4), (8, {"static": 1}, 1), (8, {"in_step": BEATS + 1}, 1),
])  # fmt: skip
def test_the_first_steps_of_a_layer_are_asked_for_ahead_and_wait_for_its_start(
    steps: int, others: dict[str, int], count: int, hazard: str
) -> None:
    dut = Maps(LifConfig(columns=1))
    step = others.get("in_step", BEATS)
    want = [
        NEXT + step * t + beat for t in range(1 if "static" in others else steps) for beat in range(BEATS)
    ]

    async def bench(context: Any) -> None:
        memory = Memory(context, dut)
        for layer in (dut.layer, dut.next):
            describe(context, layer, FIRST, 1)
        for signal in (dut.follows, dut.room, dut.request.ready, dut.settled):
            context.set(signal, 1)
        context.set(dut.total, BEATS)
        await memory.run(5)
        memory.answers = hazard != "coming"
        context.set(dut.start, 1)
        await memory.run(1)
        context.set(dut.start, 0)
        unfit = {hazard: 1} if hazard in ("planes", "second") else {}
        describe(context, dut.next, NEXT, steps, **others, **unfit)
        # To the last beat asked for, or to the one before.
        context.set(dut.below, NEXT + BEATS * count - (hazard == "known"))
        await memory.run(10)
        memory.asked.clear()
        memory.answered -= memory.loaded * BEATS
        memory.reserved = memory.loaded = 0
        context.set(dut.request.ready, hazard != "late")
        context.set(dut.ahead, hazard != "ahead")
        await memory.run(10)
        ahead = BEATS * count * (hazard == "")
        assert memory.asked == want[:ahead]
        assert context.get(dut.request.valid) == (hazard == "late")
        assert not (memory.answered or memory.reserved)
        if hazard not in ("", "late"):
            return
        # The next layer is taken, and starts; it might find no room for more.
        context.set(dut.ahead, 0)
        describe(context, dut.layer, NEXT, steps, **others)
        context.set(dut.follows, 0)
        await memory.run(2)
        context.set(dut.start, 1)
        await memory.run(1)
        context.set(dut.start, 0)
        context.set(dut.room, 0)
        await memory.run(2)
        context.set(dut.request.ready, 1)
        await memory.run(30)
        assert (memory.asked, memory.reserved, memory.loaded) == (want[: BEATS * count], count, count)
        context.set(dut.room, 1)
        await memory.run(200)
        assert memory.asked == want
        assert memory.reserved == memory.loaded == len(want) // BEATS

    simulate(dut, bench)
