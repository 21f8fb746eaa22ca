"""Blocks without ports of their own in the simulator of Amaranth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth.sim import Simulator

__all__ = ["simulate", "through"]


def simulate(dut: Any, bench: Callable[[Any], Any]) -> None:
    """Run a test bench, a coroutine function, to its end."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()


def through(dut: Any, latency: int, inputs: list[dict[str, int]], output: str) -> list[int]:
    """One input per cycle; the outputs ``latency`` cycles later."""
    got: list[int] = []

    async def bench(ctx: Any) -> None:
        for cycle in range(len(inputs) + latency):
            for name, value in inputs[min(cycle, len(inputs) - 1)].items():
                ctx.set(getattr(dut, name), value)
            if cycle >= latency:
                got.append(ctx.get(getattr(dut, output)))
            await ctx.tick()

    simulate(dut, bench)
    return got
