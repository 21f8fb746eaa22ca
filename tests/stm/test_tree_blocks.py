"""Arithmetic blocks of tree and counts against the golden functions of the same name."""

# amaranth: UnusedElaboratable=no

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spynq.stm import golden_edge as edge
from spynq.stm.golden_records import reciprocal
from spynq.stm.params import StmConfig
from spynq_hw.stm.counts import Reciprocal
from spynq_hw.stm.tree.divider import DIVIDER_LATENCY, Divider
from spynq_hw.stm.tree.log2 import LOG_LATENCY, Log2
from spynq_sim.blocks import one_through, simulate


def test_log2_at_powers_of_two_their_neighbours_and_random_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    powers = [1 << n for n in range(48)]
    values = [*powers, *(p - 1 for p in powers[1:]), *(p + 1 for p in powers[:-1]), (1 << 48) - 1]
    values += (rng.integers(1, 1 << 48, 200) >> rng.integers(0, 48, 200)).clip(1).tolist()
    got = one_through(Log2(), LOG_LATENCY, [{"value": value} for value in values], "log")
    assert got == edge.log2(values).tolist()


@pytest.mark.parametrize("width", [37, 49])
def test_division_of_corners_and_random_numbers(width: int, seed: int) -> None:
    """The largest divisor, a quotient at and beyond 26 bits, a remainder of exactly a half, lost rows."""
    rng = np.random.default_rng(seed)
    cases = [(1 << 16, 1, 26, 0), (1 << 16, 1 << 16, 26, 0), (3, 2, 0, 0), (1, 2, 0, 0), (0, 5, 26, 0)]
    cases += [(1 << 16, (1 << width) - 1, 26, 0), (1 << 16, 0, 26, 1), (5, 7, 3, 1), (1 << 16, 65537, 26, 0)]
    for _ in range(200):
        d = int(rng.integers(1, 1 << int(rng.integers(1, width))))
        cases.append((int(rng.integers(0, 65537)), d, int(rng.integers(0, 27)), int(rng.integers(8) == 0)))
    inputs = [{"u": u, "d": d, "fraction": f, "lost": lost} for u, d, f, lost in cases]
    want = [int(edge.quotients(u, d, bool(lost), f)) for u, d, f, lost in cases]
    assert one_through(Divider(width), DIVIDER_LATENCY, inputs, "q") == want


def test_reciprocal_of_the_smallest_the_largest_and_random_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    totals = [1 << 16, (1 << 16) + 1, 1 << 26, (1 << 26) - 1, *rng.integers(1 << 16, 1 << 26, 20).tolist()]
    dut, got = Reciprocal(), []

    async def bench(ctx: Any) -> None:
        for total in totals:
            ctx.set(dut.total, total)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(26):
                if ctx.get(dut.done):
                    got.append(ctx.get(dut.inverse))
                await ctx.tick()

    simulate(dut, bench)
    assert got == reciprocal(totals).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"edge": 6}, "edge must be a power of two from 4 to 512, not 6"),
        ({"edge": 1024}, "edge must be a power of two from 4 to 512, not 1024"),
        ({"edge": 8, "lanes": 8}, "a tree front end needs lanes = 4, not 8"),
        ({"edge": 64, "population": 64}, "population must be a power of two from 128 to 65536, not 64"),
        ({"counts": 2, "states": 8}, "counts must be 0 or 1, not 2"),
        ({"counts": 1, "edge": 4, "lanes": 4}, r"counts needs likelihood weighting; set states above 0"),
        ({}, r"a kernel needs a front end: terms \(flat\), states \(weighting\) or edge \(tree\) above 0"),
    ],
)
def test_builds_that_cannot_be_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StmConfig(**{"lanes": 4, "terms": 0, "states": 0, **options})
