"""Words from memory, their delays, and values of a few bits: blocks against their definitions."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest

from spynq.lif.descriptor import Descriptor, Fir, Plan
from spynq.lif.params import LifConfig
from spynq_hw.lif.addend import QUARTERS, Addend
from spynq_hw.lif.values import PLANES, Values
from spynq_sim.blocks import simulate

CONFIG = LifConfig(columns=4, weights=1024, maps=64, units=64, rounds=8)


class Case:
    """A layer whose sums get words, and the memory that has them."""

    def __init__(self, rng: np.random.Generator, fir: Fir | None) -> None:
        self.fir, self.steps, self.samples = fir, int(rng.integers(1, 7)), int(rng.integers(1, 4))
        units, log2_h = int(rng.integers(1, 12)), int(rng.integers(3))
        self.groups = units << log2_h
        step = self.groups * QUARTERS + int(rng.integers(3))
        sample = step * self.steps + int(rng.integers(3))
        self.at = 20
        # With one step of words all steps take the same.
        self.moves = bool(rng.integers(4)) or fir is not None
        self.stride = step if self.moves else 0
        bits = int(rng.integers(2, 21))
        self.memory = rng.integers(-(1 << bits), 1 << bits, (self.at + sample * self.samples + step, 4))
        if fir is not None:
            self.memory[4:8] = np.frombuffer(fir.pack(), "<i4").reshape(4, 4)
        self.descriptor = Descriptor(
            op=1, bias=1, use_fir=int(fir is not None), taps=4, steps=self.steps, samples=self.samples
        )
        self.plan = Plan(
            units=units, log2_h=log2_h, words=self.at, words_step=self.stride, words_sample=sample
        )

    def layer(self) -> int:
        """Bits of a Layer."""
        return int.from_bytes(self.descriptor.pack() + self.plan.pack(), "little")

    def words(self, n: int, t: int) -> np.ndarray:  # type: ignore[type-arg]
        start = self.at + n * self.plan.words_sample + t * self.stride
        return self.memory[start : start + self.groups * QUARTERS].astype(np.int64)

    def wanted(self) -> list[tuple[int, int, list[int]]]:
        """Column, quarter and words in the order in which they come."""
        found = []
        for n in range(self.samples):
            for t in range(self.steps):
                for number, row in enumerate(self.step(n, t).tolist()):
                    found.append((number // QUARTERS % CONFIG.columns, number % QUARTERS, row))
        return found

    def step(self, n: int, t: int) -> np.ndarray:  # type: ignore[type-arg]
        if self.fir is None:
            return self.words(n, t)
        end = t
        if self.fir.segment:
            end = t - t % self.fir.segment + self.fir.segment - 1
        places = [(tap, end - d) for d, tap in enumerate(self.fir.taps) if 0 <= end - d < self.steps]
        total = sum((tap * self.words(n, p) for tap, p in places), np.zeros_like(self.words(n, 0)))
        return np.where(total < 0, -(-total >> self.fir.shift), total >> self.fir.shift)


def memory_bench(dut: Addend, case: Case, rng: np.random.Generator) -> Any:
    """A memory that answers in order, late and with pauses."""

    async def bench(ctx: Any) -> None:
        coming: deque[list[int]] = deque()
        while True:
            ctx.set(dut.request.ready, int(rng.integers(2)))
            beat = coming[0] if coming and rng.integers(3) else None
            ctx.set(dut.words.valid, int(beat is not None))
            if beat is not None:
                words = [value & 0xFFFF_FFFF for value in beat]
                ctx.set(dut.words.payload, sum(word << 32 * i for i, word in enumerate(words)))
            _, _, asked, ready, run = await ctx.tick().sample(
                dut.request.valid, dut.request.ready, dut.request.payload
            )
            if beat is not None:
                coming.popleft()
            if asked and ready:
                coming.extend(case.memory[run.address : run.address + run.beats].tolist())

    return bench


@pytest.mark.parametrize("form", ["plain", "sliding", "segment"])
def test_words_come_weighed_to_the_columns_in_turn(form: str, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    for _ in range(4):
        taps = tuple(rng.integers(-2048, 2048, int(rng.integers(1, 6))).tolist())
        segment = len(taps) + int(rng.integers(3)) if form == "segment" else 0
        # What comes out must have 24 bits.
        case = Case(rng, None if form == "plain" else Fir(taps, 12, segment))
        dut, got = Addend(CONFIG), []
        wanted = case.wanted()

        async def bench(
            ctx: Any, dut: Addend = dut, case: Case = case, got: Any = got, n: int = len(wanted)
        ) -> None:
            ctx.set(dut.layer.as_value(), case.layer())
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(100 + 400 * n):
                ctx.set(dut.full, int(rng.integers(16)))
                _, _, word, column = await ctx.tick().sample(dut.word, dut.column)
                if word.valid:
                    got.append((column, word.quarter, [word.words[i] for i in range(4)]))
                if len(got) == n:
                    return

        memory = memory_bench(dut, case, rng)

        async def background(ctx: Any, memory: Any = memory) -> None:
            await memory(ctx)

        run(dut, bench, background)
        assert got == wanted


def run(dut: Any, bench: Any, background: Any) -> None:
    from amaranth.sim import Simulator

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.add_testbench(background, background=True)
    simulator.run()


@pytest.mark.parametrize("planes", [1, 2, 3, 5, 8])
def test_values_are_shifted_clipped_and_given_plane_by_plane(planes: int, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    rule = {"on": 1, "after": int(rng.integers(2)), "shift": int(rng.integers(12)), "planes": planes}
    units, pairs = [], int(rng.integers(1, 9))
    for _ in range(30):
        units.append(
            (
                rng.integers(-(1 << 14), 1 << int(rng.integers(6, 20)), (pairs, 2)),
                rng.integers(-(1 << 14), 1 << 15, (pairs, 2)),
            )
        )
    dut, got, clipped = Values(), [], 0

    async def bench(ctx: Any) -> None:
        ctx.set(dut.rule, rule)
        for u, v in units:
            for number in range(len(u)):
                ctx.set(dut.valid, 1)
                ctx.set(dut.pair, number)
                ctx.set(dut.last, int(number == len(u) - 1))
                for half in range(2):
                    ctx.set(dut.u[half], int(u[number][half]))
                    ctx.set(dut.v[half], int(v[number][half]))
                await ctx.tick()
            ctx.set(dut.valid, 0)
            for _ in range(max(0, planes - len(u)) + int(rng.integers(3))):
                await ctx.tick()
        for _ in range(PLANES + 4):
            await ctx.tick()

    async def watch(ctx: Any) -> None:
        nonlocal clipped
        while True:
            _, _, write, plane, bits, over = await ctx.tick().sample(
                dut.write, dut.plane, dut.bits, dut.clipped
            )
            clipped += over.bit_count()
            if write:
                got.append((plane, bits))

    run(dut, bench, watch)
    most, wanted, over = (1 << planes) - 1, [], 0
    for u, v in units:
        whole = np.maximum(v if rule["after"] else u, 0) >> rule["shift"]
        over += int((whole > most).sum())
        values = np.minimum(whole, most).ravel()
        wanted.append([(p, [int(x) >> planes - 1 - p & 1 for x in values]) for p in range(planes)])
    assert clipped == over
    assert len(got) == planes * len(units)
    for number, unit in enumerate(wanted):
        for plane, (place, bits) in zip(unit, got[planes * number :], strict=False):
            assert (place, [bits >> i & 1 for i in range(len(plane[1]))]) == plane


def test_no_word_is_asked_for_in_a_layer_without_words() -> None:
    dut, case = Addend(CONFIG), Case(np.random.default_rng(1), None)
    case.descriptor.bias = 0

    async def bench(ctx: Any) -> None:
        ctx.set(dut.layer.as_value(), case.layer())
        ctx.set(dut.start, 1)
        for _ in range(50):
            await ctx.tick()
            ctx.set(dut.start, 0)
            assert not ctx.get(dut.request.valid)

    simulate(dut, bench)
