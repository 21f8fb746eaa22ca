# amaranth: UnusedElaboratable=no
"""A stream whose input stays the same: order, distance and sums of the units of steps that go together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from test_gateware_walker import CONFIG, Bits, Case, beats, view

from spynq.lif import estimate
from spynq_hw.lif.neuron import REVISIT
from spynq_hw.lif.sizes import OUTPUTS
from spynq_hw.lif.stream import Stream
from spynq_sim.blocks import simulate

Order = tuple[int, int]


@dataclass(frozen=True)
class Unit:
    """A unit whose neurons are served, in a cycle; ``counts`` is what its spikes weigh, if they were met."""

    cycle: int
    order: Any
    counts: Counter[int] | None


def wave(units: int, behind: int, again: int) -> list[Order]:
    """Step and unit in the order of a sample: diagonals of the steps that go together, then step by step."""
    together = [
        (group - unit, unit)
        for group in range(units + behind)
        for unit in reversed(range(units))
        if 0 <= group - unit <= behind
    ]
    later = range(behind + 1, behind + 1 + again)
    return together + [(step, unit) for step in later for unit in range(units)]


async def put(ctx: Any, dut: Stream, case: Case, maps: list[Bits]) -> None:
    """Load the maps of all samples, each into a slot of its own."""
    ctx.set(dut.begins, (1 << OUTPUTS) - 1)
    for slot, values in enumerate(maps):
        content = beats(case, values)
        ctx.set(dut.reserved, 1)
        await ctx.tick()
        ctx.set(dut.reserved, 0)
        for place, value in enumerate(content):
            ctx.set(dut.write, 1)
            ctx.set(dut.write_address, slot * CONFIG.maps + place)
            ctx.set(dut.write_data, value)
            ctx.set(dut.loaded, place == len(content) - 1)
            await ctx.tick()
        for port in (dut.write, dut.loaded):
            ctx.set(port, 0)


def run(
    case: Case, maps: list[Bits], gap: int, behind: int, again: int, seed: int, ahead: bool
) -> list[Unit]:
    """All units of the samples; steps are read out in order, some time after they ended."""
    dut, rng = Stream(CONFIG), np.random.default_rng(seed)
    steps = len(maps) * (1 + behind + again)
    found: list[Unit] = []
    late = int(rng.choice([0, 3, 60]))

    async def loader(ctx: Any) -> None:
        await ctx.tick()
        await put(ctx, dut, case, maps)

    async def bench(ctx: Any) -> None:
        fixed = {"few": (REVISIT - 1) // gap, "behind": behind, "again": again}
        view(case.plan() | fixed, ctx, dut.plan)
        view(case.unit(0), ctx, dut.first)
        view(case.step(), ctx, dut.step)
        for name, value in {"gap": gap, "ahead": ahead, "stride": 1, "depth": OUTPUTS, "start": 1}.items():
            ctx.set(getattr(dut, name), value)
        await ctx.tick()
        ctx.set(dut.start, 0)
        counts: Counter[int] = Counter()
        ended, drained = 0, 0
        for cycle in range(20_000):
            drains = drained < ended and rng.random() * (late + 1) < 1
            ctx.set(dut.drained, drains)
            drained += drains
            _, _, order = await ctx.tick().sample(dut.order)
            counts = Counter() if order.control.fresh else counts
            if order.control.double:
                counts = Counter({tap: 2 * n for tap, n in counts.items()})
            counts.update(order.taps[i] for i in range(2) if order.control.take >> i & 1)
            if order.last:
                found.append(Unit(cycle, order, None if order.again else counts))
                ended += order.final
            if ended == steps:
                return
        raise TimeoutError(f"{ended} of {steps} steps ended")

    simulate(dut, loader, bench)
    return found


def check(case: Case, gap: int, behind: int, again: int, seed: int, ahead: bool) -> None:
    rng = np.random.default_rng(seed)
    units = case.geometry()["units"]
    shape = (case.planes, case.height, case.width, case.channels)
    maps = [np.asarray(rng.random(shape) < rng.choice([0, 0, 0.1, 1])) for _ in range(2)]
    found = run(case, maps, gap, behind, again, seed, ahead)
    want = wave(units, behind, again)
    last = dict.fromkeys(range(units), -REVISIT)
    # When neurons begin with a unit: as soon as it is there and they are done with the one before.
    turns = begins([unit.cycle for unit in found], gap if ahead else 0)
    for number, (unit, turn, (step, place)) in enumerate(zip(found, turns, want * 2, strict=True)):
        sample = number // len(want)
        begun = sample * (1 + behind + again)
        order = unit.order
        assert (order.unit, order.slot) == (place, (begun + step) % OUTPUTS)
        assert (order.again, order.begins) == (step > 0, step == 0)
        assert order.final == (place == units - 1)
        # Whoever counts units of the oldest step must leave out those of others.
        assert order.early == (0 < step <= behind and place < units - 1)
        assert turn - last[place] >= REVISIT
        last[place] = turn
        if step == 0:
            assert unit.counts == case.window(place, maps[sample])
    cycles = [unit.cycle for unit in found]
    assert min(np.diff(turns), default=gap) >= gap
    # The sums of one unit wait at most.
    assert all(cycle > turn for cycle, turn in zip(cycles[1:], turns, strict=False))


def begins(cycles: list[int], gap: int) -> list[int]:
    found: list[int] = []
    for cycle in cycles:
        found.append(max(cycle, found[-1] + gap) if found else cycle)
    return found


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("gap", range(1, 9))
def test_steps_that_go_together_end_in_order_and_never_meet(gap: int, ahead: bool, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    few = (REVISIT - 1) // gap
    for _ in range(4):
        # As few as the setup lets come so close; steps that go along, but where there were too few of them.
        units = few + 1 + int(rng.choice([0, 0, 1, 2, 5, 9]))
        behind = int(rng.choice([0, *range(few, OUTPUTS)])) if few < OUTPUTS else 0
        again = int(rng.choice([0, 1, 3]))
        channels, planes = int(rng.choice([1, 16, 32])), int(rng.choice([1, 3]))
        case = Case(
            channels, 1, units, (1, 1), (1, 1), (0, 0), (1, 1), 1, 1, 0, planes, 0, False, 1, 5,
        )  # fmt: skip
        check(case, gap, behind, again, int(rng.integers(1 << 30)), ahead)


def test_the_estimate_counts_with_what_is_built() -> None:
    assert (estimate._SLOTS, estimate._REVISIT) == (OUTPUTS, REVISIT)  # type: ignore[attr-defined]
