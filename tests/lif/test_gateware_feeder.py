# amaranth: UnusedElaboratable=no
"""The feeder against sets of bits: every spike once, windows apart, two spikes a cycle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from spynq_hw.lif.feeder import WORD_BITS, Feeder
from spynq_sim.blocks import feed, simulate
from spynq_sim.pauses import STYLES, pauses

TAP_BITS = 12
Word = dict[str, int]


def window(rng: np.random.Generator, density: float, words: int, planes: int, signed: bool) -> list[Word]:
    """Words of a window as the walker makes them: empty ones only where a plane begins or a window ends."""
    found = []
    for plane in range(planes):
        for number in range(words):
            bits = int(sum(1 << i for i in range(WORD_BITS) if rng.random() < density))
            double = int(plane > 0 and number == 0)
            last = int(plane == planes - 1 and number == words - 1)
            if bits or double or last:
                base = int(rng.integers(1 << TAP_BITS)) if number else (1 << TAP_BITS) - 7
                negate = int(signed and plane == 0)
                found.append({"bits": bits, "base": base, "double": double, "negate": negate, "last": last})
    return found


def meaning(words: list[Word]) -> Counter[int]:
    """How often each tap counts at the end of the window."""
    counts: Counter[int] = Counter()
    for word in words:
        if word["double"]:
            counts = Counter({tap: 2 * n for tap, n in counts.items()})
        for i in range(WORD_BITS):
            if word["bits"] >> i & 1:
                counts[(word["base"] + i) % (1 << TAP_BITS)] += -1 if word["negate"] else 1
    return Counter({tap: n for tap, n in counts.items() if n})


def run(windows: list[list[Word]], style: str, seed: int) -> tuple[list[Counter[int]], list[int]]:
    """What the pairs of each window mean, and the cycle in which each window ended."""
    dut = Feeder(TAP_BITS)
    found: list[Counter[int]] = []
    cycles: list[int] = []

    async def bench(ctx: Any) -> None:
        holding = pauses(style, seed)
        counts: Counter[int] = Counter({-1: 99})
        for cycle in range(200_000):
            if len(found) == len(windows):
                return
            ready = not next(holding)
            ctx.set(dut.pairs.ready, ready)
            _, _, valid, pair = await ctx.tick().sample(dut.pairs.valid, dut.pairs.payload)
            if not (ready and valid):
                continue
            if pair.fresh:
                counts = Counter()
            if pair.double:
                assert not pair.take and not pair.fresh
                counts = Counter({tap: 2 * n for tap, n in counts.items()})
            for i in range(2):
                if pair.take >> i & 1:
                    counts[pair.taps[i]] += -1 if pair.negate else 1
            if pair.last:
                found.append(Counter({tap: n for tap, n in counts.items() if n}))
                cycles.append(cycle)
                counts = Counter({-1: 99})
        raise TimeoutError(f"{len(found)} of {len(windows)} windows came out")

    simulate(dut, feed(dut.words, [word for words in windows for word in words], style, seed + 1), bench)
    return found, cycles


@pytest.mark.parametrize("style", STYLES)
def test_every_spike_counts_once_under_random_pauses(style: str, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    windows = []
    for _ in range(120):
        density = float(rng.choice([0, 0.01, 0.03, 0.1, 0.5, 1]))
        planes = int(rng.choice([1, 1, 2, 4]))
        windows.append(window(rng, density, int(rng.integers(1, 6)), planes, bool(rng.integers(2))))
    found, _ = run(windows, style, fresh_seed)
    assert found == [meaning(words) for words in windows]


@pytest.mark.parametrize(("density", "slack"), [(0.05, 1.03), (0.1, 1.01), (0.3, 1.005), (1.0, 1.0)])
def test_two_spikes_a_cycle(density: float, slack: float) -> None:
    """Cycles of windows of 50 words: max(words, half the spikes), plus what odd spikes cost."""
    rng = np.random.default_rng(5)
    windows = [window(rng, density, 50, 1, False) for _ in range(40)]
    _, cycles = run(windows, "none", 1)
    bound = sum(
        max(len(words), -(-sum(word["bits"].bit_count() for word in words) // 2)) for words in windows[1:]
    )
    assert bound <= cycles[-1] - cycles[0] <= slack * bound
