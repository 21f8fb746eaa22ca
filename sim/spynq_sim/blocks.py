"""Running a block of gateware on Amaranth's own simulator, streams with random pauses included."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from amaranth.sim import Simulator

from spynq_sim.pauses import pauses

__all__ = ["feed", "one_through", "simulate", "take", "through"]


def simulate(dut: Any, *benches: Callable[[Any], Any]) -> None:
    """Run the benches side by side until all have ended."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


def through(
    dut: Any, latency: int, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[str]
) -> list[dict[str, Any]]:
    """One input per cycle into a block without handshakes; its outputs ``latency`` cycles later."""
    got: list[dict[str, Any]] = []

    async def bench(ctx: Any) -> None:
        for cycle in range(len(inputs) + latency):
            for name, value in inputs[min(cycle, len(inputs) - 1)].items():
                ctx.set(getattr(dut, name), value)
            if cycle >= latency:
                got.append({name: ctx.get(getattr(dut, name)) for name in outputs})
            await ctx.tick()

    simulate(dut, bench)
    return got


def one_through(dut: Any, latency: int, inputs: Sequence[Mapping[str, Any]], output: str) -> list[Any]:
    """The same with a single output, and its values."""
    return [row[output] for row in through(dut, latency, inputs, [output])]


def feed(port: Any, beats: Iterable[Any], style: str, seed: int) -> Callable[[Any], Any]:
    """A bench that sends beats into a stream, holding back at random."""

    async def bench(ctx: Any) -> None:
        holding = pauses(style, random.Random(seed))
        for beat in beats:
            while next(holding):
                await ctx.tick()
            ctx.set(port.payload, beat)
            ctx.set(port.valid, 1)
            await ctx.tick().until(port.ready)
            ctx.set(port.valid, 0)

    return bench


def take(
    port: Any, count: int, got: list[Any], style: str, seed: int, patience: int = 100_000
) -> Callable[[Any], Any]:
    """A bench that takes ``count`` beats from a stream into ``got``, holding back at random."""

    async def bench(ctx: Any) -> None:
        holding = pauses(style, random.Random(seed))
        for _ in range(patience):
            if len(got) == count:
                return
            ready = not next(holding)
            ctx.set(port.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(port.valid, port.payload)
            if ready and valid:
                got.append(payload)
        raise TimeoutError(f"{len(got)} of {count} beats came within {patience} cycles")

    return bench
