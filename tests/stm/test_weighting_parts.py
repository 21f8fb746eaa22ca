# amaranth: UnusedElaboratable=no
"""Parts of the likelihood-weighting front end: generators, weighing, refusals of the builders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator

from spynq.stm import golden
from spynq.stm.params import IMPOSSIBLE, L_MAX, StmConfig
from spynq_hw.stm.rng import GENERATOR_LATENCY, Generator
from spynq_hw.stm.sample import Weigh
from spynq_hw.stm.table import Table
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.weighting import LATENCY, Weighting


def simulate(dut: Any, play: Callable[[Any], Any]) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(play)
    simulator.run()


@pytest.mark.parametrize("places", [1, 2, 64])
def test_generators_step_in_any_order_like_golden(places: int, seed: int) -> None:
    rng = np.random.default_rng([seed, places])
    states = rng.integers(0, 1 << 32, (places, 4), dtype=np.uint32)
    order = rng.integers(-places, places, 300)
    wanted, got = [], []
    dut = Generator(places)

    async def play(ctx: Any) -> None:
        ctx.set(dut.load, 1)
        for place, state in enumerate(states):
            ctx.set(dut.place, place)
            ctx.set(dut.seed, int.from_bytes(state.astype("<u4").tobytes(), "little"))
            await ctx.tick()
        ctx.set(dut.load, 0)
        ctx.set(dut.seed, 0)
        due = [False] * GENERATOR_LATENCY
        for place in order:
            # A negative place is a pause, which must not move any state.
            ctx.set(dut.place, int(place) % places)
            ctx.set(dut.step, int(place >= 0))
            await ctx.tick()
            due.append(place >= 0)
            if due[-GENERATOR_LATENCY]:
                got.append(ctx.get(dut.word))

    simulate(dut, play)
    for place in order[: len(order) - GENERATOR_LATENCY + 1]:
        if place >= 0:
            wanted.append(int(golden.xoshiro(states[place])))
    assert got == wanted


def test_weighing_matches_golden_at_its_corners(fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    corners = [0, 1, L_MAX - 1, L_MAX, IMPOSSIBLE, L_MAX >> 1, (L_MAX >> 1) + 1]
    pairs = [(a, b) for a in corners for b in corners]
    pairs += rng.integers(0, IMPOSSIBLE + 1, (100, 2)).tolist()
    dut = Weigh()

    async def play(ctx: Any) -> None:
        for stored, entry in pairs:
            for weigh, hide in np.ndindex(2, 2):
                ctx.set(dut.stored, stored)
                ctx.set(dut.entry, entry)
                ctx.set(dut.weigh, weigh)
                await ctx.tick()
                ctx.set(dut.hide, hide)
                await ctx.tick()
                table = np.array([entry], np.uint32)
                after = int(golden.weigh([stored], [0], table, 0)[0]) if weigh else stored
                case = (stored, entry, weigh, hide)
                assert ctx.get(dut.nll) == (IMPOSSIBLE if hide else after), case

    simulate(dut, play)


def test_generators_per_lane_are_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="a power of two of generators, 1 to 64, not 3"):
        Generator(3)


def test_table_has_two_ports() -> None:
    with pytest.raises(ValueError, match="two ports for 1 or 2 lanes, not 3"):
        Table(StmConfig(), 3)


def test_too_many_lanes_for_the_pipeline_are_refused() -> None:
    config = StmConfig(states=4)
    # The contract stops at 64 lanes; the gateware has a limit of its own.
    object.__setattr__(config, "lanes", 128)
    with pytest.raises(ValueError, match=f"at least {LATENCY} slots per chunk, not 8; take fewer lanes"):
        Weighting(config)


def test_timeline_does_not_look_back() -> None:
    with pytest.raises(ValueError, match="holds from cycle 3 on; cycle 2 is before it"):
        Timeline(Module(), Signal(), 3).at(2)
