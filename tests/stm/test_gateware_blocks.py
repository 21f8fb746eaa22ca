"""Arithmetic blocks of the sampling tree against the golden functions of the same name."""

# amaranth: UnusedElaboratable=no

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from amaranth import signed, unsigned

from spynq.stm import golden
from spynq.stm.params import IMPOSSIBLE, L_MAX
from spynq_hw.stm.bins import Bins
from spynq_hw.stm.exponential import Exponential, Square
from spynq_hw.stm.lane import LogLikelihood
from spynq_hw.stm.trees import Minimum, Sum, depth
from spynq_sim.blocks import one_through, simulate


def distances(rng: np.random.Generator) -> Iterator[int]:
    """Every table address, every octave and its edges, and random ones."""
    yield from range(0, 1024, 31)
    for octave in range(20):
        yield from (octave << 10, (octave << 10) + 1, (octave << 10) + 1023)
    yield from rng.integers(0, 20 << 10, 300).tolist()


@pytest.mark.parametrize("multiplier", [False, True])
def test_exponential_at_every_octave_and_for_impossible_samples(multiplier: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    l_min = int(rng.integers(0, 1 << 20))
    nll = [*(l_min + d for d in distances(rng)), IMPOSSIBLE, L_MAX]
    got = one_through(Exponential(multiplier), 4, [{"l": value, "l_min": l_min} for value in nll], "w")
    assert got == golden.weights([nll], [l_min])[0].tolist()


def test_interpolation_in_a_multiplier_at_every_distance() -> None:
    """All 18 octaves and the zeros behind them, so that wide builds need not be simulated for it."""
    nll = range((18 << 10) + 1025)
    got = one_through(Exponential(multiplier=True), 4, [{"l": value, "l_min": 0} for value in nll], "w")
    assert got == golden.exponential(nll).tolist()


@pytest.mark.parametrize("multiplier", [False, True])
def test_an_impossible_sample_near_the_minimum_weighs_nothing(multiplier: bool) -> None:
    nll = [{"l": value, "l_min": L_MAX} for value in (L_MAX, IMPOSSIBLE)]
    assert one_through(Exponential(multiplier), 4, nll, "w") == [1 << 16, 0]


def test_square_of_corners_and_random_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w = [0, 1, 255, 256, 65535, 65536, *rng.integers(0, 65537, 300).tolist()]
    assert one_through(Square(), 2, [{"w": value} for value in w], "square") == [value**2 for value in w]


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_log_likelihood_over_several_passes(terms: int, seed: int) -> None:
    """Gains come one cycle after their samples, ``first`` four cycles after them."""
    rng = np.random.default_rng(seed)
    dut, passes, count = LogLikelihood(terms), 2, 60
    samples = rng.integers(-(1 << 15), 1 << 15, (count, passes * terms))
    cues = rng.integers(-(1 << 15), 1 << 15, (count, passes * terms))
    gains = rng.integers(0, 1 << 26, (count, passes * terms)) >> rng.integers(0, 16, (count, 1))
    want = [
        int(golden.log_likelihood(s[:, None], c, g)[0]) for s, c, g in zip(samples, cues, gains, strict=True)
    ]
    got: list[int] = []

    async def bench(ctx: Any) -> None:
        flat = [a.reshape(count * passes, terms).tolist() for a in (samples, cues, gains)]
        for cycle in range(count * passes + 6):
            if cycle < count * passes:
                ctx.set(dut.samples, flat[0][cycle])
                ctx.set(dut.cues, flat[1][cycle])
            if 1 <= cycle <= count * passes:
                ctx.set(dut.gains, flat[2][cycle - 1])
            ctx.set(dut.first, (cycle - 4) % passes == 0)
            if cycle >= 5 + passes - 1 and (cycle - 5) % passes == passes - 1:
                got.append(ctx.get(dut.l))
            await ctx.tick()

    simulate(dut, bench)
    assert got == want[: len(got)]
    assert len(got) >= count - 1


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 32])
def test_minimum_of_populations_that_follow_each_other(lanes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 1 << 24, (40, lanes))
    last = rng.random(40) < 0.4
    want, first = [], 0
    for at in np.nonzero(last)[0]:
        want.append(int(groups[first : at + 1].min()))
        first = at + 1
    dut, got = Minimum(lanes), []

    async def bench(ctx: Any) -> None:
        for cycle in range(40 + depth(lanes) + 2):
            ctx.set(dut.valid, cycle < 40)
            if cycle < 40:
                ctx.set(dut.l, groups[cycle].tolist())
                ctx.set(dut.last, int(last[cycle]))
            if ctx.get(dut.done):
                got.append(ctx.get(dut.l_min))
            await ctx.tick()

    simulate(dut, bench)
    assert got == want


@pytest.mark.parametrize("shape", [unsigned(33), signed(32)], ids=["squares", "moments"])
@pytest.mark.parametrize("lanes", [1, 4, 32])
def test_sum_of_extreme_values_is_exact(lanes: int, shape: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = (-(1 << 31), (1 << 31) - 1) if shape.signed else (0, 1 << 32)
    values = np.where(rng.random((8, lanes)) < 0.5, low, high)
    dut = Sum(lanes, shape, 48)

    async def bench(ctx: Any) -> None:
        for cycle in range(8 + depth(lanes)):
            ctx.set(dut.values, values[min(cycle, 7)].tolist())
            ctx.set(dut.add, cycle >= depth(lanes))
            ctx.set(dut.first, cycle == depth(lanes))
            await ctx.tick()
        assert ctx.get(dut.total) == int(values.sum())

    simulate(dut, bench)


def test_bins_take_the_same_bin_in_every_cycle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dut = Bins(8, 17, 22)
    labels = (rng.integers(0, 8, 64) >> rng.integers(0, 4)).tolist()
    values = rng.integers(0, 65537, 64).tolist()
    want, _ = golden.histogram(values, labels, 8)

    async def bench(ctx: Any) -> None:
        for label, value in zip(labels, values, strict=True):
            ctx.set(dut.bin, label)
            ctx.set(dut.value, value)
            ctx.set(dut.add, 1)
            await ctx.tick()
        ctx.set(dut.add, 0)
        ctx.set(dut.clear, 1)
        for again in (want.tolist(), [0] * 8):
            for place, content in enumerate(again):
                ctx.set(dut.bin, place)
                assert ctx.get(dut.content) == content
                await ctx.tick()

    simulate(dut, bench)
